from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from stemzoo.adaptation.labels import LabelCheck, check_labels, label_probes
from stemzoo.simulate.domain import domain_session

SESSION = domain_session("wse2", 0.2074, (0.0, 2.0))


@pytest.fixture(scope="module")
def watched():
    return label_probes(SESSION, 2, 384, seed=1)


@pytest.fixture(scope="module")
def start(watched):
    """Translations that change nothing but noise."""
    return check_labels(watched, [noisy(frame.image) for frame in watched])


def noisy(image):
    return image + np.random.default_rng(0).normal(0, 0.2 * image.std(), image.shape)


def healed(frame, part):
    """Fill some of the vacancies: the missing atom adds a Gaussian of a column's width."""
    chosen = np.random.default_rng(1).random(len(frame.points)) < part
    y, x = np.mgrid[: frame.image.shape[0], : frame.image.shape[1]]
    spots = [
        np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * 3.0**2))
        for row, column in frame.points[chosen]
    ]
    return frame.image + 0.3 * np.ptp(frame.image) * sum(spots)


def test_watched_frames_have_enough_vacancies_of_one_kind_and_no_noise(watched):
    assert all(set(frame.defects) == {"se_vacancy"} for frame in watched)
    # 6 % of the columns of Se, of which each cell of 3.282² √3/2 Å² has one.
    columns = 2 * (384 * 0.2074) ** 2 / (3.282**2 * np.sqrt(3) / 2)
    assert sum(len(frame.defects) for frame in watched) > 0.05 * columns
    frame = watched[0]
    np.testing.assert_allclose(
        frame.image / frame.image.mean(), frame.clean / frame.clean.mean(), rtol=1e-3
    )


def test_a_material_without_vacancies_is_not_watched():
    frames = label_probes(replace(SESSION, defects={"w_on_se": 0.01}), 1, 128, seed=1)
    assert frames == []
    assert check_labels(frames, []) is None


def test_faithful_translations_are_safe(watched, start):
    assert start.is_safe(start)
    assert start.removed[0] < 10
    assert start.invented[0] < 5
    assert start.moved == 0
    blurred = [noisy(ndimage.gaussian_filter(frame.image, 1.0)) for frame in watched]
    assert check_labels(watched, blurred).is_safe(start)


def test_a_translation_that_moves_the_crystal_is_not_safe(watched, start):
    # 4 px are 0.8 Å; labels within 0.5 Å hold.
    moved = [np.roll(noisy(frame.image), 4, axis=1) for frame in watched]
    found = check_labels(watched, moved)
    assert found.moved > 900
    assert not found.is_safe(start)


def test_a_translation_that_removes_vacancies_is_not_safe(watched, start):
    found = check_labels(watched, [noisy(healed(frame, 0.2)) for frame in watched])
    assert found.removed[0] == pytest.approx(200, abs=80)
    assert not found.is_safe(start)


def test_a_translation_that_invents_vacancies_is_not_safe(watched, start):
    # The frame has vacancies that its labels do not know.
    frame = watched[0]
    keep = np.random.default_rng(1).random(len(frame.points)) < 0.5
    half = replace(
        frame,
        points=frame.points[keep],
        defects=tuple(n for n, k in zip(frame.defects, keep, strict=True) if k),
    )
    found = check_labels([half], [noisy(frame.image)])
    assert found.invented[0] > 20
    assert not found.is_safe(start)


def test_a_translation_without_a_crystal_is_not_safe(watched, start):
    flat = [np.random.default_rng(0).normal(size=frame.image.shape) for frame in watched]
    assert not check_labels(watched, flat).is_safe(start)


@pytest.mark.parametrize("contrast", [0, -1])
def test_a_translation_without_contrast_or_inverted_is_not_safe(watched, start, contrast):
    found = check_labels(watched, [contrast * frame.image for frame in watched])
    assert not found.is_safe(start)


NAN = (float("nan"), float("nan"))
GOOD = LabelCheck((10.0, 4.0), (2.0, 1.0), 0.0)


@pytest.mark.parametrize(
    ("now", "start", "safe"),
    [
        (GOOD, GOOD, True),
        # What the pretrained model does itself is no fault of the adaptation.
        (LabelCheck((90.0, 60.0), (2.0, 1.0), 0.0), LabelCheck((90.0, 60.0), (0, 0), 0.0), True),
        (LabelCheck((90.0, 60.0), (2.0, 1.0), 0.0), GOOD, False),
        (LabelCheck((10.0, 4.0), (30.0, 20.0), 0.0), GOOD, False),
        (LabelCheck((10.0, 4.0), (2.0, 1.0), 25.0), GOOD, False),
        # Only what is certain counts: the lower end of the interval.
        (LabelCheck((90.0, 20.0), (30.0, 10.0), 0.0), GOOD, True),
        # What can no longer be told is not safe; what never could be is not held against it.
        (LabelCheck(NAN, NAN, 0.0), GOOD, False),
        (LabelCheck(NAN, NAN, 0.0), LabelCheck(NAN, NAN, 0.0), True),
        (GOOD, LabelCheck(NAN, NAN, float("nan")), True),
        (LabelCheck((90.0, 60.0), (2.0, 1.0), 0.0), LabelCheck(NAN, NAN, 0.0), False),
    ],
)
def test_labels_are_compared_with_those_at_the_start(now, start, safe):
    assert now.is_safe(start) is safe


def test_a_response_that_is_not_linear_changes_no_label(watched):
    expanded = [(frame.image / frame.image.max()) ** 5 for frame in watched]
    start = check_labels(watched, [frame.image for frame in watched])
    assert check_labels(watched, expanded).is_safe(start)
