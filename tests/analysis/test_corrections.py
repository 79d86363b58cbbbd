from dataclasses import replace

import numpy as np
import pytest
from swaying_lines import shifted, sway

from stemzoo.analysis.corrections import Corrections, find_corrections
from stemzoo.analysis.hum import Wave
from stemzoo.analysis.lattice import find_lattice
from stemzoo.analysis.scan_errors import ScanErrors
from stemzoo.simulate import find_material, find_session, simulate_session

WSE2 = find_material("wse2")
SAMPLING = 0.2074
EDGE = 384


@pytest.fixture(scope="module")
def image():
    session = replace(find_session("wse2-dayA"), rotation=0.0)
    return next(simulate_session(session, 1, (EDGE, EDGE), seed=2)).image


def corrections(image):
    lattice = find_lattice(image, WSE2, sampling=SAMPLING, min_confidence=0.25)
    return find_corrections(image, WSE2, SAMPLING, lattice, np.ones(image.shape, bool))


def gain(rms):
    return np.exp(rms * np.random.default_rng(0).normal(size=(EDGE, 1)))


def test_a_good_image_is_left_as_it_is_to_the_bit(image):
    found = corrections(image)
    assert not found
    assert found.describe() == ()
    assert found.undo(image) is image
    points = np.array([[3.0, 4.0]])
    assert found.move(points) is points


def test_flicker_of_rows_is_undone_and_told(image):
    bad = image * gain(0.24)
    found = corrections(bad)
    (line,) = found.describe()
    # The zero of the file is not that of the detector, so its gain is known to a fifth.
    assert line in [f"row gain {n} % rms, undone" for n in range(19, 30)]
    assert np.std(found.undo(bad) - image) < 0.45 * np.std(bad - image)
    assert found.undo(bad).dtype == np.float32


def test_hum_is_undone_and_told(image):
    bad = image + Wave((0.37, 0.076), image.std(), 1.0).on(image.shape)
    found = corrections(bad)
    # The wave has 1/sqrt(2) of the image's standard deviation, or 0.58 of both together.
    assert found.describe() == ("hum of 1 wave, 58 % of the contrast, undone",)
    assert np.std(found.undo(bad) - image) < 0.1 * image.std()


def test_flicker_and_shifts_of_lines_are_undone_together(image):
    bad = shifted(image.astype(float), sway(EDGE, 2.0)) * gain(0.15)
    found = corrections(bad)
    rows, lines = found.describe()
    assert rows.startswith("row gain 1")
    # An amplitude of 2 px is 1.41 px rms; jitter of the frame adds to it.
    assert lines in [f"shifts of lines {n} px rms, undone" for n in (1.4, 1.5, 1.6)]
    moved = found.move(np.array([[40.0, 100.0]])) - [[40.0, 100.0]]
    assert moved[0] == pytest.approx([0, sway(EDGE, 2.0)[40]], abs=1)


def test_several_waves_are_told_as_such():
    waves = (Wave((0.1, 0.2), 1.0, 0.0), Wave((0.2, 0.3), 0.5, 0.0))
    found = Corrections(scan=ScanErrors(hum=waves), hum_strength=0.4)
    assert found.describe() == ("hum of 2 waves, 40 % of the contrast, undone",)


def test_an_image_of_few_cells_is_left_as_it_is(image):
    part = (image * gain(0.3))[:200, :200]
    lattice = find_lattice(image, WSE2, sampling=SAMPLING)
    # 16 cells are 16 · 3.28 Å / 0.2074 Å = 253 px.
    found = find_corrections(part, WSE2, SAMPLING, lattice, np.ones(part.shape, bool))
    assert not found


def test_a_response_that_is_no_straight_line_is_undone_and_told(image):
    bad = (image / image.max()) ** 2.5
    found = corrections(bad)
    (line,) = found.describe()
    # To a quarter; the zero of the file is not that of the detector.
    assert line in [f"response of gamma {n / 10}, undone" for n in range(19, 33)]
    skewed, straight = (
        np.corrcoef(one.ravel(), image.ravel())[0, 1] for one in (bad, found.undo(bad))
    )
    assert straight > 0.98 > skewed
