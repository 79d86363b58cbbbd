"""Model cards: what weights are good for, in figures written by the program."""
