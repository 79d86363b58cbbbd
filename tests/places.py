"""Where things are in a checkout."""

from pathlib import Path

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
EXAMPLES = ROOT / "examples"
CARDS = ROOT / "model_cards"
# Measured images to try things with; no part of the project.
REAL = ROOT.parent / "shared" / "data" / "real"
