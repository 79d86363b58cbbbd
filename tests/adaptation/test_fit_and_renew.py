"""From images to a detector, with nothing replaced but the clock and the sizes."""

from dataclasses import replace

import numpy as np
import pytest
from quick_gan import quick_gan, quick_recipe

from stemzoo.adaptation import fcn, frames
from stemzoo.adaptation.cyclegan import fit_adapt
from stemzoo.adaptation.fcn import renew_detector
from stemzoo.adaptation.frames import FilteredSimulator
from stemzoo.preprocessing import resample
from stemzoo.simulate import find_session, simulate_session

CLASSES = ("se_vacancy", "se_divacancy", "metal_dark", "bright")


@pytest.fixture(scope="module")
def images():
    """Two images of day A whose pixels are not the networks'."""
    frames = simulate_session(find_session("wse2-dayA"), 2, (320, 320), seed=7)
    return [resample(frame.image, frame.sampling, 0.18) for frame in frames]


@pytest.mark.filterwarnings("ignore:adapting", "ignore:parent", "ignore:renewed")
def test_images_are_described_once_for_cyclegan_and_detector(
    images, clock, make_model, monkeypatch
):
    """In half a minute, which is not tried on the CycleGAN."""
    for name, value in {"_TRANSLATED": 2, "_SIMULATED": 4}.items():
        monkeypatch.setattr(frames, name, value)
    for module in (frames, frames):
        monkeypatch.setattr(module, "EDGE", 128)
    recipe = replace(fcn._RECIPE, patch=32, batch_size=2, steps_per_epoch=2)
    monkeypatch.setattr(fcn, "_RECIPE", recipe)
    measured, measure = [], FilteredSimulator.measure

    def count(*arguments):
        measured.append(measure(*arguments))
        return measured[-1]

    monkeypatch.setattr(FilteredSimulator, "measure", count)
    rng = np.random.default_rng(0)
    adapted = fit_adapt(
        quick_gan(),
        images,
        minutes=0.5,
        sampling=0.18,
        recipe=quick_recipe(),
        for_detector=True,
        rng=rng,
    )
    assert adapted.adaptation.stopped == "short"
    parent = make_model(CLASSES, name="parent")
    found = renew_detector(parent, adapted, images, minutes=0.5, sampling=0.18, rng=rng)
    assert len(measured) == 1
    assert found.renewal.agreements["simulated"] == measured[0].agreement
    # A step a second of the clock, in blocks of two, less what judging takes.
    assert 20 <= found.renewal.steps <= 30


def test_a_seed_names_the_frames_however_many_threads_make_them(images):
    found = FilteredSimulator.measure(quick_gan(), images, 0)
    many, few = (found.simulate(n, 5) for n in (4, 2))
    for one, other in zip(many, few, strict=False):
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_array_equal(one.points, other.points)
    assert not np.array_equal(many[0].image, found.simulate(1, 6)[0].image)
