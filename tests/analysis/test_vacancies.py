import numpy as np
import pytest

from stemzoo.analysis.vacancies import column_evidence
from stemzoo.simulate import find_session, simulate_session
from stemzoo.simulate.domain import domain_session
from stemzoo.simulate.materials import find_material

WSE2 = find_material("wse2")
LABEL = "se_vacancy"


@pytest.fixture(scope="module")
def frames():
    """Two larger frames of day A, with some 20 vacancies each."""
    return list(simulate_session(find_session("wse2-dayA"), 2, (512, 512), seed=7))


@pytest.fixture(scope="module")
def evidence(frames):
    return evidence_of([frame.image for frame in frames])


def evidence_of(images):
    return column_evidence(images, WSE2, LABEL, 0.2074)


def vacancies(frame):
    chosen = np.array(frame.labels()) == LABEL
    return frame.points[chosen]


def inner(points, shape=(512, 512), room=5.0 / 0.2074):
    return points[((points >= room) & (points <= np.array(shape) - 1 - room)).all(axis=1)]


def test_vacancies_stand_out_in_a_good_image(frames, evidence):
    assert evidence[0].separation == evidence[1].separation > 5
    expected = sum(one.probability.sum() for one in evidence)
    assert expected == pytest.approx(sum(len(inner(vacancies(f))) for f in frames), rel=0.15)


def test_full_columns_are_told_from_vacancies(frames, evidence):
    one, truth = evidence[0], inner(vacancies(frames[0]))
    near = np.hypot(*(one.positions[:, None] - truth[None]).T).min(axis=0) < 0.8 / 0.2074
    assert one.probability[near].mean() > 0.9
    assert one.probability[~near].mean() < 0.01


def test_in_clean_simulations_every_vacancy_is_certain():
    frames = list(simulate_session(domain_session("wse2", 0.2074), 1, (384, 384), seed=2))
    (one,) = evidence_of([frames[0].image])
    assert one.separation > 20
    assert np.minimum(one.probability, 1 - one.probability).max() < 0.01


def test_an_image_without_a_lattice_gives_no_evidence(frames):
    noise = np.random.default_rng(0).normal(size=(256, 256))
    first, second = evidence_of([noise, frames[0].image])
    assert first is None
    assert len(second.positions) > 500
    assert evidence_of([noise]) == [None]


def test_noise_lowers_the_separation(frames, evidence):
    rng = np.random.default_rng(0)
    noisy = [f.image + rng.normal(0, f.image.std(), f.image.shape) for f in frames]
    assert evidence_of(noisy)[0].separation < 0.8 * evidence[0].separation


@pytest.mark.parametrize("response", [lambda x: np.exp(2 * x), np.cbrt])
def test_a_response_that_is_not_linear_changes_nothing(response, frames):
    image = frames[0].image
    bent = response((image - image.mean()) / image.std())
    (linear,), (found,) = evidence_of([image]), evidence_of([bent])
    assert found.separation == pytest.approx(linear.separation, rel=0.01)
    np.testing.assert_allclose(found.probability, linear.probability, atol=0.01)


@pytest.mark.parametrize("edge", [64, 70, 90])
def test_an_image_with_few_columns_gives_no_evidence(edge, frames):
    assert evidence_of([frames[0].image[:edge, :edge]]) == [None]
