from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from stemzoo.analysis import signal_and_noise
from stemzoo.analysis.lattice import find_lattice
from stemzoo.analysis.signal_and_noise import (
    NoiseLevels,
    Parts,
    even_contrast,
    find_background,
    find_signal,
)
from stemzoo.simulate import find_material, simulate_session
from stemzoo.simulate.domain import domain_session

WSE2 = find_material("wse2")
SAMPLING = 0.2074


@pytest.fixture(scope="module")
def clean():
    session = domain_session("wse2", SAMPLING, (12.0, 0.0))
    (frame,) = simulate_session(session, 1, (512, 512), seed=4)
    return frame.image.astype(float)


def test_the_signal_is_lattice_and_background(clean):
    slow = clean.std() * np.sin(np.arange(512) / 60)[:, None]
    noise = np.random.default_rng(5).normal(0, clean.std(), clean.shape)
    lattice = find_lattice(clean, WSE2, sampling=SAMPLING)
    found = find_signal(clean + slow + noise, lattice)
    # Displaced columns, defects and one part in twenty of the noise stay where they do not belong.
    assert np.corrcoef(found.ravel(), (clean + slow).ravel())[0, 1] > 0.95
    left = (clean + slow + noise - found).std() / noise.std()
    assert left == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("part", [0.0, 0.5, 1.0])
def test_noise_that_follows_the_signal_is_told_from_noise_that_does_not(clean, part):
    """Its variance follows the signal by a part, and is half of the signal's."""
    relative = clean / clean.mean()
    sigma = np.sqrt(0.5 * clean.var() * (1 + part * (relative - 1)))
    noise = sigma * np.random.default_rng(5).standard_normal(clean.shape)
    levels = NoiseLevels.of(clean, noise)
    assert len(levels.rms) == 24
    expected = 0.5 * clean.var() * (1 + part * (levels.signal / clean.mean() - 1))
    np.testing.assert_allclose(levels.rms**2, expected, rtol=0.05)


def test_noise_beyond_what_was_seen_is_that_of_the_last_level():
    levels = NoiseLevels(np.array([0.0, 1.0]), np.array([0.1, 0.3]))
    assert levels.at(np.array([-5.0, 0.5, 9.0])) == pytest.approx([0.1, 0.2, 0.3])


@pytest.fixture(scope="module")
def doped():
    """A noisy image with 5 % of dark metal columns, the frame, and its noise."""
    session = domain_session("wse2", SAMPLING, (12.0, 0.0))
    session = replace(session, defects={"v_on_w": 0.05})
    (frame,) = simulate_session(session, 1, (512, 512), seed=4)
    sigma = 0.4 * frame.image.std()
    noise = np.random.default_rng(5).normal(0, sigma, frame.image.shape)
    image = frame.image + noise
    return frame, image, noise, Parts.of(image, find_lattice(image, WSE2, sampling=SAMPLING))


def test_dopants_are_no_noise(doped):
    _, image, noise, parts = doped
    all_of_it = image[parts.inner] - parts.signal
    # 4 % of the noise's power passes the filter as signal.
    assert np.mean(parts.levels.rms) == pytest.approx(noise.std(), rel=0.04)
    assert (parts.without_defects - parts.signal)[parts.intact].std() < 1.04 * noise.std()
    assert all_of_it.std() > 1.12 * noise.std()


def test_what_is_left_out_are_the_dopants(doped):
    frame, _, _, parts = doped
    inside = ((frame.points > 80) & (frame.points < 432)).all(axis=1)
    first = [edge.start for edge in parts.inner]
    rows, columns = np.rint(frame.points[inside] - first).astype(int).T
    assert inside.sum() > 20
    assert not parts.intact[rows, columns].any()
    # Discs of 8 px, half a spacing, around what stands out: at least 4 % of the area for 5 % of the
    # metal columns; of 14 px, with their own width, 14 %.
    assert 0.04 < 1 - parts.intact.mean() < 0.16


def test_edges_are_left_out_where_means_take_in_what_is_mirrored(clean):
    parts = Parts.of(clean, find_lattice(clean, WSE2, sampling=SAMPLING))
    # 1.5 widths of a filter that passes 0.08 of a reciprocal spacing: 3 spacings of 15.8 px.
    assert parts.image.shape == parts.signal.shape == parts.intact.shape == (418, 418)
    np.testing.assert_array_equal(parts.image, clean[parts.inner])


def test_of_a_small_image_three_quarters_are_left(clean):
    small = clean[:160, :200]
    lattice = find_lattice(clean, WSE2, sampling=SAMPLING)
    assert Parts.of(small, lattice).image.shape == (120, 160)


def test_where_much_of_an_image_stands_out_nothing_is_left_out(doped, monkeypatch):
    _, image, _, parts = doped
    monkeypatch.setattr(signal_and_noise, "_LEAST", parts.intact.mean() + 0.1)
    assert Parts.of(image, find_lattice(image, WSE2, sampling=SAMPLING)).intact.all()


@pytest.mark.parametrize("period", [150, 300])
def test_background_is_what_is_slower_than_the_lattice(clean, period):
    lattice = find_lattice(clean, WSE2, sampling=SAMPLING)
    innermost = np.hypot(*lattice.reciprocal.T).min()
    wave = np.sin(2 * np.pi * np.arange(512) / period)[:, None] * np.ones(512)
    found = find_background(wave, innermost)
    inner = (slice(64, -64),) * 2  # mirrored edges bend waves
    np.testing.assert_allclose(found[inner], wave[inner], atol=0.05)
    # Vacancies and displaced columns are slow, too, by a little.
    assert find_background(clean, innermost).std() < 0.1 * clean.std()


@pytest.fixture(scope="module")
def crystal():
    """A crystal, and the frequency of its innermost reflections."""
    (frame,) = simulate_session(domain_session("wse2", SAMPLING), 1, (512, 512), seed=4)
    image = ndimage.gaussian_filter(frame.image.astype(float), 2.0)
    lattice = find_lattice(image, find_material("wse2"), sampling=SAMPLING)
    innermost = float(np.hypot(*lattice.reciprocal.T).min())
    image -= find_background(image, innermost)
    return image / image.std(), innermost


def contaminated(crystal, strength):
    slow = ndimage.gaussian_filter(np.random.default_rng(3).normal(size=crystal.shape), 40)
    return crystal + strength * (slow - slow.mean()) / slow.std()


def expanded(image):
    return ((image - image.min()) / np.ptp(image)) ** 4


def alike(one, other):
    return np.corrcoef(one.ravel(), other.ravel())[0, 1]


def test_contamination_without_a_response_is_left(crystal):
    image = contaminated(crystal[0], 1.0)
    assert alike(even_contrast(image, crystal[1]), image) > 0.995


@pytest.mark.parametrize("strength", [1.0, 2.0])
def test_a_response_that_expands_is_undone(crystal, strength):
    image = contaminated(crystal[0], strength)
    found = even_contrast(expanded(image), crystal[1])
    assert found.std() == pytest.approx(1)
    assert alike(expanded(image), image) < 0.9
    assert alike(found, image) > 0.97


def test_a_weak_background_tells_nothing(crystal):
    image = expanded(contaminated(crystal[0], 0.1))
    assert alike(even_contrast(image, crystal[1]), image) == pytest.approx(1)


def test_an_even_image_is_no_division_by_zero(crystal):
    found = even_contrast(crystal[0], crystal[1])
    np.testing.assert_allclose(found.std(), 1)
    assert alike(found, crystal[0]) == pytest.approx(1)
