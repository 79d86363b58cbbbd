"""Write the model cards of all bundled weights: python .github/write_cards.py."""

from pathlib import Path

from stemzoo.zoo.cards.card import write_cards

if __name__ == "__main__":
    for path in write_cards(Path(__file__).parent.parent / "model_cards"):
        print(path)
