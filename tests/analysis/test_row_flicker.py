from dataclasses import replace

import numpy as np
import pytest

from stemzoo.analysis.crystal_level import CrystalLevel
from stemzoo.analysis.lattice import find_lattice
from stemzoo.analysis.row_flicker import find_row_flicker
from stemzoo.simulate import find_material, find_session, simulate_session

WSE2 = find_material("wse2")
SAMPLING = 0.2074
EDGE = 384


def measured(rotation):
    """A frame in electrons and its lattice; lattice rows lie along the scan at 0 and 30 degrees."""
    session = replace(find_session("wse2-dayA"), rotation=rotation, bits=0)
    image = next(simulate_session(session, 1, (EDGE, EDGE), seed=2)).image.astype(float)
    return image, find_lattice(image, WSE2, sampling=SAMPLING)


@pytest.fixture(scope="module", params=[0.0, 12.0, 30.0])
def frame(request):
    return measured(request.param)


def flicker_of(image, lattice, crystal=None):
    crystal = np.ones(image.shape, bool) if crystal is None else crystal
    level = CrystalLevel.of(image, crystal, lattice)
    return find_row_flicker(image, level), level


def drawn(rms, seed=0):
    return rms * np.random.default_rng(seed).normal(size=(EDGE, 1))


def test_a_steady_scan_does_not_flicker_at_any_rotation(frame):
    found, _ = flicker_of(*frame)
    # Noise of 0.4 of a pixel's brightness leaves 0.02 in the mean of a row, of which halves of the
    # columns share nothing.
    assert found.rms < 0.01


# What lattice and noise leave in the means of rows hides a part of weak flicker in a small image.
@pytest.mark.parametrize(("rms", "within"), [(0.08, 0.5), (0.24, 0.25)])
def test_a_gain_that_flickers_is_told_and_undone(frame, rms, within):
    image, lattice = frame
    gain = np.exp(drawn(rms))
    found, level = flicker_of(image * gain, lattice)
    assert found.kind == "gain"
    assert found.response == pytest.approx(1, abs=0.2)
    assert found.rms == pytest.approx(rms, rel=within)
    left = found.undo(image * gain) - image
    # Where lattice rows lie along the scan, a tenth of the flicker passes for the lattice.
    assert left.std() < 0.45 * (image * gain - image).std()
    assert level.contrast(found.undo(image * gain)) > level.contrast(image * gain)


def test_an_offset_that_flickers_is_told_and_undone(frame):
    image, lattice = frame
    offset = image.std() * drawn(0.3)
    found, _ = flicker_of(image + offset, lattice)
    assert found.kind == "offset"
    assert found.response == pytest.approx(0, abs=0.15)
    assert found.rms == pytest.approx(0.3, rel=0.25)
    assert np.std(found.undo(image + offset) - image) < 0.45 * offset.std()


def test_a_gain_is_told_where_zero_is_not_black_and_where_columns_are_dark():
    image, lattice = measured(12.0)
    gain = np.exp(drawn(0.15))
    for scale, zero in ((1.0, image.mean()), (2.0, -2 * image.mean())):
        found, _ = flicker_of(scale * image * gain + zero, lattice)
        assert found.kind == "gain"
        assert found.rms == pytest.approx(0.15, rel=0.25)
        left = found.undo(scale * image * gain + zero) - (scale * image + zero)
        assert left.std() < 0.4 * scale * (image * gain - image).std()


def test_rows_without_crystal_are_left_alone():
    image, lattice = measured(12.0)
    crystal = np.ones(image.shape, bool)
    crystal[:100] = False
    crystal[:, :80] = False
    bad = np.where(crystal, image, 0) * np.exp(drawn(0.2))
    found, _ = flicker_of(bad, lattice, crystal)
    assert not found.excess[:90].any()
    assert found.rms == pytest.approx(0.2, rel=0.25)


def test_slow_brightness_stays():
    image, lattice = measured(12.0)
    slow = 1 + 0.3 * np.sin(2 * np.pi * np.arange(EDGE) / EDGE)[:, None]
    found, _ = flicker_of(image * slow, lattice)
    assert found.rms < 0.01
