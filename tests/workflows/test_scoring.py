import json
from pathlib import Path

import numpy as np
import pytest

import stemzoo
from stemzoo import io
from stemzoo.io.label_files import Labels
from stemzoo.workflows.scoring import check_card_folder, find_label_pairs


@pytest.fixture
def scan(tmp_path, day_a):
    """Write a frame, and a table of its labels under other names."""
    frame = day_a[0]
    io.write_tiff(tmp_path / "scan.tif", frame.image, sampling=frame.sampling)
    rows = [
        [*point, "V" if name == "se_vacancy" else "uncertain"]
        for point, name in zip(frame.points.tolist(), frame.labels(), strict=True)
    ]
    io.write_csv(tmp_path / "scan.csv", ("row", "column", "class"), rows)
    return tmp_path


def test_a_good_detector_scores_well_on_files_and_on_arrays(scan, day_a, detector):
    files = stemzoo.score(
        [scan / "scan.tif"], [scan / "scan.csv"], detector, classes={"V": "se_vacancy"}
    )
    assert files.classes == ("se_vacancy",)
    # fcn-wse2 on day A: F1 0.98 and more (its card); a frame of 256² has some ten vacancies.
    assert files.estimate("f1").value > 0.85
    assert files.images[0].doubts == ()
    assert set(files.unlabelled) == {"se_divacancy", "metal_dark", "bright"}
    labels = Labels(day_a[0].points, day_a[0].labels())
    arrays = stemzoo.score([day_a[0].image], [labels], detector, sampling=day_a[0].sampling)
    vacancies = arrays.total("se_vacancy").score
    assert vacancies.hits == files.total("se_vacancy").score.hits
    assert arrays.images[0].image == "image 0"


def test_labels_that_the_detector_does_not_know_are_told(scan, make_model):
    labels = Labels(np.array([[50.0, 50.0]]), ("metal_dark",))
    report = stemzoo.score([scan / "scan.tif"], [labels], make_model())
    assert (report.classes, report.unknown) == ((), {"metal_dark": 1})
    with pytest.raises(ValueError, match="as many labels as images"):
        stemzoo.score([scan / "scan.tif"], [], make_model())
    with pytest.raises(ValueError, match="--classes V=CLASS"):
        stemzoo.score([scan / "scan.tif"], [scan / "scan.csv"], make_model())


def test_a_detector_of_no_material_is_scored_by_its_own_classes(scan, make_model):
    labels = Labels(np.array([[50.0, 50.0]]), ("mine",))
    model = make_model(("mine", "other"), material=None)
    report = stemzoo.score([scan / "scan.tif"], [labels], model)
    assert (report.classes, set(report.unlabelled)) == (("mine",), {"other"})


def test_images_that_were_trained_on_are_told(scan, tiny_folder):
    import shutil

    folder = shutil.copytree(tiny_folder, scan / "mine")
    from stemzoo.zoo.hub import sha256

    facts = {"data": {"own": {"scan.tif": sha256(scan / "scan.tif")}}}
    (folder / "training_data.json").write_text(json.dumps(facts))
    model = stemzoo.load(folder)
    report = stemzoo.score(
        [scan / "scan.tif"], [scan / "scan.csv"], model, classes={"V": "se_vacancy"}
    )
    assert "the weights were trained on this image" in report.images[0].doubts[-1]
    assert report.model == "mine"  # and not "tiny", as its parent is called


def test_figures_go_into_folders_of_ones_own_only(detector):
    with pytest.raises(ValueError, match="stemzoo save fcn-wse2 FOLDER"):
        check_card_folder(detector)


def test_files_without_a_partner_are_refused_with_an_example(tmp_path):
    (tmp_path / "other.csv").write_text("row,column\n1,2\n")
    (tmp_path / "more.csv").write_text("row,column\n1,2\n")
    with pytest.raises(ValueError, match=r"such as scan.csv for scan.tif.*more.csv, other.csv"):
        find_label_pairs([Path("scan.tif")], [tmp_path])
    one = find_label_pairs([Path("scan.tif")], [tmp_path / "other.csv"])
    assert one.pairs == ((Path("scan.tif"), tmp_path / "other.csv"),)
