import json

import numpy as np
import pytest

from stemzoo import io
from stemzoo.workflows.atom_columns import columns_file, plan_columns

HEAD = ["row", "column", "x_nm", "y_nm", "sublattice", "intensity"]
HEAD += ["row_displacement_pm", "column_displacement_pm"]


@pytest.fixture
def tiff(day_a, tmp_path):
    path = tmp_path / "wse2.tif"
    io.write_tiff(path, day_a[0].image, sampling=day_a[0].sampling)
    return path


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def test_the_table_holds_the_columns_and_how_they_were_found(tiff, out, day_a):
    found = columns_file(tiff, out, material="wse2")
    assert sorted(path.name for path in out.iterdir()) == ["wse2_columns.csv", "wse2_columns.png"]
    header, table = io.read_csv(found.table)
    assert list(table) == HEAD
    assert len(table["row"]) == len(found.columns) > 300
    assert set(table["sublattice"]) == {"W", "Se2"}
    assert table["intensity"] == pytest.approx(found.columns.intensity, abs=1e-4)
    text = "\n".join(header)
    assert "atom columns in wse2.tif" in text
    assert "material: wse2\n" in text
    assert f"pixel size: {day_a[0].sampling * 100:.4f} pm (ImageJ)" in text


def test_the_report_is_for_machines(tiff, out):
    report = columns_file(tiff, out, material="wse2", sampling=0.205).report()
    assert json.loads(json.dumps(report)) == report
    assert (report["material"], report["trusted"], report["doubts"]) == ("wse2", True, [])
    assert (report["pixel_size_pm"], report["pixel_size_source"]) == (20.5, "given")
    assert sum(report["counts"].values()) == len(report["columns"])
    assert list(report["columns"][0]) == HEAD
    assert report["csv"] == str(out / "wse2_columns.csv")


def test_an_earlier_table_is_replaced_but_nothing_else(tiff, out):
    for _ in range(2):
        columns_file(tiff, out, material="wse2")
    (out / "wse2_columns.csv").write_text("mine")
    (out / "wse2_columns.png").unlink()
    with pytest.raises(ValueError, match="would overwrite .*wse2_columns.csv"):
        columns_file(tiff, out, material="wse2")
    assert (out / "wse2_columns.csv").read_text() == "mine"


def test_an_image_named_as_an_overlay_is_never_replaced(tiff):
    picture = tiff.with_name("wse2_columns.png")
    io.write_png(picture, np.eye(64, dtype=np.uint8))
    with pytest.raises(ValueError, match="would overwrite the image"):
        plan_columns([tiff, picture], tiff.parent)


def test_a_failed_file_leaves_nothing_behind(tmp_path, out):
    np.save(tmp_path / "noise.npy", np.random.default_rng(1).normal(size=(80, 80)))
    with pytest.raises(ValueError, match="noise.npy"):
        columns_file(tmp_path / "noise.npy", out, sampling=0.2)
    assert list(out.iterdir()) == []
