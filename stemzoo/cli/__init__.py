"""The command line: one function a verb, each a thin door to one library function."""

from stemzoo.cli.app import main

__all__ = ["main"]
