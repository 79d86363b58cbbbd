from types import SimpleNamespace

import numpy as np
import pytest

from stemzoo.adaptation.agreement import HoldOut
from stemzoo.adaptation.experimental import ExperimentalSession
from stemzoo.adaptation.filtered_simulator import FilteredSimulator, compared_patches


@pytest.fixture(scope="module")
def day_a_session(large_frames):
    return ExperimentalSession.measure([f.image for f in large_frames], "wse2", 0.2074, 32)


def test_frames_are_compared_in_the_units_of_the_measured_images(day_a_session):
    tailed = [(image / image.max()) ** 5 for image in day_a_session.images]
    held = HoldOut.split(tailed, 64)
    frames = [SimpleNamespace(image=image) for image in held.training]
    agreement = held.agreement(compared_patches(frames, 64, 0))
    # 0.15 and 1.3 if the frames were saturated and scaled once more.
    assert agreement.spectrum_rms < 0.05
    assert agreement.intensity_kl < 0.01


def test_a_seed_names_the_frames_however_many_threads_make_them(day_a_session):
    simulator = day_a_session.filtered_simulator(0, 128)
    many, few = (simulator.simulate(n, 5) for n in (4, 2))
    for frame, other in zip(many, few, strict=False):
        np.testing.assert_array_equal(frame.image, other.image)
        np.testing.assert_array_equal(frame.points, other.points)
    assert not np.array_equal(many[0].image, simulator.simulate(1, 6)[0].image)
    assert many[0].image.shape == (128, 128)


def test_how_near_its_frames_come_is_told_beforehand(day_a_session):
    agreement = day_a_session.filtered_simulator(0, 128).agreement
    # Frames of day A among themselves: 0.07 to 0.1.
    assert agreement.spectrum_rms < 0.2


def test_it_knows_how_the_lattices_lie(day_a_session):
    rotation = day_a_session.filtered_simulator(0, 128).rotation()
    assert rotation == pytest.approx(day_a_session.rotation, abs=0.5)


def test_without_appearances_there_is_nothing_to_compare(day_a_session):
    empty = FilteredSimulator((), day_a_session.clean_session())
    assert empty.compared_with(day_a_session.held_out, 0) is empty
