"""Translate images between simulation and experiment with a trained CycleGAN."""

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from scipy import ndimage

from stemzoo.analysis.pixel_size import check_stated
from stemzoo.analysis.resampling import check_resampling
from stemzoo.inference.advice import MisfitSummary, match_model
from stemzoo.io import Image, check_image
from stemzoo.preprocessing import resample, resampled_shape, resampling_memory, rescale
from stemzoo.zoo.facts import read_facts
from stemzoo.zoo.file_names import RECIPE

if TYPE_CHECKING:
    from stemzoo.models.cyclegan import CycleGANSTEM

# Attribute of the model that holds the generator of each direction.
DIRECTIONS = {"sim-to-exp": "sim_to_exp", "exp-to-sim": "exp_to_sim"}
# How often was measured on new frames of wse2-dayB, by the intensities of columns.
NO_EVIDENCE = (
    "a CycleGAN that takes noise away heals vacancies and shows others where none are "
    "(cyclegan-wse2-dayB: 463 of 1,000 healed, 453 in 1,000 columns invented): the result is no "
    "evidence of any atom. Take noise out with stemzoo denoise IMAGE, which keeps what the image "
    "says of each column; find defects in the image itself: stemzoo detect IMAGE"
)
_NOISE = 0.1  # of the zoo's recipe for CycleGANs
# Tiles that a network sees at once.
_BATCH = 16
# Standard deviation of the Gaussian that leaves the brightness of a tile, fraction of its edge.
_BRIGHTNESS = 0.1
# Of each pixel that is translated: as it is, mirrored, blended, in tiles, and its noise.
_PIXEL_BYTES = 24


class Generator(Protocol):
    """What translates tiles, such as a generator of `CycleGANSTEM`."""

    def predict_on_batch(self, x: np.ndarray) -> Any:
        """Return the translations of tiles in [-1, 1]; both of shape (B, tile, tile, 1)."""


def translate(
    image: np.ndarray,
    model: "CycleGANSTEM",
    direction: str = "sim-to-exp",
    *,
    sampling: float | None = None,
    noise: float | None = None,
    rng: np.random.Generator | None = None,
) -> np.ndarray:
    """Make a simulation look like the session's images, or the reverse.

    The image is cut into overlapping tiles of the size that the networks were trained on, which are
    joined so that no seam shows: blended where noise is taken away, and faded into each other over
    two pixels, with their brightness blended, where the noise of a session is made.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        At least 64 pixels on a side.
    model : CycleGANSTEM
        A trained model.
    direction : str
        ``"sim-to-exp"`` or ``"exp-to-sim"``, which takes noise and contamination away, and may
        heal vacancies and invent others.
    sampling : float, optional
        Pixel size of the image [Å/px], the model's where not given. The result has the pixels of
        the input.
    noise : float, optional
        Standard deviation of the noise that goes into the generator with a simulation; that of its
        training where not given (see `training_noise`), none with 0: the generator makes the noise
        of the session of it, and images without it are less like the session's.
    rng : numpy.random.Generator, optional
        Source of this noise; where not given, one of seed 0, so that the result is the same in
        every call. Give one for several images, as each is to have noise of its own.

    Returns
    -------
    ndarray of float32, shape (M, N)
        In [-1, 1].

    Warns
    -----
    UserWarning
        With ``"exp-to-sim"``: that the result is no evidence of any atom; and if the image is
        unlike the frames that the model was trained on.

    Raises
    ------
    ValueError
        If the image cannot be translated, the direction is unknown or the pixel size absurd.

    Examples
    --------
    >>> realistic = translate(simulated, model)  # doctest: +SKIP
    """
    noise = training_noise(model) if noise is None else noise
    rng = np.random.default_rng(0) if rng is None else rng
    result = translate_quietly(image, model, direction, sampling=sampling, noise=noise, rng=rng)
    if direction == "exp-to-sim":
        warnings.warn(NO_EVIDENCE, stacklevel=2)
        measured = Image(np.asarray(image), model.sampling if sampling is None else sampling)
        misfits = MisfitSummary("translation")
        misfits.add(measured, match_model(measured, model))
        if (text := misfits.warning()) is not None:
            warnings.warn(text, stacklevel=2)
    return result


