import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from places import EXAMPLES

from stemzoo.inference.advice import MisfitSummary, advise, describe_match, match_facts, match_model
from stemzoo.inference.comparison import Match, compare, read_conditions
from stemzoo.inference.expectation import Expectation
from stemzoo.io import Image, read_image
from stemzoo.metrics.estimate import Estimate

EXAMPLE = EXAMPLES / "wse2_dayB.tif"


def matched(weights, distance=5.0, p=1e-5, material="wse2", reason="noisier"):
    session = weights.removeprefix("fcn-").removeprefix("cyclegan-")
    return Match(weights, session, material, distance, p, -distance, reason)


NOWHERE = {"distance": np.inf, "p": 0.0, "reason": "no lattice of wse2"}
FITS = {"distance": 1.0, "p": 0.5, "reason": ""}


@pytest.fixture
def image(frames):
    return Image(frames[0].image, frames[0].sampling, path=Path("scan1.tif"))


@pytest.fixture
def model(day_conditions):
    return SimpleNamespace(name="mine", conditions=day_conditions)


def summary(*ranked, task="detection"):
    """A summary for weights of the zoo that fit like this."""
    return MisfitSummary(task, rank=lambda image: ranked)


def test_an_image_is_compared_as_far_as_that_can_be(image, model):
    found = match_model(image, model)
    assert (found.weights, found.session) == ("mine", "wse2-dayA")
    assert not found.fits
    assert match_model(image, SimpleNamespace(name="other", conditions=None)) is None
    assert match_model(Image(image.data[:100, :100], image.sampling), model) is None


def test_facts_are_json_even_of_what_is_infinitely_far():
    found = match_facts(matched("fcn-wse2", **NOWHERE))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found == {"distance": None, "p_value": 0.0, "differs": "no lattice of wse2"}
    assert match_facts(matched("fcn-wse2")) == {
        "distance": 5.0,
        "p_value": 1e-5,
        "differs": "noisier",
    }


def test_a_match_is_told_in_words():
    assert describe_match(matched("fcn-wse2")) == "distance 5.00, p 1e-05: noisier"
    assert describe_match(matched("fcn-wse2", **FITS)) == "distance 1.00, p 0.5"
    assert describe_match(matched("fcn-wse2", **NOWHERE)) == "p 0: no lattice of wse2"


def test_nothing_is_said_of_images_that_fit(image):
    seen = MisfitSummary("detection")
    seen.add(image, None)
    seen.add(image, matched("fcn-wse2", **FITS))
    assert (seen.compared, seen.misfits, seen.warning()) == (1, 0, None)


def test_one_image_is_named_with_what_differs_and_better_weights(image):
    seen = summary(matched("cyclegan-wse2-dayB", **FITS), matched("fcn-wse2-dayB", **FITS))
    seen.add(image, matched("fcn-wse2-dayA"))
    assert seen.warning() == (
        "scan1.tif: unlike the frames that fcn-wse2-dayA was trained on (distance 5.00, p 1e-05: "
        "noisier). fcn-wse2-dayB fits: use these weights."
    )


def test_of_several_images_the_number_and_the_worst_are_named(image):
    seen = summary(matched("cyclegan-wse2-dayB", 7.0), matched("cyclegan-wse2-dayA", 6.0))
    other = Image(image.data, image.sampling, path=Path("scan2.tif"))
    for one, found in (
        (image, matched("mine")),
        (other, matched("mine", 9.0)),
        (image, matched("mine", **FITS)),
        (image, None),
    ):
        seen.add(one, found)
    assert seen.warning() == (
        "2 of 3 images are unlike the frames that mine was trained on (p < 0.01), most of all "
        "scan2.tif (distance 9.00, p 1e-05: noisier). Next: stemzoo adapt 'scan*.tif' --from "
        "cyclegan-wse2-dayA --out DIR"
    )


@pytest.mark.parametrize(
    ("ranked", "words"),
    [
        ((matched("fcn-wse2-dayB", **FITS), matched("fcn-wse2-dayA", **FITS)), "dayB fits"),
        # The widely trained detector is better than a more specific one.
        ((matched("fcn-wse2-dayB", **FITS), matched("fcn-wse2", **FITS)), "fcn-wse2 fits"),
        (
            (
                matched("cyclegan-graphene", **FITS, material="graphene"),
                matched("fcn-wse2", **NOWHERE),
            ),
            "It looks like graphene, a session of graphene",
        ),
        ((matched("fcn-wse2", **NOWHERE),), "no lattice of wse2: check the material"),
        # Without a CycleGAN of the material, frames are made from what the images tell.
        ((matched("fcn-wse2"),), "adapt scan1.tif --material wse2 --detector --out DIR"),
    ],
)
def test_the_next_step_depends_on_what_fits(image, ranked, words):
    seen = summary(*ranked)
    seen.add(image, matched("mine"))
    assert words in seen.warning()


def test_weights_for_another_task_are_not_offered(image):
    ranked = matched("fcn-wse2", **FITS), matched("cyclegan-wse2-dayB")
    seen = summary(*ranked, task="translation")
    seen.add(image, matched("cyclegan-wse2-dayA"))
    assert "stemzoo adapt scan1.tif --from cyclegan-wse2-dayB" in seen.warning()


def test_noise_that_is_not_as_in_training_is_looked_at(image):
    seen = summary(matched("fcn-wse2", **FITS), task="denoising")
    seen.add(image, matched("denoise-wse2"))
    assert seen.warning().endswith("use the picture, and at the image itself.")


