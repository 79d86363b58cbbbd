import json
import sys

import numpy as np
import pytest

from stemzoo.io.label_files import Labels, read_labels

# Two marks of an image of 100 rows and 200 columns, 0.25 Å per pixel: 1 px is 0.025 nm.
POINTS = [[10.5, 156.25], [80.0, 3.5]]
SHAPE, SAMPLING = (100, 200), 0.25


def read(tmp_path, text, name="scan.csv", **options):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return read_labels(path, **{"shape": SHAPE, "sampling": SAMPLING, **options})


@pytest.mark.parametrize(
    "text",
    [
        "row,column,class\n10.5,156.25,a\n80,3.5,b\n",
        "row,col,class\n10.5,156.25,a\n80,3.5,b\n",
        "row_px,col_px,class,confidence\n10.5,156.25,a,1\n80,3.5,b,1\n",
        "row;column;class\n10,5;156,25;a\n80;3,5;b\n",
        "column\trow\tType\n156,25\t10,5\ta\n3,5\t80,0\tb\n",
        "x,y,class\n156.25,10.5,a\n3.5,80,b\n",
        "x_px,y_px,class\n156.25,10.5,a\n3.5,80,b\n",
        "x_nm,y_nm,class\n3.90625,0.2625,a\n0.0875,2.0,b\n",
        "x [nm],y [nm],class\n3.90625,0.2625,a\n0.0875,2.0,b\n",
        "X (Å),Y (Å),class\n39.0625,2.625,a\n0.875,20,b\n",
        "x_um,y_um,class\n0.00390625,0.0002625,a\n0.0000875,0.002,b\n",
        "index,axis-0,axis-1,class\n0.0,10.5,156.25,a\n1.0,80,3.5,b\n",
        "index,axis-0,axis-1,axis-2,class\n0.0,4,10.5,156.25,a\n1.0,4,80,3.5,b\n",
        "# a note\n\nrow,column,x_nm,y_nm,class,score\n10.5,156.25,9,9,a,1\n80,3.5,9,9,b,1\n",
    ],
)
def test_the_same_marks_are_read_from_tables_of_many_kinds(tmp_path, text):
    labels = read(tmp_path, text)
    assert labels.points == pytest.approx(np.array(POINTS))
    assert labels.classes == ("a", "b")


def test_text_of_windows_is_read_too(tmp_path):
    path = tmp_path / "scan.txt"
    path.write_bytes("x (µm)\ty (µm)\r\n0.00390625\t0.0002625\r\n".encode("cp1252"))
    assert read_labels(path, sampling=SAMPLING).points == pytest.approx(np.array(POINTS[:1]))
    path.write_text("row;column\n10,5;156,25\n", encoding="utf-16")
    assert read_labels(path).points == pytest.approx(np.array(POINTS[:1]))


IMAGEJ = " ,Area,Mean,X,Y,Ch,Counter,Count\n{}"


def test_points_of_imagej_count_from_the_centre_of_a_pixel(tmp_path):
    # ij.plugin.filter.Analyzer.savePoints: X is the place of the point times the pixel size.
    rows = "1,0,120,3.90625,0.2625,1,0,2\n2,0,120,0.0875,2.0,1,0,2\n3,0,99,4,2,1,0,2\n"
    labels = read(tmp_path, IMAGEJ.format(rows))
    assert labels.points[:2] == pytest.approx(np.array(POINTS))
    assert labels.classes == ("", "", "")
    assert labels.source == "ImageJ results, in nm"


def test_centroids_of_areas_in_imagej_count_from_the_corner(tmp_path):
    # ij.process.ImageStatistics: the centroid of the first pixel alone is (0.5, 0.5).
    rows = "1,9,120,156.75,11,1,0,3\n2,9,120,4,80.5,1,1,3\n3,9,120,190.5,0.5,1,1,3\n"
    labels = read(tmp_path, IMAGEJ.format(rows))
    assert labels.points == pytest.approx(np.array([*POINTS, [0, 190]]))
    assert labels.classes == ("0", "1", "1")


def test_x_and_y_without_a_unit_are_told_by_their_extent(tmp_path):
    rows = "x,y\n{}\n{}\n{}\n"
    assert read(tmp_path, rows.format("4.5,0.5", "2,1", "0,2")).source == "table, in nm"
    assert read(tmp_path, rows.format("150,20", "2,1", "0,2")).source == "table, in px"
    # Two marks near the corner may be in either.
    with pytest.raises(ValueError, match="Name the columns x_px,y_px or x_nm,y_nm"):
        read(tmp_path, "x,y\n2,1\n3,1\n")
    with pytest.raises(ValueError, match="Give --pixel-size PM"):
        read(tmp_path, rows.format("4.5,0.5", "2,1", "0,2"), sampling=None)
    # Micrometres: all within a pixel.
    with pytest.raises(ValueError, match="whose unit can be told"):
        read(tmp_path, rows.format("0.0045,0.0005", "0.002,0.001", "0,0.002"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("10.5,156.25\n80,3.5\n", "Write the names above it"),
        ("row,column\n10,5,156,25\n", "with decimal commas, separate cells by semicolons"),
        ("row,column\n10,none\n", "'none' in row 1 below the names"),
        ("where,what\n1,a\n", "Received: where,what. Rename the columns"),
        ("x,y,Slice\n1,2,1\n1,2,2\n", "those of several: slice 1, 2. Save a table for each"),
        ("x_nm,y_nm\n1,2\n", "Give it with --pixel-size PM"),
        ("", "an empty file"),
        ("\0\0", "a file that holds none"),
    ],
)
def test_what_cannot_be_read_says_what_can(tmp_path, text, said):
    with pytest.raises(ValueError, match="AtomAI") as refused:
        read(tmp_path, text, sampling=None)
    assert said in str(refused.value)
    assert str(refused.value).count(str(tmp_path)) == 1
    assert "\n" not in str(refused.value)


