"""Errors of the scan: slow distortions, frames that are not in register, jitter of lines."""

from dataclasses import dataclass

import numpy as np
from scipy import fft


@dataclass(frozen=True)
class ScanDistortion:
    """A slowly varying error of the scan: where the beam is, against where it should be.

    Pixel (r, c) of the distorted image shows the point (r, c) + displacement. With t from
    -1/2 (first row) to 1/2 (last row): rows · (drift t + curvature (t² - 1/12)), and along x
    the flyback error, flyback · exp(-c / flyback_decay).

    Parameters
    ----------
    drift : tuple of float
        Linear drift over the frame along (y, x), as a fraction of its height: shear and stretch.
    curvature : tuple of float
        The same for a drift that changes its speed.
    flyback : float
        Lag of the beam at the start of each line [px].
    flyback_decay : float
        Length over which it settles [px].
    """

    drift: tuple[float, float] = (0.0, 0.0)
    curvature: tuple[float, float] = (0.0, 0.0)
    flyback: float = 0.0
    flyback_decay: float = 20.0

    def displacement(self, points: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
        """Return how far the beam is from where it should be.

        Parameters
        ----------
        points : ndarray of shape (..., 2)
            Rows and columns [px].
        shape : tuple of int
            Shape of the frame [px].

        Returns
        -------
        ndarray of shape (..., 2)
            Along rows and columns [px].
        """
        t = points[..., 0] / shape[0] - 0.5
        slow = shape[0] * (
            t[..., None] * np.array(self.drift)
            + (t[..., None] ** 2 - 1 / 12) * np.array(self.curvature)
        )
        lag = self.flyback * np.exp(-np.clip(points[..., 1], 0, None) / self.flyback_decay)
        slow[..., 1] += lag
        return slow


def distort_points(
    points: np.ndarray, distortion: ScanDistortion, shape: tuple[int, int]
) -> np.ndarray:
    """Where points of the specimen appear in a distorted frame.

    Parameters
    ----------
    points : ndarray of shape (K, 2)
        Rows and columns in the undistorted frame [px].
    distortion : ScanDistortion
        The scan's error.
    shape : tuple of int
        Shape of the frame, to which the distortion refers.

    Returns
    -------
    ndarray of shape (K, 2)
        Solves p + displacement(p) = point by fixed-point iteration.

    Examples
    --------
    >>> shear = ScanDistortion(drift=(0.0, 0.02))
    >>> distort_points(np.array([[100.0, 50.0]]), shear, (100, 100)).tolist()
    [[100.0, 49.0]]
    """
    moved = np.array(points, dtype=np.float64)
    # Displacements change by at most 0.6 px per pixel (a flyback of 3 px that settles in 5 px).
    for _ in range(30):
        moved = points - distortion.displacement(moved, shape)
    return moved


def average_frames(
    image: np.ndarray,
    *,
    frames: int,
    misregistration: float,
    line_jitter: float,
    line_shifts: np.ndarray | None = None,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Average, in expectation, several frames with line jitter that are not quite in register.

    Each frame is shifted by a Gaussian error along y and x, and each of its lines by another one
    along x. Shifts are exact (by Fourier phases), so averaging phases averages frames.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Expected image of one perfect frame; its edges wrap, so it should have a margin.
    frames : int
        Number of frames.
    misregistration : float
        Standard deviation of the shift of a frame along each axis [px].
    line_jitter : float
        Standard deviation of the shift of a line [px].
    line_shifts : ndarray of shape (M,), optional
        How far the content of each line is shifted besides, the same in all frames [px].
    rng : numpy.random.Generator
        Source of randomness.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    averaged : ndarray of shape (M, N)
    shift : ndarray of shape (M, 2)
        Mean displacement (rows, columns) of each row's content [px].

    Raises
    ------
    ValueError
        If `frames` is below 1.
    """
    if frames < 1:
        raise ValueError(f"frames is at least 1. Received: {frames}")
    rows, columns = image.shape
    y = rng.normal(0, misregistration, frames)
    x = rng.normal(0, misregistration, (frames, 1)) + rng.normal(0, line_jitter, (frames, rows))
    y, x = y - y.mean(), x - x.mean()  # the average frame defines the position
    if line_shifts is not None:
        x = x + line_shifts
    averaged = image
    if misregistration > 0 and frames > 1:
        ky = fft.fftfreq(rows)
        phase = np.exp(-2j * np.pi * np.outer(y, ky)).mean(0)
        averaged = fft.ifft(fft.fft(averaged, axis=0) * phase[:, None], axis=0).real
    if np.any(x):
        kx = fft.rfftfreq(columns)
        phase = sum(np.exp(-2j * np.pi * np.outer(shifts, kx)) for shifts in x) / frames
        averaged = fft.irfft(fft.rfft(averaged, axis=1) * phase, n=columns, axis=1)
    return averaged, np.column_stack([np.zeros(rows), x.mean(0)])
