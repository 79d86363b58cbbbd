import json

import pytest
from known_structures import tungsten_ditelluride

import stemzoo
from stemzoo.simulate import find_session
from stemzoo.simulate.labels import session_classes
from stemzoo.simulate.materials import Material
from stemzoo.simulate.named_sessions import SESSIONS, WIDE_SESSIONS
from stemzoo.workflows.detector_training import train_detector


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder that six seconds of training left, and the lines that were said."""
    folder, lines = tmp_path_factory.mktemp("made") / "mote2", []
    train_detector("mote2", minutes=0.1, out=folder, seed=3, report=lines.append)
    return folder, lines


def test_a_material_is_all_that_a_detector_needs(trained):
    folder, lines = trained
    model = stemzoo.load(folder)
    assert model.material == "mote2"
    assert model.classes == session_classes(find_session("mote2-randomised"))
    names = {path.name for path in folder.iterdir()}
    assert names >= {"conditions.json", "golden.npz", "metrics.json", "provenance.json"}
    assert stemzoo.verify(str(folder)).passed
    facts = json.loads((folder / "training_data.json").read_text())
    assert facts["from"] in {entry.name for entry in stemzoo.list_weights(task="detection")}
    assert facts["session"] == [s.name for s in WIDE_SESSIONS["mote2"]]
    assert lines[-1].endswith(f"try 'stemzoo detect IMAGE --weights {folder}'")


def test_its_metrics_are_of_frames_that_it_was_not_trained_on(trained):
    metrics = json.loads((trained[0] / "metrics.json").read_text())
    assert [one["session"] for one in metrics["test_sets"]] == ["mote2-randomised", "mote2-any"]
    facts = json.loads((trained[0] / "training_data.json").read_text())
    assert {one["seed"] for one in metrics["test_sets"]}.isdisjoint(
        range(facts["seed"], facts["seed"] + 4)
    )
    for one in metrics["test_sets"]:
        for scores in one["classes"].values():
            assert scores["hits"] + scores["misses"] == scores["labelled"] > 0


def test_it_begins_with_what_a_similar_detector_knows(trained):
    # A network that began anew would find next to nothing after six seconds.
    metrics = json.loads((trained[0] / "metrics.json").read_text())
    assert metrics["test_sets"][0]["classes"]["te_vacancy"]["f1"] > 0.6


def test_its_probabilities_are_calibrated(trained):
    record = json.loads((trained[0] / "provenance.json").read_text())
    assert record["calibration"]["classes"]["bright"]["least_intensity"] == 1.75


def test_a_folder_of_another_training_is_left_alone(trained):
    before = (trained[0] / "model.weights.h5").read_bytes()
    with pytest.raises(ValueError, match="holds another training, with seed 3"):
        train_detector("mote2", minutes=0.1, out=trained[0], seed=4)
    with pytest.raises(ValueError, match="holds another training, with "):
        train_detector("graphene", minutes=0.1, out=trained[0], seed=3)
    assert (trained[0] / "model.weights.h5").read_bytes() == before


def test_an_impossible_time_is_refused(tmp_path):
    with pytest.raises(ValueError, match="Expected minutes of more than 0.* Received: -1"):
        train_detector("mos2", minutes=-1, out=tmp_path / "new")


def test_every_material_has_coarse_and_fine_wide_sessions():
    for material, sessions in WIDE_SESSIONS.items():
        kinds = ["randomised", "randomised-fine", "any", "any-fine"]
        assert [session.name for session in sessions] == [f"{material}-{kind}" for kind in kinds]
        assert all(SESSIONS[session.name] is session for session in sessions)
        assert all(session.material == material for session in sessions)


def test_a_structure_of_ones_own_is_all_that_a_detector_needs(tmp_path):
    layer = Material.from_structure(tungsten_ditelluride(), layers=1)
    train_detector(layer, minutes=0.1, out=tmp_path / "wte2", defects={"te_vacancy": 0.04})
    model = stemzoo.load(tmp_path / "wte2")
    assert (model.material, model.structure) == ("wte2", layer)
    assert model.classes == ("te_vacancy",)
    assert model.conditions.crystal == layer
    facts = json.loads((tmp_path / "wte2" / "training_data.json").read_text())
    assert facts["defects"] == {"te_vacancy": 0.04}
    assert facts["session"][0] == "wte2-randomised"
    with pytest.raises(ValueError, match="holds another training, with defects"):
        train_detector(layer, minutes=0.1, out=tmp_path / "wte2")
