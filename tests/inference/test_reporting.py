from dataclasses import replace

import numpy as np
import pytest

import stemzoo
from stemzoo.inference.detection import detect, find_defects
from stemzoo.inference.reporting import find_calibration
from stemzoo.io import Image
from stemzoo.metrics.detection import score_detections
from stemzoo.simulate import find_session, simulate_session


@pytest.fixture(scope="module")
def model():
    return stemzoo.load("fcn-wse2")


@pytest.fixture(scope="module")
def frame():
    return next(iter(simulate_session(find_session("wse2-dayB"), 1, (512, 512), seed=31)))


@pytest.fixture(scope="module")
def found(model, frame):
    return detect(frame.image, model, sampling=frame.sampling)


def without_calibration(model):
    other = model.successor(name=model.name)
    other.provenance, other.conditions = None, model.conditions
    return other


def f1(found, frame, name="se_vacancy"):
    labels = np.array(frame.labels(), dtype=str)
    return score_detections(
        found.select(name).positions,
        frame.points[labels == name],
        1.5 / frame.sampling,
        shape=frame.image.shape,
        border=6.6 / frame.sampling,
    ).f1


def test_the_most_probable_come_first_and_all_reach_the_threshold(found):
    assert (np.diff(found.probability) <= 0).all()
    assert found.probability.min() >= found.threshold
    assert found.probability.max() <= 1
    assert len(found.scores) == len(found.intensity) == len(found)


def test_columns_and_network_together_find_more_than_the_network(model, frame, found):
    alone = detect(frame.image, without_calibration(model), sampling=frame.sampling)
    assert alone.probability is None
    assert alone.counted == {}
    assert f1(found, frame) >= f1(alone, frame)


def test_all_defects_of_a_frame_are_expected_within_the_interval(frame, found):
    area = np.prod(frame.image.shape) * (frame.sampling / 10) ** 2
    true = frame.labels().count("se_vacancy")
    density = found.density("se_vacancy")
    assert density.low < true / area < density.high
    # One column of each kind in each cell of 9.33 Å².
    assert found.sites["W"] == found.sites["Se"]
    assert found.sites["Se"] == pytest.approx(100 * area / 9.33, rel=0.02)
    per_site = found.density("se_vacancy", per="site")
    assert per_site.value == pytest.approx(density.value * area / found.sites["Se"], rel=1e-2)
    assert found.sites_of("bright") == sum(found.sites.values())
    assert found.sites_of("metal_dark") == found.sites["W"]


def test_a_lower_threshold_reports_more_and_expects_to_miss_less(model, frame, found):
    more = detect(frame.image, model, sampling=frame.sampling, threshold=0.1)
    assert len(more) > len(found)
    assert (
        more.expectation("se_vacancy").recall.value > found.expectation("se_vacancy").recall.value
    )
    assert more.density("se_vacancy") == found.density("se_vacancy")


def test_noise_is_expected_to_cost_vacancies(model, frame):
    session = replace(find_session("wse2-dayA"), efficiency=0.03)
    noisy = next(iter(simulate_session(session, 1, (512, 512), seed=5)))
    found = find_defects(Image(noisy.image, noisy.sampling), model)
    assert found.expectation("se_vacancy").f1.value < 0.8
    assert any("many errors are to be expected" in note for note in found.notes)


def test_a_calibration_of_other_weights_is_not_used(model):
    assert find_calibration(model) is not None
    other = without_calibration(model)
    assert find_calibration(other) is None
    other.provenance = replace(model.provenance, sha256="0" * 64)
    assert find_calibration(other) is None
    other.provenance = replace(model.provenance, record={"calibration": {"format": 9}})
    assert find_calibration(other) is None


def test_marks_at_the_edge_of_the_crystal_have_no_probability(model):
    (frame,) = simulate_session(find_session("wse2-dayA"), 1, (512, 512), seed=3, scene="hole")
    found = detect(frame.image, model, sampling=frame.sampling, edges=True)
    is_edge = np.array(found.classes) == "edge"
    assert is_edge.any()
    assert np.isnan(found.probability[is_edge]).all()
    assert np.isfinite(found.probability[~is_edge]).all()
