"""The scripts of examples/reproduce and their kin: each starts, and says what it takes."""

import runpy
import sys

import pytest
from places import EXAMPLES, ROOT

SCRIPTS = EXAMPLES / "reproduce" / "scripts"
COMMANDS = [
    # The others are only imported.
    *(path for path in sorted(SCRIPTS.glob("*.py")) if "__main__" in path.read_text("utf-8")),
    ROOT / ".github" / "write_conditions.py",
    EXAMPLES / "train_on_the_papers_data.py",
]


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: path.stem)
def test_a_script_says_what_it_takes(path, monkeypatch, capsys):
    # Scripts import each other from their own folder, which Python puts first when it runs one.
    monkeypatch.syspath_prepend(path.parent)
    monkeypatch.setattr(sys, "argv", [path.name, "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(path), run_name="__main__")
    assert ended.value.code == 0
    assert path.name in capsys.readouterr().out
