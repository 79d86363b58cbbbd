import io as memory
import json
import zipfile

import ase.io
import numpy as np
import pandas as pd
import pytest
import roifile
from known_defects import no_defects, three_defects
from pyarrow import parquet

from stemzoo import io
from stemzoo.io.label_files import read_labels
from stemzoo.workflows.result_files import (
    FORMATS,
    check_formats,
    read_defects,
    read_detections,
    write_table,
)


@pytest.fixture
def found():
    return three_defects(
        model_classes=("se_vacancy", "bright", "metal_dark"),
        probability=np.array([0.99, 0.7, np.nan]),
    )


@pytest.fixture
def nothing():
    return no_defects()


def test_pandas_opens_the_table_as_it_is(found, nothing, tmp_path):
    write_table(found, tmp_path / "a.csv")
    frame = pd.read_csv(tmp_path / "a.csv")
    pd.testing.assert_frame_equal(frame, found.to_frame(), check_dtype=False)
    write_table(nothing, tmp_path / "b.csv")
    assert len(pd.read_csv(tmp_path / "b.csv")) == 0


@pytest.mark.parametrize("header", [(), ("stemzoo 0.1.0 detections in scan.tif", "tta: False")])
def test_stemzoo_reads_both_forms_of_the_table(found, tmp_path, header):
    write_table(found, tmp_path / "a.csv", header)
    columns = read_detections(tmp_path / "a.csv")
    for name, values in found.columns().items():
        np.testing.assert_array_equal(columns[name], values)
    assert read_defects(tmp_path / "a.csv") == list(found)
    io.write_csv(tmp_path / "b.csv", ["row", "column", "class"], [])
    with pytest.raises(ValueError, match="expected a table that 'stemzoo detect' wrote"):
        read_detections(tmp_path / "b.csv")


def test_parquet_is_the_same_frame_with_its_facts(found, nothing, tmp_path):
    for one in (found, nothing):
        FORMATS["parquet"].write(one, tmp_path / "a.parquet")
        frame = pd.read_parquet(tmp_path / "a.parquet")
        pd.testing.assert_frame_equal(frame, one.to_frame(), check_dtype=False)
    FORMATS["parquet"].write(found, tmp_path / "a.parquet")
    facts = json.loads(parquet.read_schema(tmp_path / "a.parquet").metadata[b"stemzoo"])
    assert (facts["weights"], facts["pixel_size_pm"]) == ("tiny", 20.0)


def test_geojson_lies_where_qgis_shows_the_pixel(found, tmp_path):
    FORMATS["geojson"].write(found, tmp_path / "a.geojson")
    content = json.loads((tmp_path / "a.geojson").read_text())
    assert content["type"] == "FeatureCollection"
    first = content["features"][0]
    # QGIS lays row r of an image without coordinates from -r to -(r + 1).
    assert first["geometry"] == {"type": "Point", "coordinates": [4.75, -4.0]}
    rows = [feature["properties"] for feature in content["features"]]
    assert rows == list(found)


def test_imagej_shows_points_by_class_on_their_pixels(found, nothing, tmp_path):
    FORMATS["roi"].write(found, tmp_path / "a_rois.zip")
    rois = roifile.roiread(tmp_path / "a_rois.zip")
    # A class without defects has no ROI.
    assert [roi.name for roi in rois] == ["se_vacancy", "bright"]
    assert all(roi.roitype == roifile.ROI_TYPE.POINT for roi in rois)
    # Column and row: points of ImageJ count from the centre of the first pixel.
    assert rois[0].coordinates().tolist() == [[4.25, 3.5], [1.0, 8.0]]
    labels = read_labels(tmp_path / "a_rois.zip")
    assert labels.points.tolist() == [[3.5, 4.25], [8.0, 1.0], [20.0, 30.0]]
    FORMATS["roi"].write(nothing, tmp_path / "b_rois.zip")
    assert zipfile.ZipFile(tmp_path / "b_rois.zip").namelist() == []


def test_ase_reads_defects_as_atoms_that_look_as_in_the_image(found, nothing, tmp_path):
    FORMATS["xyz"].write(found, tmp_path / "a.xyz")
    atoms = ase.io.read(tmp_path / "a.xyz", format="extxyz")
    assert atoms.get_chemical_symbols() == ["Se", "X", "Se"]
    # x = column · 0.2 Å; y = (63 - row) · 0.2 Å.
    assert atoms.positions == pytest.approx(np.array([[0.85, 11.9, 0], [6, 8.6, 0], [0.2, 11, 0]]))
    assert atoms.arrays["defect"].tolist() == list(found.classes)
    np.testing.assert_array_equal(atoms.arrays["probability"], found.probability)
    assert atoms.info["weights"] == "tiny"
    assert atoms.cell.lengths().tolist() == pytest.approx([16, 12.8, 0])
    FORMATS["xyz"].write(nothing, tmp_path / "b.xyz")
    assert len(ase.io.read(tmp_path / "b.xyz", format="extxyz")) == 0


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_detections_are_the_same_bytes(found, tmp_path, name, monkeypatch):
    paths = [tmp_path / "1", tmp_path / "2"]
    for path in paths:
        FORMATS[name].write(found, path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    if name == "roi":
        archive = zipfile.ZipFile(memory.BytesIO(paths[0].read_bytes()))
        assert {info.date_time[0] for info in archive.infolist()} == {1980}


def test_a_package_that_is_missing_is_named_before_any_work(monkeypatch):
    monkeypatch.setattr("stemzoo.workflows.result_files.find_spec", lambda name: None)
    assert check_formats(["geojson"]) == ("csv", "geojson")
    with pytest.raises(ModuleNotFoundError, match="--format roi expects the package roifile"):
        check_formats(["roi"])
