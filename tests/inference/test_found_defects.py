import pickle

import numpy as np
import pytest

from stemzoo.inference.detections import COLUMNS, Detections


@pytest.fixture
def found():
    return Detections(
        np.arange(8.0).reshape(4, 2),
        ("se_vacancy", "se_vacancy", "bright", "edge"),
        np.array([0.1, 0.9, 0.6, 0.7]),
        1.0,
        "given",
        (100, 100),
        probability=np.array([0.95, 0.9, 0.5, np.nan]),
    )


def test_selecting_goes_by_probability(found):
    assert found.select(threshold=0.8).classes == ("se_vacancy", "se_vacancy", "edge")
    assert found.select("se_vacancy", 0.92).probability.tolist() == [0.95]


def test_the_table_ends_with_the_probability(found):
    assert COLUMNS[-1] == "probability"
    assert [row[-1] for row in found.rows()] == [0.95, 0.9, 0.5, None]


def test_a_selection_and_a_pickle_are_detections_too(found):
    assert type(found.select("bright")) is Detections
    again = pickle.loads(pickle.dumps(found))
    assert type(again) is Detections
    assert again.rows() == found.rows()
