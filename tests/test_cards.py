from pathlib import Path

import pytest

from stemzoo.cards import model_card, write_cards
from stemzoo.registry import list_weights

CARDS = Path(__file__).parent.parent / "model_cards"
BUNDLED = [entry for entry in list_weights() if entry.bundled]


@pytest.mark.parametrize("entry", BUNDLED, ids=lambda entry: entry.name)
def test_the_card_is_what_the_files_beside_the_weights_say(entry):
    written = (CARDS / f"{entry.name}.md").read_text(encoding="utf-8")
    assert written == model_card(entry, entry.folder), "python examples/write_cards.py"


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


def test_a_folder_without_a_model_has_no_card(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no config\.json"):
        model_card(BUNDLED[0], tmp_path)
