from dataclasses import replace

import numpy as np
import pytest
from swaying_lines import shifted

from stemzoo.analysis.hum import Wave, find_hum
from stemzoo.analysis.lattice import find_lattice
from stemzoo.simulate import find_material, find_session, simulate_session

DAY_A = find_session("wse2-dayA")


def measured(name, edge=384):
    frame = next(simulate_session(find_session(name), 1, (edge, edge), seed=2))
    material = find_material(frame.conditions.material)
    image = frame.image.astype(float)
    return image, find_lattice(image, material, sampling=frame.sampling)


@pytest.fixture(scope="module")
def day_a():
    return measured("wse2-dayA")


def test_a_wave_is_found_and_taken_out(day_a):
    image, lattice = day_a
    wave = Wave((0.3691, 0.0759), 2 * image.std(), 1.0)
    (found,) = find_hum(image + wave.on(image.shape), lattice)
    # A twentieth of the resolution of the spectrum; a pair of opposites is one wave.
    np.testing.assert_allclose(found.frequency, wave.frequency, atol=0.05 / 384)
    assert found.amplitude == pytest.approx(wave.amplitude, rel=0.02)
    left = image + wave.on(image.shape) - found.on(image.shape)
    assert np.std(left - image) < 0.1 * image.std()


def test_harmonics_are_found_strongest_first(day_a):
    image, lattice = day_a
    waves = [Wave((0.21, 0.31), a * image.std(), 0.0) for a in (1.0,)]
    waves += [Wave((-0.16, 0.2), 0.4 * image.std(), 2.0)]
    found = find_hum(image + sum(wave.on(image.shape) for wave in waves), lattice)
    assert [one.frequency for one in found] == [
        pytest.approx(wave.frequency, abs=2e-4) for wave in waves
    ]


def test_weak_waves_are_left_alone(day_a):
    image, lattice = day_a
    assert find_hum(image + Wave((0.2, 0.1), 0.1 * image.std(), 0.0).on(image.shape), lattice) == ()


@pytest.mark.parametrize("edge", [128, 192, 256, 512])
@pytest.mark.parametrize("name", ["wse2-dayA", "wse2-dayB", "graphene", "srtio3"])
def test_no_session_of_the_zoo_hums(name, edge):
    """Neither reflections nor contamination nor noise are taken for hum, in small frames either."""
    material = find_material(find_session(name).material)
    for frame in simulate_session(find_session(name), 4, (edge, edge), seed=2):
        image = frame.image.astype(float)
        try:
            lattice = find_lattice(image, material, sampling=frame.sampling, min_confidence=0.25)
        except ValueError:  # too small and noisy
            continue
        assert find_hum(image, lattice) == ()


def test_another_grain_is_no_hum():
    frames = [
        next(simulate_session(replace(DAY_A, rotation=angle), 1, (512, 512), seed=2)).image
        for angle in (5.0, 30.0)
    ]
    for part in (0.3, 0.5):
        image = frames[0].astype(float)
        image[:, int((1 - part) * 512) :] = frames[1][:, int((1 - part) * 512) :]
        lattice = find_lattice(image, find_material("wse2"), sampling=0.2074, min_confidence=0.25)
        assert find_hum(image, lattice) == ()


def test_another_layer_is_no_hum():
    frames = [
        next(simulate_session(replace(DAY_A, rotation=angle), 1, (512, 512), seed=2)).image
        for angle in (5.0, 25.0)
    ]
    image = frames[0] + 0.7 * frames[1]
    lattice = find_lattice(image, find_material("wse2"), sampling=0.2074, min_confidence=0.1)
    assert find_hum(image, lattice) == ()


def test_lines_that_hardly_sway_are_no_hum(day_a):
    image, lattice = day_a
    for amplitude in (0.8, 1.0, 1.3):
        shifts = amplitude * np.sin(2 * np.pi * np.arange(384) / 26)
        assert find_hum(shifted(image, shifts), lattice) == ()


def test_a_wave_is_what_it_says():
    wave = Wave((0.25, 0.0), 2.0, 0.0)
    np.testing.assert_allclose(wave.on((5, 2)).T[1], [2, 0, -2, 0, 2], atol=1e-12)


def test_the_same_source_gives_another_frame_another_wave():
    wave = Wave((0.25, 0.075), 2.0, 0.0)
    others = [wave.redrawn(np.random.default_rng(seed), 384, 0.1) for seed in range(400)]
    down, along = np.array([other.frequency for other in others]).T
    assert 0.45 < abs(down).max() < 0.5
    assert down.mean() == pytest.approx(0.0, abs=0.04)
    # All of one half of the draws, and a fifth of the other.
    assert np.mean(abs(down) < 0.1) == pytest.approx(0.6, abs=0.05)
    assert along.mean() == pytest.approx(0.075, rel=0.002)
    assert along.std() == pytest.approx(0.00075, rel=0.15)
    assert {other.amplitude for other in others} == {2.0}


def test_banding_keeps_its_period():
    wave = Wave((0.01, 0.0005), 2.0, 0.0)
    assert wave.redrawn(np.random.default_rng(0), 384, 0.1).frequency == wave.frequency
