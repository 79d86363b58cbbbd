import numpy as np
import pytest

from stemzoo.inference.detections import Detections
from stemzoo.inference.expectation import ExpectedCount

POINTS = np.arange(8.0).reshape(4, 2)
PROBABILITY = np.array([0.95, 0.9, 0.5, np.nan])
CLASSES = ("se_vacancy", "se_vacancy", "bright", "edge")


@pytest.fixture
def found():
    return Detections(
        POINTS,
        CLASSES,
        np.array([0.1, 0.9, 0.6, 0.7]),
        1.0,
        "given",
        (100, 100),
        model_classes=("se_vacancy", "bright", "edge"),
        material="wse2",
        probability=PROBABILITY,
        counted={
            "se_vacancy": ExpectedCount(3.0, 1.0, 0.5),
            "bright": ExpectedCount(0.6, 0.4, 0.0),
        },
    )


def test_densities_count_what_is_expected_to_be_missed(found):
    density = found.density("se_vacancy")
    # 3 expected ones in 100 nm²; 2 were reported.
    assert density.value == pytest.approx(0.03)
    plain = Detections(POINTS[:3], ("a",) * 3, np.ones(3), 1.0, "given", (100, 100)).density("a")
    assert density.low < 0.01
    assert plain.high < density.high
    # A class without probabilities is counted as it is.
    assert found.density("edge").value == pytest.approx(0.01)
    # Per site there is none without a lattice.
    assert np.isnan(found.density("se_vacancy", per="site").value)
    with pytest.raises(ValueError, match="per='site'"):
        found.density("se_vacancy", per="column")
    with pytest.raises(KeyError, match="Expected one of se_vacancy"):
        found.density("w_vacancy")


def test_expected_misses_are_what_was_counted_beside_the_reported_ones(found):
    expected = found.expectation("se_vacancy")
    assert expected.reported == 2
    assert expected.precision.value == pytest.approx(1.85 / 2)
    assert expected.recall.value == pytest.approx(1.85 / 3, abs=1e-3)
    # With a higher threshold there are fewer hits of as many defects.
    fewer = found.select(threshold=0.92).expectation("se_vacancy")
    assert fewer.recall.value == pytest.approx(0.95 / 3, abs=1e-3)
    assert found.expectation("edge") is None


def test_many_expected_errors_are_said_in_one_line(found):
    assert found.warning_of_errors() is None  # too few to tell
    many = Detections(
        np.zeros((20, 2)),
        ("se_vacancy",) * 20,
        np.ones(20),
        1.0,
        "given",
        (100, 100),
        model_classes=("se_vacancy",),
        probability=np.full(20, 0.6),
        counted={"se_vacancy": ExpectedCount(20.0, 8.0, 0.0)},
    )
    line = many.warning_of_errors()
    assert "se_vacancy F1 0.60" in line
    assert "precision 0.60, recall 0.60" in line
    assert "--threshold" in line
    assert "\n" not in line
    assert (
        "none reported where about 20 are likely" in many.select(threshold=0.7).warning_of_errors()
    )
