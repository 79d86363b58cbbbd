"""Translate images between simulation and experiment with a trained CycleGAN."""

import warnings

import numpy as np

from stemzoo.advice import Comparison, compare
from stemzoo.io import Image, check_image
from stemzoo.preprocessing import resample, rescale

DIRECTIONS = {"sim-to-exp": "sim_to_exp", "exp-to-sim": "exp_to_sim"}
# Tiles that a network sees at once.
_BATCH = 16


def translate(
    image: np.ndarray,
    model,
    direction: str = "sim-to-exp",
    *,
    sampling: float | None = None,
    noise: float = 0.1,
    rng: np.random.Generator | None = None,
) -> np.ndarray:
    """Make a simulation look like the session's images, or the reverse.

    The image is cut into tiles of the size that the networks were trained on, which overlap by half
    and are blended with a smooth window, so that no seam shows.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        At least 64 pixels on a side.
    model : CycleGANSTEM
        A trained model.
    direction : str
        ``"sim-to-exp"`` or ``"exp-to-sim"`` (which takes noise and contamination away).
    sampling : float, optional
        Pixel size of the image [Å/px], the model's where not given. The result has the pixels of
        the input.
    noise : float
        Standard deviation of the noise that goes into the generator with a simulation, as in
        training; needs `rng`.
    rng : numpy.random.Generator, optional
        Source of this noise. Without it the result has no randomness of its own.

    Returns
    -------
    ndarray of float32, shape (M, N)
        In [-1, 1].

    Warns
    -----
    UserWarning
        If a measured image (``"exp-to-sim"``) is unlike the frames that the model was trained on.

    Raises
    ------
    ValueError
        If the image cannot be translated or the direction is unknown.

    Examples
    --------
    >>> realistic = translate(simulated, model)  # doctest: +SKIP
    """
    result = translate_quietly(image, model, direction, sampling=sampling, noise=noise, rng=rng)
    if direction == "exp-to-sim":
        measured = Image(np.asarray(image), model.sampling if sampling is None else sampling)
        comparison = Comparison("translation")
        comparison.add(measured, compare(measured, model))
        if (text := comparison.warning()) is not None:
            warnings.warn(text, stacklevel=2)
    return result


def translate_quietly(
    image: np.ndarray,
    model,
    direction: str,
    *,
    sampling: float | None = None,
    noise: float = 0.1,
    rng: np.random.Generator | None = None,
) -> np.ndarray:
    """Do as `translate`, without comparing the image with the training frames."""
    check_image(image, "image")
    if direction not in DIRECTIONS:
        raise ValueError(f"direction is {' or '.join(DIRECTIONS)}. Received: {direction!r}")
    sampling = model.sampling if sampling is None else sampling
    values = rescale(resample(image, sampling, model.sampling))
    if rng is not None and direction == "sim-to-exp":
        values = values + rng.normal(0, noise, values.shape).astype(np.float32)
    generator = getattr(model, DIRECTIONS[direction])
    result = translate_tiled(generator, values, model.patch_size)
    return _back(result, image.shape, sampling, model.sampling)


def translate_tiled(generator, image: np.ndarray, tile: int) -> np.ndarray:
    """Apply a generator to overlapping tiles and blend them.

    Parameters
    ----------
    generator : object
        Has `predict_on_batch`, from (B, tile, tile, 1) to the same shape.
    image : ndarray of shape (M, N)
        Image in [-1, 1], any size; mirrored at its edges.
    tile : int
        Edge of a tile [px], even.

    Returns
    -------
    ndarray of float32, shape (M, N)
    """
    half = tile // 2
    # Half a tile of mirrored margin, so that every pixel lies in the middle part of some tile.
    size = [-(-(n + half) // half) * half + half for n in image.shape]
    fill = [(half, total - half - n) for n, total in zip(image.shape, size, strict=True)]
    padded = np.pad(image, fill, mode="symmetric")
    ramp = np.sin(np.pi * (np.arange(tile) + 0.5) / tile) ** 2  # adds up to 1 at half overlap
    window = np.outer(ramp, ramp).astype(np.float32)
    result = np.zeros_like(padded, dtype=np.float32)
    corners = [
        (top, left)
        for top in range(0, size[0] - tile + 1, half)
        for left in range(0, size[1] - tile + 1, half)
    ]
    for first in range(0, len(corners), _BATCH):
        chosen = corners[first : first + _BATCH]
        batch = np.stack([padded[t : t + tile, c : c + tile] for t, c in chosen])[..., None]
        # One shape for all calls: the last batch is filled up, its extra results are dropped.
        batch = np.concatenate([batch, np.repeat(batch[:1], _BATCH - len(chosen), axis=0)])
        outputs = generator.predict_on_batch(batch)[: len(chosen), ..., 0]
        for (top, left), output in zip(chosen, outputs, strict=True):
            result[top : top + tile, left : left + tile] += window * output
    return result[half : half + image.shape[0], half : half + image.shape[1]]


def _back(values: np.ndarray, shape, sampling: float, model_sampling: float) -> np.ndarray:
    """Resample to the input's pixels; the last row or column may have to be repeated."""
    if values.shape == tuple(shape):
        return values
    back = resample(values, model_sampling, sampling)
    fill = [(0, max(n - have, 0)) for n, have in zip(shape, back.shape, strict=True)]
    return np.clip(np.pad(back, fill, mode="edge")[: shape[0], : shape[1]], -1, 1)
