from dataclasses import replace

import pytest
from quick_gan import quick_gan

from stemzoo.adaptation.dopants import find_dopants
from stemzoo.adaptation.experimental import ExperimentalSession
from stemzoo.simulate import find_session, simulate_session
from stemzoo.simulate.domain import domain_session
from stemzoo.simulate.labels import session_classes


def frames_of(name, defects, n=1):
    session = replace(find_session(name), defects=defects)
    return [frame.image for frame in simulate_session(session, n, (512, 512), seed=2)]


@pytest.fixture(scope="module")
def doped_images():
    return frames_of("wse2-dayA", {"se_vacancy": 0.025, "v_on_w": 0.05})


def test_dark_columns_of_the_metal_are_dopants(doped_images):
    # 1,000 columns: 50 plus or minus 7.
    assert find_dopants(doped_images, "wse2", 0.2074) == {"v_on_w": pytest.approx(0.05, abs=0.015)}


@pytest.mark.parametrize("name", ["wse2-dayA", "wse2-dayB"])
def test_few_dark_columns_are_no_doping(name):
    images = frames_of(name, {"se_vacancy": 0.025, "v_on_w": 0.003}, 2)
    assert find_dopants(images, "wse2", 0.2074) == {}


def test_a_material_without_a_metal_has_no_dopants():
    clean = domain_session("graphene", 0.1)
    images = [frame.image for frame in simulate_session(clean, 1, (256, 256), seed=1)]
    assert find_dopants(images, "graphene", 0.1) == {}


def test_both_kinds_of_training_frames_get_them(doped_images):
    model = quick_gan()
    session = ExperimentalSession.measure(
        doped_images, model.material, model.sampling, model.patch_size
    )
    clean, doped = domain_session("wse2", 0.2074), session.clean_session()
    assert doped.defects["v_on_w"] > 0.03
    assert {name: doped.defects[name] for name in clean.defects} == dict(clean.defects)
    assert session_classes(doped) == session_classes(clean)
    filtered = session.filtered_simulator(0, 128).session
    assert filtered.defects == doped.defects
    assert replace(filtered, defects=clean.defects) == clean
