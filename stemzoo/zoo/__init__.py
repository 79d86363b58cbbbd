"""Where weights are, how they get here, and that they are what they should be."""
