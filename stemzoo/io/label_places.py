"""From where marks are said to be to rows and columns of an image."""

from dataclasses import dataclass

import numpy as np

from stemzoo.io.grey import Refusal

# How many nanometres each unit is; "px" and what is unknown are not in the table.
NANOMETRES = {"pm": 1e-3, "Å": 0.1, "nm": 1.0, "µm": 1e3}

# Marks that all lie within this part of an image, next to its corner, are in another unit.
_CORNER = 0.1
# So many marks are not there by chance.
_SEVERAL = 3


@dataclass(frozen=True, eq=False)
class Places:
    """Places in an image, in a unit that may be unknown.

    Parameters
    ----------
    places : ndarray of shape (K, 2)
        Along rows (down) and columns (right).
    unit : str or None
        ``"px"``, a key of `NANOMETRES`, or None where the file does not tell.
    offset : float
        Place of the centre of the first pixel [px]: 0.5 where places count from its corner.
    """

    places: np.ndarray
    unit: str | None = "px"
    offset: float = 0.0

    def in_pixels(
        self, shape: tuple[int, int] | None, sampling: float | None
    ) -> tuple[np.ndarray, str]:
        """Return rows and columns in pixels, and the unit that was taken.

        Parameters
        ----------
        shape : tuple of int or None
            Shape of the image, which tells units apart.
        sampling : float or None
            Its pixel size [Å/px].

        Returns
        -------
        points : ndarray of shape (K, 2)
            From the centre of the first pixel [px].
        unit : str
            ``"px"`` or a key of `NANOMETRES`.

        Raises
        ------
        Refusal
            If the pixel size is needed and not known, or the unit cannot be told.

        Examples
        --------
        >>> Places(np.array([[0.4, 2.0]]), "nm").in_pixels(None, 0.2)
        (array([[ 20., 100.]]), 'nm')
        """
        unit = self.unit or _guessed(self.places, shape, sampling)
        if unit == "px":
            return self.places - self.offset, unit
        if sampling is None:
            raise Refusal(
                f"the pixel size of the image, for places in {unit}",
                "an image that states none",
                "Give it with --pixel-size PM",
            )
        return self.places * (NANOMETRES[unit] * 10 / sampling) - self.offset, unit


def _guessed(places: np.ndarray, shape: tuple[int, int] | None, sampling: float | None) -> str:
    """Tell whether places are in pixels or in nm, by their extent and that of the image."""
    if shape is None or not len(places):
        return "px"
    extent, side = places.max(), max(shape)
    if sampling is None:
        if len(places) >= _SEVERAL and extent < _CORNER * side:
            raise Refusal(
                "the unit of x and y, or the pixel size of the image",
                f"values up to {extent:.4g} for an image of {side} px, as nm would be",
                "Give --pixel-size PM, or name the columns x_px,y_px or x_nm,y_nm",
            )
        return "px"
    side_nm = side * sampling / 10
    # The reading whose extent is nearer to that of the image, by its ratio.
    unit = "nm" if extent < np.sqrt(side * side_nm) else "px"
    whole = side_nm if unit == "nm" else side
    inside = np.all(places < np.array(shape) * sampling / 10)
    several = len(places) >= _SEVERAL
    if (not several and inside) or (several and extent < _CORNER * whole):
        raise Refusal(
            "x and y whose unit can be told",
            f"values up to {extent:.4g} for an image of {side} px, or {side_nm:.4g} nm",
            "Name the columns x_px,y_px or x_nm,y_nm",
        )
    return unit
