"""What the scan did to an image of a crystal, and how to undo it."""

from dataclasses import dataclass, field

import numpy as np

from stemzoo.analysis.cell import Lattice
from stemzoo.analysis.crystal_level import CrystalLevel
from stemzoo.analysis.hum import find_hum
from stemzoo.analysis.line_shifts import find_line_shifts, may_sway, straighten
from stemzoo.analysis.row_flicker import RowFlicker, find_row_flicker
from stemzoo.analysis.scan_errors import ScanErrors
from stemzoo.simulate.materials import Material

# Flicker that is undone: weaker one changes no detection. Of what noise makes, two halves of the
# columns do not share so much.
_FLICKER, _SHARED = {"gain": 0.04, "offset": 0.08}, 0.3
# Cells along a side, and part of the image that is crystal, below which nothing is measured: the
# reflections fill the spectrum.
_CELLS, _CRYSTAL = 16.0, 0.05
# Times the contrast of the lattice that a correction must reach to be better than none.
_BETTER = 1.01


@dataclass(frozen=True, eq=False)
class Corrections:
    """What is undone in an image, in this order: flicker of rows, hum, shifts of lines.

    Parameters
    ----------
    rows : RowFlicker or None
        Rows that are too bright or too dark.
    scan : ScanErrors
        Shifts of lines, and hum.
    hum_strength : float
        Standard deviation of the hum, as a part of that of the image.

    Examples
    --------
    >>> image = np.eye(64)
    >>> Corrections().undo(image) is image, Corrections().describe()
    (True, ())
    """

    rows: RowFlicker | None = None
    scan: ScanErrors = field(default_factory=ScanErrors)
    hum_strength: float = 0.0

    def __bool__(self) -> bool:
        return self.rows is not None or self.scan != ScanErrors()

    def undo(self, image: np.ndarray) -> np.ndarray:
        """Correct the image in which the errors were found.

        Parameters
        ----------
        image : ndarray of shape (M, N)
            That image.

        Returns
        -------
        ndarray of shape (M, N)
            The image itself where there is nothing to undo, else float32.
        """
        if not self:
            return image
        image = image if self.rows is None else self.rows.undo(image)
        return self.scan.undo(image).astype(np.float32)

    def move(self, points: np.ndarray) -> np.ndarray:
        """Bring points of the corrected image to where they are in the image as it was.

        Parameters
        ----------
        points : ndarray of shape (K, 2)
            Rows and columns [px].

        Returns
        -------
        ndarray of shape (K, 2)
        """
        return self.scan.move(points)

    def describe(self) -> tuple[str, ...]:
        """Say what is undone, and how strong it is.

        Returns
        -------
        tuple of str

        Examples
        --------
        >>> Corrections(scan=ScanErrors((-2.0, 2.0))).describe()
        ('shifts of lines 2.0 px rms, undone',)
        """
        lines = []
        if self.rows is not None:
            of = " of the contrast" if self.rows.kind == "offset" else ""
            lines.append(f"row {self.rows.kind} {100 * self.rows.rms:.0f} % rms{of}, undone")
        if self.scan.hum:
            waves = f"{len(self.scan.hum)} wave{'s' if len(self.scan.hum) > 1 else ''}"
            strength = f"{100 * self.hum_strength:.0f} % of the contrast"
            lines.append(f"hum of {waves}, {strength}, undone")
        if self.scan.line_shifts is not None:
            rms = np.std(self.scan.line_shifts)
            lines.append(f"shifts of lines {rms:.1f} px rms, undone")
        return tuple(lines)


def find_corrections(
    image: np.ndarray,
    material: Material,
    sampling: float,
    lattice: Lattice,
    crystal: np.ndarray,
) -> Corrections:
    """Measure what the scan did to an image of a crystal.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Finite values; columns are bright.
    material : Material
        The crystal.
    sampling : float
        Pixel size [Å/px].
    lattice : Lattice
        Its lattice in the image.
    crystal : ndarray of bool, shape (M, N)
        Where it is, see `stemzoo.analysis.crystal_mask`.

    Returns
    -------
    Corrections
        Of what is significant, and better undone than not by the contrast of the lattice: how much
        stronger its reflections are than what lies between them.

    Examples
    --------
    >>> found = find_corrections(image, material, 0.2, lattice, mask.crystal)  # doctest: +SKIP
    >>> found.describe()  # doctest: +SKIP
    ('row gain 24 % rms, undone',)
    """
    cells = min(image.shape) / np.hypot(*lattice.vectors.T).min()
    if cells < _CELLS or crystal.mean() < _CRYSTAL:
        return Corrections()
    image = np.asarray(image, np.float32)
    level = CrystalLevel.of(image, crystal, lattice)
    contrast = level.contrast(image)
    rows, even = find_row_flicker(image, level), image
    undone = None
    if rows.rms > _FLICKER[rows.kind] and rows.shared > _SHARED:
        better = level.contrast(rows.undo(image))
        if better > _BETTER * contrast:
            undone, even, contrast = rows, rows.undo(image), better
    if may_sway(level.flat(even), lattice):
        shifts = _line_shifts(even, material, sampling)
        if shifts is not None and level.contrast(straighten(even, shifts)) > _BETTER * contrast:
            # Shifted lines give each reflection satellites, which would pass for hum.
            return Corrections(undone, ScanErrors(shifts))
    hum = find_hum(even, lattice)
    waves = sum(wave.on(even.shape) for wave in hum)
    if hum and level.contrast(even - waves) > _BETTER * contrast:
        return Corrections(undone, ScanErrors(hum=hum), float(np.std(waves) / even.std()))
    return Corrections(undone)


def _line_shifts(
    image: np.ndarray, material: Material, sampling: float
) -> tuple[float, ...] | None:
    """Measure how lines are shifted; None where the lattice is another than the material's."""
    try:
        return find_line_shifts(image, material, sampling)
    except ValueError:
        return None
