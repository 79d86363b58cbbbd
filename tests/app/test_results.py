import io as streams
import zipfile

import pytest

from stemzoo.app import results
from stemzoo.app.corrections import Edit
from stemzoo.app.looking import LookOptions
from stemzoo.app.view import view
from stemzoo.io.label_files import read_labels


def test_the_table_holds_what_is_shown(visit, looked):
    lines = results.table(visit, looked, 0.55).content.decode().splitlines()
    assert lines[0].startswith("row,column,")
    assert len(lines) == 3  # those of probability 0.95 and 0.6


def test_the_corrected_table_is_a_file_of_labels(visit, looked, tmp_path):
    looked.edits += [Edit(0, None), Edit(None, "bright", 12.25, 30.5)]
    made = results.table(visit, looked, 0.0)
    assert made.name == "scan_corrected.csv"
    path = tmp_path / made.name
    path.write_bytes(made.content)
    labels = read_labels(path, shape=looked.shape)
    assert labels.classes == ("se_vacancy", "bright", "bright")
    assert labels.points[-1].tolist() == [12.25, 30.5]


def test_rois_open_in_imagej(visit, looked, tmp_path):
    pytest.importorskip("roifile")
    made = results.rois(visit, looked, 0.0)
    names = zipfile.ZipFile(streams.BytesIO(made.content)).namelist()
    assert names == ["se_vacancy.roi", "bright.roi"]


def test_the_report_is_of_the_corrected_image_and_names_no_folder(bench, visit, upload):
    pytest.importorskip("jinja2")
    image = bench.add(visit, upload())
    bench.look(visit, image, LookOptions(weights="fcn-wse2", force=True))
    image.edits.append(Edit(None, "se_vacancy", 20.0, 30.0))
    page = results.report(visit, image, 0.0).content.decode()
    assert "corrected by hand: 1 added" in page
    assert str(visit.folder) not in page
    assert "data:image/jpeg" in page
    # The results of the visit itself stay those of the detector.
    assert visit.record.images["scan"]["counts"] == image.found.counts()


def test_without_a_result_there_is_a_message(visit, looked):
    for kind in ("denoised", "realistic"):
        with pytest.raises(ValueError, match="none yet"):
            results.RESULTS[kind](visit, looked, 0.0)
    with pytest.raises(ValueError, match="trained here"):
        results.weights(visit, looked, 0.0)
    with pytest.raises(ValueError, match="another name"):
        results.picture(visit, looked, "../../secret")


def test_weights_are_packed_without_links(visit, looked, tmp_path):
    folder = visit.folder / "taught-1"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (tmp_path / "secret").write_text("secret")
    (folder / "link").symlink_to(tmp_path / "secret")
    visit.weights["taught"] = folder
    packed = zipfile.ZipFile(streams.BytesIO(results.weights(visit, looked, 0.0).content))
    assert packed.namelist() == ["detector/config.json"]


def test_the_viewer_is_told_of_marks_in_pixels(visit, looked):
    looked.edits.append(Edit(1, "bright"))
    told = view(visit)
    assert told["marks"] == [
        [0, 20.0, 10.0, 0, 0.95, 0],
        [1, 40.0, 30.0, 1, None, 1],
        [2, 60.0, 50.0, 1, 0.5, 0],
    ]
    assert [name for name, _ in told["classes"]] == ["se_vacancy", "bright"]
    assert told["ring"] == pytest.approx(1.1 / 0.2)
    assert visit.token in told["results"]
    assert str(visit.folder) not in str(told)
