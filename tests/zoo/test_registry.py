import dataclasses
import hashlib
import json

import pytest
from places import ROOT

from stemzoo.zoo import registry
from stemzoo.zoo.registry import FileEntry, find_weights, list_weights, manifest_path, read_manifest

BUNDLED = ROOT / "stemzoo" / "weights"

RECORD = {
    "name": "fcn-test",
    "task": "detection",
    "material": "wse2",
    "session": "wse2-randomised",
    "summary": "A line.",
    "licence": "Apache-2.0",
    "repo_id": "stemzoo/fcn-test",
    "revision": None,
    "bundled": True,
    "files": {
        "model.weights.h5": {"sha256": "ab" * 32, "size": 2},
        "config.json": {"sha256": "cd" * 32, "size": 1},
    },
    "aliases": ["default"],
    "supersedes": ["fcn-older", "fcn-oldest"],
    "mirrors": ["https://example.org/fcn-test"],
    "requires": ">=0.1",
    "sessions": ["wse2-dayA", "wse2-dayB"],
    "wide": True,
}
OTHER = {**RECORD, "name": "gan-test", "task": "translation", "material": "graphene", "aliases": []}
OTHER["supersedes"] = []
SHORT = {k: RECORD[k] for k in ("name", "task", "material", "session", "summary", "licence")}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Write a manifest into a folder that stands for the package."""
    monkeypatch.setattr(registry, "PACKAGE", tmp_path / "stemzoo")
    (tmp_path / "stemzoo").mkdir()

    def write(*records, folder="stemzoo", **changes):
        content = {"format": 1, "weights": list(records), **changes}
        path = tmp_path / folder / "weights_manifest.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        return path

    return write


def test_an_entry_holds_what_the_manifest_says(package):
    package(RECORD)
    (entry,) = list_weights()
    for key in ("name", "task", "material", "session", "summary", "licence", "repo_id", "revision"):
        assert getattr(entry, key) == RECORD[key]
    assert entry.files == (
        FileEntry("config.json", "cd" * 32, 1),
        FileEntry("model.weights.h5", "ab" * 32, 2),
    )
    assert entry.aliases == ("default",)
    assert (entry.mirrors, entry.requires) == (("https://example.org/fcn-test",), ">=0.1")
    assert (entry.sessions, entry.wide) == (("wse2-dayA", "wse2-dayB"), True)
    assert entry.folder == registry.PACKAGE / "weights" / "fcn-test"
    with pytest.raises(dataclasses.FrozenInstanceError):
        entry.name = "other"


def test_what_is_not_needed_may_be_left_out(package):
    package(SHORT)
    (entry,) = list_weights()
    assert (entry.repo_id, entry.bundled, entry.files, entry.aliases) == (None, True, (), ())
    assert (entry.sessions, entry.wide) == ((), False)


def test_weights_are_listed_by_material_and_task(package):
    package(RECORD, OTHER)
    assert [e.name for e in list_weights()] == ["fcn-test", "gan-test"]
    assert [e.name for e in list_weights(material="graphene")] == ["gan-test"]
    assert [e.name for e in list_weights(task="detection")] == ["fcn-test"]
    assert list_weights(material="graphene", task="detection") == []


@pytest.mark.parametrize("name", ["fcn-test", "default", "fcn-older", "fcn-oldest"])
def test_weights_are_found_by_name_alias_and_superseded_name(package, name):
    package(OTHER, RECORD)
    assert find_weights(name).name == "fcn-test"


def test_a_name_is_stronger_than_an_alias(package):
    package({**SHORT, "name": "a", "aliases": ["b"]}, {**SHORT, "name": "b"})
    assert find_weights("b").name == "b"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("fcn-tets", "Did you mean fcn-test"),
        ("defaults", "Did you mean default"),
        ("FCN-TEST", "stemzoo list"),
        ("fcn", "stemzoo list"),
        ("", "stemzoo list"),
    ],
)
def test_an_unknown_name_is_never_guessed_and_offers_the_nearest(package, name, hint):
    package(RECORD, OTHER)
    with pytest.raises(KeyError) as caught:
        find_weights(name)
    message = caught.value.args[0]
    assert hint in message
    assert f"Received: {name!r}" in message
    assert "\n" not in message


def test_the_manifest_lies_in_the_package_or_beside_it(package, tmp_path):
    with pytest.raises(FileNotFoundError, match="weights_manifest.json .* Received: none"):
        manifest_path()
    beside = package(RECORD, folder=".")
    assert manifest_path().samefile(beside)
    inside = package(RECORD)
    assert manifest_path() == inside


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"weights": []}',
        '{"format": 1}',
        '{"format": 2, "weights": []}',
        '{"format": 1, "weights": 3}',
        '{"format": 1, "weights": [3]}',
        '{"format": 1, "weights": [{"name": "only"}]}',
        json.dumps({"format": 1, "weights": [{**RECORD, "from_the_future": 1}]}),
        json.dumps({"format": 1, "weights": [{**RECORD, "files": ["config.json"]}]}),
        json.dumps({"format": 1, "weights": [{**RECORD, "files": {"config.json": {}}}]}),
        json.dumps({"format": 1, "weights": [{**RECORD, "aliases": 3}]}),
        json.dumps({"format": 1, "weights": [{**RECORD, "mirrors": "https://example.org"}]}),
        json.dumps({"format": 1, "weights": [{**RECORD, "revision": "main"}]}),
        json.dumps({"format": 1, "weights": [{**RECORD, "name": "../elsewhere"}]}),
        json.dumps({"format": 1, "weights": [{**RECORD, "name": "/etc"}]}),
        b"\xff\xfe\x00",
    ],
)
def test_a_damaged_manifest_is_refused_in_one_line(tmp_path, text):
    path = tmp_path / "weights_manifest.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=r"expected a weights manifest .* Received: ") as caught:
        read_manifest(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    ["../config.json", "/etc/passwd", "a/b", "a\\b", "..", ".hidden", "", "C:x", "a\n", "a" * 101],
)
def test_a_manifest_cannot_name_files_outside_its_folder(package, name):
    facts = {"sha256": "ab" * 32, "size": 2}
    path = package({**RECORD, "files": {name: facts}})
    with pytest.raises(ValueError, match="expected the name of a file in the folder") as caught:
        read_manifest(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [{"sha256": "ab"}, {"sha256": "XY" * 32}, {"sha256": 3}, {"size": -1}, {"size": "2"}],
)
def test_hashes_and_sizes_of_a_manifest_are_possible_ones(package, changes):
    facts = {"sha256": "ab" * 32, "size": 2, **changes}
    with pytest.raises(ValueError, match="expected a weights manifest"):
        read_manifest(package({**RECORD, "files": {"config.json": facts}}))


# The manifest of the package.


def test_names_of_the_zoo_are_unique():
    entries = list_weights()
    names = [n for e in entries for n in (e.name, *e.aliases, *e.supersedes)]
    assert "fcn-wse2" in names
    assert len(names) == len(set(names))


def test_every_bundled_file_is_the_one_of_the_manifest():
    entries = [entry for entry in list_weights() if entry.bundled]
    assert entries
    for entry in entries:
        assert {"config.json", "model.weights.h5"} <= {file.name for file in entry.files}
        for file in entry.files:
            # Of the repository: an installed package lacks the records of trainings.
            content = (BUNDLED / entry.name / file.name).read_bytes()
            assert len(content) == file.size, file.name
            assert hashlib.sha256(content).hexdigest() == file.sha256, file.name


def test_every_bundled_folder_is_small_and_says_how_it_was_made():
    entries = [entry for entry in list_weights() if entry.bundled]
    assert entries
    for entry in entries:
        present = {path.name for path in (BUNDLED / entry.name).iterdir()}
        assert {"config.json", "metrics.json", "training_log.csv", "recipe.json"} <= present
        total = sum(p.stat().st_size for p in entry.folder.rglob("*") if p.is_file())
        assert total <= 8 * 2**20


def test_no_folder_is_bundled_without_an_entry():
    folders = {path.name for path in (registry.PACKAGE / "weights").iterdir() if path.is_dir()}
    assert folders == {entry.name for entry in list_weights() if entry.bundled}


def test_materials_of_the_zoo_exist():
    from stemzoo.simulate import MATERIALS

    assert {entry.material for entry in list_weights()} <= set(MATERIALS)
