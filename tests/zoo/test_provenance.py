import json
import shutil

import pytest

import stemzoo
from stemzoo.zoo import registry
from stemzoo.zoo.manifest import sha256
from stemzoo.zoo.provenance import LARGEST_CARD


@pytest.fixture
def folder(tiny_folder, tmp_path):
    return shutil.copytree(tiny_folder, tmp_path / "tiny")


def test_a_loaded_model_knows_where_it_came_from(detector):
    found = detector.provenance
    assert (found.name, found.origin, found.licence) == ("fcn-wse2", "bundled", "Apache-2.0")
    assert (found.repository, found.revision) == (None, None)
    assert found.sha256 == sha256(found.folder / "model.weights.h5")
    assert "wse2-randomised" in found.training_data["session"]


def test_the_record_of_a_folder_holds_versions_parent_and_facts(make_model, tmp_path):
    model = make_model()
    stemzoo.save(model, tmp_path / "first", licence="CC-BY-4.0", recipe={"epochs": 3})
    loaded = stemzoo.load(tmp_path / "first")
    assert loaded.provenance.licence == "CC-BY-4.0"
    record = loaded.provenance.record
    assert record["recipe"] == {"epochs": 3}
    assert record["parent"] is None
    assert {"stemzoo", "python", "keras", "tensorflow", "numpy"} <= set(record["packages"])
    # What is saved from a loaded model descends from it.
    stemzoo.save(loaded, tmp_path / "second", training_data={"frames": ["ab" * 32]})
    second = stemzoo.load(tmp_path / "second").provenance
    assert second.record["parent"]["sha256"] == loaded.provenance.sha256
    assert second.training_data == {"frames": ["ab" * 32]}
    # Another parent can be named.
    stemzoo.save(model, tmp_path / "third", parent=second)
    third = stemzoo.load(tmp_path / "third").provenance
    assert third.record["parent"]["sha256"] == second.sha256


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", "[" * 100_000, '{"licence": 1' + 400 * "0" + "}", '{"parent": 7}']
)
def test_a_damaged_record_is_left_out(folder, text, caplog):
    (folder / "provenance.json").write_text(text)
    assert stemzoo.load(folder).provenance.record == {}
    assert "provenance.json" in caplog.text


def test_a_repository_without_a_record_is_loaded(folder, hub_server):
    (folder / "provenance.json").unlink()
    hub_server.put("alice/tiny", {path.name: path.read_bytes() for path in folder.iterdir()})
    found = stemzoo.load("hf://alice/tiny").provenance
    assert (found.name, found.record, found.licence) == ("tiny", {}, None)


def test_the_card_is_that_of_the_zoo_or_of_the_folder(folder, tmp_path, monkeypatch):
    assert stemzoo.load(folder).card == ""
    (folder / "README.md").write_text("# What it is good for\n")
    assert stemzoo.load(folder).card == "# What it is good for\n"
    package = tmp_path / "package"
    shutil.copytree(folder, package / "weights" / "fcn-tiny")
    files = {
        path.name: {"sha256": sha256(path), "size": path.stat().st_size}
        for path in folder.iterdir()
    }
    facts = {"task": "detection", "material": "wse2", "session": "s", "licence": "X"}
    record = {"name": "fcn-tiny", "summary": "a summary", "files": files, **facts}
    manifest = {"format": 1, "weights": [record]}
    (package / "weights_manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    monkeypatch.setattr(registry, "PACKAGE", package)
    assert stemzoo.load("fcn-tiny").card == "# What it is good for\n"
    (package / "model_cards").mkdir()
    (package / "model_cards" / "fcn-tiny.md").write_text("# Of the zoo\n")
    assert stemzoo.load("fcn-tiny").card == "# Of the zoo\n"


def test_a_card_without_end_is_not_read_to_its_end(folder):
    (folder / "README.md").write_bytes(b"# A card " * 200_000 + b"\xff")
    assert len(stemzoo.load(folder).card) == LARGEST_CARD


def test_without_a_card_the_manifest_speaks(detector):
    assert "WSe2" in detector.card
