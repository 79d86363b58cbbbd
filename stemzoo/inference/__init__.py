"""Weights at work on images: detect, translate, match, and what to do next."""
