import json
import sys
from dataclasses import replace

import pytest

from stemzoo.app import learning
from stemzoo.app.corrections import Edit
from stemzoo.app.looking import LookOptions

DONE = (sys.executable, "-c", "")
WAIT = (sys.executable, "-c", "import time; time.sleep(600)")


def test_adapting_names_all_images_and_what_was_chosen(visit, looked):
    visit.program = DONE
    lesson = learning.adapt(visit, 2.5, LookOptions(weights="fcn-wse2-dayA", pixel_pm=20.7))
    assert lesson.training.arguments == [
        *("adapt", str(looked.path), "--detector", "--minutes", "2.5"),
        *("--detector-from", "fcn-wse2-dayA", "--pixel-size", "20.7"),
        *("--out", str(visit.folder / "adapted-1")),
    ]
    assert lesson.folder == visit.folder / "adapted-1" / "detector"


def test_adapting_is_for_the_material_whose_detector_has_looked(visit, looked):
    visit.program = DONE
    looked.found = replace(looked.found, material="wse2")
    arguments = list(learning.adapt(visit, 1.0).training.arguments)
    assert arguments[arguments.index("--material") + 1] == "wse2"


def test_teaching_writes_corrected_images_as_labels(visit, looked):
    visit.program = DONE
    with pytest.raises(ValueError, match="Expected corrections"):
        learning.teach(visit, 1.0)
    looked.edits.append(Edit(0, None))
    lesson = learning.teach(visit, 1.0)
    labels = visit.folder / "taught-labels" / "scan.csv"
    assert labels.read_text().count("\n") == 3  # names, and two marks that are left
    assert (visit.folder / "taught-images" / "scan.tif").is_file()
    assert "--from" in lesson.training.arguments
    assert "fcn-wse2" in lesson.training.arguments


def test_a_crystal_is_a_file_or_a_material(visit):
    visit.program = DONE
    lesson = learning.learn_crystal(visit, visit.folder / "GaN.cif", 1.0)
    assert "--structure" in lesson.training.arguments
    lesson.training.wait()
    with pytest.raises(ValueError, match="Expected one of "):
        learning.learn_crystal(visit, "--version", 1.0)


def test_one_training_at_a_time_and_a_stopped_one_goes_on_in_its_folder(visit, looked):
    visit.program = WAIT
    first = learning.adapt(visit, 1.0)
    with pytest.raises(ValueError, match="one training at a time"):
        learning.adapt(visit, 1.0)
    first.training.stop()
    again = learning.adapt(visit, 1.0)
    assert again.folder == first.folder
    again.training.stop()
    other = learning.adapt(visit, 2.0)
    assert other.folder == first.folder  # which is not there yet
    other.training.stop()


def test_what_was_trained_is_offered_only_when_there_is_something_new(visit, looked):
    visit.program = DONE
    lesson = learning.adapt(visit, 1.0)
    lesson.training.wait()
    assert learning.finish(visit, lesson).name is None  # nothing was written
    lesson.folder.mkdir(parents=True)
    kept = {"chosen": "fcn-wse2", "result": "fcn-wse2 is returned, as nothing was better"}
    (lesson.folder / "adaptation.json").write_text(json.dumps(kept))
    learnt = learning.finish(visit, lesson)
    assert learnt.name is None
    assert "fcn-wse2 is returned" in learnt.words
    (lesson.folder / "adaptation.json").write_text('{"chosen": "renewed"}')
    assert learning.finish(visit, lesson).name == "adapted to your images"
    assert visit.weights == {"adapted to your images": lesson.folder}


def test_the_second_detector_of_a_name_gets_a_number(visit, looked):
    visit.program = DONE
    for _ in range(2):
        lesson = learning.learn_crystal(visit, visit.folder / "GaN.cif", 1.0)
        lesson.training.wait()
        lesson.folder.mkdir()
        name = learning.finish(visit, lesson).name
    assert name == "for your crystal (2)"
    assert [folder.name for folder in visit.weights.values()] == ["own-1", "own-2"]