def training_noise(model: "CycleGANSTEM") -> float:
    """Return the standard deviation of the noise that a generator got with its simulations.

    Parameters
    ----------
    model : CycleGANSTEM
        A trained model.

    Returns
    -------
    float
        By the recipe in the folder that it was loaded from; that of the zoo, 0.1, where it is not
        known.

    Examples
    --------
    >>> training_noise(stemzoo.load("cyclegan-wse2-dayB"))  # doctest: +SKIP
    0.1
    """
    known = getattr(model, "provenance", None)  # which only loaded models have
    recipe = {} if known is None else read_facts(known.folder, RECIPE)
    recipe = recipe or getattr(known, "record", {}).get("recipe") or {}
    noise = recipe.get("noise", _NOISE)
    plain = isinstance(noise, int | float) and not isinstance(noise, bool)
    return float(noise) if plain and 0 <= noise < np.inf else _NOISE


def translate_quietly(
    image: np.ndarray,
    model: "CycleGANSTEM",
    direction: str,
    *,
    sampling: float | None = None,
    noise: float = 0.1,
    rng: np.random.Generator | None = None,
    name: str | Path = "image",
) -> np.ndarray:
    """Do as `translate`, without comparing the image with the training frames.

    Parameters
    ----------
    image, model, direction, sampling
        As in `translate`.
    noise, rng
        As in `translate`; without `rng` no noise is added.
    name : path or str
        The image, for messages.

    Returns
    -------
    ndarray of float32, shape (M, N)
        In [-1, 1].

    Examples
    --------
    >>> denoised = translate_quietly(image, model, "exp-to-sim")  # doctest: +SKIP
    """
    check_image(image, name)
    if direction not in DIRECTIONS:
        raise ValueError(f"direction is {' or '.join(DIRECTIONS)}. Received: {direction!r}")
    if not 0 <= noise < np.inf:
        raise ValueError(f"Expected noise of 0 or more (--noise). Received: {noise}")
    if sampling is None:
        sampling = model.sampling
    check_size(image, model, sampling, name)
    values = rescale(resample(image, sampling, model.sampling))
    if rng is not None and noise > 0 and direction == "sim-to-exp":
        values = values + rng.normal(0, noise, values.shape).astype(np.float32)
    generator = getattr(model, DIRECTIONS[direction])
    tiled = texture_tiled if direction == "sim-to-exp" else translate_tiled
    result = np.clip(tiled(generator, values, model.patch_size), -1, 1)
    if result.shape == image.shape:
        return result
    # Back to the input's pixels; the last row or column may have to be repeated.
    back = resample(result, model.sampling, sampling)
    fill = [(0, max(n - have, 0)) for n, have in zip(image.shape, back.shape, strict=True)]
    return np.clip(np.pad(back, fill, mode="edge")[: image.shape[0], : image.shape[1]], -1, 1)


def check_size(
    image: np.ndarray, model: "CycleGANSTEM", sampling: float, name: str | Path = "image"
) -> None:
    """See that an image can be brought to the pixel size of a model.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Image.
    model : CycleGANSTEM
        A trained model.
    sampling : float
        Pixel size of the image [Å/px].
    name : path or str
        The image, for messages.

    Raises
    ------
    ValueError
        If the pixel size is absurd, or the result too large.

    Examples
    --------
    >>> check_size(image, model, 0.2)  # doctest: +SKIP
    """
    check_stated(Image(np.asarray(image), sampling, "given", path=Path(name)))
    needed = _memory(image.shape, sampling, model.sampling)
    check_resampling(name, image.shape, sampling, model.sampling, needed)


def _memory(shape: tuple[int, int], sampling: float, target: float) -> int:
    """Peak of the arrays that an image and its translation take [bytes], without the network."""
    middle = resampled_shape(shape, sampling, target)
    pixels = middle[0] * middle[1]
    if middle == shape:
        return _PIXEL_BYTES * pixels
    there = resampling_memory(shape, sampling, target)
    back = 4 * pixels + resampling_memory(middle, target, sampling)
    return max(there, _PIXEL_BYTES * pixels, back)


