import json
import os
from pathlib import Path

import numpy as np
import pytest

import stemzoo
from stemzoo import io
from stemzoo.workflows.detect_task import DetectTask
from stemzoo.workflows.frames import write_frame
from stemzoo.workflows.image_task import plan_session
from stemzoo.workflows.images import detect_file
from stemzoo.workflows.matching import match_files
from stemzoo.workflows.sources import Source


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
    report = detect_file(tiff, tiny_model, out, threshold=0.0, header=True).report()
    header, columns = io.read_csv(out / "wse2.csv")
    known = ["row", "column", "x_nm", "y_nm", "class", "score", "intensity", "sigma"]
    assert list(columns) == [*known, "probability"]
    assert len(columns["row"]) == len(report["detections"]) > 3
    assert columns["row"].tolist() == [d["row"] for d in report["detections"]]
    assert columns["class"].tolist() == [d["class"] for d in report["detections"]]
    scale = frames[0].sampling / 10
    assert columns["x_nm"] == pytest.approx(columns["column"] * scale, abs=1e-3)
    text = "\n".join(header)
    assert "against the frames that the weights were trained on: not compared" in header
    assert {d["probability"] for d in report["detections"]} == {None}
    assert "probability: not known, tiny is not calibrated" in text
    for fact in ("wse2.tif", "weights: tiny", "threshold: 0.0", "tta: False", "100 rows, 140 col"):
        assert fact in text
    assert f"pixel size: {frames[0].sampling * 100:.4f} pm (ImageJ)" in text


def test_what_the_columns_say_is_in_table_and_report(day_a, tmp_path, out):
    path, frame = tmp_path / "day_a.tif", day_a[0]
    io.write_tiff(path, frame.image, sampling=frame.sampling)
    report = detect_file(path, stemzoo.load("fcn-wse2"), out, threshold=0.2).report()
    _, columns = io.read_csv(out / "day_a.csv")
    for name in ("intensity", "sigma"):
        # Null in JSON and empty in the table where no column is near.
        known = np.array([d[name] for d in report["detections"]], dtype=float)
        assert columns[name] == pytest.approx(known, nan_ok=True)
    vacancies = columns["class"] == "se_vacancy"
    # One of two atoms; noise and blur.
    assert np.nanmedian(columns["intensity"][vacancies]) == pytest.approx(0.5, abs=0.08)
    assert np.nanmax(columns["sigma"][vacancies]) < -2


def test_probabilities_sites_and_what_to_expect_are_in_table_and_report(day_a, tmp_path, out):
    path, frame = tmp_path / "day_a.tif", day_a[0]
    io.write_tiff(path, frame.image, sampling=frame.sampling)
    report = detect_file(path, stemzoo.load("fcn-wse2"), out, header=True).report()
    assert json.loads(json.dumps(report)) == report
    header, columns = io.read_csv(out / "day_a.csv")
    assert columns["probability"].tolist() == [d["probability"] for d in report["detections"]]
    assert columns["probability"].min() >= 0.35
    assert report["calibrated"]
    sites, area = report["sites"], report["crystal_nm2"]
    assert f"searched: {area:.2f} nm²; {sites['W']} W columns; {sites['Se']} Se columns" in header
    (line,) = (line for line in header if line.startswith("se_vacancy: "))
    assert (
        f"expected precision {report['expected']['se_vacancy']['precision']['value']:.2f}" in line
    )
    per_site = report["density_per_site"]["se_vacancy"]["value"]
    per_nm2 = report["density_per_nm2"]["se_vacancy"]["value"]
    assert per_site * sites["Se"] == pytest.approx(per_nm2 * area, rel=0.01)


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


def test_what_was_undone_is_in_table_and_report_unless_the_image_is_taken_as_it_is(
    day_a, tmp_path, out
):
    path, frame = tmp_path / "day_a.tif", day_a[0]
    gain = np.exp(0.2 * np.random.default_rng(0).normal(size=(len(frame.image), 1)))
    io.write_tiff(path, (frame.image * gain).astype(np.float32), sampling=frame.sampling)
    model = stemzoo.load("fcn-wse2")
    (undone,) = detect_file(path, model, out, header=True).report()["undone"]
    assert undone.startswith("row gain ")
    assert f"of the scan: {undone}" in io.read_csv(out / "day_a.csv")[0]
    assert detect_file(path, model, out, as_is=True).report()["undone"] == []


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
    words = f"{tiff}: its results would overwrite the image {png}. .* 1 more files are in the way"
    with pytest.raises(ValueError, match=words):
        plan_session(DetectTask(), [Source(tiff), Source(png)], tiff.parent)


def test_what_is_no_image_takes_no_name(tiff):
    # As `detect day/*` finds them; all but the image fail when they are read.
    paths = [tiff.with_suffix(".csv"), Path("missing") / tiff.name, tiff.with_suffix(".npy"), tiff]
    paths[0].touch()
    paths[2].mkdir()
    folders = plan_session(DetectTask(), [Source(path) for path in paths], Path("out"))
    assert folders == (Path("out"),)


def test_labels_of_a_frame_are_never_replaced_but_an_earlier_table_is(tiny_model, frames, tmp_path):
    write_frame(frames[0], tmp_path, "frame", seed=1, index=0)
    before = (tmp_path / "frame.csv").read_bytes()
    with pytest.raises(
        ValueError, match="would overwrite .*frame.csv, which is none of an earlier"
    ):
        detect_file(tmp_path / "frame.tif", tiny_model, tmp_path)
    assert (tmp_path / "frame.csv").read_bytes() == before
    (tmp_path / "frame.csv").unlink()
    for _ in range(2):
        detect_file(tmp_path / "frame.tif", tiny_model, tmp_path)


def test_a_name_that_is_no_utf8_is_written_into_the_table(tiny_model, tiff, out):
    image = tiff.rename(os.fsdecode(os.fsencode(tiff.parent) + b"/scan\xff.tif"))
    found = detect_file(image, tiny_model, out, header=True)
    assert io.read_csv(found.table)[0][0].endswith(r"detections in scan\udcff.tif")
    assert sorted(path.name for path in out.iterdir()) == ["scan\udcff.csv", "scan\udcff.png"]


def test_a_full_disk_leaves_no_table_without_its_overlay(tiny_model, tiff, out, small_files):
    found = detect_file(tiff, tiny_model, out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    # Room for the table, not for the overlay.
    size = found.table.stat().st_size + 100
    assert size < found.overlay.stat().st_size
    with small_files(size), pytest.raises(OSError, match="File too large"):
        detect_file(tiff, tiny_model, out, threshold=0.0)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_images_that_cannot_be_used_are_told_and_the_others_compared(tiff, tmp_path):
    np.save(tmp_path / "flat.npy", np.ones((200, 200)))
    told = []
    sources = [Source(tmp_path / "flat.npy"), Source(tmp_path / "missing.tif")]
    found = match_files(sources, failed=lambda source, error: told.append(source.path.name))
    assert (found, told) == ([], ["flat.npy", "missing.tif"])
    with pytest.raises(ValueError, match="flat.npy: .* Nor can these be used: .*missing.tif"):
        match_files(sources)


def test_a_failed_file_leaves_nothing_behind(tiny_model, tmp_path, out):
    np.save(tmp_path / "bad.npy", np.ones((80, 80)))
    with pytest.raises(ValueError, match="bad.npy"):
        detect_file(tmp_path / "bad.npy", tiny_model, out, sampling=0.2)
    assert list(out.iterdir()) == []
