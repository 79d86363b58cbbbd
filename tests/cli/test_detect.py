import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stemzoo import io


@pytest.fixture
def day(here, frames):
    """A folder of two images and a damaged one."""
    Path("day").mkdir()
    for i in range(2):
        io.write_tiff(f"day/{i}.tif", frames[i].image[:80, :80], sampling=frames[i].sampling)
    Path("day/bad.tif").write_bytes(b"II*\0")
    return Path("day")


def test_of_a_folder_the_good_images_are_done_and_the_others_listed(run, day, tiny_folder):
    done = run("detect", day, "--weights", tiny_folder)
    assert done.code == 1
    assert [line.split(": ")[0] for line in done.out.splitlines()] == ["day/0.tif", "day/1.tif"]
    first, last = done.err.splitlines()
    assert first.startswith("stemzoo: day/bad.tif: expected a complete .tif file")
    assert last == ("stemzoo: 1 of 3 images failed: day/bad.tif; why: detections/summary.csv")
    table = pd.read_csv("detections/summary.csv")
    assert table.image.tolist() == ["day/0.tif", "day/1.tif", "day/bad.tif"]
    assert table.error.isna().tolist() == [True, True, False]


def test_the_call_stops_at_the_first_failure_if_told(run, day, tiny_folder):
    Path("day/bad.tif").rename("day/0_bad.tif")
    done = run("detect", "day", "--weights", tiny_folder, "--fail-fast")
    assert done.code == 1
    assert [line.split(": ")[0] for line in done.out.splitlines()] == ["day/0.tif"]
    assert "1 of 3 images were not looked at" in done.err.splitlines()[-1]


def test_frames_come_one_by_one_and_other_formats_too(run, here, frames, tiny_folder):
    np.save("series.npy", np.stack([frame.image[:80, :80] for frame in frames[:3]]))
    options = ("--weights", tiny_folder, "--pixel-size", 20.7, "--threshold", 0, "--json")
    done = run("detect", "series.npy", "--frames", "1:", "--format", "xyz", *options)
    assert (done.code, done.err) == (0, "")
    first, second = map(json.loads, done.out.splitlines())
    assert [one["frame"] for one in (first, second)] == [1, 2]
    assert (
        Path("detections/series_0002.xyz").read_text().startswith(f"{len(second['detections'])}\n")
    )
    again = run("detect", "series.npy", "--frames", "all", "--resume", "--format", "xyz", *options)
    new, *known = map(json.loads, again.out.splitlines())
    assert "skipped" not in new
    # What was done before is told as it was then.
    assert all(one["skipped"] for one in known)
    names = ("csv", "counts", "detections", "frame")
    for one, other in zip(known, (first, second), strict=True):
        assert [one[name] for name in names] == [other[name] for name in names]


def test_defects_of_a_stack_are_followed(run, here, frames, tiny_folder):
    np.save("series.npy", np.stack([frames[0].image[k : k + 80, :80] for k in (0, 2, 4)]))
    options = ("series.npy", "--frames", "all", "--track", "--weights", tiny_folder)
    options = (*options, "--pixel-size", 20.7, "--threshold", 0)
    done = run("detect", *options)
    assert (done.err, done.code) == ("", 0)
    assert done.out.splitlines()[-1].startswith("tracks: ")
    names = [f"detections/{name}" for name in ("tracks.csv", "track_points.csv", "drift.csv")]
    assert done.out.splitlines()[-1].endswith(", ".join(names))
    assert pd.read_csv("detections/drift.csv").frame.tolist() == [0, 1, 2]
    # Once more over its own tables, from what is done; nothing but objects on standard output.
    again = run("detect", *options, "--resume", "--json")
    assert again.code == 0
    assert all(json.loads(line)["skipped"] for line in again.out.splitlines())
    assert again.err.startswith("tracks: ")


