from dataclasses import replace

import numpy as np
import pytest

from stemzoo.simulate import find_session, simulate_frame
from stemzoo.simulate.electronics import flicker, hum, respond, sway

QUIET = replace(
    find_session("wse2-noise-free"), defects={"se_vacancy": 0.05}, rotation=10.0, sampling=0.2074
)


def rng(seed=0):
    return np.random.default_rng(seed)


def frame(**changes):
    return simulate_frame(replace(QUIET, **changes), (128, 160), rng=rng(5))


def test_a_flicker_has_its_strength_and_neighbouring_rows_go_together():
    drawn = flicker(4000, 0.2, rng())[:, 0]
    assert drawn.std() == pytest.approx(0.2, rel=0.05)
    # 0.3 of the variance changes over rows: exp(-1 / (4 · 6²)) of that from one row to the next.
    neighbours = np.corrcoef(drawn[1:], drawn[:-1])[0, 1]
    assert neighbours == pytest.approx(0.3, abs=0.05)
    assert abs(np.corrcoef(drawn[100:], drawn[:-100])[0, 1]) < 0.08


def test_a_hum_is_one_plane_wave():
    wave = hum((64, 60), 12.0, rng())
    spectrum = abs(np.fft.fft(wave, axis=1))
    assert (spectrum[:, :30].argmax(1) == 5).all()  # 60 px / 12 px
    phases = np.unwrap(np.angle(np.fft.fft(wave, axis=1)[:, 5]))
    assert np.ptp(np.diff(phases)) == pytest.approx(0, abs=1e-9)


def test_a_sway_repeats_after_its_period():
    shifts = sway(100, 1.5, 25.0, rng())
    assert shifts[25:] == pytest.approx(shifts[:-25])
    assert np.ptp(shifts) == pytest.approx(3.0, rel=0.02)


def test_a_response_keeps_range_and_order():
    image = rng().random((20, 20)) * 7 - 2
    for gamma in (0.4, 3.0):
        changed = respond(image, gamma)
        assert (changed.min(), changed.max()) == pytest.approx((image.min(), image.max()))
        assert (np.argsort(changed, axis=None) == np.argsort(image, axis=None)).all()
    assert respond(np.ones((3, 3)), 2.0).tolist() == np.ones((3, 3)).tolist()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: hum((2, 2), 0.0, rng()), "period"),
        (lambda: sway(2, 1.0, -1.0, rng()), "period"),
        (lambda: respond(np.ones((2, 2)), 0.0), "gamma"),
    ],
)
def test_what_cannot_be_is_refused(call, message):
    with pytest.raises(ValueError, match=message + ".*must be positive. Received: "):
        call()


def test_a_frame_whose_current_flickers_has_rows_of_other_brightness():
    still, flickering = frame().image, frame(row_gain=0.2).image
    # The same specimen, so that the ratio of two rows is that of the current, the same all along.
    ratio = flickering / still
    assert ratio.mean(1).std() == pytest.approx(0.2, rel=0.25)
    assert ratio.std(1).max() < 0.02


def test_labels_sway_with_the_lines():
    still, swaying = frame(), frame(sway=3.0, sway_period=40.0)
    assert still.defects == swaying.defects
    moved = swaying.points - still.points
    assert moved[:, 0] == pytest.approx(0, abs=1e-9)
    assert 2 < abs(moved[:, 1]).max() <= 3.0
    # The darkest pixel near a vacancy is where its label is: the images sway with the labels.
    for row, column in np.rint(swaying.points).astype(int):
        if 20 < row < 108 and 20 < column < 140:
            shift = int(np.rint(moved[abs(swaying.points[:, 0] - row) < 0.6, 1][0]))
            ours = swaying.image[row, column - 3 : column + 4]
            theirs = still.image[row, column - 3 - shift : column + 4 - shift]
            assert np.corrcoef(ours, theirs)[0, 1] > 0.8


def test_hum_and_offsets_are_parts_of_the_mean_signal():
    still = frame().image
    added = frame(hum=0.3).image - still
    # A sine of amplitude a has the standard deviation a / sqrt(2).
    assert added.std() == pytest.approx(0.3 * still.mean() / np.sqrt(2), rel=0.05)
    rows = frame(row_offset=0.1).image - still
    assert rows.std(1).max() == pytest.approx(0, abs=float(1e-4 * still.mean()))
    assert rows.mean(1).std() == pytest.approx(0.1 * still.mean(), rel=0.25)
