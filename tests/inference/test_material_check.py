from dataclasses import replace

import numpy as np
import pytest

import stemzoo
from stemzoo.inference.material_check import check_material
from stemzoo.simulate import find_session, simulate_session


@pytest.fixture(scope="module")
def graphene():
    (frame,) = simulate_session(find_session("graphene"), 1, (384, 384), seed=5)
    return frame


def test_another_material_is_refused_and_the_next_step_is_named(detector, graphene):
    with pytest.raises(
        ValueError, match=r"shows graphene .*no wse2.*--weights fcn-graphene.*--force"
    ):
        stemzoo.detect(graphene.image, detector, sampling=graphene.sampling)


@pytest.mark.filterwarnings("ignore:.*(disagree by|unlike the frames)")
def test_with_force_the_result_says_that_it_is_not_to_be_trusted(detector, graphene):
    with pytest.warns(UserWarning, match="not to be trusted: .*no wse2"):
        found = stemzoo.detect(graphene.image, detector, sampling=graphene.sampling, force=True)
    assert not found.trusted


def crystal(material, seed=5):
    """A frame of 512² px of a dichalcogenide under the conditions of a session of WSe2."""
    name = "se" if material.endswith("se2") else "s"
    session = replace(
        find_session("wse2-dayA"), material=material, defects={f"{name}_vacancy": 0.03}
    )
    (frame,) = simulate_session(session, 1, (512, 512), seed=seed)
    return frame


def test_what_only_the_brightness_of_columns_tells_apart_is_a_doubt_and_no_refusal():
    frame = crystal("mose2")
    check = check_material(stemzoo.identify(frame.image, frame.sampling), "wse2")
    assert check.refusal is None
    assert check.doubt.startswith("may be mose2 (probability 0.9")
    assert check.doubt.endswith("elemental analysis would decide")


@pytest.mark.parametrize("material", ["mos2", "ws2"])
def test_another_lattice_constant_is_refused_only_where_the_pixel_size_is_known(material):
    frame = crystal(material)
    known = check_material(stemzoo.identify(frame.image, frame.sampling), "wse2")
    unknown = check_material(stemzoo.identify(frame.image), "wse2")
    assert known.refusal.startswith(f"the image shows {material}")
    assert unknown.refusal is None
    assert unknown.doubt is not None


def test_a_mirror_twin_of_wse2_is_not_taken_for_mose2():
    frame = crystal("wse2", seed=11)
    image = frame.image.copy()
    image[:, 170:] = image[::-1, ::-1][:, 170:]
    found = stemzoo.identify(image, frame.sampling)
    check = check_material(found, "wse2")
    assert (check.refusal, check.doubt) == (None, None)
    assert "turned by 60 degrees" in check.note
    # Half-empty columns are counted domain by domain, as the chalcogen is elsewhere in each.
    assert found.dark_columns.weaker > 3 * found.dark_columns.stronger


def test_a_crystal_of_the_same_lattice_is_possible_in_every_image(day_a):
    found = stemzoo.identify(day_a[0].image, day_a[0].sampling)
    check = check_material(found, "wse2")
    assert (check.refusal, check.doubt, check.note) == (None, None, None)


def test_without_a_lattice_nothing_is_said():
    noise = np.random.default_rng(0).normal(size=(128, 128))
    assert check_material(stemzoo.identify(noise, 0.2), "wse2").refusal is None
