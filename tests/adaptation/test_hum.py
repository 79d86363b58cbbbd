import numpy as np
import pytest

from stemzoo.adaptation.hum import Wave, find_hum
from stemzoo.lattice import find_lattice
from stemzoo.simulate import find_material, find_session, simulate_session


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
    (found,) = find_hum(image + wave.over(image.shape), lattice)
    # A twentieth of the resolution of the spectrum; a pair of opposites is one wave.
    np.testing.assert_allclose(found.frequency, wave.frequency, atol=0.05 / 384)
    assert found.amplitude == pytest.approx(wave.amplitude, rel=0.02)
    left = image + wave.over(image.shape) - found.over(image.shape)
    assert np.std(left - image) < 0.1 * image.std()


def test_harmonics_are_found_strongest_first(day_a):
    image, lattice = day_a
    waves = [Wave((0.21, 0.31), a * image.std(), 0.0) for a in (1.0,)]
    waves += [Wave((-0.16, 0.24), 0.4 * image.std(), 2.0)]
    found = find_hum(image + sum(wave.over(image.shape) for wave in waves), lattice)
    assert [one.frequency for one in found] == [
        pytest.approx(wave.frequency, abs=2e-4) for wave in waves
    ]


def test_weak_waves_are_left_alone(day_a):
    image, lattice = day_a
    assert (
        find_hum(image + Wave((0.2, 0.1), 0.1 * image.std(), 0.0).over(image.shape), lattice) == ()
    )


@pytest.mark.parametrize("name", ["wse2-dayA", "wse2-dayB", "graphene", "srtio3"])
def test_no_session_of_the_zoo_hums(name):
    """Neither reflections nor contamination nor noise are taken for hum."""
    assert find_hum(*measured(name, 512)) == ()


def test_a_wave_is_what_it_says():
    wave = Wave((0.25, 0.0), 2.0, 0.0)
    np.testing.assert_allclose(wave.over((5, 2)).T[1], [2, 0, -2, 0, 2], atol=1e-12)


def test_the_same_source_gives_another_frame_another_wave():
    wave = Wave((0.25, 0.075), 2.0, 0.0)
    others = [wave.another(np.random.default_rng(seed)) for seed in range(400)]
    down, along = np.array([other.frequency for other in others]).T
    assert np.std(down) == pytest.approx(1 / np.sqrt(12), rel=0.1)
    assert along.mean() == pytest.approx(0.075, rel=0.002)
    assert along.std() == pytest.approx(0.00075, rel=0.15)
    assert {other.amplitude for other in others} == {2.0}
