"""Write the tables of the pages in this folder from the measured JSON files.

    python scripts/write_tables.py [--pages FOLDER]

A page has the lines ``<!-- table: NAME -->`` and ``<!-- end -->``; what is between them is written
anew from ../results and from the metrics beside the zoo's weights.
"""

import argparse
import re
from pathlib import Path

import tables_adaptation  # noqa: F401  (enters its tables)
import tables_certainty  # noqa: F401
import tables_channelling  # noqa: F401
import tables_contamination  # noqa: F401
import tables_crystals  # noqa: F401
import tables_cyclegans  # noqa: F401
import tables_detectors  # noqa: F401
import tables_materials  # noqa: F401
import tables_real_labels  # noqa: F401
import tables_tracking  # noqa: F401
from table_blocks import PAGES, TABLES

from stemzoo.io.writers import write_text

BLOCK = re.compile(r"(?<=<!-- table: )([\w-]+)( -->\n).*?(?=<!-- end -->)", re.DOTALL)


def filled(text: str) -> str:
    """Write all blocks of a page anew."""
    return BLOCK.sub(lambda m: f"{m[1]}{m[2]}{TABLES[m[1]]()}\n", text)


def main() -> None:
    """Write all pages of a folder anew."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pages", type=Path, default=PAGES)
    for page in sorted(parser.parse_args().pages.glob("*.md")):
        write_text(page, filled(page.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
