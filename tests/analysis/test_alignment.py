from dataclasses import replace

import numpy as np
import pytest

from stemzoo.analysis.alignment import align_frames
from stemzoo.simulate import find_session
from stemzoo.simulate.series import simulate_series

EDGE, FRAMES = 256, 6


def series(efficiency, step, frames=FRAMES):
    """Frames of a place with nine vacancies; each lies a step farther, by 0.5 px more or less."""
    session = replace(
        find_session("wse2-dayA"), frames=1.0, efficiency=efficiency, contamination=0.2, bits=0
    )
    rng = np.random.default_rng(4)
    steps = np.vstack([[0, 0], rng.normal(step, 0.5, (frames - 1, 2))])
    places = [("se_vacancy", x, y) for x in (14.0, 25.0, 36.0) for y in (16.0, 26.0, 35.0)]
    drift = np.cumsum(steps, axis=0)
    made = simulate_series(session, (EDGE, EDGE), drift, [places] * frames, rng=rng)
    return [frame.image for frame in made], drift


@pytest.fixture(scope="module")
def clear():
    """A tenth of the paper's electrons in each frame."""
    return series(0.06, (2.3, -1.7))


@pytest.fixture(scope="module")
def noisy():
    """A twentieth of the electrons of `clear`, in twelve frames: no two of them tell the drift."""
    return series(0.02, (2.3, -1.7), frames=12)


def test_frames_that_drift_are_brought_to_lie_on_each_other(clear):
    frames, drift = clear
    found = align_frames(frames)
    assert found.used.all()
    assert found.shifts == pytest.approx(drift, abs=0.3)
    # What all frames show begins where the last one does, whose content lies farther down and left.
    down, left = drift[-1][0], -drift[-1][1]
    assert found.image.shape == pytest.approx((EDGE - down, EDGE - left), abs=1)
    assert found.corner == pytest.approx((0, left), abs=1)


def test_the_mean_has_the_noise_of_all_frames_together(clear):
    frames, _ = clear
    found = align_frames(frames)
    top, left = found.corner
    rows, columns = found.image.shape
    one = frames[0][top : top + rows, left : left + columns]
    # Differences of neighbours are mostly noise; six frames leave 1/sqrt(6) of it, and splines
    # that move them take a little more.
    ratio = np.diff(found.image).std() / np.diff(one).std()
    assert ratio < 1.2 / np.sqrt(6)


def test_frames_too_noisy_to_be_told_apart_are_aligned_by_a_steady_drift(noisy):
    frames, drift = noisy
    found = align_frames(frames)
    assert found.used.all()
    assert found.shifts == pytest.approx(drift, abs=0.8)


def test_of_noise_alone_nothing_is_made(clear):
    frames, _ = clear
    rng = np.random.default_rng(0)
    drowned = [frame + rng.normal(0, 12 * frame.std(), frame.shape) for frame in frames[1:]]
    with pytest.raises(ValueError, match="tell how they drift.*Received: none but the first"):
        align_frames([frames[0], *drowned])


def test_images_without_a_lattice_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="Received: no lattice in any of 3 frames"):
        align_frames(list(rng.normal(size=(3, 128, 128))))


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ([np.ones((64, 64))], "at least two frames. Received: 1"),
        ([np.ones((64, 64)), np.ones((64, 60))], "Frame 1: expected the shape of the first"),
        ([np.ones((64, 64)), np.full((64, 64), np.nan)], "Frame 1: expected finite values"),
        ([np.ones(64), np.ones(64)], "Frame 0: expected rows and columns"),
    ],
)
def test_what_cannot_be_aligned_is_one_line(frames, words):
    with pytest.raises(ValueError, match="Received") as caught:
        align_frames(frames)
    assert words in str(caught.value)