def test_another_kind_of_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"scan.xml: .*ImageJ"):
        read(tmp_path, "<a/>", "scan.xml")
    with pytest.raises(ValueError, match="no such file"):
        read_labels(tmp_path / "nothing.csv")


def test_coordinates_of_atomai_begin_with_the_row(tmp_path):
    # atomai.predictors.Locator: center_of_mass gives (row, column); the third is the channel.
    array = np.column_stack([POINTS, [0, 2]])
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "b.npz", **{"0": array})
    (tmp_path / "c.json").write_text(json.dumps({"0": array.tolist()}))
    (tmp_path / "d.json").write_text(json.dumps(array.tolist()))
    for name in ("a.npy", "b.npz", "c.json", "d.json"):
        labels = read_labels(tmp_path / name)
        assert labels.points.tolist() == POINTS
        assert labels.classes == ("0", "2")


def test_objects_are_never_unpickled(tmp_path):
    np.save(tmp_path / "a.npy", {0: np.zeros((2, 3))}, allow_pickle=True)
    with pytest.raises(ValueError, match=r"np.save\('scan.npy', coordinates\[0\]\)"):
        read_labels(tmp_path / "a.npy")
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', B'fortran_order'")
    with pytest.raises(ValueError, match="a damaged file .* Save it once more"):
        read_labels(tmp_path / "a.npy")
    np.savez(tmp_path / "b.npz", **{"0": np.zeros((2, 3)), "1": np.zeros((2, 3))})
    with pytest.raises(ValueError, match="those of 2 frames"):
        read_labels(tmp_path / "b.npz")
    np.save(tmp_path / "c.npy", np.zeros((2, 5)))
    with pytest.raises(ValueError, match=r"\(2, 5\)"):
        read_labels(tmp_path / "c.npy")


def test_points_of_imagej_are_read_with_their_counters(tmp_path):
    roifile = pytest.importorskip("roifile")
    points = np.array(POINTS, dtype=np.float32)[:, ::-1]  # x, y
    roi = roifile.ImagejRoi.frompoints(points)
    roi.roitype = roifile.ROI_TYPE.POINT
    roi.tofile(tmp_path / "scan.roi")
    labels = read_labels(tmp_path / "scan.roi")
    assert labels.points.tolist() == POINTS
    assert labels.classes == ("", "")
    roi.counters = np.array([0, 1], np.uint8)
    roi.options |= roifile.ROI_OPTIONS.SUB_PIXEL_RESOLUTION
    roi.tofile(tmp_path / "counted.roi")
    assert read_labels(tmp_path / "counted.roi").classes == ("0", "1")


def test_regions_of_an_archive_name_their_points(tmp_path):
    roifile = pytest.importorskip("roifile")
    rois = []
    for name in ("vacancy", "dopant"):
        roi = roifile.ImagejRoi.frompoints(np.array([[7.0, 8.0]], dtype=np.float32), name=name)
        roi.roitype = roifile.ROI_TYPE.POINT
        rois.append(roi)
    roifile.roiwrite(tmp_path / "scan.zip", rois)
    assert read_labels(tmp_path / "scan.zip").classes == ("vacancy", "dopant")
    roifile.roiwrite(tmp_path / "area.roi", roifile.ImagejRoi.frompoints([[1, 2], [3, 4], [1, 9]]))
    with pytest.raises(ValueError, match="Use the multi-point tool"):
        read_labels(tmp_path / "area.roi")


def test_without_roifile_the_line_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "roifile", None)
    (tmp_path / "scan.roi").write_bytes(b"Iout")
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'stemzoo\[labels\]'"):
        read_labels(tmp_path / "scan.roi")


def test_a_damaged_archive_of_regions_is_one_line(tmp_path):
    pytest.importorskip("roifile")
    (tmp_path / "scan.zip").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(ValueError, match="Save them once more"):
        read_labels(tmp_path / "scan.zip")


def test_marks_outside_of_the_image_can_be_left_out():
    labels = Labels(np.array([[-0.4, 0.0], [-0.6, 0.0], [99.4, 0], [99.6, 0]]), tuple("abcd"))
    assert labels.inside((100, 100)).classes == ("a", "c")
