import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stemzoo import io
from stemzoo.batch import ZOO_SAMPLING, detect_file, training_set, write_frame
from stemzoo.simulate.dataset import LABEL_RADIUS, to_sampling
from stemzoo.simulate.sessions import find_session

SESSION = "wse2-randomised"


@pytest.fixture(scope="module")
def folder(frames, tmp_path_factory):
    """Two frames as `stemzoo simulate` writes them."""
    folder = tmp_path_factory.mktemp("frames")
    for i, frame in enumerate(frames[:2]):
        write_frame(frame, folder, f"frame_{i}", seed=1, index=i)
    return folder


# Frames.


def test_a_frame_is_three_files(folder):
    names = {f"frame_{i}{end}" for i in (0, 1) for end in (".tif", ".csv", "_mask.png")}
    assert {path.name for path in folder.iterdir()} == names


def test_the_image_of_a_frame_keeps_its_values_and_its_pixel_size(folder, frames):
    image = io.read_image(folder / "frame_0.tif")
    assert image.sampling == pytest.approx(frames[0].sampling, rel=1e-6)
    assert image.data.dtype == frames[0].image.dtype
    assert (image.data == frames[0].image).all()


def test_the_mask_of_a_frame_is_written_as_it_is(folder, frames):
    assert (io.read_image(folder / "frame_0_mask.png").data == frames[0].mask).all()


def test_the_table_of_a_frame_names_each_defect(folder, frames):
    frame = frames[0]
    header, columns = io.read_csv(folder / "frame_0.csv")
    assert list(columns) == ["row", "column", "x_nm", "y_nm", "class", "defect"]
    points = np.column_stack([columns["row"], columns["column"]])
    assert points == pytest.approx(frame.points, abs=6e-4)
    nanometres = np.column_stack([columns["y_nm"], columns["x_nm"]])
    assert nanometres == pytest.approx(frame.points * frame.sampling / 10, abs=6e-5)
    assert columns["class"].tolist() == list(frame.labels())
    assert columns["defect"].tolist() == list(frame.defects)
    assert "session: wse2-randomised" in header[0]
    assert "seed: 1; frame: 0" in header[0]
    values = ", ".join(f"{name}: {k + 1}" for k, name in enumerate(frame.classes))
    assert header[2] == f"mask values: {values}"


# Training sets.


def test_frames_of_a_folder_become_images_and_masks_at_the_pixel_size_of_the_zoo(folder, frames):
    found = training_set((), [folder], frames=0, size=0, seed=0)
    assert found.classes == frames[0].classes
    assert (found.material, found.sampling) == ("wse2", ZOO_SAMPLING)
    assert len(found.images) == len(found.masks) == 2
    for image, mask, frame in zip(found.images, found.masks, frames, strict=False):
        expected = to_sampling(frame, ZOO_SAMPLING)
        assert image == pytest.approx(expected.image)
        assert image.shape == mask.shape
        # Positions in the table are rounded to a thousandth of a pixel.
        assert (mask != expected.mask).mean() < 1e-4
        assert set(np.unique(mask)) == set(np.unique(expected.mask))


def test_discs_of_a_folder_lie_on_the_defects(folder, frames):
    found = training_set((), [folder], frames=0, size=0, seed=0)
    points = frames[0].points * frames[0].sampling / ZOO_SAMPLING
    for (row, column), label in zip(points, frames[0].labels(), strict=True):
        inside = np.clip(np.rint([row, column]).astype(int), 0, np.array(found.masks[0].shape) - 1)
        assert found.masks[0][tuple(inside)] == found.classes.index(label) + 1
    area = np.pi * (LABEL_RADIUS / ZOO_SAMPLING) ** 2
    assert (found.masks[0] > 0).sum() < 1.1 * area * len(points)


def test_sessions_are_simulated_and_the_same_seed_gives_the_same_images():
    first = training_set([SESSION], (), frames=2, size=64, seed=5)
    again = training_set([SESSION], (), frames=2, size=64, seed=5)
    other = training_set([SESSION], (), frames=2, size=64, seed=6)
    assert [image.shape for image in first.images] == [(64, 64)] * 2
    for one, two, three in zip(first.images, again.images, other.images, strict=True):
        assert (one == two).all()
        assert (one != three).any()
    assert (first.material, first.sampling) == ("wse2", ZOO_SAMPLING)


def test_finely_sampled_sessions_are_brought_to_the_pixel_size_of_the_zoo():
    found = training_set(["wse2-randomised-fine"], (), frames=2, size=64, seed=0)
    session = find_session("wse2-randomised-fine")
    for image, mask in zip(found.images, found.masks, strict=True):
        assert image.shape == mask.shape
        # Each frame has a pixel size of its own, so that only the field of view is alike.
        assert 30 < min(image.shape) <= max(image.shape) < 120
    assert session.sampling.high < ZOO_SAMPLING


def test_sessions_and_folders_are_joined(folder):
    found = training_set([SESSION], [folder], frames=1, size=64, seed=0)
    assert len(found.images) == len(found.masks) == 3


def test_a_training_set_of_nothing_is_refused():
    with pytest.raises(ValueError, match="--session NAME .* or --data FOLDER .* neither"):
        training_set((), (), frames=1, size=64, seed=0)
    with pytest.raises(KeyError, match="Unknown session"):
        training_set(["wse2-nowhere"], (), frames=1, size=64, seed=0)


