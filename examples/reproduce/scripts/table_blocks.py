"""What the tables of the pages are made of: where figures lie, and how they are entered."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

from stemzoo.zoo.registry import find_weights

PAGES = Path(__file__).resolve().parents[1]
DAYS = ("wse2-dayA", "wse2-dayB")
TABLES: dict[str, Callable[[], str]] = {}


def block(function: Callable[[], str]) -> Callable[[], str]:
    """Enter a function as the one that writes the block of its name."""
    TABLES[function.__name__.replace("_", "-")] = function
    return function


def results(name: str):
    """Read a JSON file of ../results."""
    return json.loads((PAGES / "results" / f"{name}.json").read_text(encoding="utf-8"))


def metrics(weights: str, name: str = "metrics"):
    """Read a JSON file beside bundled weights."""
    path = find_weights(weights).folder / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))


def several(values: Iterable[float | None], digits: int = 2) -> str:
    """Write figures one after the other, a dash for what is not known."""
    return ", ".join("-" if value is None else f"{value:.{digits}f}" for value in values)
