import json
import shutil
from pathlib import Path

import pytest

from stemzoo import io


@pytest.fixture
def scans(here, frames, tiny_folder):
    """Two labelled images, a third without labels, and a model folder."""
    for i, frame in enumerate(frames[:3]):
        io.write_tiff(f"scan{i}.tif", frame.image, sampling=frame.sampling)
        if i < 2:
            rows = [[*point, "se_vacancy"] for point in frame.points.tolist()]
            rows[0][-1] = "bright"
            io.write_csv(f"scan{i}.csv", ("row", "column", "class"), rows)
    shutil.copytree(tiny_folder, "mine")
    return here


def test_figures_are_printed_by_class_and_image_and_put_on_the_card(run, scans):
    done = run("score", "scan*.tif", "--labels", ".", "--weights", "mine", "--card")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0].split() == [*"CLASS LABELLED HITS FALSE MISSED PRECISION RECALL F1".split()]
    assert [line.split()[0] for line in lines[1:4]] == ["se_vacancy", "bright", "all"]
    assert "scan1.tif" in done.out
    assert "paired one to one within 1 Å. A border of 2 Å does not count" in done.out
    assert "without labels of the same name: scan2.tif" in done.err
    assert lines[-1].startswith("mine/metrics_real.json: on the card")
    content = json.loads(Path("mine/metrics_real.json").read_text())
    assert [row["class"] for row in content["scores"]] == ["se_vacancy", "bright", "all"]
    printed = run("score", "scan0.tif", "--labels", "scan0.csv", "--weights", "mine", "--json")
    assert [one["image"] for one in json.loads(printed.out)["images"]] == ["scan0.tif"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--weights", "fcn-wse2", "--card"), "stemzoo save fcn-wse2 FOLDER"),
        (("--weights", "mine", "--classes", "a=b c"), "V_Se=se_vacancy"),
        (("--weights", "mine", "--tolerance", 0), "--tolerance"),
        (("--weights", "cyclegan-wse2-dayA"), "needs weights of a DefectFCN"),
    ],
)
def test_what_cannot_be_scored_is_one_line(run, scans, options, words):
    failed = run("score", "scan0.tif", "--labels", ".", *options)
    assert failed.code == 2
    assert words in failed.err.splitlines()[-1]
    assert not Path("mine/metrics_real.json").exists()


def test_an_image_that_fails_is_one_line_and_the_others_are_scored(run, scans):
    Path("scan1.tif").write_bytes(b"no TIFF")
    failed = run("score", "scan0.tif", "scan1.tif", "--labels", ".", "--weights", "mine", "--card")
    assert failed.code == 2
    assert "scan1.tif" in failed.err
    assert "scan0.tif" in failed.out
    assert not Path("mine/metrics_real.json").exists()  # of all or none
