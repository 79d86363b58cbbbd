from pathlib import Path
from types import SimpleNamespace

import pytest

from stemzoo import io
from stemzoo.analysis.identification import Candidate
from stemzoo.inference.bundled_detectors import choose_detector
from stemzoo.simulate import find_session, simulate_session
from stemzoo.workflows.adaptation_plan import (
    find_detectors,
    find_translators,
    plan_adaptation,
    shown_material,
)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """An image of day B, 320 pixels wide, in the folder `today`."""
    monkeypatch.chdir(tmp_path)
    Path("today").mkdir()
    (frame,) = simulate_session(find_session("wse2-dayB"), 1, (320, 320), seed=3)
    io.write_tiff("today/0.tif", frame.image, sampling=0.2074)
    return [Path("today/*.tif")]


def test_the_material_is_that_which_the_images_show(files):
    plan = plan_adaptation(files, detector=True)
    assert (plan.material, plan.detectors) == ("wse2", ("fcn-wse2",))
    shown, chosen = plan.reasons
    assert shown.startswith("today/0.tif: the image shows wse2 (")
    # Of the three of WSe2 that whose conditions are nearest.
    assert plan.start == "cyclegan-wse2-dayB"
    assert chosen == "CycleGAN: cyclegan-wse2-dayB, the nearest of 3"


def test_a_cyclegan_that_was_named_tells_the_material_and_no_file_is_read():
    plan = plan_adaptation([Path("none.tif")], known="wse2", detector_from="./mine")
    assert plan.start is None
    assert plan.detectors == ("./mine", "fcn-wse2")
    assert plan.reasons == ()


def test_without_a_cyclegan_of_the_material_that_is_said(files):
    plan = plan_adaptation(files, material="MoS2", detector_from="./mine")
    assert (plan.material, plan.start) == ("mos2", None)
    assert plan.detectors[0] == "./mine"
    assert plan.reasons == ("no CycleGAN of mos2: frames are made from what the images tell",)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"material": "mos2", "known": "wse2"}, "expected weights of wse2. Received: mos2"),
        ({"material": "ws2"}, "a CycleGAN of ws2, or --detector"),
    ],
)
def test_what_cannot_be_adapted_is_one_line(files, options, words):
    with pytest.raises(ValueError, match="Received") as caught:
        plan_adaptation(files, **options)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_a_detector_the_commands_that_make_one_are_named(files):
    with pytest.raises(ValueError, match="needs a detector of gan-110.*stemzoo train fcn"):
        plan_adaptation(files, material="gan-110", detector=True)


def test_detectors_of_a_material_are_found_the_default_one_first():
    assert find_detectors("wse2")[0] == "fcn-wse2"
    assert all(name.startswith("fcn-wse2") for name in find_detectors("wse2"))
    assert find_translators("wse2")[0] == "cyclegan-wse2-dayA"


def found(**probabilities):
    candidates = tuple(Candidate(name, p, 0.2) for name, p in probabilities.items())
    possible = tuple(name for name, p in probabilities.items() if p > 0.05)
    sure = possible[0] if len(possible) == 1 else None
    return SimpleNamespace(candidates=candidates, possible=possible, material=sure)


def test_detect_and_adapt_take_the_same_material_where_brightness_leaves_it_open():
    open_ = found(mose2=0.6, wse2=0.35)
    assert shown_material(open_) == "wse2"
    assert choose_detector(open_).weights == "fcn-wse2"


def test_materials_that_only_brightness_tells_apart_leave_no_doubt_together():
    assert shown_material(found(wse2=0.6, mose2=0.35)) == "wse2"
    assert shown_material(found(mose2=0.94, wse2=0.03)) == "mose2"
    assert shown_material(found(wse2=0.6, mos2=0.35)) is None
    assert shown_material(found()) is None
