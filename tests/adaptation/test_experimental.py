from dataclasses import replace

import numpy as np
import pytest
from quick_gan import quick_gan
from swaying_lines import shifted, sway

from stemzoo.adaptation.appearance import find_appearance
from stemzoo.adaptation.experimental import ExperimentalSession, with_known_errors
from stemzoo.analysis.hum import Wave
from stemzoo.analysis.lattice import find_rotation
from stemzoo.analysis.scan_errors import ScanErrors, all_scan_errors
from stemzoo.io import Image
from stemzoo.simulate import find_material, find_session, simulate_session

WSE2, SAMPLING = find_material("wse2"), 0.2074


@pytest.fixture(scope="module")
def swaying():
    """A session of an image that does not sway and one that does."""
    (frame,) = simulate_session(find_session("wse2-dayA"), 1, (384, 384), seed=2)
    image = frame.image.astype(float)
    return ExperimentalSession.measure([image, shifted(image, sway(384))], "wse2", SAMPLING, 32)


def test_a_session_knows_what_is_measured_on_its_images(session):
    images = list(session.images)
    assert session.scan_errors == tuple(all_scan_errors(images, WSE2, SAMPLING))
    straight = [e.undo(image) for e, image in zip(session.scan_errors, images, strict=True)]
    assert session.rotation == find_rotation(straight, "wse2", SAMPLING)
    assert session.dopants == {}
    assert len(session.held_out.training) == len(images)


def test_each_is_measured_once(session):
    for name in ("scan_errors", "rotation", "dopants", "appearances"):
        assert getattr(session, name) is getattr(session, name)
    first = session.filtered_simulator(1, 128)
    assert session.filtered_simulator(2, 512) is first


def test_errors_that_the_check_had_to_measure_are_not_measured_again(session):
    known = ScanErrors(hum=(Wave((0.3, 0.1), 1.0, 0.0),))
    other = replace(session, known_errors=(known, None))
    assert other.scan_errors == (known, session.scan_errors[1])


def test_images_are_at_the_pixel_size_of_the_model(day_b):
    image = Image(day_b[0].image, 0.1037)
    session = ExperimentalSession.measure([image], "wse2", SAMPLING, 32, own=SAMPLING)
    np.testing.assert_array_equal(session.images[0], day_b[0].image)
    with pytest.raises(ValueError, match="lattice"):
        ExperimentalSession.measure([image], "wse2", SAMPLING, 32)


def test_a_session_for_another_model_is_one_line(session):
    assert ExperimentalSession.of(session, quick_gan()) is session
    for changes in ({"patch_size": 64}, {"sampling": 0.19}, {"material": "mose2"}):
        with pytest.raises(ValueError, match="Expected a session measured for quick.*Received"):
            ExperimentalSession.of(session, quick_gan(**changes))


def test_what_was_undone_is_not_simulated(swaying):
    """As `detect` undoes it in the images that the new weights are for."""
    (said,) = swaying.corrections["image 1"]
    assert said.startswith("shifts of lines ")
    assert list(swaying.corrections) == ["image 1"]
    assert swaying.clean_session().line_shifts == ()


def test_simulations_sway_as_the_images_do_where_that_is_not_undone(swaying, session):
    as_it_was = replace(swaying, images=swaying.given, known_errors=(None, None))
    straight, moved = as_it_was.clean_session().line_shifts
    assert set(straight) == {0.0}
    assert np.std(moved) > 2
    assert session.clean_session().line_shifts == ()


def test_simulations_lie_as_the_images_do(session):
    clean = session.clean_session()
    assert (clean.rotation.mean, clean.rotation.std) == session.rotation
    assert (clean.material, clean.sampling) == ("wse2", SAMPLING)


def test_without_a_lattice_there_is_no_appearance(session):
    noise = np.random.default_rng(0).normal(size=(200, 256))
    held_out = replace(session.held_out, training=(noise, noise))
    blind = replace(session, held_out=held_out)
    assert blind.appearances == ()
    assert blind.filtered_simulator(0).agreement is None


@pytest.mark.parametrize(
    "errors", [ScanErrors(hum=(Wave((0.1, 0.07), 1.0, 0.0),)), ScanErrors(line_shifts=(1.0, 2.0))]
)
def test_an_image_whose_errors_of_the_scan_are_not_found_is_no_pattern(errors, day_b):
    """Hum that hits a reflection, or lines that sway further than can be told."""
    look = find_appearance(day_b[0].image, WSE2, SAMPLING)
    some, none = replace(look, errors=errors), replace(look, errors=ScanErrors())
    assert with_known_errors([some, none, some]) == (some, some)
    assert with_known_errors([some, none]) == (some, none)
