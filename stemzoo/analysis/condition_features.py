"""Features of an image that tell how it was recorded, and that need no labels."""

from dataclasses import dataclass

import numpy as np

from stemzoo.analysis.lattice import Lattice, find_lattice
from stemzoo.analysis.spectrum import TILE, check_sampling
from stemzoo.analysis.tile_features import tile_features
from stemzoo.io import check_image
from stemzoo.preprocessing import resample, saturate
from stemzoo.simulate.materials import Material, find_material

# In fewer pixels, at the pixel size of the weights, reflections are not apart from each other [px].
MIN_DESCRIBED_SIDE = 128
# The lattice is measured, and an image described, in this much of its middle [px].
_LATTICE_MIDDLE = 1024
_DESCRIBED_MIDDLE = 2048


@dataclass(frozen=True)
class Feature:
    """A feature of an image.

    Parameters
    ----------
    name : str
        What it is called in `conditions.json`.
    tolerance : float
        Standard deviation that is of no consequence. It is added to that of the training frames, so
        that images are not told apart by what no network minds.
    more, less : str
        What a higher and a lower value mean. ``{ratio}`` stands for the ratio of amplitudes,
        ``{part}`` for the relative change.
    """

    name: str
    tolerance: float
    more: str
    less: str


def _power(name: str, tolerance: float, what: str) -> Feature:
    """Return a feature that is the natural log of a power."""
    more, less = (f"{what} {{ratio:.1f}} x {change}" for change in ("stronger", "weaker"))
    return Feature(name, tolerance, more, less)


FEATURES = (
    Feature(
        "spacing", 0.03, "stated pixels {part:.0%} too small", "stated pixels {part:.0%} too large"
    ),
    Feature("strain", 0.04, "lattice more distorted", "lattice less distorted"),
    # Relative to the innermost reflections.
    _power("second_shell", 0.5, "second reflections"),
    _power("third_shell", 0.5, "third reflections"),
    # Relative to the noise between them.
    _power("fine_shells", 0.5, "fine reflections against noise"),
    # Between reflections, relative to the three innermost shells.
    _power("haze", 1.0, "haze"),
    _power("clumps", 0.5, "clumps of 20 to 50 px"),
    _power("noise_low", 0.4, "blotches of 10 to 20 px"),
    _power("noise_mid", 0.4, "noise of 4 to 10 px"),
    _power("noise_high", 0.4, "noise of 2 to 4 px"),
    # (a - b) / (a + b) of two powers.
    Feature("smear_mid", 0.1, "noise more smeared along rows", "noise less smeared along rows"),
    Feature(
        "smear_high",
        0.1,
        "fine noise more smeared along rows",
        "fine noise less smeared along rows",
    ),
    Feature("row_streaks", 0.25, "streaks along rows", "no streaks along rows"),
    Feature("column_streaks", 0.25, "streaks along columns", "no streaks along columns"),
    Feature("jitter", 0.3, "jitter of the scan lines", "jitter across the scan lines"),
    # Of the intensities in a tile.
    Feature("asymmetry", 0.1, "more skewed to bright pixels", "less skewed to bright pixels"),
    Feature("tails", 0.05, "more extreme intensities", "fewer extreme intensities"),
)


