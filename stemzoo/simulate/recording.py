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
from stemzoo.simulate.sessions import AcquisitionSession


def record(
    expected: np.ndarray, drawn: AcquisitionSession, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Contaminate, scan, count and detect an expected image.

    Parameters
    ----------
    expected : ndarray of shape (M, N)
        Noise-free image with its slow distortion and a border [fraction of the beam current].
    drawn : AcquisitionSession
        Conditions of the frame, all of them numbers.
    rng : numpy.random.Generator
        Source of randomness.

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
        image = image + drawn.contamination * expected.mean() * haze
    image, row_shift = average_frames(
        image,
        frames=max(round(drawn.frames), 1),
        misregistration=drawn.misregistration,
        line_jitter=drawn.line_jitter,
        line_shifts=_line_shifts(drawn, len(image), rng),
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


def _line_shifts(
    drawn: AcquisitionSession, rows: int, rng: np.random.Generator
) -> np.ndarray | None:
    """Cut as many shifts as there are rows out of the measured ones, at any place."""
    if not drawn.line_shifts:
        return None
    measured = np.asarray(drawn.line_shifts[0])
    measured = np.pad(measured, (0, max(rows - len(measured), 0)), mode="reflect")
    first = int(rng.integers(len(measured) - rows + 1))
    return measured[first : first + rows]
