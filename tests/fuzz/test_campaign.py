"""A fixed sample of the campaign; `python -m tests.fuzz` runs all of it."""
