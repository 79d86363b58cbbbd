"""What a microscope records of an expected image."""

import numpy as np
from scipy import ndimage

from stemzoo.simulate.acquisition import (
    afterglow,
    contamination_field,
    detector_signal,
    shot_noise,
)
from stemzoo.simulate.electronics import flicker, hum, respond, sway
from stemzoo.simulate.scan import average_frames
from stemzoo.simulate.sessions import DrawnSession
from stemzoo.simulate.software import butterworth, flatten, median, sharpen, wiener


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
    image, row_shift = average_frames(
        image,
        frames=max(round(drawn.frames), 1),
        misregistration=drawn.misregistration,
        line_jitter=drawn.line_jitter,
        line_shifts=_line_shifts(drawn, len(image), rng),
        rng=rng,
    )
    if drawn.row_gain > 0:
        image = image * np.clip(1 + flicker(len(image), drawn.row_gain, rng), 0, None)
    electrons = shot_noise(image, drawn.current * drawn.efficiency, drawn.dwell_time, rng)
    if drawn.afterglow > 0:
        electrons = afterglow(electrons, drawn.afterglow, drawn.afterglow_decay)
    if drawn.smoothing > 0:
        electrons = ndimage.gaussian_filter(electrons, drawn.smoothing, mode="nearest")
    recorded = detector_signal(
        electrons, gain=drawn.gain, offset=drawn.offset, read_noise=drawn.read_noise, rng=rng
    )
    return _processed(recorded, drawn, rng), row_shift


def _line_shifts(drawn: DrawnSession, rows: int, rng: np.random.Generator) -> np.ndarray | None:
    """Shifts of the lines that all frames share [px]: measured ones, and swaying."""
    shifts = None
    if drawn.line_shifts:  # as many as there are rows, from any place of the measured ones
        shifts = np.asarray(drawn.line_shifts[0])
        missing = max(rows - len(shifts), 0)
        shifts = np.pad(shifts, (0, missing), mode="reflect")
        first = int(rng.integers(len(shifts) - rows + 1))
        shifts = shifts[first : first + rows]
    if drawn.sway > 0:
        swaying = sway(rows, drawn.sway, drawn.sway_period, rng)
        shifts = swaying if shifts is None else shifts + swaying
    return shifts


def _processed(image: np.ndarray, drawn: DrawnSession, rng: np.random.Generator) -> np.ndarray:
    """Add what electronics do after the detector, then what software does before it saves."""
    mean = image.mean()
    if drawn.row_offset > 0:
        image = image + mean * flicker(len(image), drawn.row_offset, rng)
    if drawn.hum > 0:
        image = image + mean * drawn.hum * hum(image.shape, drawn.hum_period, rng)
    if drawn.gamma != 1:
        image = respond(image, drawn.gamma)
    image = flatten(median(image, drawn.median), drawn.flattening)
    image = sharpen(wiener(image, drawn.wiener), drawn.sharpening)
    return butterworth(image, drawn.butterworth)