def translate_tiled(generator: Generator, image: np.ndarray, tile: int) -> np.ndarray:
    """Apply a generator to overlapping tiles and blend them.

    The middles of the tiles count most and what differs between tiles is averaged: right for
    denoising.

    Parameters
    ----------
    generator : Generator
        For instance ``model.exp_to_sim``.
    image : ndarray of shape (M, N)
        Image in [-1, 1], any size; mirrored at its edges.
    tile : int
        Edge of a tile [px], even.

    Returns
    -------
    ndarray of float32, shape (M, N)

    Examples
    --------
    >>> denoised = translate_tiled(model.exp_to_sim, image, model.patch_size)  # doctest: +SKIP
    """
    half = tile // 2
    return _assemble(generator, image, tile, overlap=half, fade=half)


def texture_tiled(generator: Generator, image: np.ndarray, tile: int) -> np.ndarray:
    """Apply a generator that makes noise to tiles, and keep this noise as it is.

    A mean of tiles has less noise than each of them, and a generator was trained for whole tiles
    to look measured, edges and all. So nearly whole tiles are set side by side and faded into
    each other over 2 px. Tiles differ in brightness, which would show: each is first brought to
    that of the blended tiles (`translate_tiled`) at low frequencies. The idea of joining
    different frequencies over different widths is from Burt and Adelson, ACM Trans. Graph. 2, 217
    (1983).

    Parameters
    ----------
    generator : Generator
        For instance ``model.exp_to_sim``.
    image : ndarray of shape (M, N)
        Image in [-1, 1], any size; mirrored at its edges.
    tile : int
        Edge of a tile [px], even.

    Returns
    -------
    ndarray of float32, shape (M, N)

    Examples
    --------
    >>> realistic = texture_tiled(model.sim_to_exp, image, model.patch_size)  # doctest: +SKIP
    """
    blended = translate_tiled(generator, image, tile)
    return _assemble(generator, image, tile, overlap=3 * tile // 32 * 2, fade=2, like=blended)


def _assemble(
    generator: Generator,
    image: np.ndarray,
    tile: int,
    *,
    overlap: int,
    fade: int,
    like: np.ndarray | None = None,
) -> np.ndarray:
    """Set tiles side by side that fade into each other in the middle of their overlap.

    Lengths are in pixels. Where `like` is given, tiles take their brightness from it.
    """
    # So much is mirrored around the image that the first tile's window has risen where it begins.
    step, edge = tile - overlap, (overlap + fade) // 2
    counts = [-(-(n + fade) // step) for n in image.shape]
    fill = [(edge, c * step + overlap - edge - n) for c, n in zip(counts, image.shape, strict=True)]
    padded = np.pad(image, fill, mode="symmetric")
    like = None if like is None else np.pad(like, fill, mode="symmetric")
    # Weights that rise over `fade` pixels in the middle of the overlap and fall likewise: those of
    # neighbouring tiles add up to 1.
    rise = np.clip((np.arange(tile) + 0.5 - overlap // 2) / fade + 0.5, 0, 1)
    ramp = np.sin(np.pi / 2 * rise) ** 2
    ramp *= ramp[::-1]
    window = np.outer(ramp, ramp).astype(np.float32)
    result = np.zeros_like(padded, dtype=np.float32)
    for (top, left), output in _translated_tiles(generator, padded, tile, step, counts):
        place = slice(top, top + tile), slice(left, left + tile)
        if like is not None:
            output = output + ndimage.gaussian_filter(like[place] - output, _BRIGHTNESS * tile)
        result[place] += window * output
    return result[edge : edge + image.shape[0], edge : edge + image.shape[1]]


def _translated_tiles(
    generator: Generator, padded: np.ndarray, tile: int, step: int, counts: Sequence[int]
) -> Iterator[tuple[tuple[int, int], np.ndarray]]:
    """Yield each tile's corner (row, column) and what the generator makes of the tile."""
    corners = [(row * step, column * step) for row, column in np.ndindex(*counts)]
    for first in range(0, len(corners), _BATCH):
        chosen = corners[first : first + _BATCH]
        batch = np.stack([padded[t : t + tile, c : c + tile] for t, c in chosen])[..., None]
        # One shape for all calls: the last batch is filled up, its extra results are dropped.
        batch = np.concatenate([batch, np.repeat(batch[:1], _BATCH - len(chosen), axis=0)])
        yield from zip(chosen, generator.predict_on_batch(batch)[..., 0], strict=False)
