import shlex
from pathlib import Path

import numpy as np
import pytest
from typer.main import get_command

import stemzoo
from stemzoo.analysis.identification import Candidate, Identification
from stemzoo.cli.app import app
from stemzoo.inference.bundled_detectors import choose_detector, detector_commands
from stemzoo.simulate import MATERIALS


def shown(**probabilities):
    """What `identify` would say, without an image."""
    candidates = [Candidate(name, p, 0.2) for name, p in probabilities.items()]
    return Identification(tuple(candidates), 1 - sum(probabilities.values()), mask=None)


def test_the_material_chooses_and_is_named():
    choice = choose_detector(shown(wse2=0.95, mose2=0.03))
    assert (choice.weights, choice.reason) == ("fcn-wse2", "the image shows wse2 (0.95)")


def test_materials_of_one_lattice_share_a_detector():
    # Only the brightness of columns tells them apart: `check_material` says that.
    assert choose_detector(shown(mose2=0.6, wse2=0.35)).weights == "fcn-wse2"


def test_an_undecided_image_gets_the_most_probable_and_is_told_so():
    choice = choose_detector(shown(wse2=0.7, graphene=0.2))
    assert choice.weights == "fcn-wse2"
    assert choice.reason == "wse2 of what it may show: wse2 (0.70) or graphene (0.20)"
    assert "which crystal the image shows is open: wse2 (0.70) or graphene (0.20)" in choice.doubt
    assert choose_detector(shown(wse2=0.95, mose2=0.03)).doubt is None
    # A detector is taken that there is.
    assert choose_detector(shown(**{"gan-110": 0.6}, wse2=0.2)).weights == "fcn-wse2"


def test_an_image_without_a_lattice_gets_the_default_and_is_told_why():
    choice = choose_detector(shown())
    assert choice.weights == "fcn-wse2"
    assert choice.reason == "the default, as no lattice was found"


@pytest.mark.parametrize("material", ["gan-110"])
def test_a_material_without_a_detector_is_named_with_the_commands_that_make_one(material):
    found = shown(**{material: 0.96})
    with pytest.raises(ValueError, match=f"shows {material} .*stemzoo train fcn .*a b.tif"):
        choose_detector(found, Path("a b.tif"))
    assert choose_detector(found, force=True).weights == "fcn-wse2"


@pytest.mark.parametrize("material", MATERIALS)
def test_the_commands_are_ones_that_there_are(material):
    text = detector_commands(material, Path("scan.tif"))
    found = [part.strip(" .") for part in text.split("stemzoo ")[1:]]
    assert found
    for words in found:
        arguments = shlex.split(words.split(";")[0])
        command = get_command(app)
        while hasattr(command, "commands"):
            command = command.commands[arguments.pop(0)]
        context = command.make_context(None, arguments)
        assert context.params.get("material", material) == material


def test_detect_without_a_model_takes_that_of_the_material(day_a, detector):
    frame = day_a[0]
    found = stemzoo.detect(frame.image, sampling=frame.sampling)
    given = stemzoo.detect(frame.image, detector, sampling=frame.sampling)
    assert np.array_equal(found.positions, given.positions)
    assert (found.model, given.model_source) == ("fcn-wse2", "given")
    assert found.model_source.startswith("the image shows wse2")


def test_detect_without_a_model_refuses_a_material_that_none_is_for(day_a, monkeypatch):
    frame = day_a[0]
    there_are_none = "stemzoo.inference.bundled_detectors.bundled_detectors"
    monkeypatch.setattr(there_are_none, lambda material: [])
    with pytest.raises(ValueError, match="shows wse2 .*train fcn --material wse2"):
        stemzoo.detect(frame.image, sampling=frame.sampling)
