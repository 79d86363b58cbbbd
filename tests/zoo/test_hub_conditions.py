"""The conditions.json of a model folder, which may be missing."""

import json
import shutil

import pytest

import stemzoo
from stemzoo.zoo import hub, registry
from stemzoo.zoo.draft import published_files
from stemzoo.zoo.file_names import CONDITIONS
from stemzoo.zoo.inventory import copy_weights, describe_weights


@pytest.fixture
def folder(tiny_model, day_conditions, tmp_path):
    """Model folder with conditions."""
    stemzoo.save(tiny_model, tmp_path / "tiny", conditions=day_conditions)
    return tmp_path / "tiny"


@pytest.fixture
def package(folder, tmp_path, monkeypatch):
    """Stand in for the package: it bundles that model."""
    package = tmp_path / "package"
    home = shutil.copytree(folder, package / "weights" / "fcn-tiny")
    (package / "weights_manifest.json").write_text('{"format": 1, "weights": []}')
    monkeypatch.setattr(registry, "PACKAGE", package)
    registry.read_manifest.cache_clear()
    facts = {"task": "detection", "material": "wse2", "session": "wse2-dayC", "licence": "MIT"}
    hub.register(home, **facts, summary="a line")
    yield home
    registry.read_manifest.cache_clear()


def test_a_model_knows_the_conditions_of_its_folder(folder, day_conditions):
    assert stemzoo.load(folder).conditions.to_json() == day_conditions.to_json()
    assert describe_weights(folder)["conditions"] == {"session": "wse2-dayA", "frames": 13}
    assert CONDITIONS in published_files(folder)


def test_folders_without_conditions_are_loaded(tiny_folder):
    assert stemzoo.load(tiny_folder).conditions is None
    assert "conditions" not in describe_weights(tiny_folder)


def test_conditions_that_cannot_be_used_are_one_line(folder):
    (folder / CONDITIONS).write_text('{"format": 2}')
    with pytest.raises(ValueError, match=r"conditions.json: Expected the conditions") as caught:
        stemzoo.load(folder)
    assert "\n" not in str(caught.value)
    assert "conditions.json" in hub.verify(folder).differences[0]


def test_conditions_of_another_material_are_refused(folder):
    content = json.loads((folder / CONDITIONS).read_text(encoding="utf-8"))
    (folder / CONDITIONS).write_text(json.dumps({**content, "material": "graphene"}))
    with pytest.raises(ValueError, match="expected .* frames of wse2, .* Received: graphene"):
        stemzoo.load(folder)


def test_conditions_of_the_package_are_checked(package):
    assert stemzoo.load("fcn-tiny").conditions.frames == 13
    (package / CONDITIONS).write_bytes((package / CONDITIONS).read_bytes() + b" ")
    with pytest.raises(ValueError, match=r"conditions.json: expected .* sha256 .* not loaded"):
        stemzoo.load("fcn-tiny")


def test_conditions_come_from_the_hub_and_from_the_cache(folder, hub_server, tmp_path):
    hub_server.put("alice/tiny", {p.name: p.read_bytes() for p in folder.iterdir()})
    for _ in range(2):
        assert stemzoo.load("hf://alice/tiny").conditions.frames == 13
    assert (copy_weights("hf://alice/tiny", tmp_path / "copies") / CONDITIONS).is_file()


def test_a_repository_without_conditions_is_loaded(tiny_folder, hub_server):
    hub_server.put("alice/old", {p.name: p.read_bytes() for p in tiny_folder.iterdir()})
    for offline in (False, True):
        assert stemzoo.load("hf://alice/old", local_files_only=offline).conditions is None
