import warnings
from pathlib import Path

import numpy as np
import pytest

from stemzoo import io
from stemzoo.workflows.label_classes import ClassMap
from stemzoo.workflows.labelled_images import find_common_material, pair_files, read_pairs
from stemzoo.workflows.own_labels import find_pairs, own_training_set

CLASSES = "V=se_vacancy,VV=se_divacancy,dark=metal_dark,dopant=bright"
NAMES = {name: own for own, name in (pair.split("=") for pair in CLASSES.split(","))}


def write(folder, frames):
    """Write frames as somebody else would: images, and a table of x and y in nm."""
    folder.mkdir()
    for i, frame in enumerate(frames):
        io.write_tiff(folder / f"scan{i}.tif", frame.image, sampling=frame.sampling)
        nm = frame.points[:, ::-1] * frame.sampling / 10
        rows = [
            [x, y, NAMES.get(name, "edge")] for (x, y), name in zip(nm, frame.labels(), strict=True)
        ]
        io.write_csv(folder / f"scan{i}.csv", ("x_nm", "y_nm", "kind"), rows)
    return folder


def test_files_are_paired_by_their_stems():
    images = [Path(name) for name in ("a.tif", "b.dm4", "b.png", "c.tif")]
    labels = [Path(name) for name in ("l/b.csv", "l/a.roi", "l/b.json", "l/d.csv")]
    found = pair_files(images, labels)
    assert found.pairs == ((images[0], labels[1]), (images[1], labels[0]))
    assert found.lone() == (
        "left out, without labels of the same name: c.tif; "
        "left out, without an image of the same name: d.csv"
    )
    with pytest.raises(ValueError, match="l/a.roi: .*l/a.csv, too"):
        pair_files(images, [Path("l/a.csv"), Path("l/a.roi")])
    # One of each that are named need not share a name.
    one = pair_files(images[:1], labels[:1], any_name=True)
    assert one.pairs == ((images[0], labels[0]),)
    assert pair_files(images[:1], labels[:1]).pairs == ()


def test_labels_become_the_masks_that_the_simulator_draws(tmp_path, frames):
    folder = write(tmp_path / "own", frames)
    found = find_pairs(folder, folder)
    files, material = read_pairs(found.pairs, ClassMap.read(CLASSES), material="wse2")
    made = own_training_set(files, material, frames[0].sampling, frames[0].classes)
    assert (made.material, made.classes) == ("wse2", frames[0].classes)
    # At its own pixel size the mask is the simulator's, but for the digits that a table keeps.
    assert np.count_nonzero(made.masks[0] != frames[0].mask) <= len(frames[0].points)
    for mask, frame in zip(made.masks, frames, strict=True):
        assert set(np.unique(mask)) == set(np.unique(frame.mask))


def test_labels_of_another_image_are_refused_and_some_outside_are_left_out(tmp_path, frames):
    frame = frames[0]
    io.write_tiff(tmp_path / "a.tif", frame.image, sampling=frame.sampling)
    pairs = [(tmp_path / "a.tif", tmp_path / "a.csv")]
    io.write_csv(tmp_path / "a.csv", ("row", "column"), [[900, 10], [950, 80]])
    with pytest.raises(ValueError, match=r"none of 2 \(table, in px; one at row 950.0, column 80"):
        read_pairs(pairs, ClassMap.read("bright"), material="wse2")
    io.write_csv(tmp_path / "a.csv", ("row", "column"), [[20, 10], [950, 80]])
    with pytest.warns(UserWarning, match="1 of 2 marks .* lie outside"):
        files, _ = read_pairs(pairs, ClassMap.read("bright"), material="wse2")
    assert files[0].labels.of("bright").tolist() == [[20, 10]]


def test_what_cannot_be_trained_on_is_one_line(tmp_path, frames):
    folder = write(tmp_path / "own", frames[:1])
    (tmp_path / "other").mkdir()
    with pytest.raises(ValueError, match=r"such as scan0.csv for scan0.tif"):
        find_pairs(folder, tmp_path / "other")
    with pytest.raises(ValueError, match="expected image files"):
        find_pairs(tmp_path / "other", folder)
    files, _ = read_pairs(find_pairs(folder, folder).pairs, ClassMap.read(CLASSES), material="wse2")
    with pytest.raises(ValueError, match="without .*Map these with --classes"):
        own_training_set(files, "wse2", 0.2074, ["edge"])
    ignored, _ = read_pairs(
        find_pairs(folder, folder).pairs,
        ClassMap({own: "ignore" for own in NAMES.values()}),
        material="wse2",
    )
    with pytest.raises(ValueError, match="Label some defects"):
        own_training_set(ignored, "wse2", 0.2074)


def test_the_material_is_told_by_the_images(frames):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        noise = io.Image(np.random.default_rng(0).normal(size=(128, 128)), 0.2, path=Path("n.tif"))
        with pytest.raises(ValueError, match=r"n.tif: .*undecided: none of the table.*--material"):
            find_common_material([noise])
