"""Pixel size of an image: stated, else measured from the lattice that the image shows."""

import warnings
from dataclasses import dataclass

from stemzoo.analysis.condition_features import middle
from stemzoo.analysis.lattice import Lattice, find_lattice
from stemzoo.io import Image
from stemzoo.io.pixel_size import NETWORK_RANGE
from stemzoo.simulate.materials import Material, find_material

# The lattice is measured in this much of an image [px]: a larger one takes long and tells no more.
_LATTICE_FIELD = 2048
# Pixel sizes of file and lattice that differ by more than this are worth a warning.
_DISAGREEMENT = 0.10


@dataclass(frozen=True, eq=False)
class PixelSize:
    """Pixel size of an image, and how it is known.

    Parameters
    ----------
    value : float
        Pixel size [Å/px].
    source : str
        Where it comes from: "given", "stated", a part of the file such as "ImageJ", or "lattice"
        with the confidence in it.
    lattice : Lattice or None
        Lattice of the material in the image; None if none was found, or one that contradicts the
        stated pixel size.

    Examples
    --------
    >>> PixelSize(0.2074, "ImageJ").picometres
    20.74
    """

    value: float
    source: str
    lattice: Lattice | None = None

    @property
    def picometres(self) -> float:
        """Return the pixel size [pm/px], for tables and messages."""
        return self.value * 100


def check_stated(image: Image) -> None:
    """Check that the pixel size of an image, if it is stated, is one of atomic resolution.

    Parameters
    ----------
    image : Image
        With or without a pixel size.

    Raises
    ------
    ValueError
        If it is absurd.

    Examples
    --------
    >>> import numpy as np
    >>> check_stated(Image(np.eye(64), 0.2074))
    """
    low, high = NETWORK_RANGE
    if image.sampling is not None and not low <= image.sampling <= high:
        raise ValueError(
            f"{image.path or 'image'}: the pixel size of an atomic-resolution image lies between "
            f"{low} and {high} Å (1 to 100 pm); give it with --pixel-size PM or sampling=. "
            f"Received: {image.sampling} Å ({image.sampling_source or 'stated'})"
        )


def resolve(
    image: Image,
    material: str | Material | None,
    *,
    lattice: Lattice | None = None,
    stacklevel: int = 2,
) -> PixelSize:
    """Decide on the pixel size of an image: stated, else measured from the lattice.

    Parameters
    ----------
    image : Image
        With or without a pixel size.
    material : str or Material or None
        Material whose lattice is looked for; with None, the pixel size must be stated.
    lattice : Lattice, optional
        Lattice of the material in the image, if it was found before.
    stacklevel : int
        Whose line a warning points at, as in `warnings.warn`: 2 is the caller of this function.

    Returns
    -------
    PixelSize

    Warns
    -----
    UserWarning
        If a stated pixel size and the lattice differ by more than 10 %.

    Raises
    ------
    ValueError
        If the stated one is absurd, or none is stated and no lattice is found.

    Examples
    --------
    >>> import numpy as np
    >>> resolve(Image(np.eye(64), 0.2074, "ImageJ"), None)
    PixelSize(value=0.2074, source='ImageJ', lattice=None)
    """
    check_stated(image)
    name = image.path or "image"
    problem = None
    if material is not None and lattice is None:
        try:
            lattice = find_lattice(middle(image.data, _LATTICE_FIELD), find_material(material))
        except ValueError as error:
            problem = error
    if image.sampling is None:
        if lattice is None:
            raise ValueError(
                f"{name}: the file states no pixel size and no {material or 'crystal'} lattice was "
                f"found to measure it ({problem}). Give it with --pixel-size PM or sampling=."
            )
        source = f"lattice (confidence {lattice.confidence:.2f})"
        return PixelSize(lattice.sampling, source, lattice)
    stated = PixelSize(image.sampling, image.sampling_source or "stated", lattice)
    if lattice is None:
        return stated
    difference = abs(lattice.sampling / stated.value - 1)
    if difference <= _DISAGREEMENT:
        return stated
    warnings.warn(
        f"{name}: the stated pixel size, {stated.picometres:.2f} pm, and the {material} lattice "
        f"in the image, {lattice.sampling * 100:.2f} pm (confidence {lattice.confidence:.2f}), "
        f"disagree by {difference:.0%}. The stated one is used; give the right one with "
        "--pixel-size PM or sampling=.",
        stacklevel=stacklevel,
    )
    return PixelSize(stated.value, stated.source)
