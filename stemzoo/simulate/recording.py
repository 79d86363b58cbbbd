"""What a microscope records of an expected image."""

import numpy as np
from scipy import ndimage

from stemzoo.simulate.acquisition import (
    afterglow,
    contamination_field,
    detector_signal,
    shot_noise,
)
from stemzoo.simulate.scan import average_frames
from stemzoo.simulate.sessions import DrawnSession


def record(
    expected: np.ndarray,
    drawn: DrawnSession,
    rng: np.random.Generator,
    film: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Contaminate, scan, count and detect an expected image.

    Parameters
    ----------
    expected : ndarray of shape (M, N)
        Noise-free image with its slow distortion and a border [fraction of the beam current].
    drawn : DrawnSession
        Conditions of the frame.
    rng : numpy.random.Generator
        Source of randomness.
    film : ndarray of shape (M, N), optional
        1 where there is matter that contamination can lie on, 0 in vacuum; 1 everywhere where not
        given.

    Returns
    -------
    recorded : ndarray of shape (M, N)
        Signal of the detector.
    row_shift : ndarray of shape (M, 2)
        How far the content of each row has moved [px].
    """
    image = expected
    if drawn.contamination > 0:
        haze = contamination_field(
            image.shape,
            drawn.sampling,
            patchiness=drawn.patchiness,
            granularity=drawn.granularity,
            rng=rng,
        )
        mean = expected.mean() if film is None else np.average(expected, weights=film)
        haze = haze if film is None else haze * film
        image = image + drawn.contamination * mean * haze
    line_shifts = None
    if drawn.line_shifts:  # as many as there are rows, from any place of the measured ones
        line_shifts = np.asarray(drawn.line_shifts[0])
        missing = max(len(image) - len(line_shifts), 0)
        line_shifts = np.pad(line_shifts, (0, missing), mode="reflect")
        first = int(rng.integers(len(line_shifts) - len(image) + 1))
        line_shifts = line_shifts[first : first + len(image)]
    image, row_shift = average_frames(
        image,
        frames=max(round(drawn.frames), 1),
        misregistration=drawn.misregistration,
        line_jitter=drawn.line_jitter,
        line_shifts=line_shifts,
        rng=rng,
    )
    electrons = shot_noise(image, drawn.current * drawn.efficiency, drawn.dwell_time, rng)
    if drawn.afterglow > 0:
        electrons = afterglow(electrons, drawn.afterglow, drawn.afterglow_decay)
    if drawn.smoothing > 0:
        electrons = ndimage.gaussian_filter(electrons, drawn.smoothing, mode="nearest")
    recorded = detector_signal(
        electrons, gain=drawn.gain, offset=drawn.offset, read_noise=drawn.read_noise, rng=rng
    )
    return recorded, row_shift
