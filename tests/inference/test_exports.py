import json
import sys

import numpy as np
import pandas as pd
import pytest
from jsonschema import Draft202012Validator
from known_defects import no_defects, three_defects

from stemzoo.inference.detections import COLUMNS
from stemzoo.inference.expectation import ExpectedCount
from stemzoo.inference.exports import detections_schema
from stemzoo.inference.second_witness import ColumnReadings


@pytest.fixture
def found():
    """Three defects by hand, one of them where no column is near."""
    return three_defects(
        model_classes=("se_vacancy", "bright"),
        readings=ColumnReadings(np.array([0.5, np.nan, 0.6]), np.array([-5.0, np.nan, -4.0])),
        probability=np.array([0.99, 0.7, 0.5]),
        counted={"se_vacancy": ExpectedCount.of(np.array([0.99, 0.5]), 0.0)},
    )


@pytest.fixture
def nothing():
    return no_defects()


def test_pandas_takes_detections_as_they_are(found):
    frame = pd.DataFrame(found)
    assert list(frame.columns) == list(COLUMNS)
    assert frame["class"].tolist() == ["se_vacancy", "bright", "se_vacancy"]
    assert frame.x_nm.tolist() == [0.085, 0.6, 0.02]  # column times 0.02 nm
    pd.testing.assert_frame_equal(frame, found.to_frame(), check_dtype=False)


def test_a_frame_has_its_columns_and_types_even_where_nothing_was_found(found, nothing):
    for one in (found, nothing):
        frame = one.to_frame()
        assert list(frame.columns) == list(COLUMNS)
        assert {kind.name for kind in frame.drop(columns="class").dtypes} == {"float64"}
    assert np.isnan(found.to_frame().intensity[1])


def test_without_pandas_one_line_says_what_to_do(found, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ModuleNotFoundError, match=r"Run: pip install 'stemzoo\[results\]'"):
        found.to_frame()


def test_dicts_hold_what_the_schema_says(found, nothing):
    schema = detections_schema()
    Draft202012Validator.check_schema(schema)
    for one in (found, nothing):
        facts = json.loads(json.dumps(one.to_dict(), allow_nan=False))
        Draft202012Validator(schema).validate(facts)
        # Every entry is described.
        assert set(facts) <= set(schema["properties"])
    assert facts["counts"] == {}
    facts = found.to_dict()
    assert facts["detections"][1] == dict(zip(COLUMNS, found.rows()[1], strict=True))
    assert facts["detections"][1]["intensity"] is None
    assert facts["expected"]["se_vacancy"]["reported"] == 2


def test_layers_of_napari_are_points_by_class_in_pixels_of_the_image(found):
    loaded = "napari" in sys.modules
    image = np.arange(64 * 80.0).reshape(64, 80)
    below, vacancies, bright = found.to_napari(image)
    assert (below[2], below[0].shape) == ("image", (64, 80))
    data, options, kind = vacancies
    assert (kind, options["name"], bright[1]["name"]) == ("points", "se_vacancy", "bright")
    assert data.tolist() == [[3.5, 4.25], [8.0, 1.0]]  # napari's order is row, column, too
    assert options["features"]["probability"].tolist() == [0.99, 0.5]
    assert ("napari" in sys.modules) == loaded


def test_iterating_gives_each_defect_by_name(found):
    assert [defect["score"] for defect in found] == [0.9, 0.8, 0.6]
