"""The notebooks: what is stored of them, and that they run (pytest -m notebooks)."""

import json
import os
import sys
import time

import pytest
from places import EXAMPLES, ROOT

NAMES = ("session", "own_material")
# Lines of TensorFlow, which are about no image.
CHATTER = ("tensorflow", "onednn", "cuda", "xla", "i0000", "w0000", "e0000")


def outputs(notebook):
    return [one for cell in notebook["cells"] for one in cell.get("outputs", [])]


def texts(notebook):
    found = []
    for one in outputs(notebook):
        found.append("".join(one.get("text", [])))
        found += ["".join(lines) for kind, lines in one.get("data", {}).items() if "text" in kind]
    return "\n".join(found)


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_stored_with_small_outputs_and_no_chatter(name):
    path = EXAMPLES / f"{name}.ipynb"
    assert path.stat().st_size < 500_000
    notebook = json.loads(path.read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    kinds = [one["output_type"] for one in outputs(notebook)]
    assert "error" not in kinds
    assert sum("image/png" in one.get("data", {}) for one in outputs(notebook)) == 2
    said = texts(notebook).lower()
    assert not [word for word in CHATTER if word in said]
    assert str(ROOT).lower() not in said
    assert f"[{name}.ipynb]({name}.ipynb)" in (EXAMPLES / "README.md").read_text(encoding="utf-8")


@pytest.mark.notebooks
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs_and_says_what_is_stored(name, tmp_path, monkeypatch):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    # The command as it is installed, of this checkout.
    command = tmp_path / "bin" / "stemzoo"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m stemzoo.cli "$@"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = nbformat.read(EXAMPLES / f"{name}.ipynb", as_version=4)
    stored = texts(notebook)
    work = tmp_path / "work"
    work.mkdir()
    start = time.monotonic()
    resources = {"metadata": {"path": str(work)}}
    nbclient.NotebookClient(notebook, timeout=600, resources=resources).execute()
    print(f"{name}: {time.monotonic() - start:.0f} s")
    said = texts(notebook)
    assert not [word for word in CHATTER if word in said.lower()]
    if name == "session":  # which is the same to the digit on every machine but for the weights
        (line,) = (line for line in said.splitlines() if line.startswith("tracks: "))
        assert line.split(";")[0].split(",")[0] in stored
        assert (work / "session" / "report.html").is_file()
    else:
        assert "se_vacancy in image 0: precision" in said
        assert (work / "results" / "report.html").is_file()