def test_folders_that_hold_no_frames_are_refused(tmp_path):
    def refused(reason):
        with pytest.raises(ValueError, match=reason) as caught:
            training_set((), [tmp_path], frames=1, size=64, seed=0)
        assert str(tmp_path) in str(caught.value)
        assert "\n" not in str(caught.value)

    refused("Received: no .csv file")
    io.write_csv(tmp_path / "a.csv", ["row"], [(1,)], header=["by hand"])
    refused("expected the header of a frame")


def test_frames_without_a_pixel_size_are_refused(frames, tmp_path):
    write_frame(frames[0], tmp_path, "a", seed=0, index=0)
    io.write_tiff(tmp_path / "a.tif", frames[0].image)
    with pytest.raises(ValueError, match="a.tif: expected a pixel size .* Received: none"):
        training_set((), [tmp_path], frames=1, size=64, seed=0)


def test_frames_of_different_materials_are_not_mixed(frames, folder, tmp_path):
    write_frame(frames[0], tmp_path, "a", seed=0, index=0)
    table = tmp_path / "a.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("wse2;", "mos2;"), encoding="utf-8")
    with pytest.raises(ValueError, match="must share material and classes"):
        training_set((), [folder, tmp_path], frames=1, size=64, seed=0)
    write_frame(frames[1], tmp_path, "b", seed=0, index=0)
    with pytest.raises(ValueError, match="one material"):
        training_set((), [tmp_path], frames=1, size=64, seed=0)


def test_a_frame_without_defects_is_a_frame(frames, tmp_path):
    bare = replace(frames[0], points=np.zeros((0, 2)), defects=(), mask=frames[0].mask * 0)
    write_frame(bare, tmp_path, "bare", seed=0, index=0)
    found = training_set((), [tmp_path], frames=0, size=0, seed=0)
    assert found.masks[0].max() == 0


# Detections in files.


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
    report = detect_file(tiff, tiny_model, out, threshold=0.0)
    header, columns = io.read_csv(out / "wse2.csv")
    assert list(columns) == ["row", "column", "x_nm", "y_nm", "class", "score"]
    assert len(columns["row"]) == len(report["detections"]) > 3
    assert columns["row"].tolist() == [d["row"] for d in report["detections"]]
    assert columns["class"].tolist() == [d["class"] for d in report["detections"]]
    scale = frames[0].sampling / 10
    assert columns["x_nm"] == pytest.approx(columns["column"] * scale, abs=1e-3)
    text = "\n".join(header)
    for fact in ("wse2.tif", "weights: tiny", "threshold: 0.0", "tta: False", "100 rows, 140 col"):
        assert fact in text
    assert f"pixel size: {frames[0].sampling * 100:.4f} pm (ImageJ)" in text


def test_the_report_is_for_machines(tiny_model, tiff, out):
    report = detect_file(tiff, tiny_model, out, sampling=0.2, threshold=0.25, tta=True)
    assert json.loads(json.dumps(report)) == report
    assert report["image"] == str(tiff)
    assert report["shape"] == [100, 140]
    assert report["weights"] == "tiny"
    assert (report["pixel_size_pm"], report["pixel_size_source"]) == (20.0, "given")
    assert (report["threshold"], report["tta"]) == (0.25, True)
    assert list(report["counts"]) == ["se_vacancy", "bright"]
    assert sum(report["counts"].values()) == len(report["detections"])
    assert report["csv"] == str(out / "wse2.csv")
    assert report["overlay"] == str(out / "wse2.png")


def test_a_frame_of_a_stack_is_chosen(tiny_model, frames, tmp_path, out):
    stack = np.stack([frame.image[:80, :80] for frame in frames[:2]])
    np.save(tmp_path / "stack.npy", stack)
    np.save(tmp_path / "single.npy", stack[1])
    options = {"sampling": frames[1].sampling, "threshold": 0.0}
    expected = detect_file(tmp_path / "single.npy", tiny_model, out, **options)["detections"]
    found = detect_file(tmp_path / "stack.npy", tiny_model, out, frame=1, **options)["detections"]
    assert found == expected
    detect_file(tmp_path / "stack.npy", tiny_model, out, sum_frames=True, **options)
    with pytest.raises(ValueError, match="stack.npy"):
        detect_file(tmp_path / "stack.npy", tiny_model, out, **options)


def test_a_second_image_of_the_same_name_is_refused(tiny_model, tiff, out, tmp_path):
    taken = {}
    detect_file(tiff, tiny_model, out, taken=taken)
    before = (out / "wse2.csv").read_bytes()
    (tmp_path / "other").mkdir()
    twin = tmp_path / "other" / "wse2.tif"
    twin.write_bytes(tiff.read_bytes())
    with pytest.raises(ValueError, match=r"would overwrite those of .*wse2.tif.* --out") as caught:
        detect_file(twin, tiny_model, out, taken=taken)
    assert str(twin) in str(caught.value)
    assert (out / "wse2.csv").read_bytes() == before
    # A later call replaces the results.
    detect_file(twin, tiny_model, out, taken={})


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


def test_the_overlay_never_replaces_another_image_of_the_call(tiny_model, tiff, png):
    before = png.read_bytes()
    with pytest.raises(ValueError, match=r"wse2.tif: .* overwrite the image .*wse2.png"):
        detect_file(tiff, tiny_model, tiff.parent, inputs=[tiff, png])
    assert png.read_bytes() == before


def test_a_failed_file_leaves_nothing_behind(tiny_model, tmp_path, out):
    np.save(tmp_path / "bad.npy", np.ones((80, 80)))
    with pytest.raises(ValueError, match="bad.npy"):
        detect_file(tmp_path / "bad.npy", tiny_model, out, sampling=0.2)
    assert list(out.iterdir()) == []
