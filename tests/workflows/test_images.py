import json
import os
from pathlib import Path

import numpy as np
import pytest

from stemzoo import io
from stemzoo.workflows.images import detect_file, plan_outputs


@pytest.fixture
def tiff(frames, tmp_path):
    path = tmp_path / "wse2.tif"
    io.write_tiff(path, frames[0].image[:100, :140], sampling=frames[0].sampling)
    return path


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def test_the_table_holds_the_detections_and_how_they_were_made(tiny_model, tiff, out, frames):
    report = detect_file(tiff, tiny_model, out, threshold=0.0).report()
    header, columns = io.read_csv(out / "wse2.csv")
    assert list(columns) == ["row", "column", "x_nm", "y_nm", "class", "score"]
    assert len(columns["row"]) == len(report["detections"]) > 3
    assert columns["row"].tolist() == [d["row"] for d in report["detections"]]
    assert columns["class"].tolist() == [d["class"] for d in report["detections"]]
    scale = frames[0].sampling / 10
    assert columns["x_nm"] == pytest.approx(columns["column"] * scale, abs=1e-3)
    text = "\n".join(header)
    assert header[-1] == "against the frames that the weights were trained on: not compared"
    for fact in ("wse2.tif", "weights: tiny", "threshold: 0.0", "tta: False", "100 rows, 140 col"):
        assert fact in text
    assert f"pixel size: {frames[0].sampling * 100:.4f} pm (ImageJ)" in text


def test_the_report_is_for_machines(tiny_model, tiff, out):
    report = detect_file(tiff, tiny_model, out, sampling=0.2, threshold=0.25, tta=True).report()
    assert json.loads(json.dumps(report)) == report
    assert report["image"] == str(tiff)
    assert report["shape"] == [100, 140]
    assert report["weights"] == "tiny"
    assert (report["pixel_size_pm"], report["pixel_size_source"]) == (20.0, "given")
    assert (report["threshold"], report["tta"]) == (0.25, True)
    assert list(report["counts"]) == ["se_vacancy", "bright"]
    assert sum(report["counts"].values()) == len(report["detections"])
    assert (report["distance"], report["p_value"], report["differs"]) == (None, None, None)
    assert report["csv"] == str(out / "wse2.csv")
    assert report["overlay"] == str(out / "wse2.png")


def test_a_frame_of_a_stack_is_chosen(tiny_model, frames, tmp_path, out):
    stack = np.stack([frame.image[:80, :80] for frame in frames[:2]])
    np.save(tmp_path / "stack.npy", stack)
    np.save(tmp_path / "single.npy", stack[1])
    options = {"sampling": frames[1].sampling, "threshold": 0.0}
    expected = detect_file(tmp_path / "single.npy", tiny_model, out, **options).detections
    found = detect_file(tmp_path / "stack.npy", tiny_model, out, frame=1, **options).detections
    assert found.rows() == expected.rows()
    detect_file(tmp_path / "stack.npy", tiny_model, out, sum_frames=True, **options)
    with pytest.raises(ValueError, match="stack.npy"):
        detect_file(tmp_path / "stack.npy", tiny_model, out, **options)


def test_a_second_image_of_the_same_name_is_refused():
    paths = [Path("day1/wse2.tif"), Path("day2/other.tif"), Path("day2/wse2.png")]
    first, other, twin = plan_outputs(paths, Path("out"))
    assert [plan.image for plan in (first, other, twin)] == paths
    assert (first.refusal, other.refusal) == (None, None)
    assert (first.table, first.overlay) == (Path("out/wse2.csv"), Path("out/wse2.png"))
    assert twin.refusal.startswith("day2/wse2.png: its results would overwrite those of day1/wse2")
    assert "--out folder" in twin.refusal
    with pytest.raises(ValueError, match="has the same name"):
        twin.check()


def test_an_image_that_is_named_twice_is_analysed_once():
    first, again = plan_outputs([Path("a.tif"), Path("a.tif")], Path("out"))
    assert first.refusal is None
    assert "a.tif: its results would overwrite those of a.tif" in again.refusal


def test_an_image_that_is_refused_takes_no_name():
    # Not for its name, which the first one, being refused, has not taken, but for the image.
    first, second = plan_outputs([Path("in/a.png"), Path("other/a.npy")], Path("in"))
    assert "the image itself" in first.refusal
    assert second.refusal.startswith("other/a.npy: its results would overwrite the image in/a.png")


def test_a_plan_asks_for_each_file_a_few_times_only(monkeypatch):
    asked = []
    resolve = Path.resolve
    monkeypatch.setattr(Path, "resolve", lambda path: asked.append(path) or resolve(path))
    plan_outputs([Path(f"{i}.tif") for i in range(300)], Path("out"))
    assert len(asked) <= 4 * 300


@pytest.fixture
def png(frames, tmp_path):
    image = frames[0].image[:100, :100].astype(float)
    image = np.interp(image, [image.min(), image.max()], [0, 255])
    path = tmp_path / "wse2.png"
    io.write_png(path, image.astype(np.uint8))
    return path


@pytest.mark.parametrize("where", ["same", "relative", "link"])
def test_the_overlay_never_replaces_the_image(tiny_model, png, where, monkeypatch):
    monkeypatch.chdir(png.parent)
    before = png.read_bytes()
    folder, path = png.parent, png
    if where == "relative":
        folder, path = Path("."), Path("wse2.png")
    if where == "link":
        folder = png.parent / "link"
        os.symlink(png.parent, folder)
    with pytest.raises(ValueError, match="would overwrite the image itself"):
        detect_file(path, tiny_model, folder, sampling=0.2)
    assert png.read_bytes() == before
    assert not (png.parent / "wse2.csv").exists()


def test_the_overlay_never_replaces_another_image_of_the_call(tiff, png):
    table, image = plan_outputs([tiff, png], tiff.parent)
    assert table.refusal.startswith(f"{tiff}: its results would overwrite the image {png}.")
    assert image.refusal.startswith(f"{png}: its results would overwrite the image itself.")


def test_a_failed_file_leaves_nothing_behind(tiny_model, tmp_path, out):
    np.save(tmp_path / "bad.npy", np.ones((80, 80)))
    with pytest.raises(ValueError, match="bad.npy"):
        detect_file(tmp_path / "bad.npy", tiny_model, out, sampling=0.2)
    assert list(out.iterdir()) == []
