"""Keras on JAX and on PyTorch, where TensorFlow is not installed.

STEMZOO_JAX_PYTHON and STEMZOO_TORCH_PYTHON name the Pythons of environments that have Keras on one
of them, and what else the package needs.
"""

import csv
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
IMAGE = ROOT / "examples" / "wse2_dayB.tif"
NONE_OF_TENSORFLOW = "import importlib.util as u; assert u.find_spec('tensorflow') is None"

pytestmark = pytest.mark.backends


@pytest.fixture(scope="module", params=["jax", "torch"])
def run(request, tmp_path_factory):
    python = os.environ.get(f"STEMZOO_{request.param.upper()}_PYTHON")
    if not python:
        pytest.skip(f"needs STEMZOO_{request.param.upper()}_PYTHON")
    place = tmp_path_factory.mktemp(request.param)

    def call(*arguments, check=True):
        return subprocess.run(
            [python, *map(str, arguments)],
            cwd=place,
            env={**os.environ, "PYTHONPATH": str(ROOT), "KERAS_BACKEND": request.param},
            capture_output=True,
            text=True,
            timeout=600,
            check=check,
        )

    call("-c", NONE_OF_TENSORFLOW)
    return call


def places(path):
    with path.open(encoding="utf-8") as file:
        rows = [(r["class"], float(r["row"]), float(r["column"])) for r in csv.DictReader(file)]
    return sorted(rows)


def test_weights_of_each_kind_give_their_golden_output(run):
    names = ("fcn-wse2", "cyclegan-wse2-dayB", "denoise-wse2")
    done = run("-m", "stemzoo.cli", "verify", *names)
    assert done.stdout.count("PASS") == done.stdout.count("golden output: largest difference") == 3


def test_the_same_defects_are_found_as_on_tensorflow(run, python, tmp_path):
    run("-m", "stemzoo.cli", "detect", IMAGE, "--out", tmp_path / "other")
    done = python("-m", "stemzoo.cli", "detect", IMAGE, "--out", tmp_path / "tensorflow")
    assert done.returncode == 0, done.stderr
    mine, its = (places(tmp_path / n / "wse2_dayB.csv") for n in ("other", "tensorflow"))
    assert len(mine) == len(its) > 150
    for a, b in zip(mine, its, strict=True):
        assert a[0] == b[0]
        assert max(abs(a[1] - b[1]), abs(a[2] - b[2])) <= 0.01


def test_an_image_is_translated(run, tmp_path):
    options = ("--weights", "cyclegan-wse2-dayB", "--out", tmp_path)
    run("-m", "stemzoo.cli", "translate", IMAGE, *options)
    assert (tmp_path / "wse2_dayB_sim-to-exp.tif").is_file()


def test_training_names_what_it_needs(run, tmp_path):
    done = run("-m", "stemzoo.cli", "train", "fcn", "--out", tmp_path / "x", check=False)
    assert done.returncode == 2
    assert "pip install tensorflow" in done.stderr
    assert len(done.stderr.splitlines()) == 1
