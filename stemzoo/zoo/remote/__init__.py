"""The Hugging Face Hub, its cache and mirrors: the only folder that talks to them."""
