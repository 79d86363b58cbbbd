import json
from pathlib import Path

import pytest

import stemzoo
from stemzoo import io

TINY = ("--epochs", 1, "--steps", 2, "--batch", 2, "--patch", 64, "--filters", 2, "--depth", 2)


@pytest.fixture
def own(here, frames):
    """Two images, each with a table of one's own, and an image without one."""
    for i, frame in enumerate(frames[:2]):
        io.write_tiff(f"scan{i}.tif", frame.image, sampling=frame.sampling)
        rows = [[*point, "V_Se"] for point in frame.points.round(2).tolist()]
        io.write_csv(f"scan{i}.csv", ("row", "column", "class"), rows)
    io.write_tiff("lone.tif", frames[2].image, sampling=frames[2].sampling)
    return here


def test_a_detector_learns_from_own_labels_and_detects(run, own):
    folders = ("--images", ".", "--labels", ".", "--material", "wse2", "--out", "mine")
    refused = run("train", "fcn", *folders, *TINY)
    assert refused.code == 2
    assert "--classes V_Se=CLASS" in refused.err
    assert len(refused.err.splitlines()) == 1
    done = run("train", "fcn", *folders, *TINY, "--classes", "V_Se=se_vacancy")
    assert done.code == 0, done.err
    first, *_, last = done.out.splitlines()
    assert first.startswith("2 images of wse2: ")
    assert "without labels of the same name: lone.tif" in first
    assert "stemzoo score IMAGE... --labels DIR --weights mine" in last
    model = stemzoo.load("./mine")
    assert (model.classes, model.material) == (("se_vacancy",), "wse2")
    facts = json.loads(Path("mine/training_data.json").read_text())
    assert sorted(*facts["data"].values()) == ["scan0.csv", "scan0.tif", "scan1.csv", "scan1.tif"]
    assert run("detect", "scan0.tif", "--weights", "mine").code == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--images", "."), "no --labels"),
        (("--classes", "a=bright"), "no --images"),
        (("--images", ".", "--labels", ".", "--session", "wse2-dayA"), "Train on these first"),
        (("--images", "nowhere", "--labels", "."), "nowhere"),
    ],
)
def test_own_labels_that_cannot_be_trained_on_are_one_line(run, own, options, words):
    failed = run("train", "fcn", *options, "--out", "mine", *TINY)
    assert failed.code == 2
    assert words in failed.err
    assert len(failed.err.splitlines()) == 1
    assert not Path("mine").exists()
