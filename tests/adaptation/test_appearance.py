from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import cKDTree
from swaying_lines import shifted, sway

from stemzoo.adaptation.agreement import HoldOut, overlapping_patches
from stemzoo.adaptation.appearance import Appearance, find_appearance
from stemzoo.adaptation.filtered_simulator import like_measured
from stemzoo.analysis.hum import Wave
from stemzoo.analysis.vacancies import column_evidence
from stemzoo.preprocessing import rescale_group
from stemzoo.simulate import find_material, find_session, simulate_session
from stemzoo.simulate.domain import domain_session

WSE2 = find_material("wse2")
SAMPLING = 0.2074


def humming(image):
    return image + Wave((0.37, 0.076), 3 * image.std(), 1.0).on(image.shape)


def swaying(image):
    return shifted(image, sway(len(image)))


def sharpened(image):
    return image - 0.9 * ndimage.gaussian_filter(image, 3)


@pytest.fixture(scope="module")
def frames():
    return [
        frame.image.astype(float)
        for frame in simulate_session(find_session("wse2-dayA"), 3, (512, 512), seed=2)
    ]


def agreement(measured, frames):
    patches = [
        np.concatenate([overlapping_patches(image, 128) for image in rescale_group(group)])
        for group in (measured, frames)
    ]
    return HoldOut((), patches[0]).agreement(patches[1])


@pytest.fixture(scope="module")
def plain():
    """Clean simulations."""
    clean = domain_session("wse2", SAMPLING)
    return [frame.image for frame in simulate_session(clean, 4, (512, 512), seed=1)]


@pytest.mark.parametrize("disturb", [lambda image: image, sharpened, humming])
def test_simulations_get_the_look_of_images(frames, plain, disturb):
    images = [disturb(image) for image in frames]
    appearances = [find_appearance(image, WSE2, SAMPLING) for image in images[:2]]
    clean = domain_session("wse2", SAMPLING)
    like = list(like_measured(appearances, clean, 4, (512, 512), seed=1, same_hum=True))
    found = agreement(images[2:], [frame.image for frame in like])
    # 5 and more for clean simulations; frames of day A among themselves: 0.07 to 0.1.
    assert found.spectrum_rms < 0.16
    assert found.intensity_kl < 0.03
    assert agreement(images[2:], plain).spectrum_rms > 1


@pytest.mark.parametrize("period", [150, 300])
def test_a_slow_background_takes_its_share_of_the_contrast(frames, period):
    wave = np.sin(2 * np.pi * np.arange(512) / period)
    image = frames[0] + 2 * frames[0].std() * wave[:, None]
    found = find_appearance(image, WSE2, SAMPLING)
    (like,) = like_measured([found], domain_session("wse2", SAMPLING), 1, found.image.shape, seed=1)
    # Of the shape of the part that is known: just that. 16 px are more than a spacing of planes.
    image = found.image
    slow, own = (ndimage.gaussian_filter(one, 16) for one in (like.image, image))
    assert np.corrcoef(slow.ravel(), own.ravel())[0, 1] > 0.98
    # Without the background, the lattice would fill the histogram: 1.7.
    assert np.std(like.image - slow) == pytest.approx(np.std(image - own), rel=0.05)


def test_hum_of_other_frames_comes_from_all_directions(frames):
    """Those that six images have can miss that of the next image."""
    seen = []

    class Recorded(Appearance):
        def apply(self, clean, rng, hum=()):
            seen.extend(hum)
            return clean

    found = Recorded(**vars(find_appearance(humming(frames[0]), WSE2, SAMPLING)))
    (own,) = found.errors.hum
    clean = domain_session("wse2", SAMPLING)
    list(like_measured([found], clean, 3, (64, 64), seed=1, same_hum=True))
    assert seen == [own] * 3
    seen.clear()
    list(like_measured([found], clean, 40, (64, 64), seed=1))
    down = np.array([wave.frequency[0] for wave in seen])
    # Half of them, and of the others as many as in all frequencies, where the crystal is seen.
    within = 0.5 + 0.5 * 2 * found.limit
    assert np.mean(abs(down) < found.limit) == pytest.approx(within, abs=0.15)
    assert np.ptp(down) > 0.8