def test_an_image_that_other_weights_cannot_be_compared_with_is_no_error(image):
    def fail(image):
        raise ValueError("too small")

    seen = MisfitSummary("detection", rank=fail)
    seen.add(image, matched("mine"))
    assert seen.warning().endswith("Look at the result before you use it.")


@pytest.mark.parametrize(
    ("ranked", "words"),
    [
        (
            (matched("fcn-wse2-dayB", **FITS), matched("fcn-wse2", **FITS)),
            "no adapting is needed. Next: stemzoo detect a.tif --weights fcn-wse2",
        ),
        (
            (matched("fcn-wse2", 1.5, 0.1), matched("cyclegan-wse2-dayB")),
            "at their edge (noisier). Try it first: stemzoo detect a.tif --weights fcn-wse2. If it "
            "misses defects: stemzoo adapt a.tif --from cyclegan-wse2-dayB --out DIR",
        ),
        (
            (
                matched("fcn-wse2", **FITS),
                matched("cyclegan-graphene", **FITS, material="graphene"),
            ),
            "Weights of graphene and wse2 fit: give --material or --pixel-size.",
        ),
        ((matched("fcn-wse2-dayB", **FITS),), "stemzoo detect a.tif --weights fcn-wse2-dayB"),
        (
            (matched("cyclegan-graphene", **FITS, material="graphene"), matched("fcn-wse2")),
            "on two cores: stemzoo train fcn --translate cyclegan-graphene --out DIR",
        ),
        # There is a detector of that material, which adapt renews, too.
        (
            (matched("cyclegan-srtio3", 4.0, material="srtio3"),),
            "Nothing fits. Next: stemzoo adapt a.tif --from cyclegan-srtio3 --out DIR",
        ),
        (
            (matched("fcn-wse2", 4.0), matched("cyclegan-wse2-dayB")),
            "Nothing fits. Next: stemzoo adapt a.tif --from cyclegan-wse2-dayB --out DIR",
        ),
        ((matched("cyclegan-wse2-dayB", **NOWHERE),), "no lattice of wse2"),
    ],
)
def test_advice_follows_from_the_ranking(ranked, words):
    assert words in advise(ranked, [Path("a.tif")])


@pytest.mark.parametrize(
    ("paths", "pattern"),
    [
        (["a b.tif"], "'a b.tif'"),
        (["day/a1.tif", "day/a2.tif"], "'day/a*.tif'"),
        (["day [1]/a1.tif", "day [1]/a2.tif"], "'day [[]1]/a*.tif'"),
        (["day/a1.tif", "other/a2.tif"], "day/a1.tif other/a2.tif"),
        (["a/1.tif", "b c/1.tif", "b c/2.tif", "a/1.dm4"], "a/1.tif 'b c/*.tif' a/1.dm4"),
        (["$(x)/1.tif", "-o.tif"], "'$(x)/1.tif' ./-o.tif"),
        (["-a1.tif", "-a2.tif"], "'./-a*.tif'"),
        ([], "IMAGE..."),
    ],
)
def test_files_are_named_as_a_shell_takes_them(paths, pattern):
    paths = [Path(path) for path in paths]
    adapted = advise([matched("cyclegan-wse2-dayB")], paths)
    assert f"stemzoo adapt {pattern} --from" in adapted
    assert f"stemzoo detect {pattern} --weights" in advise([matched("fcn-wse2", **FITS)], paths)


def test_the_example_needs_no_adapting_and_looks_like_its_session():
    ranked = compare([read_image(EXAMPLE)], read_conditions())
    assert ranked[0].session == "wse2-dayB"
    assert "no adapting is needed" in advise(ranked)
    assert "--weights fcn-wse2" in advise(ranked)
    assert "cyclegan-wse2-dayA" in {one.weights for one in ranked if not one.fits}
    # Weights for other materials are not compared, as it is WSe2 without doubt.
    assert {one.material for one in ranked} == {"wse2"}


def expecting(f1, low, high, **changes):
    """A detector of which so large an F1 is to be expected."""
    f1 = Estimate(f1, low, high)
    expected = Expectation(f1, f1, f1, 50, 50.0)
    return replace(matched("fcn-wse2", **changes), expected=expected)


def test_few_errors_to_be_expected_are_the_reason_not_to_adapt():
    ranked = expecting(0.95, 0.9, 0.98, **FITS), matched("cyclegan-wse2-dayB", **FITS)
    assert advise(ranked, [Path("a.tif")]) == (
        "fcn-wse2: F1 0.95 (0.90 to 0.98) is to be expected in these images: no adapting is "
        "needed. Next: stemzoo detect a.tif --weights fcn-wse2"
    )


def test_of_images_unlike_the_frames_few_errors_are_a_reason_to_try():
    said = advise((expecting(0.95, 0.9, 0.98), matched("cyclegan-wse2-dayB")), [Path("a.tif")])
    assert "though they are unlike its frames (noisier). Try it first and look at the" in said
    assert "If it misses defects: stemzoo adapt a.tif --from cyclegan-wse2-dayB" in said


def test_many_errors_to_be_expected_are_said_though_the_images_fit():
    ranked = expecting(0.5, 0.4, 0.6, **FITS), matched("cyclegan-wse2-dayB", **FITS)
    said = advise(ranked, [Path("a.tif")])
    assert "F1 0.50 (0.40 to 0.60) is to be expected in these images, so many errors" in said
    assert "Else: stemzoo adapt a.tif --from cyclegan-wse2-dayB --out DIR. As it is: " in said
