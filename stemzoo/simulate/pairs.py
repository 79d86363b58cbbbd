"""Pairs of a recorded frame and what it would be without noise: what denoisers learn from."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from stemzoo.preprocessing import resample, rescale, scale_of_parts
from stemzoo.simulate.labels import LabelledImage

# Shifts of lines are smoothed over so many rows: slower ones are geometry of the frame, which stays
# as it is; quicker ones are jitter, which is taken out.
_JITTER = 3.0
_LEAST_CRYSTAL = 0.1  # part of a frame: of less, its mean and contrast are not measured


@dataclass(frozen=True, eq=False)
class DenoisingPair:
    """A frame as a denoiser sees it, and what it should make of it.

    Parameters
    ----------
    image, target : ndarray of float32, shape (M, N)
        The frame in [-1, 1], and the same specimen without noise in the same units.
    sampling : float
        Pixel size [Å/px].
    """

    image: np.ndarray
    target: np.ndarray
    sampling: float


def expected_image(frame: LabelledImage) -> np.ndarray:
    """Return what a simulated frame would be without noise, in the frame's own grey levels.

    Each pixel shows what the frame shows there: the scan's slow distortion and slow shifts of lines
    stay, jitter from line to line does not. The probe is the frame's. Contamination is left out,
    but for its mean; grey levels are those of the straight line that fits the frame best.

    Parameters
    ----------
    frame : LabelledImage
        From `simulate_frame`.

    Returns
    -------
    ndarray of float32, shape (M, N)

    Examples
    --------
    >>> from stemzoo.simulate import find_session, simulate_session
    >>> (frame,) = simulate_session(find_session("wse2-dayA"), 1, (128, 128))
    >>> bool(np.corrcoef(expected_image(frame).ravel(), frame.image.ravel())[0, 1] > 0.8)
    True
    """
    clean = np.asarray(frame.clean, dtype=np.float64)
    if frame.row_shift is not None:
        slow = ndimage.gaussian_filter1d(frame.row_shift, _JITTER, axis=0, mode="nearest")
        places = np.indices(clean.shape) - slow.T[:, :, None]
        clean = ndimage.map_coordinates(clean, places, order=3, mode="nearest")
    values = np.asarray(frame.image, dtype=np.float64)
    known = np.isfinite(values)
    spread = clean[known] - clean[known].mean()
    slope = float((spread * values[known]).sum() / max((spread**2).sum(), np.finfo(float).tiny))
    return (values[known].mean() + slope * (clean - clean[known].mean())).astype(np.float32)


def denoising_pair(frame: LabelledImage, sampling: float) -> DenoisingPair:
    """Bring a frame and its expected image to the pixel size and the intensities of a network.

    Parameters
    ----------
    frame : LabelledImage
        From `simulate_frame`, of finite values.
    sampling : float
        Pixel size of the network [Å/px].

    Returns
    -------
    DenoisingPair
        The image is smoothed as far as the coarser pixels need it; the expected image holds no
        frequencies that they cannot, and is not.

    Examples
    --------
    >>> from stemzoo.simulate import find_session, simulate_session
    >>> (frame,) = simulate_session(find_session("wse2-dayA"), 1, (128, 128))
    >>> denoising_pair(frame, 0.4148).target.shape
    (64, 64)
    """
    image = resample(frame.image, frame.sampling, sampling)
    target = expected_image(frame)
    if image.shape != target.shape:
        factor = sampling / frame.sampling
        target = ndimage.affine_transform(
            target, [factor, factor], output_shape=image.shape, order=3, mode="nearest"
        )
    mean, reach = scale = scale_of_parts([image[_crystal(frame, image.shape)]])
    return DenoisingPair(
        rescale(image, scale=scale), ((target - mean) / reach).astype(np.float32), sampling
    )


def _crystal(frame: LabelledImage, shape: tuple[int, int]) -> np.ndarray:
    """Pixels of which the scale is taken, on another grid: the crystal's, if there are enough."""
    rows, columns = (
        np.minimum(np.arange(n) * known // n, known - 1)
        for n, known in zip(shape, frame.image.shape, strict=True)
    )
    crystal = frame.crystal[np.ix_(rows, columns)]
    return crystal if crystal.mean() > _LEAST_CRYSTAL else np.ones(shape, dtype=bool)
