"""What the buttons of the page do, without a server."""

import sys

import pytest

from stemzoo.app.corrections import Edit
from stemzoo.app.learning import Lesson
from stemzoo.app.page import Page, explain
from stemzoo.app.trainings import Training


@pytest.fixture
def page(bench, visits):
    return Page(bench, visits)


def test_all_files_of_a_drop_are_taken_though_one_is_none(page, visit, upload):
    paths = [upload("a.tif"), upload("page.tif", b"<html>"), upload("b.tif")]
    said = list(page.dropped(visit, list(map(str, paths))))
    assert [image.path.name for image in visit.images] == ["a.tif", "b.tif"]
    assert "page.tif: expected a complete .tif file" in said[-1]
    assert visit.image.path.name == "b.tif"
    # One step for each that is taken, and for each that is looked at, so that it is shown at once.
    assert len(said) == 5


def test_nothing_dropped_is_nothing_said(page, visit):
    assert list(page.dropped(visit, [])) == [""]


def test_an_edit_of_the_viewer_is_a_correction(page, visit, looked):
    page.edited(visit, {"image": "scan", "mark": 1, "name": None})
    page.edited(visit, {"image": "scan", "mark": None, "name": "bright", "row": 4, "column": 5.5})
    assert looked.edits == [Edit(1, None), Edit(None, "bright", 4.0, 5.5)]
    page.edited(visit, {"image": "scan", "undo": True})
    assert looked.edits == [Edit(1, None)]
    page.edited(visit, {"image": "scan", "undo": True})
    page.edited(visit, {"image": "scan", "undo": True})
    assert looked.edits == []


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "of this image"),
        ({"image": "other", "mark": 0, "name": None}, "of this image"),
        ({"image": "scan", "mark": "0", "name": None}, "number of a mark"),
        ({"image": "scan", "mark": True, "name": None}, "number of a mark"),
        ({"image": "scan", "mark": 0, "name": ["bright"]}, "number of a mark"),
        ({"image": "scan", "mark": 99, "name": None}, "a mark of the image"),
        ({"image": "scan", "mark": None, "name": "bright", "row": "1"}, "a place in the image"),
        ({"image": "scan", "mark": None, "name": "bright", "row": 1e9}, "a place in the image"),
    ],
)
def test_what_is_no_correction_changes_nothing(page, visit, looked, data, message):
    with pytest.raises(ValueError, match=message):
        page.edited(visit, data)
    assert looked.edits == []


def test_a_removed_image_leaves_nothing_behind(page, visit, looked, upload):
    page.bench.add(visit, upload("other.tif"))
    page.chosen(visit, "scan.tif")
    assert visit.image is looked
    files = [looked.path, *looked.pictures.values()]
    page.removed(visit)
    assert not any(path.exists() for path in files)
    assert visit.image.path.name == "other.tif"
    page.chosen(visit, "scan.tif")  # which is no more
    assert visit.image.path.name == "other.tif"


def test_a_crystal_is_taken_or_it_is_said_why_not(page, visit, upload):
    assert "GaN.cif" in page.structured(visit, [str(upload("GaN.cif", b"data_"))])
    assert visit.crystal.name == "GaN.cif"
    assert "Expected a file ending in .cif" in page.structured(visit, [str(upload("a.exe", b"1"))])
    with pytest.raises(ValueError, match="Expected a file of a crystal"):
        page.trained(page.visits.of("ben"), "", 1.0)


def test_only_translators_of_the_page_are_loaded(page, visit, looked):
    for name in ("../weights", "fcn-wse2", "hf://somebody/else"):
        with pytest.raises(ValueError, match="Expected one of cyclegan"):
            page.translated(visit, name)


def test_without_an_image_there_is_nothing_to_judge(page, visit):
    assert "Drop one first" in page.judged(visit)


def test_no_training_is_longer_than_the_limit(page):
    assert page.within(1e9) == page.bench.limits.training_minutes
    assert page.within(-1) == 0.2


def test_a_training_is_followed_to_its_end(page, visit):
    program = (sys.executable, "-c", "print('<b>fault</b>'); raise SystemExit(2)")

    def begin():
        visit.training = Training([], 1.0, visit.folder, program)
        visit.training.start()
        visit.training.wait()
        return Lesson(visit.training, "new", visit.folder / "new")

    ((shown, name),) = page.followed(visit, begin)
    assert name is None
    assert "failed" in shown
    assert "&lt;b&gt;fault" in shown


def test_a_training_that_cannot_begin_says_why(page, visit):
    def begin():
        raise ValueError(f"{visit.folder}/images/scan.tif: too small")

    ((shown, name),) = page.followed(visit, begin)
    assert "scan.tif: too small" in shown
    assert str(visit.folder) not in shown
    assert name is None


def test_errors_do_not_say_where_files_lie(visit):
    missing = FileNotFoundError(2, "No such file or directory", f"{visit.folder}/x")
    assert explain(visit, missing) == "No such file or directory. Try again."
    assert explain(visit, ValueError(f"{visit.folder}/images/a.tif: bad")) == "a.tif: bad"
    assert "too little memory" in explain(visit, MemoryError())
