"""The scripts for single tasks, in small: each ends, and leaves a picture."""

import os
import subprocess
import sys

import pytest
from places import EXAMPLES, ROOT

SMALL = {
    "detect_defects": ["--edge", "256"],
    "choose_weights": ["--edge", "256"],
    "simulate_and_train": ["--frames", "2", "--epochs", "1", "--edge", "128"],
    "make_realistic": ["--edge", "256", "--frames", "1"],
    "denoise": ["--edge", "256"],
    "adapt_to_new_images": ["--minutes", "0.1", "--images", "1", "--edge", "256"],
}
SAYS = {
    "detect_defects": "single Se vacancies: precision",
    "choose_weights": "fcn-wse2-dayA",
    "simulate_and_train": "single Se vacancies in 4 new frames",
    "make_realistic": "translated: KL divergence",
    "denoise": "vacancies",
    "adapt_to_new_images": "after: ",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_a_task_ends_with_a_picture(name, tmp_path):
    path = EXAMPLES / f"{name}.py"
    ran = subprocess.run(
        [sys.executable, path, *SMALL[name], "--out", tmp_path / "out.png"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    assert SAYS[name] in ran.stdout
    assert (tmp_path / "out.png").read_bytes()[:4] == b"\x89PNG"


def test_each_task_is_short_and_in_the_table():
    table = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    for name in SMALL:
        lines = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8").splitlines()
        assert len(lines) < 60
        assert f"[{name}.py]({name}.py)" in table
        assert (EXAMPLES / "pictures" / f"{name}.png").is_file()
