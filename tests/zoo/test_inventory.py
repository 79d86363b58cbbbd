"""What is known of weights without loading them, and copies of them."""

import json
import shutil

import pytest

import stemzoo
from stemzoo.zoo import hub, registry
from stemzoo.zoo.inventory import copy_weights, describe_weights

NAME = "fcn-tiny"


@pytest.fixture
def package(tiny_folder, tmp_path, monkeypatch):
    """Stand in for the package: it bundles a tiny model."""
    home = shutil.copytree(tiny_folder, tmp_path / "package" / "weights" / NAME)
    manifest = tmp_path / "package" / "weights_manifest.json"
    manifest.write_text('{"format": 1, "weights": []}')
    monkeypatch.setattr(registry, "PACKAGE", manifest.parent)
    registry.read_manifest.cache_clear()
    facts = {"task": "detection", "material": "wse2", "session": "wse2-dayC", "licence": "MIT"}
    hub.register(home, **facts, summary="a line")
    yield manifest.parent
    registry.read_manifest.cache_clear()


def change_entry(package, **changes):
    path = package / "weights_manifest.json"
    content = json.loads(path.read_text())
    content["weights"][0].update(changes)
    path.write_text(json.dumps(content))
    registry.read_manifest.cache_clear()


def test_a_name_tells_what_manifest_and_folder_say(package):
    found = describe_weights(NAME)
    assert (found["name"], found["origin"], found["class"]) == (NAME, "bundled", "DefectFCN")
    assert found["config"]["classes"] == ["se_vacancy", "bright"]
    assert set(found["files"][0]) == {"name", "size", "sha256"}
    # Most weights are of one session, which is named.
    assert not {"sessions", "wide"} & set(found)
    change_entry(package, sessions=["wse2-dayA", "wse2-dayB"], wide=True)
    assert describe_weights(NAME)["sessions"] == ("wse2-dayA", "wse2-dayB")


def test_a_folder_tells_what_it_holds(package, tmp_path, tiny_folder):
    found = describe_weights(tiny_folder)
    assert (found["name"], found["origin"]) == ("tiny", "folder")
    with pytest.raises(KeyError, match="Did you mean fcn-tiny"):
        describe_weights("fcn-tinny")


def test_weights_that_are_elsewhere_are_described_without_fetching(package, hub_server):
    change_entry(package, bundled=False, repo_id="alice/fcn-tiny", revision="a" * 40)
    found = describe_weights(NAME)
    assert found["origin"] == "hub"
    assert not {"config", "folder"} & set(found)
    assert hub_server.requests == []


def test_a_copy_is_a_model_folder_with_a_card_and_is_not_written_twice(package, tmp_path):
    copy = copy_weights(NAME, tmp_path / "copies")
    assert hub.verify(copy).passed
    assert (copy / "README.md").read_text().startswith("---\nlicense: mit\n")
    before = (copy / "config.json").stat().st_mtime_ns
    assert copy_weights(NAME, tmp_path / "copies") == copy
    assert (copy / "config.json").stat().st_mtime_ns == before
    assert copy_weights(NAME) == package / "weights" / NAME


def test_a_damaged_file_is_not_copied(package, tmp_path):
    (package / "weights" / NAME / "config.json").write_text("{}")
    with pytest.raises(ValueError, match="Nothing was copied"):
        copy_weights(NAME, tmp_path / "copies")
    assert not (tmp_path / "copies").exists()


def test_a_copy_serves_as_a_mirror(package, tmp_path, monkeypatch):
    monkeypatch.setenv("STEMZOO_HOME", str(tmp_path / "home"))
    copy = copy_weights(NAME, tmp_path / "copies")
    change_entry(package, bundled=False, mirrors=[str(copy)])
    assert stemzoo.load(NAME).provenance.origin == "mirror"
