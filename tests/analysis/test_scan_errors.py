import numpy as np
import pytest
from swaying_lines import shifted, sway

from stemzoo.analysis.hum import Wave
from stemzoo.analysis.scan_errors import ScanErrors, all_scan_errors, find_scan_errors
from stemzoo.analysis.vacancies import column_evidence
from stemzoo.simulate import find_material, find_session, simulate_session

WSE2 = find_material("wse2")
SAMPLING = 0.2074


@pytest.fixture(scope="module")
def image():
    frame = next(simulate_session(find_session("wse2-dayA"), 1, (384, 384), seed=2))
    return frame.image.astype(float)


def test_hum_is_undone(image):
    bad = image + Wave((0.37, 0.076), 3 * image.std(), 1.0).on(image.shape)
    errors = find_scan_errors(bad, WSE2, SAMPLING)
    assert errors.line_shifts is None
    assert np.std(errors.undo(bad) - image) < 0.1 * image.std()


def test_lines_that_sway_are_undone_and_not_taken_for_hum(image):
    bad = shifted(image, sway(384))
    errors = find_scan_errors(bad, WSE2, SAMPLING)
    assert errors.hum == ()
    # The jitter of the frame itself goes too.
    assert np.corrcoef(errors.undo(bad).ravel(), image.ravel())[0, 1] > 0.95


def test_a_scan_without_errors_is_left_as_it_is(image):
    errors = find_scan_errors(image, WSE2, SAMPLING)
    assert errors == ScanErrors()
    assert errors.undo(image) is image
    points = np.array([[3.0, 4.0]])
    assert errors.move(points) is points


def test_points_move_between_lines():
    errors = ScanErrors((0.0, 2.0, 4.0))
    np.testing.assert_allclose(errors.move(np.array([[0.5, 7.0], [2.0, 1.0]])), [[0.5, 8], [2, 5]])


def test_images_without_a_lattice_have_no_errors_to_undo(image):
    noise = np.random.default_rng(0).normal(size=(256, 256))
    found = all_scan_errors([noise, shifted(image, sway(384))], WSE2, SAMPLING)
    assert found[0] == ScanErrors()
    assert np.std(found[1].line_shifts) > 2


def test_columns_are_judged_without_hum(image):
    bad = image + Wave((0.37, 0.076), 3 * image.std(), 1.0).on(image.shape)
    for one in column_evidence([image, bad], WSE2, "se_vacancy", SAMPLING):
        assert one.separation > 6