def test_tables_of_somebody_else_stay(run, here, frames, tiny_folder):
    np.save("series.npy", np.stack([frame.image[:80, :80] for frame in frames[:2]]))
    Path("detections").mkdir()
    Path("detections/tracks.csv").write_text("mine")
    done = run("detect", "series.npy", "--frames", "all", "--track", "--weights", tiny_folder)
    assert (done.code, done.out) == (2, "")
    assert "tracks.csv" in done.err
    assert Path("detections/tracks.csv").read_text() == "mine"


def test_a_record_is_done_again_to_the_same_bytes(run, day, tiny_folder):
    run("detect", day / "0.tif", "--weights", tiny_folder, "--threshold", 0.1, "--tta")
    done = run("detect", "--again", "detections/run.json", "--out", "again")
    assert (done.code, done.err) == (0, "")
    for name in ("0.csv", "0.png"):
        assert Path("again", name).read_bytes() == Path("detections", name).read_bytes()
    assert json.loads(Path("again/run.json").read_text())["calls"][0]["options"]["tta"]


def test_a_record_of_another_runtime_says_how_to_get_the_same_bytes(run, day, tiny_folder):
    run("detect", day / "0.tif", "--weights", tiny_folder)
    path = Path("detections/run.json")
    record = json.loads(path.read_text())
    record["calls"][0]["device"] = "cpu (ONNX Runtime)"
    path.write_text(json.dumps(record))
    done = run("detect", "--again", path, "--out", "again")
    assert done.code == 0
    assert "computed by onnx" in done.err
    assert "add --runtime onnx" in done.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("day", "--again", "detections/run.json"), "leave out images, or --again"),
        (("--again", "run.json", "--tta"), "leave out --tta, or --again"),
        (("--again", "run.json"), "run.json: expected the run.json of a folder of results"),
        (("day/0.tif", "--frames", "all", "--frame", 1), "Give only one"),
        (("day/0.tif", "--frames", "some"), "--frames is all, a number, or a range"),
        (("day/0.tif", "--track"), "--track expects the frames of a time series"),
        (("day/0.tif", "--format", "xls"), "--format is one of csv, parquet, geojson, roi, xyz"),
    ],
)
def test_options_that_contradict_each_other_are_one_line(run, day, options, words):
    done = run("detect", *options)
    assert (done.code, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert words in line
    assert not Path("detections").exists()


def test_a_record_of_another_program_stays(run, day, tiny_folder):
    Path("detections").mkdir()
    Path("detections/run.json").write_text('{"mine": 1}')
    done = run("detect", "day/0.tif", "--weights", tiny_folder)
    assert (done.code, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert line.startswith("stemzoo: detections/run.json: expected the record of a folder")
    assert Path("detections/run.json").read_text() == '{"mine": 1}'


def test_onnx_runtime_finds_the_same_defects_where_it_is_asked_for(run, here, frames, monkeypatch):
    pytest.importorskip("onnxruntime")
    monkeypatch.setenv("STEMZOO_RUNTIME", "")  # as the option says it to processes that are started
    io.write_tiff("scan.tif", frames[0].image[:192, :192], sampling=frames[0].sampling)
    for runtime in ("onnx", "keras"):
        done = run(
            "detect", "scan.tif", "--weights", "fcn-wse2", "--runtime", runtime, "--out", runtime
        )
        assert done.code == 0
    found, expected = (pd.read_csv(f"{name}/scan.csv") for name in ("onnx", "keras"))
    assert len(expected) > 0
    assert found["class"].tolist() == expected["class"].tolist()
    for name, most in (("row", 0.01), ("column", 0.01), ("score", 2e-4)):
        np.testing.assert_allclose(found[name], expected[name], atol=most)
    (call,) = json.loads(Path("onnx/run.json").read_text())["calls"]
    assert call["device"] == "cpu (ONNX Runtime)"
    refused = run("detect", "scan.tif", "--runtime", "torch")
    assert (refused.code, refused.out) == (2, "")
    assert "runtime is keras or onnx. Received: 'torch'" in refused.err
