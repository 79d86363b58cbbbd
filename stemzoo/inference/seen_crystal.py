"""An image as a detector is to see it: without what is no image, columns bright, crystal known."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from stemzoo.analysis.cell import Lattice
from stemzoo.analysis.crystal_mask import CrystalMask
from stemzoo.analysis.identification import LARGE_SIDE, Identification
from stemzoo.analysis.pixel_size import PixelSize, resolve
from stemzoo.analysis.sites import LatticeSites
from stemzoo.analysis.sublattices import find_sublattices
from stemzoo.analysis.valid_pixels import ValidPixels, filled, find_valid_pixels
from stemzoo.inference.blocks import Blocks, fullest_part
from stemzoo.inference.domains import sites_in_blocks, split_grain
from stemzoo.inference.grains import find_grains, join_grains
from stemzoo.io import Image, check_image
from stemzoo.io.image_checks import check_shape
from stemzoo.io.pixel_size import LATTICE_RANGE
from stemzoo.simulate.materials import Material, find_material

# Columns that are nearer to where the crystal ends lack a neighbour [lattice constants].
EDGE = 0.75
# Outlines are true to this part of the image's edge.
_CORNERS = 250
# Smaller parts of a ragged crystal are left out of them.
_POLYGONS = 60
# Finer pixels are added up, for speed: columns are still told from each other.
_PIXELS = 5.0  # per lattice constant
# So far from a boundary of domains columns are measured [lattice constants].
_SEAM = 2.0
# Sign of the contrast below which columns are taken for dark.
_DARK = -0.5


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
    material : str or Material or None
        The crystal.
    """

    image: Image
    pixel_size: PixelSize
    mask: CrystalMask
    grains: tuple[CrystalMask, ...] = ()
    block: int = 1
    inverted: bool = False
    has_lattice: bool = True
    material: str | Material | None = None

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
        single = len(self.grains) < 2 and len(self.domains) < 2
        if (self.mask.is_whole and single) or not self.has_lattice:
            return np.zeros(len(positions), bool)
        return ~self._core.contains(self.in_mask(positions))

    def has_own_lattice(self, positions: np.ndarray) -> np.ndarray:
        """Tell where the lattice that was found is the crystal's, and tells where columns are.

        Parameters
        ----------
        positions : ndarray of shape (K, 2)
            Row and column [px of the image].

        Returns
        -------
        ndarray of bool, shape (K,)
            False in other grains, and nearer than two lattice constants to a boundary of domains:
            its columns are where neither domain says.
        """
        places = self.in_mask(positions)
        if len(self.domains) == 1:
            return self.grains[0].contains(places)
        depth = _SEAM * self.cell / self.block
        return np.any([domain.depth(places) > depth for domain in self.domains], axis=0)

    @cached_property
    def domains(self) -> tuple[CrystalMask, ...]:
        """Where the domains of the first grain are, whose sublattices have changed places.

        Of the image as it is here: what a scan does to it, such as hum, may hide them.
        """
        if not self.grains:
            return ()
        return split_grain(self.grains[0], self.sites, self.site_block)

    @property
    def site_block(self) -> int:
        """Edge of the blocks of pixels in which columns are measured, for speed [px]."""
        return max(int(self.cell / _PIXELS), 1)

    @cached_property
    def sites(self) -> LatticeSites | None:
        """Ideal sites of all columns, in blocks of `site_block` pixels.

        None where they are not known, and in images of more than 4096 pixels along a side, of which
        all would take much memory.
        """
        lattice, data = self.pixel_size.lattice, self.image.data
        if lattice is None or self.material is None or not self.has_lattice:
            return None
        if max(data.shape) > LARGE_SIDE:
            return None
        block = self.site_block
        rows, columns = (n // block for n in data.shape)
        shown = self.measured((rows, columns), self.pixel_size.value * block)
        coarse = lattice.resampled(1.0, float(block))
        try:
            return sites_in_blocks(data, shown, coarse, find_material(self.material), block)
        except ValueError:  # too few columns
            return None

    @cached_property
    def _core(self) -> CrystalMask:
        """Where some grain goes on far enough for its columns to have all neighbours."""
        core = np.zeros_like(self.mask.crystal)
        for grain in (*self.domains, *self.grains[1:]):
            core |= grain.interior(EDGE * self.cell / self.block)
        return CrystalMask(self.mask.valid, core, ())

    def outline(self) -> list[list[list[float]]]:
        """Return polygons around the crystal, simplified; none where it fills the image.

        Returns
        -------
        list of list of [row, column]
            Corners [px of the image]; a polygon within another one is a hole.
        """
        if self.mask.is_whole:
            return []
        from skimage.measure import approximate_polygon, find_contours

        # Of a large mask every few pixels tell as much, and take less memory.
        step = max(max(self.mask.crystal.shape) // (4 * _CORNERS), 1)
        padded = np.pad(self.mask.crystal[::step, ::step], 1).astype(np.float32)
        rough = max(padded.shape) / _CORNERS
        longest = sorted(find_contours(padded, 0.5), key=len, reverse=True)[:_POLYGONS]
        polygons = [
            (approximate_polygon(contour, rough) - 1) * step * self.block + (self.block - 1) / 2
            for contour in longest
        ]
        return [np.round(one, 1).tolist() for one in polygons if len(one) > 3]

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
    material: str | Material | None,
    *,
    found: Identification | None = None,
    stacklevel: int = 2,
) -> SeenCrystal:
    """Prepare an image for a detector, and find where it shows the detector's material.

    Parameters
    ----------
    image : Image
        With or without a pixel size; NaN and masked pixels are left out.
    material : str or Material or None
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
    blocks = Blocks.of(image)
    block = blocks.edge
    # Made anew where it is needed: it may be as large as what its use takes.
    small = blocks.averaged()
    known = found if block == 1 and found and found.mask.valid.shape == image.data.shape else None
    # A detector of no material may be for atoms without a crystal, on a ground of one value.
    if material is None:
        valid = _known_pixels(small)
    else:
        valid = (known and known.pixels) or find_valid_pixels(small)
    del small
    clean = replace(image, data=filled(image.data, blocks.spread(valid.mask)))
    check_image(clean.data, name)
    lattice = _lattice_in_range(known, material)
    pixel_size = resolve(clean, material, lattice=lattice, stacklevel=stacklevel + 1)
    if pixel_size.lattice is None:
        mask = CrystalMask(valid.mask, valid.mask, valid.reasons)
        return SeenCrystal(clean, pixel_size, mask, block=block, has_lattice=False)
    first = known if lattice is not None else None
    coarse = pixel_size.lattice.resampled(1, block)
    grains = find_grains(blocks, coarse, material, first)
    mask = join_grains(grains)
    if not mask.crystal.any():
        mask = CrystalMask(valid.mask, valid.mask, valid.reasons)
        return SeenCrystal(clean, pixel_size, mask, block=block, has_lattice=False)
    if first is not None and first.sublattices is not None:
        contrast = first.sublattices.contrast
    else:
        part = fullest_part(grains[0].crystal)
        whole = filled(blocks.averaged(part), valid.mask[part])
        contrast = find_sublattices(whole, grains[0].crystal[part], coarse).contrast
    if contrast < _DARK:
        # Kept within the range of the data type.
        turned = clean.data - clean.data.min()
        clean = replace(clean, data=np.subtract(clean.data.max(), turned, out=turned))
    return SeenCrystal(
        clean,
        pixel_size,
        mask,
        grains,
        block,
        inverted=contrast < _DARK,
        material=material,
    )


def crystal_of(model: Any) -> str | Material | None:
    """Return the crystal that a detector is for: its own structure, else the name of a material.

    Parameters
    ----------
    model : DefectFCN
        A detector.

    Returns
    -------
    str or Material or None
    """
    return getattr(model, "structure", None) or model.material


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
    divided = (
        f"{len(seen.domains)} domains of one lattice (mirror twins, or shifted ones): sublattices "
        "are told in each by itself, columns at their boundary are edges"
    )
    return (
        *seen.mask.reasons,
        *([divided] if len(seen.domains) > 1 else []),
        *([turned] if seen.inverted else []),
    )


def find_doubts(seen: SeenCrystal, material: str | Material | None) -> tuple[str, ...]:
    """Say why detections in an image should not be trusted.

    Parameters
    ----------
    seen : SeenCrystal
        The image.
    material : str or Material or None
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


def _lattice_in_range(
    found: Identification | None, material: str | Material | None
) -> Lattice | None:
    """Lattice that was found, as one of a material: none of a pixel size that is not looked for."""
    if found is None or material is None:
        return None
    lattice = found.lattice_of(material)
    low, high = LATTICE_RANGE
    return lattice if lattice is not None and low < lattice.sampling < high else None
