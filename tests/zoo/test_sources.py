"""Which files a name, an address or a folder leads to; what goes wrong on the way is elsewhere."""

import hashlib
import json

import pytest

from stemzoo import __version__
from stemzoo.zoo import registry
from stemzoo.zoo.repositories import choose_listing
from stemzoo.zoo.sources import find_source

FILES = {"config.json": b"{}", "model.weights.h5": b"weights", "recipe.json": b"{}"}
NAMES = {"config.json", "model.weights.h5"}


@pytest.fixture
def zoo(tmp_path, monkeypatch):
    """Write manifests of one entry each into a folder that stands for the package."""
    monkeypatch.setattr(registry, "PACKAGE", tmp_path / "package")
    monkeypatch.setenv("STEMZOO_HOME", str(tmp_path / "home"))
    (tmp_path / "package").mkdir()

    def write(**changes):
        files = {
            name: {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
            for name, content in FILES.items()
        }
        record = {
            **dict.fromkeys(("task", "material", "session", "summary", "licence"), "x"),
            **{"name": "fcn-test", "files": files, "aliases": ["default"]},
            **{"supersedes": ["fcn-2023"], **changes},
        }
        path = tmp_path / "package" / "weights_manifest.json"
        path.write_text(json.dumps({"format": 1, "weights": [record]}), encoding="utf-8")
        registry.read_manifest.cache_clear()

    yield write
    registry.read_manifest.cache_clear()


@pytest.fixture
def mirror(tmp_path):
    folder = tmp_path / "mirror"
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    return folder


def refused(source, error, *words, **options):
    with pytest.raises(error) as caught:
        find_source(source, **options)
    message = caught.value.args[0]
    assert "\n" not in message
    for word in words:
        assert word in message, message


def test_bundled_weights_come_from_the_package(zoo, tmp_path):
    zoo()
    found = find_source("fcn-test")
    assert found.origin == "bundled"
    assert found.folder == tmp_path / "package" / "weights" / "fcn-test"
    assert {file.name for file in found.files} == set(FILES)
    # Nothing was read yet, and nothing is there.
    assert len(found.differences()) == 3


def test_logs_and_pictures_may_be_missing_from_the_package(zoo, tmp_path):
    logs = {"training_log.png": b"PNG", "training_log.csv": b"1,2", "stage1_recipe.json": b"{}"}
    files = {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
        for name, content in {**FILES, **logs}.items()
    }
    zoo(files=files)
    assert {file.name for file in find_source("fcn-test").files} == set(FILES)
    # One that is there is compared like the others.
    folder = tmp_path / "package" / "weights" / "fcn-test"
    folder.mkdir(parents=True)
    for name, content in {**FILES, "training_log.png": b"other"}.items():
        (folder / name).write_bytes(content)
    (line,) = find_source("fcn-test").differences()
    assert "training_log.png: expected 3 bytes" in line


@pytest.mark.parametrize(
    ("cached", "asked", "pinned", "offline", "expected"),
    [
        (NAMES, NAMES, True, False, "cache"),
        (NAMES, NAMES, False, False, "hub, else cache"),
        (NAMES, NAMES, False, True, "cache"),
        # The repository may hold discriminators that were not fetched before.
        (NAMES, {*NAMES, "training.weights.h5"}, True, False, "hub, else cache"),
        (NAMES, {*NAMES, "training.weights.h5"}, True, True, "cache"),
        ({"config.json"}, NAMES, True, False, "hub"),
        ({"config.json"}, NAMES, True, True, "nobody"),
        (set(), NAMES, False, True, "nobody"),
    ],
)
def test_who_lists_the_files_of_a_revision(cached, asked, pinned, offline, expected):
    assert choose_listing(cached, asked, pinned=pinned, offline=offline) == expected


def test_other_names_are_said_to_be_such(zoo, caplog):
    zoo()
    find_source("default")
    find_source("fcn-2023")
    messages = [record.getMessage() for record in caplog.records]
    assert messages == [
        "default is another name of fcn-test",
        "fcn-2023 is superseded by fcn-test",
    ]


def test_an_unknown_name_is_never_guessed(zoo):
    zoo()
    refused("fcn-tets", KeyError, "Did you mean fcn-test?", "stemzoo list")


# Weights that are not published.


def test_what_is_not_published_is_not_asked_of_the_hub(zoo, hub_server):
    zoo(repo_id="alice/fcn-test")
    words = ("has not been published", "revision in weights_manifest.json is null")
    how = ("'stemzoo publish fcn-test'", "load 'fcn-test' without a revision")
    for source, options in (
        ("fcn-test", {"revision": "main"}),
        ("hf://alice/fcn-test", {}),
        ("hf://alice/fcn-test@v1", {}),
    ):
        refused(source, ValueError, *words, *how, **options)
    assert hub_server.requests == []


def test_without_files_in_the_package_there_is_nothing_to_load(zoo, hub_server):
    zoo(bundled=False)
    refused("fcn-test", ValueError, "has not been published", "cannot be downloaded")


def test_a_repository_of_a_name_of_the_zoo_that_is_not_there_is_explained(zoo, hub_server):
    zoo()
    words = ("fcn-test of the zoo has not been published", "load 'fcn-test'")
    refused("hf://stemzoo/fcn-test", FileNotFoundError, "hf://stemzoo/fcn-test", *words)
    commit = hub_server.put("alice/fcn-test", FILES)
    zoo(repo_id="alice/fcn-test", revision=commit)
    words = ("The zoo's fcn-test is at hf://alice/fcn-test",)
    refused("hf://bob/fcn-test", FileNotFoundError, *words)


def test_published_weights_come_from_the_hub_when_a_revision_is_given(zoo, hub_server):
    commit = hub_server.put("alice/fcn-test", FILES)
    zoo(repo_id="alice/fcn-test", revision=commit)
    assert find_source("fcn-test").origin == "bundled"
    assert hub_server.requests == []
    assert find_source("fcn-test", revision=commit).origin == "hub"


# Mirrors.


def test_mirrors_come_after_the_hub(zoo, hub_server, mirror):
    commit = hub_server.put("alice/fcn-test", FILES)
    facts = {"bundled": False, "repo_id": "alice/fcn-test", "mirrors": [str(mirror)]}
    zoo(**facts, revision=commit)
    assert find_source("fcn-test").origin == "hub"
    zoo(**facts, revision="0" * 40)
    found = find_source("fcn-test")
    assert found.origin == "mirror"
    assert {file.name for file in found.files} == NAMES
    assert found.differences() == []


def test_a_mirror_serves_what_is_not_published_and_then_the_cache_does(zoo, mirror):
    zoo(bundled=False, mirrors=["http://127.0.0.1:9/nothing", str(mirror)])
    found = find_source("fcn-test")
    assert found.origin == "mirror"
    assert find_source("fcn-test", local_files_only=True).folder == found.folder


def test_offline_no_mirror_is_asked(zoo, mirror):
    zoo(bundled=False, mirrors=[str(mirror)])
    words = ("in the cache, being offline", "Load it once with a network")
    refused("fcn-test", FileNotFoundError, *words, local_files_only=True)


def test_when_no_place_has_it_every_reason_is_told(zoo, hub_server, mirror):
    (mirror / "config.json").write_bytes(b"[]")
    mirrors = ["http://127.0.0.1:9/nothing", str(mirror)]
    zoo(bundled=False, mirrors=mirrors, repo_id="alice/fcn-test", revision="0" * 40)
    words = ("no place has it", "none of that name", "Connection refused", "expected 2 bytes")
    refused("fcn-test", FileNotFoundError, *words)


# What is asked for.


@pytest.mark.parametrize(
    "uri",
    [
        *("hf://", "hf://user", "hf://a/b/c", "hf://a/b@", "hf://a/b@v 1", "hf://a/b@../x"),
        *("hf:///b", "hf://../..", "hf://a--b/c", "hf://ä/b", f"hf://a/{'b' * 100}"),
    ],
)
def test_an_address_is_user_and_repository(zoo, uri):
    zoo()
    refused(uri, ValueError, "expected hf://user/repository", f"Received: {uri}")


def test_one_revision_is_enough(zoo):
    zoo()
    refused("hf://a/b@v1", ValueError, "with one revision", "revision='v2'", revision="v2")


def test_a_folder_has_no_revision(zoo, mirror):
    zoo()
    for name in ("golden.npz", "provenance.json"):
        refused(mirror, FileNotFoundError, f"Received: no {name}", "copy all files")
        (mirror / name).touch()
    assert find_source(mirror).origin == "folder"
    refused(mirror, ValueError, "Received: revision='v1' with the folder", revision="v1")


@pytest.mark.parametrize("requires", [">=99", "<0.1", "==0.0.1"])
def test_weights_for_another_version_of_stemzoo_say_so(zoo, requires):
    zoo(requires=requires)
    words = (f"expected stemzoo {requires}", f"Received: {__version__}", "pip install")
    refused("fcn-test", ValueError, *words)


def test_weights_for_this_version_are_found(zoo):
    zoo(requires=">=0.1,<99")
    assert find_source("fcn-test").entry.requires == ">=0.1,<99"


def test_a_manifest_without_the_files_of_a_model_is_refused(zoo):
    zoo(files={})
    refused("fcn-test", ValueError, "expected config.json and model.weights.h5 among the files")
