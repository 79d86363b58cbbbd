"""The script that runs the README's commands: what it takes from a page."""

import importlib.util

import pytest
from places import ROOT

PATH = ROOT / ".github" / "check_readme.py"


KNOWN = ("stemzoo list", "ls")


@pytest.fixture(scope="module")
def check():
    spec = importlib.util.spec_from_file_location(PATH.stem, PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_each_command_of_the_readme_is_run_or_left_out_with_a_reason(check):
    lines = check.commands((ROOT / "README.md").read_text(encoding="utf-8"))
    assert lines[0] == "pip install . && stemzoo detect examples/wse2_dayB.tif"
    left_out = [how for how in check.SMALL.values() if isinstance(how, check.LeftOut)]
    assert all(how.reason for how in left_out)
    assert len(left_out) < len(lines) / 2


def test_comments_results_and_other_languages_are_no_commands(check):
    page = "```sh\nstemzoo list   # all\n\nls \\\n  -l\n```\n```console\n$ ls\nfile\n```\n"
    assert check.commands(page + "```python\nimport stemzoo\n```\n", KNOWN) == [
        "stemzoo list",
        "ls    -l",
        "ls",
    ]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("stemzoo list\nls\nrm x", r"\['rm x'\] not in it, \[\] not on"),
        ("ls", r"\[\] not in it, \['stemzoo list'\]"),
    ],
)
def test_page_and_check_cannot_drift_apart(check, lines, words):
    with pytest.raises(ValueError, match=words):
        check.commands(f"```sh\n{lines}\n```\n", KNOWN)


def test_a_command_that_fails_is_named_with_what_it_printed(check, tmp_path):
    check.shell("true", tmp_path)
    with pytest.raises(SystemExit, match="(?s)printed\n.*exit code 3 of: echo printed; exit 3"):
        check.shell("echo printed; exit 3", tmp_path)
