from dataclasses import replace

import pytest
from quick_gan import quick_gan

from stemzoo.adaptation.domain import matched_session, with_dopants
from stemzoo.adaptation.frames import FilteredSimulator
from stemzoo.simulate import find_session, simulate_session
from stemzoo.simulate.dataset import session_classes
from stemzoo.simulate.domain import domain_session


def frames_of(name, defects, n=1):
    session = replace(find_session(name), defects=defects)
    return [frame.image for frame in simulate_session(session, n, (512, 512), seed=2)]


def test_doped_images_make_doped_simulations():
    images = frames_of("wse2-dayA", {"se_vacancy": 0.025, "v_on_w": 0.05})
    clean = domain_session("wse2", 0.2074)
    doped = with_dopants(clean, images)
    # 1,000 columns: 50 plus or minus 7.
    assert doped.defects["v_on_w"] == pytest.approx(0.05, abs=0.015)
    assert {name: doped.defects[name] for name in clean.defects} == dict(clean.defects)
    assert session_classes(doped) == session_classes(clean)
    assert replace(doped, defects=clean.defects) == clean


@pytest.mark.parametrize("name", ["wse2-dayA", "wse2-dayB"])
def test_few_dark_columns_are_no_doping(name):
    images = frames_of(name, {"se_vacancy": 0.025, "v_on_w": 0.003}, 2)
    clean = domain_session("wse2", 0.2074)
    assert with_dopants(clean, images) is clean


def test_a_material_without_a_metal_is_left():
    clean = domain_session("graphene", 0.1)
    images = [frame.image for frame in simulate_session(clean, 1, (256, 256), seed=1)]
    assert with_dopants(clean, images) is clean


def test_both_kinds_of_training_frames_get_them():
    images = frames_of("wse2-dayA", {"se_vacancy": 0.025, "v_on_w": 0.05})
    domain, _ = matched_session(images, "wse2", 0.2074)
    assert domain.defects["v_on_w"] > 0.03
    likeness = FilteredSimulator.measure(quick_gan(sampling=0.2074), images, 0)
    assert likeness.session.defects["v_on_w"] == pytest.approx(domain.defects["v_on_w"])
