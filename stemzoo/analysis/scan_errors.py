"""What a scan does to an image that is neither filter, noise nor response: shifts of lines, hum."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from stemzoo.analysis.hum import Wave, find_hum
from stemzoo.analysis.lattice import find_lattice
from stemzoo.analysis.line_shifts import MIN_CONFIDENCE, find_line_shifts, straighten
from stemzoo.simulate.materials import Material


@dataclass(frozen=True)
class ScanErrors:
    """Errors of the scan of one image.

    Parameters
    ----------
    line_shifts : tuple of M floats, or None
        See `find_line_shifts`.
    hum : tuple of Wave
        See `find_hum`.
    """

    line_shifts: tuple[float, ...] | None = None
    hum: tuple[Wave, ...] = ()

    def undo(self, image: np.ndarray) -> np.ndarray:
        """Take the errors out of the image in which they were found.

        Parameters
        ----------
        image : ndarray of shape (M, N)
            That image.

        Returns
        -------
        ndarray of shape (M, N)
        """
        if self.hum:
            image = image - sum(wave.on(image.shape) for wave in self.hum)
        return straighten(image, self.line_shifts)

    def move(self, points: np.ndarray) -> np.ndarray:
        """Bring points of the image without errors to where they are in the image as it was.

        Parameters
        ----------
        points : ndarray of shape (K, 2)
            Rows and columns [px].

        Returns
        -------
        ndarray of shape (K, 2)

        Examples
        --------
        >>> ScanErrors((0.0, 2.5)).move(np.array([[1.0, 10.0]])).tolist()
        [[1.0, 12.5]]
        """
        if self.line_shifts is None:
            return points
        moved = np.array(points, dtype=np.float64)
        rows = np.arange(len(self.line_shifts))
        moved[:, 1] += np.interp(moved[:, 0], rows, self.line_shifts)
        return moved


def find_scan_errors(image: np.ndarray, material: Material, sampling: float) -> ScanErrors:
    """Measure the errors of the scan of an image from its lattice.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Measured image.
    material : Material
        The crystal.
    sampling : float
        Pixel size [Å/px].

    Returns
    -------
    ScanErrors

    Raises
    ------
    ValueError
        If the image shows no lattice of the material.

    Examples
    --------
    >>> errors = find_scan_errors(image, find_material("wse2"), 0.2074)  # doctest: +SKIP
    >>> straight = errors.undo(image)  # doctest: +SKIP
    """
    shifts = find_line_shifts(image, material, sampling)
    if shifts is not None:
        # Shifted lines give each reflection satellites, which would pass for hum.
        return ScanErrors(shifts)
    lattice = find_lattice(image, material, sampling=sampling, min_confidence=MIN_CONFIDENCE)
    return ScanErrors(hum=find_hum(image, lattice))


def all_scan_errors(
    images: Sequence[np.ndarray], material: Material, sampling: float
) -> list[ScanErrors]:
    """Measure the errors of several images; none where no lattice is found.

    Parameters
    ----------
    images : sequence of ndarray of shape (M, N)
        Measured images.
    material : Material
        The crystal.
    sampling : float
        Pixel size [Å/px].

    Returns
    -------
    list of ScanErrors
    """

    def errors(image: np.ndarray) -> ScanErrors:
        try:
            return find_scan_errors(image, material, sampling)
        except ValueError:
            return ScanErrors()

    # Sorting and Fourier transforms leave the interpreter free; more threads need more memory.
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(errors, images))