def test_noise_is_as_strong_as_the_signal_asks_for(frames):
    """A display curve: noise of the detector before it, some more after it."""
    image = frames[0]
    unit = (image - image.min()) / np.ptp(image)
    measured = unit**5 + np.random.default_rng(5).normal(0, 0.02 * unit.std(), image.shape)
    bright, dark = image > np.quantile(image, 0.9), image < image.mean()
    ratios = []
    for one in (image, measured):
        found = find_appearance(one, WSE2, SAMPLING)
        like = [found.apply(image, np.random.default_rng(seed)) for seed in range(8)]
        spread = np.std(like, axis=0)
        ratios.append(spread[bright].mean() / spread[dark].mean())
    # Electrons: some two to three times as many in the brightest tenth. Fifth power: 2^4 and more
    # times the slope in pixels of twice the value, above noise that is the same everywhere.
    assert 1.2 < ratios[0] < 2.2
    assert ratios[1] > 2 * ratios[0]


def expanding(image):
    return ((image - image.min()) / np.ptp(image)) ** 2


def saturating(image):
    return 1 - np.exp(-3 * (image - image.min()) / np.ptp(image))


@pytest.mark.parametrize("respond", [lambda image: image, expanding, saturating])
def test_vacancies_stand_out_as_they_do_in_the_image(frames, respond):
    """Columns are displaced by heat, which is no noise in their intensity."""
    images = [respond(image) for image in frames]
    appearance = find_appearance(images[0], WSE2, SAMPLING)
    session = domain_session("wse2", SAMPLING)
    like = [frame.image for frame in like_measured([appearance], session, 3, (512, 512), seed=1)]
    own, made = (
        column_evidence(images, WSE2, "se_vacancy", SAMPLING)[0].separation
        for images in (images, like)
    )
    # 0.6 where all that is between the reflections is taken for noise.
    assert made / own == pytest.approx(1, abs=0.25)


def test_the_response_of_the_detector_is_undone(frames):
    found = find_appearance(frames[0], WSE2, SAMPLING)
    expanded = replace(found, signal=((found.signal + 1) / 2) ** 5)
    session = replace(domain_session("wse2", SAMPLING, (found.rotation, 0.0)), defects={})
    (clean,) = simulate_session(session, 1, (512, 512), seed=3)
    linear = expanded.before_response(clean.image)
    assert linear.std() == pytest.approx(1)
    away = [
        np.corrcoef(one.ravel(), found.signal.ravel())[0, 1] for one in (expanded.signal, linear)
    ]
    assert away[0] < 0.9
    assert away[1] > 0.99


def test_vacancies_stand_out_as_they_do_in_a_doped_image():
    session = replace(find_session("wse2-dayA"), defects={"se_vacancy": 0.025, "v_on_w": 0.05})
    (frame,) = simulate_session(session, 1, (512, 512), seed=2)
    appearance = find_appearance(frame.image, WSE2, SAMPLING)
    clean = domain_session("wse2", SAMPLING)
    like = [frame.image for frame in like_measured([appearance], clean, 3, (512, 512), seed=1)]
    own, made = (
        column_evidence(images, WSE2, "se_vacancy", SAMPLING)[0].separation
        for images in ([frame.image], like)
    )
    # Where dopants are taken for noise: see `Parts`.
    assert made / own == pytest.approx(1, abs=0.25)


def test_vacancies_are_where_the_labels_are_in_swaying_frames(frames):
    appearance = find_appearance(swaying(frames[0]), WSE2, SAMPLING)
    assert np.std(appearance.errors.line_shifts) == pytest.approx(4 / np.sqrt(2), rel=0.1)
    session = replace(domain_session("wse2", SAMPLING), defects={"se_vacancy": 0.05})
    (frame,) = like_measured([appearance], session, 1, (512, 512), seed=1)
    (evidence,) = column_evidence([frame.image], WSE2, "se_vacancy", SAMPLING)
    likely = evidence.positions[evidence.probability > 0.5]
    inner = frame.points[((frame.points > 30) & (frame.points < 482)).all(axis=1)]
    distance, _ = cKDTree(likely).query(inner)
    assert len(inner) > 40
    # In lines that are shifted by up to 4 px, columns are found within 2.5 px (0.5 Å).
    assert np.mean(distance < 2.5) > 0.95
    assert abs(len(likely) / len(evidence.positions) - 0.05) < 0.02


def test_an_image_without_a_lattice_is_an_error():
    with pytest.raises(ValueError, match="No wse2 lattice"):
        find_appearance(np.random.default_rng(0).normal(size=(256, 256)), WSE2, SAMPLING)


def test_the_middle_of_a_large_image_is_measured():
    [frame] = simulate_session(find_session("wse2-dayA"), 1, (640, 600), seed=4)
    large = find_appearance(frame.image, WSE2, frame.sampling, largest=512)
    middle = find_appearance(frame.image[64:576, 44:556], WSE2, frame.sampling)
    np.testing.assert_array_equal(large.image, middle.image)
    np.testing.assert_allclose(large.coefficients, middle.coefficients)
