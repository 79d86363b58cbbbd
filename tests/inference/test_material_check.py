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
    with pytest.raises(ValueError, match=r"shows graphene .*no wse2.*stemzoo list.*--force"):
        stemzoo.detect(graphene.image, detector, sampling=graphene.sampling)


@pytest.mark.filterwarnings("ignore:.*(disagree by|unlike the frames)")
def test_with_force_the_result_says_that_it_is_not_to_be_trusted(detector, graphene):
    with pytest.warns(UserWarning, match="not to be trusted: .*no wse2"):
        found = stemzoo.detect(graphene.image, detector, sampling=graphene.sampling, force=True)
    assert not found.trusted


def test_a_crystal_of_the_same_lattice_is_possible_in_every_image(day_a):
    found = stemzoo.identify(day_a[0].image, day_a[0].sampling)
    check = check_material(found, "wse2")
    assert (check.refusal, check.doubt, check.note) == (None, None, None)


def test_without_a_lattice_nothing_is_said():
    noise = np.random.default_rng(0).normal(size=(128, 128))
    assert check_material(stemzoo.identify(noise, 0.2), "wse2").refusal is None
