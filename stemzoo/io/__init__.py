"""Read microscope images; write images, tables and text."""

from stemzoo.io.csv_tables import read_csv, write_csv
from stemzoo.io.image_checks import check_image
from stemzoo.io.images import Image, read_image
from stemzoo.io.writers import (
    atomic_path,
    write_json,
    write_png,
    write_text,
    write_tiff,
)

__all__ = [
    "Image",
    "atomic_path",
    "check_image",
    "read_csv",
    "read_image",
    "write_csv",
    "write_json",
    "write_png",
    "write_text",
    "write_tiff",
]