@dataclass(frozen=True, eq=False)
class ConditionFeatures:
    """Features of one image.

    Parameters
    ----------
    tiles : ndarray of shape (R, C, F)
        The `FEATURES` of R x C overlapping tiles; NaN where the image shows no lattice. Medians
        over tiles do not depend on the size of the image.
    area : float
        Area of the image, in tiles.
    """

    tiles: np.ndarray
    area: float

    @property
    def features(self) -> np.ndarray:
        """Return the features of the image, the medians over its tiles; shape (F,)."""
        return medians(self.tiles)

    @property
    def has_lattice(self) -> bool:
        """Whether the lattice of the material was found."""
        return bool(np.isfinite(self.tiles).all())

    @property
    def scatter(self) -> np.ndarray | None:
        """Covariance (F, F) of the features of four quarters, times their area.

        None where there are too few tiles for quarters.
        """
        rows, columns = (n // 2 for n in self.tiles.shape[:2])
        if not rows or not columns:
            return None
        halves = [(slice(None, n), slice(-n, None)) for n in (rows, columns)]
        quarters = [medians(self.tiles[r, c]) for r in halves[0] for c in halves[1]]
        return np.cov(np.transpose(quarters)) * (rows + 1) / 2 * (columns + 1) / 2


NO_LATTICE = ConditionFeatures(np.full((1, 1, len(FEATURES)), np.nan), 1.0)


def find_condition_features(
    image: np.ndarray,
    material: str | Material,
    target: float,
    *,
    sampling: float | None = None,
    lattice: Lattice | None = None,
) -> ConditionFeatures:
    """Describe the conditions that an image was recorded under.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        An image; its middle 2048² pixels are used.
    material : str or Material
        Crystal: entry of `MATERIALS`, whose lattice is looked for.
    target : float
        Pixel size at which the image is described, that of the weights [Å/px].
    sampling : float, optional
        Pixel size of the image [Å/px]; measured from the lattice where not given.
    lattice : Lattice, optional
        Lattice of the material in the image, if it was found before: finding it takes half of the
        time.

    Returns
    -------
    ConditionFeatures
        Of NaN if no lattice of the material is found.

    Raises
    ------
    ValueError
        If the image cannot be analysed, or has fewer than 128 pixels along a side at that pixel
        size.
    KeyError
        For an unknown material.

    Notes
    -----
    Brightness, contrast and orientation have no effect. Power spectra are those of the resampled,
    saturated image that a network sees, in tiles of 256² pixels under a Hann window. Reflections
    are 2.5 bins around the lattice points, noise is what lies 3.5 bins or further from all of them.

    Examples
    --------
    >>> find_condition_features(image, "wse2", 0.2074).features.shape  # doctest: +SKIP
    (17,)
    """
    check_image(image, "image")
    if sampling is not None:
        check_sampling(sampling)
    image = np.asarray(image)
    lattice = lattice or middle_lattice(image, material, sampling)
    if lattice is None:
        return NO_LATTICE
    used = lattice.sampling if sampling is None else sampling
    seen = saturate(resample(middle(image, _DESCRIBED_MIDDLE), used, target))
    if min(seen.shape) < MIN_DESCRIBED_SIDE:
        raise ValueError(
            f"Expected at least {MIN_DESCRIBED_SIDE} px a side at {target:.4g} Å/px, to judge the "
            "conditions of an image; use a larger one. "
            f"Received: {seen.shape[0]} x {seen.shape[1]} px"
        )
    facts = [np.log(lattice.sampling / used), lattice.strain]
    tiles = tile_features(seen, lattice.resampled(used, target))
    whole = np.broadcast_to(facts, (*tiles.shape[:2], 2))
    return ConditionFeatures(np.concatenate([whole, tiles], axis=-1), seen.size / TILE**2)


def middle_lattice(
    image: np.ndarray, material: str | Material, sampling: float | None = None
) -> Lattice | None:
    """Find the lattice of a material in the middle 1024² pixels of an image.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        An image.
    material : str or Material
        Crystal: entry of `MATERIALS`.
    sampling : float, optional
        Pixel size of the image [Å/px], if known.

    Returns
    -------
    Lattice or None
        None if there is none.

    Raises
    ------
    ValueError
        For an impossible pixel size.
    KeyError
        For an unknown material.
    """
    if sampling is not None:
        check_sampling(sampling)
    crystal = find_material(material)
    try:
        return find_lattice(middle(image, _LATTICE_MIDDLE), crystal, sampling=sampling)
    except ValueError:
        return None


def middle(image: np.ndarray, edge: int) -> np.ndarray:
    """Return the middle of an image (M, N), at most `edge` pixels along each side."""
    top, left = (max(n - edge, 0) // 2 for n in image.shape)
    return image[top : top + edge, left : left + edge]


def medians(tiles: np.ndarray) -> np.ndarray:
    """Return the median of each feature (F,) over tiles (..., F)."""
    return np.median(tiles.reshape(-1, tiles.shape[-1]), axis=0)
