import dataclasses
import json
import re

import pytest
from places import CARDS, ROOT

from stemzoo.zoo.cards.card import model_card, write_cards
from stemzoo.zoo.registry import list_weights

BUNDLED = [entry for entry in list_weights() if entry.bundled]


@pytest.mark.parametrize("entry", BUNDLED, ids=lambda entry: entry.name)
def test_the_card_is_what_the_files_beside_the_weights_say(entry):
    written = (CARDS / f"{entry.name}.md").read_text(encoding="utf-8")
    pictures_at = f"../stemzoo/weights/{entry.name}"
    # Of the repository: an installed package lacks the pictures of trainings.
    folder = ROOT / "stemzoo" / "weights" / entry.name
    card = model_card(entry, folder, pictures_at=pictures_at)
    assert written == card, "python .github/write_cards.py"
    for link in re.findall(r"!\[.*\]\((.*)\)", card):
        assert (CARDS / link).is_file()


def test_every_card_belongs_to_weights():
    assert {path.stem for path in CARDS.glob("*.md")} == {entry.name for entry in BUNDLED}


@pytest.mark.parametrize("entry", BUNDLED, ids=lambda entry: entry.name)
def test_a_card_says_what_a_user_must_know(entry):
    card = model_card(entry, entry.folder)
    front = card.split("---")[1]
    for key in ("license: apache-2.0", "library_name: keras", "pipeline_tag:", "tags:", "metrics:"):
        assert key in front
    for words in (
        f'stemzoo.load("{entry.name}")',
        "**emulated**",
        "No weights have seen the authors'",
        "## Conditions",
        "80 kV",
        "electrons per pixel",
        "## Measured",
        "## Licences",
        "10.1038/s41524-023-01042-3",
    ):
        assert words in card


def test_cards_are_written_for_all_bundled_weights(tmp_path):
    written = write_cards(tmp_path / "cards")
    assert [path.stem for path in written] == [entry.name for entry in BUNDLED]
    assert all(path.read_text(encoding="utf-8").startswith("---\n") for path in written)


@pytest.fixture
def folder(tmp_path):
    """Write the facts of a CycleGAN that somebody trained on their own images."""
    facts = {
        "config": {"format": 1, "class": "CycleGANSTEM", "config": {}},
        "recipe": {"epochs": 3},
        "training_data": {"session": "wse2-dayC", "experimental": {"a.tif": "0"}, "simulated": 20},
        "provenance": {"parent": {"name": "cyclegan-wse2-dayB", "repository": "bob/dayB"}},
        "evaluation": {
            "images": {"measured": 1, "generated": 12},
            "metrics": [
                {
                    "name": "KID",
                    "generated": {"value": 0.25, "low": 0.125, "high": 0.5},
                    "floor": {"value": 0.0625, "low": None, "high": None},
                    "ceiling": None,
                }
            ],
        },
    }
    for name, content in facts.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    (tmp_path / "training_log.png").touch()
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "epoch_0003.png").touch()
    return tmp_path


THEIRS = dataclasses.replace(
    BUNDLED[0],
    name="cyclegan-wse2-dayC",
    task="translation",
    session="wse2-dayC",
    summary="of one day",
    licence="CC-BY-4.0",
    repo_id="me/dayC",
    bundled=False,
)


def test_a_card_of_others_does_not_say_what_only_the_zoo_knows(folder):
    card = model_card(THEIRS, folder)
    for words in (
        "license: cc-by-4.0",
        "base_model: bob/dayB",
        'stemzoo.load("hf://me/dayC")',
        "On 1 measured images of `wse2-dayC` and 20 clean simulations",
        "Training data: not part of this repository",
        "| KID | 0.25 (0.125 to 0.5) | 0.0625 | - |",
        "1 measured, 12 generated images. Floor",
        "![training log](training_log.png)",
        "![training samples](training_samples.png)",
        "https://huggingface.co/me/dayC",
    ):
        assert words in card
    for words in ("emulated", "No weights have seen", "that it was not trained on"):
        assert words not in card


@pytest.mark.parametrize(
    ("data", "emulated"),
    [
        ({"session": ["wse2-dayA", "wse2-dayB"]}, True),
        ({"session": ["wse2-dayC"]}, False),
        ({"session": ["wse2-dayA"], "translate": ["my-gan"]}, False),
        ({"session": ["wse2-dayA"], "data": ["frames"]}, False),
    ],
)
def test_only_what_the_sessions_of_the_zoo_made_is_called_emulated(folder, data, emulated):
    (folder / "training_data.json").write_text(json.dumps(data))
    config = {"format": 1, "class": "DefectFCN", "config": {"classes": ["se_vacancy"]}}
    (folder / "config.json").write_text(json.dumps(config))
    card = model_card(dataclasses.replace(THEIRS, task="detection"), folder)
    assert ("**emulated**" in card) == emulated


def test_a_card_says_that_intensities_are_seen_by_rank(folder):
    entry = dataclasses.replace(THEIRS, task="detection")
    for ranked in (False, True):
        config = {"classes": ["se_vacancy"], "ranked": ranked}
        content = json.dumps({"format": 1, "class": "DefectFCN", "config": config})
        (folder / "config.json").write_text(content)
        assert ("replaced by their ranks" in model_card(entry, folder)) == ranked


def test_a_folder_without_a_model_has_no_card(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no config\.json"):
        model_card(BUNDLED[0], tmp_path)


def test_a_card_tells_how_to_know_whether_an_image_fits(folder):
    assert "stemzoo match" not in model_card(THEIRS, folder)
    (folder / "conditions.json").write_text('{"frames": 44}')
    card = model_card(THEIRS, folder)
    assert "`stemzoo match image.tif` tells" in card
    assert "(44 of them" in card
    assert "`stemzoo translate --direction exp-to-sim` warns" in card


def test_a_card_declares_metrics_only_where_it_shows_them(folder):
    assert "metrics:" in model_card(BUNDLED[0], BUNDLED[0].folder)
    (folder / "evaluation.json").unlink()
    card = model_card(dataclasses.replace(BUNDLED[0], bundled=False, repo_id="a/b"), folder)
    assert "## Measured" not in card
    assert "metrics:" not in card


def test_a_card_names_the_folders_of_labelled_images(folder):
    (folder / "training_data.json").write_text(json.dumps({"data": {"scans": {"a.tif": "0"}}}))
    entry = dataclasses.replace(BUNDLED[0], bundled=False, repo_id="a/b")
    assert "On the labelled images of `scans`. The recipe" in model_card(entry, folder)
