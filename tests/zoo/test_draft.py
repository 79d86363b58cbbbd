"""What would be published of a folder, before anything is sent."""

import json
import shutil

import pytest

from stemzoo.zoo.draft import (
    Draft,
    checked_folder,
    make_draft,
    published_files,
    refuse_to_overwrite,
)

REPO = "alice/fcn-wse2-dayC"


@pytest.fixture
def folder(tiny_folder, tmp_path):
    return shutil.copytree(tiny_folder, tmp_path / "my-day")


@pytest.fixture
def draft(folder, tmp_path):
    """Make a draft against a manifest of these entries."""

    def make(*records, **facts):
        manifest = tmp_path / "manifest.json"
        manifest.write_text(json.dumps({"format": 1, "weights": list(records)}))
        facts = facts or {"session": "wse2-dayC"}
        facts["licence"] = "MIT"
        card = tmp_path / "card.md"
        return make_draft(folder, "fcn-dayC", REPO, manifest, facts, card)

    return make


def test_the_class_of_the_model_says_task_and_summary(draft):
    made = draft()
    assert (made.record["task"], made.record["material"]) == ("detection", "wse2")
    assert made.record["summary"] == "point defects in wse2, trained on wse2-dayC"
    assert made.record["bundled"] is False
    assert draft(summary="of one day", session="wse2-dayC").record["summary"] == "of one day"


def test_the_session_is_that_of_the_training_where_none_is_given(draft, folder):
    (folder / "training_data.json").write_text('{"session": ["wse2-dayA", "wse2-dayB"]}')
    assert draft(summary="a line").record["session"] == "wse2-dayA"


def test_what_the_manifest_says_is_kept(draft):
    known = {**draft().record, "summary": "known words", "mirrors": ["https://example.org"]}
    made = draft(known)
    assert (made.record["summary"], made.record["mirrors"]) == ("known words", known["mirrors"])
    assert not made.is_published
    assert draft({**known, "revision": "a" * 40}).is_published


def test_other_bytes_are_changes_but_another_card_is_none(draft):
    made = draft()
    assert made.changes() == []
    old = json.loads(json.dumps(made.record))
    old["files"]["README.md"]["sha256"] = "0" * 64
    old["files"]["config.json"]["sha256"] = "0" * 64
    assert Draft(made.files, made.card, made.record, old).changes() == ["config.json"]


def test_an_installed_package_lacks_what_is_to_be_published_of_bundled_weights(draft, tmp_path):
    record = {**draft().record, "bundled": True}
    record["files"]["training_log.png"] = {"sha256": "0" * 64, "size": 1}
    made = draft(record)
    with pytest.raises(ValueError, match=r"no training_log\.png.* checkout of the repository"):
        refuse_to_overwrite(made, tmp_path / "manifest.json", new_revision=False)


def test_only_files_of_the_zoo_under_plain_names_are_for_others(tmp_path):
    kept = {"training.weights.h5", "training_log.png", "metrics.json"}
    others = {"other.h5", "data.npz", "a b.json", "a b.png", ".a.png", "page.html"}
    for name in kept | others:
        (tmp_path / name).touch()
    assert set(published_files(tmp_path)) == kept


def test_only_a_folder_of_this_machine_is_a_draft(folder):
    assert checked_folder(folder) == folder.resolve()
    with pytest.raises(ValueError, match="on the Hub already"):
        checked_folder("hf://alice/fcn")
    (folder / "golden.npz").unlink()
    with pytest.raises(FileNotFoundError, match=r"Received: no golden\.npz"):
        checked_folder(folder)
