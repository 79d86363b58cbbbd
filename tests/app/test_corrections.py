import numpy as np
import pytest

from stemzoo.app.corrections import Edit, correct


def test_without_corrections_everything_stays(found):
    same = correct(found, [])
    assert same.marks == (0, 1, 2)
    assert same.words() == ""
    assert np.array_equal(same.detections.positions, found.positions)
    assert same.detections.probability.tolist() == [0.95, 0.6, 0.5]


def test_a_removed_mark_is_gone_and_the_others_keep_their_numbers(found):
    result = correct(found, [Edit(1, None)])
    assert result.marks == (0, 2)
    assert result.detections.counts() == {"se_vacancy": 1, "bright": 1}
    assert result.words() == "corrected by hand: 1 removed"
    assert result.detections.notes == ("corrected by hand: 1 removed",)


def test_a_renamed_mark_keeps_its_place_but_not_what_was_said_of_the_other_class(found):
    result = correct(found, [Edit(2, "se_vacancy")])
    assert result.detections.classes == ("se_vacancy",) * 3
    assert np.array_equal(result.detections.positions, found.positions)
    assert result.detections.probability[:2].tolist() == [0.95, 0.6]
    assert np.isnan(result.detections.probability[2])
    assert np.isnan(result.detections.scores[2])
    assert (result.removed, result.relabelled, result.added) == (0, 1, 0)


def test_a_new_mark_has_no_score_and_survives_every_threshold(found):
    result = correct(found, [Edit(None, "bright", 7.5, 8.5)])
    assert result.detections.positions[3].tolist() == [7.5, 8.5]
    assert np.isnan(result.detections.scores[3])
    assert result.detections.select(threshold=0.9).classes == ("se_vacancy", "bright")


def test_a_new_mark_can_be_renamed_and_removed_again(found):
    edits = [Edit(None, "bright", 7.0, 8.0), Edit(3, "se_vacancy")]
    assert correct(found, edits).detections.classes[3] == "se_vacancy"
    undone = correct(found, [*edits, Edit(3, None)])
    assert undone.marks == (0, 1, 2)
    assert undone.words() == ""


def test_renaming_back_is_no_correction(found):
    assert correct(found, [Edit(0, "bright"), Edit(0, "se_vacancy")]).words() == ""


def test_densities_of_corrected_marks_are_counts_by_the_area(found):
    # 80 x 100 px of 0.02 nm: 3.2 nm²; two marks of the class are left.
    result = correct(found, [Edit(2, None)])
    assert result.detections.density("se_vacancy").value == pytest.approx(2 / 3.2)
    assert result.detections.expectation("se_vacancy") is None


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (Edit(7, None), "number 7"),
        (Edit(0, "<script>"), "Expected one of se_vacancy, bright"),
        (Edit(None, "bright", 80.0, 3.0), "a place in the image"),
        (Edit(None, "bright", float("nan"), 3.0), "a place in the image"),
        (Edit(None, None, 3.0, 3.0), "a place in the image"),
    ],
)
def test_what_is_no_correction_is_refused(found, edit, message):
    with pytest.raises(ValueError, match=message):
        correct(found, [edit])
