import numpy as np

from stemzoo.inference.candidates import join_witnesses
from stemzoo.inference.second_witness import CrystalColumns

COLUMNS = CrystalColumns(
    np.array([[10.0, 10.0], [10.0, 20.0], [10.0, 30.0]]),
    np.array(["W", "Se", "W"]),
    np.array([1.0, 0.5, 0.9]),
    np.array([0.1, 0.1, 0.1]),
    reach=4.0,
)


def test_every_column_is_asked_and_marks_count_at_theirs():
    marks = np.array([[11.0, 20.0], [10.0, 21.0], [50.0, 50.0]])
    found = join_witnesses(marks, np.array([0, 1, 1]), np.array([0.9, 0.4, 0.3]), COLUMNS)
    # The mark of the higher score moves the place; the second one at the column is dropped.
    assert found.positions.tolist() == [[10, 10], [11, 20], [10, 30], [50, 50]]
    assert found.seen.marks.tolist() == [-1, 0, -1, 1]
    assert found.seen.scores.tolist() == [0, 0.9, 0, 0.3]
    assert found.seen.sublattices.tolist() == ["W", "Se", "W", ""]
    assert found.seen.has_column.tolist() == [True, True, True, False]
    assert found.readings.sigma[:3].round(6).tolist() == [0, -5, -1]


def test_without_columns_only_marks_are_left():
    marks = np.array([[11.0, 20.0]])
    found = join_witnesses(marks, np.array([0]), np.array([0.9]), None)
    assert found.positions.tolist() == [[11, 20]]
    assert not found.seen.has_column.any()
    nothing = join_witnesses(np.zeros((0, 2)), np.zeros(0, int), np.zeros(0), COLUMNS)
    assert nothing.seen.marks.tolist() == [-1, -1, -1]
