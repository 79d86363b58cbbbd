"""Measured images of one session as a CycleGAN is trained on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stemzoo import io
from stemzoo.analysis.pixel_size import resolve
from stemzoo.analysis.resampling import resample_image
from stemzoo.simulate.materials import find_material
from stemzoo.workflows.paths import Failed, find_files, read_each
from stemzoo.zoo.hub import sha256

# Pixel sizes that differ by so little are one: to resample would change noise for nothing.
ONE_PIXEL_SIZE = 0.01


@dataclass(frozen=True, eq=False)
class ExperimentalSet:
    """Measured images of one pixel size.

    Parameters
    ----------
    images : tuple of ndarray of shape (M, N)
        Images.
    sampling : float
        Pixel size [Å/px].
    material : str
        Entry of `MATERIALS`.
    hashes : dict of str to str
        sha256 by file name.
    """

    images: tuple[np.ndarray, ...]
    sampling: float
    material: str
    hashes: dict[str, str]


def experimental_set(
    patterns: Sequence[Path],
    material: str,
    sampling: float | None,
    failed: Failed | None = None,
) -> ExperimentalSet:
    """Read measured images of one session.

    Parameters
    ----------
    patterns : sequence of Path
        Files, or patterns such as ``day/*.tif``.
    material : str
        Entry of `MATERIALS`.
    sampling : float or None
        Pixel size [Å/px], for files that lack it.
    failed : callable, optional
        Takes a file that cannot be used, and why: the others are returned.

    Returns
    -------
    ExperimentalSet
        Images whose pixel size differs by more than 1 % from the first one's are resampled to it.

    Raises
    ------
    ValueError
        If no file matches, a file cannot be used, or no pixel size is known.
    """
    paths = find_files(patterns)
    name = find_material(material).name

    def read(path: Path) -> tuple[np.ndarray, float]:
        image = io.read_image(path)
        io.check_image(image.data, path)
        return image.data, resolve(image.with_sampling(sampling), name).value

    read_files = read_each(paths, read, failed)
    if not read_files:
        raise ValueError(f"Expected images that can be used. Received: none of {len(paths)}.")
    first = read_files[0][1][1]
    images = tuple(
        resample_image(image, step, first, path)
        if abs(step / first - 1) > ONE_PIXEL_SIZE
        else image
        for path, (image, step) in read_files
    )
    return ExperimentalSet(images, first, name, {path.name: sha256(path) for path, _ in read_files})
