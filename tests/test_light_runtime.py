"""An installation without Keras and TensorFlow, as requirements-runtime.txt makes it."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
IMAGE = ROOT / "examples" / "wse2_dayB.tif"
# Of all files, as du --apparent-size counts them [bytes].
LARGEST = 350 * 2**20

pytestmark = pytest.mark.backends


@pytest.fixture(scope="module")
def light(tmp_path_factory):
    """Make the environment as the file itself says, and return what runs a command in it."""
    place = tmp_path_factory.mktemp("light")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "KERAS"))}

    def call(*arguments, check=True):
        return subprocess.run(
            list(map(str, arguments)),
            cwd=place,
            env={**environment, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=600,
            check=check,
        )

    call(sys.executable, "-m", "venv", place / "venv")
    python = place / "venv" / "bin" / "python"
    pip = (python, "-m", "pip", "install", "--quiet", "--no-compile")
    call(*pip, "-r", ROOT / "requirements-runtime.txt")
    call(*pip, "--no-deps", ROOT)
    call(python, "-m", "pip", "uninstall", "--quiet", "--yes", "setuptools", "pip", check=False)

    def run(*arguments, check=True):
        return call(python, "-m", "stemzoo.cli", *arguments, check=check)

    run.python, run.call, run.place = python, call, place
    return run


def table(path):
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [row["class"] for row in rows], [
        [float(row[key]) for key in ("row", "column", "score")] for row in rows
    ]


@pytest.mark.parametrize("name", ["keras", "tensorflow", "skimage", "matplotlib", "imagecodecs"])
def test_neither_keras_nor_tensorflow_is_there(light, name):
    done = light.call(light.python, "-c", f"import {name}", check=False)
    assert "ModuleNotFoundError" in done.stderr


def test_the_environment_is_small(light):
    files = [p for p in (light.place / "venv").rglob("*") if p.is_file() and not p.is_symlink()]
    assert sum(p.stat().st_size for p in files) < LARGEST


def test_the_same_defects_are_found(light, python, tmp_path):
    light("detect", IMAGE, "--out", tmp_path / "light")
    done = python("-m", "stemzoo.cli", "detect", IMAGE, "--out", tmp_path / "keras")
    assert done.returncode == 0, done.stderr
    (classes, mine), (same, its) = (
        table(tmp_path / name / "wse2_dayB.csv") for name in ("light", "keras")
    )
    assert len(classes) > 150
    assert classes == same
    for a, b in zip(mine, its, strict=True):
        assert abs(a[0] - b[0]) <= 0.01
        assert abs(a[1] - b[1]) <= 0.01
        assert abs(a[2] - b[2]) <= 1e-4
    assert (tmp_path / "light" / "wse2_dayB.png").stat().st_size > 10000


def test_other_verbs_work(light, tmp_path):
    assert "fcn-wse2" in light("list").stdout
    assert "wse2 " in light("identify", IMAGE).stdout
    assert "fcn-wse2 " in light("match", IMAGE).stdout
    assert "Se2 columns" in light("columns", IMAGE, "--out", tmp_path).stdout
    assert "by ONNX Runtime" in light("verify", "fcn-wse2").stdout
    assert "ONNX Runtime" in light("doctor").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("train", "fcn", "--out", "x"), "pip install keras tensorflow"),
        (("adapt", IMAGE, "--out", "x"), "pip install keras tensorflow"),
        (("save", "fcn-wse2", "x"), "pip install keras tensorflow"),
        (("translate", IMAGE, "--weights", "cyclegan-wse2-dayB"), "stemzoo export"),
        (("denoise", IMAGE), "pip install matplotlib"),
        (("detect", "picture.png"), "pip install imagecodecs"),
    ],
)
def test_what_needs_more_says_so_in_one_line(light, arguments, words):
    (light.place / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    done = light(*arguments, check=False)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_what_trains_says_so_in_python(light):
    done = light.call(light.python, "-c", "import stemzoo; stemzoo.train_fcn", check=False)
    assert "Install it: pip install keras tensorflow" in done.stderr.splitlines()[-1]
