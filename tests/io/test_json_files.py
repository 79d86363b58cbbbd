"""JSON from anywhere: what is no finite number of a sensible size never gets in."""

import os
import re

import pytest

from stemzoo.io.json_files import LARGEST_FILE, Field, parse_json, read_json

FIELDS = {
    "epochs": Field(int, low=1, high=100, required=True),
    "rate": Field(float, low=0),
    "session": Field(str, list, type(None), high=5, items=Field(str, high=9)),
    "on": Field(bool),
    "losses": Field(dict, items=Field(float, low=0)),
}


@pytest.mark.parametrize(
    "text",
    [
        '{"epochs": 3}',
        '{"epochs": 1, "rate": 2, "session": "a", "on": true, "more": {"x": [1, -2.5e3]}}',
        '{"epochs": 100, "rate": 0.0, "session": ["a", "b"], "losses": {"cycle": 0.5}}',
        b'{"epochs": 3, "session": null}',
    ],
)
def test_what_is_expected_is_read(text):
    assert parse_json(text, FIELDS)["epochs"] >= 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{}", "no epochs"),
        ("[]", "list, no JSON object"),
        ('{"epochs": 0}', "epochs=0, where 1 to 100 are possible"),
        ('{"epochs": 3.0}', "epochs=3.0, where int is expected"),
        ('{"epochs": true}', "epochs=True, where int is expected"),
        ('{"epochs": "3"}', "epochs='3', where int is expected"),
        ('{"epochs": 3, "rate": -1}', "rate=-1, where 0 to"),
        ('{"epochs": 3, "rate": null}', "rate=None, where float is expected"),
        ('{"epochs": 3, "on": 1}', "on=1, where bool"),
        ('{"epochs": 3, "session": 7}', "session=7, where str or list or null is expected"),
        ('{"epochs": 3, "session": "longer"}', "length session=6, where 0 to 5 are possible"),
        ('{"epochs": 3, "session": ["a", 7]}', "session[1]=7, where str"),
        ('{"epochs": 3, "losses": {"cycle": -1}}', "losses['cycle']=-1, where 0 to"),
        ('{"epochs": 3, "more": NaN}', "NaN, where finite numbers"),
        ('{"epochs": 3, "more": [{"x": -Infinity}]}', "-Infinity, where finite"),
        ('{"epochs": 3, "more": 1e999}', "1e999, where finite"),
        ('{"epochs": 3, "more": 1e300}', "1e300, where finite"),
        ('{"epochs": 3, "more": 1' + 400 * "0" + "}", "where finite numbers"),
        ('{"epochs": 3, "more": 1' + 9000 * "0" + "}", "where finite numbers"),
        ("[" * 100_000, "brackets in brackets"),
        ('{"a":' * 100_000, "brackets in brackets"),
        ("", "Expecting value"),
        (b"\xff\xfe{", "codec can't decode"),
    ],
)
def test_anything_else_is_refused_with_what_came(text, words):
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        parse_json(text, FIELDS)
    assert len(str(caught.value)) < 300


def test_a_number_is_exact_as_long_as_it_is_let_in():
    assert parse_json(str(2**64 + 1)) == 2**64 + 1
    assert parse_json("-0.1") == -0.1
    with pytest.raises(ValueError, match="where finite numbers"):
        parse_json(str(10**39))


@pytest.mark.parametrize("what", ["nothing", "folder", "loop", "pipe", "large", "half"])
def test_a_file_that_cannot_be_read_is_named_in_one_line(tmp_path, what):
    path = tmp_path / "recipe.json"
    if what == "folder":
        path.mkdir()
    elif what == "loop":
        path.symlink_to(path)
    elif what == "pipe":
        os.mkfifo(path)
    elif what == "large":
        path.write_bytes(b" " * (LARGEST_FILE + 1))
    elif what == "half":
        path.write_bytes(b'{"epochs": 3, "se')
    with pytest.raises(ValueError, match="recipe.json: expected JSON as .* Received: ") as caught:
        read_json(path, FIELDS)
    assert "\n" not in str(caught.value)


def test_a_file_is_read_as_it_was_written(tmp_path):
    (tmp_path / "recipe.json").write_text('{"epochs": 3, "rate": 1e-4}', encoding="utf-8")
    assert read_json(tmp_path / "recipe.json", FIELDS) == {"epochs": 3, "rate": 1e-4}
