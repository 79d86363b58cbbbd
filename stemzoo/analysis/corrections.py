"""What the scan did to an image of a crystal, and how to undo it."""

from dataclasses import dataclass, field, replace

import numpy as np

from stemzoo.analysis.cell import Lattice
from stemzoo.analysis.crystal_level import CrystalLevel
from stemzoo.analysis.haze import Haze
from stemzoo.analysis.hum import find_hum
from stemzoo.analysis.line_shifts import find_line_shifts, may_sway
from stemzoo.analysis.response import Response, find_response
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
# Contamination that takes more of the range of an image than the columns.
_HAZY = 0.4


@dataclass(frozen=True, eq=False)
class Corrections:
    """What is undone in an image: flicker of rows, hum or shifts of lines, response, haze, in turn.

    Parameters
    ----------
    rows : RowFlicker or None
        Rows that are too bright or too dark.
    scan : ScanErrors
        Shifts of lines, and hum.
    hum_strength : float
        Standard deviation of the hum, as a part of that of the image.
    response : Response or None
        A response that is not linear.
    haze : Haze or None
        A slow background.

    Examples
    --------
    >>> image = np.eye(64)
    >>> Corrections().undo(image) is image, Corrections().describe()
    (True, ())
    """

    rows: RowFlicker | None = None
    scan: ScanErrors = field(default_factory=ScanErrors)
    hum_strength: float = 0.0
    response: Response | None = None
    haze: Haze | None = None

    def __bool__(self) -> bool:
        parts = (self.rows, self.response, self.haze)
        return self.scan != ScanErrors() or any(part is not None for part in parts)

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
        image = self.scan.undo(image)
        image = image if self.response is None else self.response.undo(image)
        image = image if self.haze is None else self.haze.undo(image)
        return image.astype(np.float32)

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
        if self.response is not None:
            lines.append(f"response of gamma {self.response.gamma:.1f}, undone")
        if self.haze is not None:
            lines.append(f"slow background, {self.haze.strength:.1f} times the contrast, undone")
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
    found = Corrections()
    rows = find_row_flicker(image, level)
    if rows.rms > _FLICKER[rows.kind] and rows.shared > _SHARED:
        found = _better(found, Corrections(rows), image, level)
    even = found.undo(image)
    scan, strength = _scan_errors(even, material, sampling, level)
    if scan != ScanErrors():
        found = _better(found, replace(found, scan=scan, hum_strength=strength), image, level)
    # It says of itself whether it is better: contrasts before and after are not of one brightness.
    response = find_response(found.undo(image), crystal, lattice)
    found = found if response is None else replace(found, response=response)
    haze = Haze.of(found.undo(image), crystal, lattice)
    return found if haze.strength < _HAZY else replace(found, haze=haze)


def _better(
    old: Corrections, new: Corrections, image: np.ndarray, level: CrystalLevel
) -> Corrections:
    """Choose those corrections that make the lattice clearer, the old ones in case of doubt."""
    before, after = (level.contrast(one.undo(image)) for one in (old, new))
    return new if after > _BETTER * before else old


def _scan_errors(
    image: np.ndarray, material: Material, sampling: float, level: CrystalLevel
) -> tuple[ScanErrors, float]:
    """Measure shifts of lines, else hum, and how strong the hum is."""
    if may_sway(level.flat(image), level.lattice):
        shifts = _line_shifts(image, material, sampling)
        if shifts is not None:
            # Shifted lines give each reflection satellites, which would pass for hum.
            return ScanErrors(shifts), 0.0
    hum = find_hum(image, level.lattice)
    if not hum:
        return ScanErrors(), 0.0
    waves = np.sum([wave.on(image.shape) for wave in hum], axis=0)
    return ScanErrors(hum=hum), float(np.std(waves) / image.std())


def _line_shifts(
    image: np.ndarray, material: Material, sampling: float
) -> tuple[float, ...] | None:
    """Measure how lines are shifted; None where the lattice is another than the material's."""
    try:
        return find_line_shifts(image, material, sampling)
    except ValueError:
        return None
