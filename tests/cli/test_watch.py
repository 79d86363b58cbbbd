import io
import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from stemzoo.cli.watch import live_table
from stemzoo.io import write_tiff
from stemzoo.workflows.watching import Arrivals, Course


def test_images_of_a_folder_are_looked_at_and_after_a_restart_only_new_ones(
    run, here, frames, tiny_folder
):
    Path("live").mkdir()
    write_tiff("live/a.tif", frames[0].image[:80, :80], sampling=frames[0].sampling)
    Path("live/bad.tif").write_bytes(b"II*\0")
    options = ("--weights", tiny_folder, "--settle", 0, "--idle", 0.2, "--out", "live/out")
    done = run("watch", "live", *options)
    assert done.code == 1
    assert [line.split(": ")[0] for line in done.out.splitlines()] == ["live/a.tif"]
    assert done.err.splitlines()[0].startswith("stemzoo: live/bad.tif: expected a complete .tif")
    Path("live/bad.tif").unlink()
    np.save("live/b.npy", frames[1].image[:80, :80])
    done = run("watch", "live", *options, "--pixel-size", 20.7)
    assert done.code == 0
    done = run("watch", "live", *options, "--pixel-size", 20.7, "--json")
    assert [json.loads(line)["skipped"] for line in done.out.splitlines()] == [True, True]
    assert len(json.loads(Path("live/out/run.json").read_text())["calls"]) == 1


def test_a_folder_that_is_none_is_one_line(run, here):
    done = run("watch", "nowhere")
    assert (done.code, done.out) == (2, "")
    assert "nowhere: expected a folder to watch" in done.err


@pytest.mark.parametrize("width", [100, 200])
def test_the_table_shows_counts_density_and_what_is_doubtful(width):
    density = {"value": 0.31, "low": 0.1, "high": 0.6}
    f1 = {"value": 0.93}
    one = {
        "image": "live/scan.tif",
        "frame": 7,
        "counts": {"se_vacancy": 9, "bright": 0},
        "density_per_nm2": {"se_vacancy": density, "bright": density},
        "expected": {"se_vacancy": {"f1": f1, "reported": 9, "expected": 9.1}},
        "p_value": 0.5,
        "doubts": ["no lattice"],
        "notes": [],
    }
    console = Console(file=io.StringIO(), width=width)
    console.print(live_table(Course([one]), Arrivals(Path("live"))))
    text = console.file.getvalue()
    for words in ("scan.tif [7]", " 9 ", "0.310 (0.100 to 0.600)", "0.93", "0.5", "NOT TO BE"):
        assert words in text
    assert "█ se_vacancy, 0 to 0.31 per nm²" in text
