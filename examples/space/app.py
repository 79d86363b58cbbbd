"""The page of stemzoo as a Hugging Face Space: this file, requirements.txt and README.md.

Run it here with ``python examples/space/app.py``; it is the page that ``stemzoo app`` opens.
"""

import sys

from stemzoo.app.__main__ import main

# What a Space with two cores and 16 GB bears; trainings of ten minutes keep others waiting enough.
LIMITS = ["--upload-mb", "100", "--visits", "10", "--minutes", "10"]

if __name__ == "__main__":
    sys.exit(main(["--host", "0.0.0.0", "--port", "7860", *LIMITS, *sys.argv[1:]]))
