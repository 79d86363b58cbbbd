"""Read JSON that may come from anywhere: small, with bounded numbers and the expected fields."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# What is larger is refused before it is read [bytes].
LARGEST_FILE = 1 << 20
# Seeds are the largest numbers of this package; more than this is infinite in float32.
LARGEST_NUMBER = 1e38


@dataclass(frozen=True)
class Field:
    """What an entry of a JSON object may hold.

    Parameters
    ----------
    *kinds : type
        Among str, int, float, bool, list, dict and ``type(None)``; an int is a float, too, and no
        bool is a number.
    low, high : float
        Bounds of a number, or of the length of a text, list or object.
    required : bool
        Whether the entry has to be there.
    items : Field, optional
        What each item of a list, or each value of an object, may hold.

    Examples
    --------
    >>> Field(int, low=1, high=12).fault("depth", 40)
    'depth=40, where 1 to 12 are possible'
    >>> Field(str).fault("session", "wse2-dayA") is None
    True
    """

    kinds: tuple[type, ...]
    low: float
    high: float
    required: bool
    items: "Field | None"

    def __init__(
        self,
        *kinds: type,
        low: float | None = None,
        high: float = LARGEST_NUMBER,
        required: bool = False,
        items: "Field | None" = None,
    ):
        numbers = bool({int, float} & set(kinds))
        values = {
            "kinds": kinds,
            "low": low if low is not None else (-LARGEST_NUMBER if numbers else 0),
            "high": high,
            "required": required,
            "items": items,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def fault(self, name: str, value: Any) -> str | None:
        """Say what is wrong with a value; None if nothing is."""
        kinds = (*self.kinds, int) if float in self.kinds else self.kinds
        if type(value) not in kinds:
            expected = " or ".join("null" if k is type(None) else k.__name__ for k in self.kinds)
            return f"{name}={_shortened(value)}, where {expected} is expected"
        if value is None or isinstance(value, bool):
            return None
        size, what = (value, "") if isinstance(value, int | float) else (len(value), "length ")
        if not self.low <= size <= self.high:
            return f"{what}{name}={size}, where {self.low:g} to {self.high:g} are possible"
        if self.items is None or isinstance(value, str | int | float):
            return None
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        faults = (self.items.fault(f"{name}[{key!r}]", item) for key, item in inner)
        return next((fault for fault in faults if fault), None)


def parse_json(text: str | bytes, fields: Mapping[str, Field] | None = None) -> Any:
    """Read JSON with finite, bounded numbers, and check the fields of an object.

    Parameters
    ----------
    text : str or bytes
        UTF-8 where bytes.
    fields : mapping of str to Field, optional
        What the entries of an object may hold; entries of other names are let through.

    Returns
    -------
    object
        What the text says; a dict if `fields` are given.

    Raises
    ------
    ValueError
        If it is no JSON, a number is not finite or too large, or a field holds something else; the
        message is what was received.

    Examples
    --------
    >>> parse_json('{"epochs": 3}', {"epochs": Field(int, low=1)})
    {'epochs': 3}
    """
    try:
        # Without these, NaN, 1e999 and numbers of thousands of digits would pass.
        content = json.loads(
            text, parse_constant=_number, parse_float=_number, parse_int=_whole_number
        )
    except RecursionError as error:
        raise ValueError("brackets in brackets without end") from error
    if fields is None:
        return content
    if not isinstance(content, dict):
        raise ValueError(f"{type(content).__name__}, no JSON object")
    for name, field in fields.items():
        if name in content:
            if fault := field.fault(name, content[name]):
                raise ValueError(fault)
        elif field.required:
            raise ValueError(f"no {name}")
    return content


def read_json(path: str | Path, fields: Mapping[str, Field] | None = None) -> Any:
    """Read a small JSON file that may come from anywhere, see `parse_json`.

    Parameters
    ----------
    path : path-like
        The file.
    fields : mapping of str to Field, optional
        As for `parse_json`.

    Returns
    -------
    object

    Raises
    ------
    ValueError
        If it cannot be read, is too large or holds something else; the message names the file.

    Examples
    --------
    >>> read_json("recipe.json", {"epochs": Field(int, low=1)})  # doctest: +SKIP
    {'epochs': 40}
    """
    try:
        return parse_json(read_small(path), fields)
    except ValueError as error:
        reason = " ".join(str(error).split())[:300]
        raise ValueError(
            f"{path}: expected JSON as stemzoo writes it. Received: {reason}. Copy the file once "
            "more, or make it again."
        ) from error


def read_small(path: str | Path) -> bytes:
    """Read a file of a megabyte at most; where it cannot be read, say why as a ValueError."""
    path = Path(path)
    try:
        if not path.is_file():
            # As of a link that leads to itself, or of a pipe, which would be waited for.
            raise ValueError("no file" if path.exists() else "a link to nothing, or no file")
        with open(path, "rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise ValueError(error.strerror or str(error)) from error
    if len(content) > LARGEST_FILE:
        raise ValueError(f"{path.stat().st_size} bytes, more than {LARGEST_FILE}")
    return content


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value) or abs(value) > LARGEST_NUMBER:
        raise ValueError(f"{text[:40]}, where finite numbers up to {LARGEST_NUMBER:g} are known")
    return value


def _whole_number(text: str) -> int:
    _number(text)
    return int(text)


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
