"""An image as a detector is to see it: without what is no image, columns bright, crystal known."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from stemzoo.analysis.cell import Lattice
from stemzoo.analysis.crystal_mask import CrystalMask, crystal_mask
from stemzoo.analysis.identification import Identification
from stemzoo.analysis.lattice import find_lattice
from stemzoo.analysis.lattice_count import lattice_difference
from stemzoo.analysis.pixel_size import PixelSize, resolve
from stemzoo.analysis.sublattices import find_sublattices
from stemzoo.analysis.valid_pixels import ValidPixels, filled, find_valid_pixels
from stemzoo.io import Image, check_image
from stemzoo.io.images import check_shape
from stemzoo.io.pixel_size import LATTICE_RANGE
from stemzoo.preprocessing import average_blocks
from stemzoo.simulate.materials import find_material

# Columns that are nearer to where the crystal ends lack a neighbour [lattice constants].
EDGE = 0.75
# Sign of the contrast below which columns are taken for dark.
_DARK = -0.5
# A mask is found in an image of at most this edge [px]: pixels of larger ones are averaged. Where
# they are too coarse for that, as much is asked for further grains, and for the sign of contrast.
_MASK_FIELD = 4096
# Smallest part of an image in which another grain is looked for, and how many are.
_GRAIN, _GRAINS = 0.03, 4
# Pixel sizes by the lattices of two grains of one crystal differ by less [relative].
_SAME_CRYSTAL = 0.04
# Lattices that are turned or strained by less are one [rad].
_SAME_LATTICE = 0.03
# Rows and columns of a part of an image.
Part = tuple[slice, slice]
# Coarsest pixel in which a lattice is still told from another [Å].
_COARSEST = 0.45


@dataclass(frozen=True, eq=False)
class SeenCrystal:
    """An image as a detector is to see it, and where its crystal is.

    Parameters
    ----------
    image : Image
        Finite values; columns are bright.
    pixel_size : PixelSize
        Its pixel size.
    mask : CrystalMask
        Where the crystal is, in blocks of `block` pixels.
    grains : tuple of CrystalMask
        Where each grain of it is.
    block : int
        Edge of the pixels of the masks [px of the image].
    inverted : bool
        Whether the columns of the input are dark.
    has_lattice : bool
        Whether the material's lattice was found. If not, the mask holds all that was measured.
    """

    image: Image
    pixel_size: PixelSize
    mask: CrystalMask
    grains: tuple[CrystalMask, ...] = ()
    block: int = 1
    inverted: bool = False
    has_lattice: bool = True

    @property
    def cell(self) -> float:
        """Lattice constant [px of the image]; NaN without a lattice."""
        lattice = self.pixel_size.lattice
        return float("nan") if lattice is None else _constant(lattice)

    def contains(self, positions: np.ndarray) -> np.ndarray:
        """Tell which positions lie in the crystal.

        Parameters
        ----------
        positions : ndarray of shape (K, 2)
            Row and column [px of the image].

        Returns
        -------
        ndarray of bool, shape (K,)
        """
        return self.mask.contains(self.in_mask(positions))

    def is_at_edge(self, positions: np.ndarray) -> np.ndarray:
        """Tell which positions lie where the crystal ends within the image.

        Parameters
        ----------
        positions : ndarray of shape (K, 2)
            Row and column [px of the image].

        Returns
        -------
        ndarray of bool, shape (K,)
        """
        if self.mask.is_whole or not self.has_lattice:
            return np.zeros(len(positions), bool)
        return ~self._core.contains(self.in_mask(positions))

    @cached_property
    def _core(self) -> CrystalMask:
        """Where some grain goes on far enough for its columns to have all neighbours."""
        core = np.zeros_like(self.mask.crystal)
        for grain in self.grains:
            core |= grain.interior(EDGE * self.cell / self.block)
        return CrystalMask(self.mask.valid, core, ())

    def measured(self, shape: tuple[int, int], sampling: float) -> np.ndarray | None:
        """Return the mask on another grid, for the statistics that scale an image.

        Parameters
        ----------
        shape : tuple of int
            Rows and columns of the grid.
        sampling : float
            Its pixel size [Å/px].

        Returns
        -------
        ndarray of bool, shape (M, N), or None
            None where all of the image is crystal.
        """
        if self.mask.is_whole or not self.mask.crystal.any():
            return None
        scale = sampling / self.pixel_size.value / self.block
        rows, columns = (
            np.minimum(np.rint(np.arange(n) * scale).astype(int), known - 1)
            for n, known in zip(shape, self.mask.crystal.shape, strict=True)
        )
        return self.mask.crystal[np.ix_(rows, columns)]

    def in_mask(self, positions: np.ndarray) -> np.ndarray:
        """Return where positions (K, 2) [px of the image] lie in the masks [their pixels]."""
        return (np.reshape(positions, (-1, 2)) - (self.block - 1) / 2) / self.block


def find_crystal(
    image: Image,
    material: str | None,
    *,
    found: Identification | None = None,
    stacklevel: int = 2,
) -> SeenCrystal:
    """Prepare an image for a detector, and find where it shows the detector's material.

    Parameters
    ----------
    image : Image
        With or without a pixel size; NaN and masked pixels are left out.
    material : str or None
        Material whose lattice is looked for; with None, the pixel size must be stated.
    found : Identification, optional
        What `stemzoo.identify` says of the image: what it has found is not looked for again.
    stacklevel : int
        Whose line a warning about the pixel size points at; 2 is the caller of this function.

    Returns
    -------
    SeenCrystal

    Raises
    ------
    ValueError
        If the image cannot be analysed, or its pixel size is unknown.

    Examples
    --------
    >>> seen = find_crystal(read_image("scan.tif"), "wse2")  # doctest: +SKIP
    >>> seen.mask.share, seen.inverted  # doctest: +SKIP
    (0.74, False)
    """
    name = image.path or "image"
    check_shape(image.data, name)
    block = _block(image)
    # Made anew where it is needed: it may be as large as what its use takes.
    small = _averaged(image, block)
    known = found if block == 1 and found and found.mask.valid.shape == image.data.shape else None
    # A detector of no material may be for atoms without a crystal, on a ground of one value.
    if material is None:
        valid = _known_pixels(small)
    else:
        valid = (known and known.pixels) or find_valid_pixels(small)
    del small
    everything = valid.mask if block == 1 else _spread(valid.mask, block, image.data.shape)
    clean = replace(image, data=filled(image.data, everything))
    check_image(clean.data, name)
    lattice = _lattice_in_range(known, material)
    pixel_size = resolve(clean, material, lattice=lattice, stacklevel=stacklevel + 1)
    if pixel_size.lattice is None:
        mask = CrystalMask(valid.mask, valid.mask, valid.reasons)
        return SeenCrystal(clean, pixel_size, mask, block=block, has_lattice=False)
    first = known if lattice is not None else None
    coarse = pixel_size.lattice.resampled(1, block)
    grains = _grains(image, block, coarse, material, first)
    mask = _together(grains)
    if not mask.crystal.any():
        mask = CrystalMask(valid.mask, valid.mask, valid.reasons)
        return SeenCrystal(clean, pixel_size, mask, block=block, has_lattice=False)
    if first is not None and first.sublattices is not None:
        contrast = first.sublattices.contrast
    else:
        part = _fullest_part(grains[0].crystal)
        whole = filled(_averaged(image, block, part), valid.mask[part])
        contrast = find_sublattices(whole, grains[0].crystal[part], coarse).contrast
    if contrast < _DARK:
        # Kept within the range of the data type.
        turned = clean.data - clean.data.min()
        clean = replace(clean, data=np.subtract(clean.data.max(), turned, out=turned))
    return SeenCrystal(clean, pixel_size, mask, grains, block, inverted=contrast < _DARK)


def describe(seen: SeenCrystal) -> tuple[str, ...]:
    """Say what of an image is not looked at, or looked at in another way.

    Parameters
    ----------
    seen : SeenCrystal
        The image.

    Returns
    -------
    tuple of str
        None for an image that is all crystal.
    """
    turned = "dark columns (bright field, or inverted): contrast turned"
    return (*seen.mask.reasons, *([turned] if seen.inverted else []))


def find_doubts(seen: SeenCrystal, material: str | None) -> tuple[str, ...]:
    """Say why detections in an image should not be trusted.

    Parameters
    ----------
    seen : SeenCrystal
        The image.
    material : str or None
        Material of the detector; nothing is known of the crystal without one.

    Returns
    -------
    tuple of str
        Each with the next step; none if nothing is known that makes them doubtful.
    """
    if material is None or seen.has_lattice:
        return ()
    return (
        f"no {material} lattice was found at {seen.pixel_size.picometres:.2f} pm per pixel, so "
        "nothing tells where the crystal is; give the right --pixel-size (sampling=), weights of "
        "the right material ('stemzoo list'), or a better image",
    )


def _constant(lattice: Lattice) -> float:
    return float(np.hypot(*lattice.vectors.T).min())


def _known_pixels(image: np.ndarray) -> ValidPixels:
    """Leave out nothing but NaN and masked pixels."""
    known = np.isfinite(np.ma.getdata(image)) & ~np.ma.getmaskarray(image)
    missing = known.size - np.count_nonzero(known)
    return ValidPixels(known, (f"{missing} pixels without a value",) if missing else ())


def _lattice_in_range(found: Identification | None, material: str | None) -> Lattice | None:
    """Lattice that was found, as one of a material: none of a pixel size that is not looked for."""
    if found is None or material is None:
        return None
    lattice = found.lattice_of(material)
    low, high = LATTICE_RANGE
    return lattice if lattice is not None and low < lattice.sampling < high else None


def _grains(
    image: Image,
    block: int,
    lattice: Lattice,
    material: str | None,
    known: Identification | None,
) -> tuple[CrystalMask, ...]:
    """Find the grain that a lattice of blocks of pixels is of, and others of the same crystal."""
    if known is None:
        # Passed on without a name, so that the memory is free as soon as it is not needed.
        found = [crystal_mask(_averaged(image, block), lattice, overwrite=block > 1)]
    else:
        found = [known.mask]
    left = found[0].valid & ~found[0].crystal
    if known is not None and known.arrangement.second_layer is not None:
        left &= ~known.arrangement.second_layer  # where the first grain is, too
    while material is not None and left.mean() > _GRAIN and len(found) < _GRAINS:
        part = _fullest_part(left)
        try:
            rest = filled(_only(image, block, left, part), left[part])
            other = find_lattice(rest, find_material(material))
        except ValueError:
            break
        if abs(other.sampling / lattice.sampling - 1) > _SAME_CRYSTAL:
            break
        layered = any("a second layer" in reason for reason in found[0].reasons)
        if layered and lattice_difference(lattice, other) < _SAME_LATTICE:
            break  # a second layer, which the mask has left out
        del rest
        grain = crystal_mask(_only(image, block, left), other, overwrite=True)
        if grain.share < _GRAIN:
            break
        found.append(grain)
        left &= ~grain.crystal
    return tuple(found)


def _together(grains: Sequence[CrystalMask]) -> CrystalMask:
    """Return the mask of all grains."""
    if len(grains) == 1:
        return grains[0]
    crystal, valid = grains[0].crystal.copy(), grains[0].valid
    for grain in grains[1:]:
        crystal |= grain.crystal
    reasons = [reason for reason in grains[0].reasons if " of the image: " not in reason]
    reasons.append(f"{len(grains)} grains")
    if (share := (valid & ~crystal).mean()) > 0:
        reasons.append(f"{share:.1%} of the image: no grain of this crystal")
    return CrystalMask(valid, crystal, tuple(reasons))


def _fullest_part(mask: np.ndarray) -> Part:
    """Choose as much of a large mask as is asked at once: where most of it is true."""
    sides = [min(n, _MASK_FIELD) for n in mask.shape]
    starts = [
        range(0, n - side + 1, max(side // 4, 1)) for n, side in zip(mask.shape, sides, strict=True)
    ]
    parts = [
        (slice(row, row + sides[0]), slice(column, column + sides[1]))
        for row in starts[0]
        for column in starts[1]
    ]
    return max(parts, key=lambda part: np.count_nonzero(mask[part]))


def _block(image: Image) -> int:
    """Edge of the blocks in which a large image is averaged, unless its pixels are coarse."""
    block = -(-max(image.data.shape) // _MASK_FIELD)
    if image.sampling is not None and image.sampling > 0:
        block = min(block, int(_COARSEST / image.sampling))
    return max(block, 1)


def _averaged(image: Image, block: int, part: Part | None = None) -> np.ndarray:
    """Average blocks of an image, or of a part of it (in blocks)."""
    data = image.data
    if part is not None:
        data = data[tuple(slice(block * side.start, block * side.stop) for side in part)]
    return data if block == 1 else average_blocks(data, block, np.float32)


def _only(image: Image, block: int, mask: np.ndarray, part: Part | None = None) -> np.ndarray:
    """Average blocks of an image, or of a part of it; NaN where a mask of it is false."""
    return np.where(mask if part is None else mask[part], _averaged(image, block, part), np.nan)


def _spread(mask: np.ndarray, block: int, shape: tuple[int, int]) -> np.ndarray:
    """Mask of blocks as one of pixels; a rest at bottom and right is as its neighbours."""
    if mask.all():
        return np.broadcast_to(True, shape)  # without memory for each pixel
    spread = mask.repeat(block, axis=0).repeat(block, axis=1)
    missing = [(0, n - known) for n, known in zip(shape, spread.shape, strict=True)]
    return np.pad(spread, missing, mode="edge")
