"""The part of an image that shows its crystal, for what is measured of all pixels."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stemzoo.analysis.crystal_mask import CrystalMask
from stemzoo.analysis.identification import LARGE_SIDE, identify_middle
from stemzoo.analysis.spectrum import check_sampling
from stemzoo.analysis.valid_pixels import filled
from stemzoo.io import Image, check_image
from stemzoo.io.image_checks import MIN_SIDE, check_shape


def crystal_part(image: np.ndarray, mask: CrystalMask) -> np.ndarray:
    """Return the part of an image that shows its crystal, for what is measured of all pixels.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Finite values.
    mask : CrystalMask
        Where the crystal is.

    Returns
    -------
    ndarray
        The largest rectangle of it; the image itself where it is all crystal, or that is too small
        to tell anything.
    """
    if mask.is_whole or mask.crystal.shape != image.shape:
        return image
    part = image[mask.largest_rectangle()]
    return part if min(part.shape) >= MIN_SIDE else image


@dataclass(frozen=True, eq=False)
class CrystalPart:
    """The part of an image that shows its crystal.

    Parameters
    ----------
    pixels : ndarray of shape (M, N)
        Finite values.
    sampling : float or None
        Pixel size [Å/px], if it is known.
    material : str or None
        Material of the crystal, if there is no doubt of it.
    possible : tuple of str
        Materials that it may be, the most probable one first.
    """

    pixels: np.ndarray
    sampling: float | None
    material: str | None
    possible: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, image: np.ndarray, sampling: float | None, name: str | Path = "image"
    ) -> "CrystalPart":
        """Find the part of an image.

        Parameters
        ----------
        image : ndarray or masked array of shape (M, N)
            An image; masked pixels and NaN are left out.
        sampling : float or None
            Its pixel size [Å/px].
        name : str or Path
            Its name, for messages.

        Returns
        -------
        CrystalPart

        Raises
        ------
        ValueError
            If the image cannot be analysed.

        Examples
        --------
        >>> CrystalPart.of(image, 0.2).pixels.shape  # doctest: +SKIP
        (676, 768)
        """
        check_shape(image, name)
        if sampling is not None:
            check_sampling(sampling)
        found = identify_middle(Image(image, sampling))
        if max(image.shape) > LARGE_SIDE:  # of which no part is taken
            check_image(image, name)
            return cls(image, sampling, found.material, found.possible)
        clean = image if found.pixels is None else filled(image, found.pixels.mask)
        check_image(clean, name)
        return cls(crystal_part(clean, found.mask), sampling, found.material, found.possible)
