import numpy as np
import pytest
from quick_gan import (
    Script,
    quick_gan,
    quick_recipe,
)

from stemzoo.adaptation import cyclegan
from stemzoo.adaptation.cyclegan import fit_adapt
from stemzoo.io import Image
from stemzoo.simulate import find_session, simulate_session


def bad_inputs(day_b):
    (graphene,) = simulate_session(find_session("graphene"), 1, (256, 256), seed=1)
    image = day_b[0].image
    nan = image.astype(float)
    nan[0, 0] = np.nan
    noise = np.random.default_rng(0).normal(size=(256, 256))
    return {
        "no image": ([], "at least one|one measured image or more"),
        "blank": ([np.zeros((256, 256))], "an image with contrast"),
        "NaN": ([image, nan], "image 1: expected finite values"),
        "tiny": ([image[:40, :40]], "at least 64 px"),
        "too small to divide": ([image[:120, :80]], "half of it to learn from"),
        "another material": ([Image(graphene.image, graphene.sampling)], "it fits graphene"),
        "no lattice": ([noise], "Expected images of wse2"),
        "mixed": ([Image(image, 0.2), Image(image, 0.1)], "images of one pixel size"),
    }


@pytest.fixture
def no_time(monkeypatch):
    """Fail as soon as any time is spent."""

    def fail(*_, **__):
        pytest.fail("time was spent")

    for name in ("simulate_session", "TranslationJudge", "patch_dataset"):
        monkeypatch.setattr(cyclegan, name, fail)


@pytest.mark.parametrize(
    "case",
    [
        "no image",
        "blank",
        "NaN",
        "tiny",
        "too small to divide",
        "another material",
        "no lattice",
        "mixed",
    ],
)
def test_bad_images_are_one_line_before_any_time_is_spent(case, day_b, no_time, tmp_path):
    images, words = bad_inputs(day_b)[case]
    parent = quick_gan(patch_size=64)
    with pytest.raises(ValueError, match=words) as caught:
        fit_adapt(parent, images, out=tmp_path / "out")
    assert "Received: " in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("minutes", [0, -1.0, float("nan")])
def test_a_time_that_is_none_is_one_line(minutes, day_b, no_time):
    with pytest.raises(ValueError, match=f"minutes is positive. Received: {minutes}"):
        fit_adapt(quick_gan(), [day_b[0].image], minutes=minutes)


def test_a_model_that_cannot_be_adapted_is_one_line(day_b, no_time, tiny_model):
    with pytest.raises(ValueError, match="whose material is known.*Received: quick"):
        fit_adapt(quick_gan(material=None), [day_b[0].image])
    with pytest.raises(ValueError, match="Expected a CycleGANSTEM.*Received: tiny"):
        fit_adapt(tiny_model, [day_b[0].image])


def test_simulations_that_are_too_small_are_one_line(day_b):
    with pytest.raises(ValueError, match="at least 32 px a side.*Received: 20 x 20 px"):
        fit_adapt(quick_gan(), [day_b[0].image], simulated=[np.eye(20)])


def test_saturated_images_are_warned_of_and_used(adapt, day_b, clock, monkeypatch):
    monkeypatch.setattr(cyclegan, "TranslationJudge", Script(clock, lambda i: 1 / (i + 1)))
    image = np.minimum(day_b[0].image, np.quantile(day_b[0].image, 0.9))
    with pytest.warns(UserWarning, match="10% of the pixels are at the upper and 0% at the lower"):
        adapted = fit_adapt(quick_gan(), [image], minutes=0.5, recipe=quick_recipe())
    assert adapted.adaptation.helped
