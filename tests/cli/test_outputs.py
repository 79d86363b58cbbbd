"""No file of a user is overwritten, by any verb that writes."""

import json
import os
from pathlib import Path

import pytest

import stemzoo
from stemzoo import io


@pytest.fixture
def scans(here, frames):
    """Images of one name in two folders, one that is named as a translation, one in brackets."""
    for name in ("a/scan.tif", "b/scan.tif", "y.tif", "y_sim-to-exp.tif", "day [1]/z.tif"):
        Path(name).parent.mkdir(exist_ok=True)
        io.write_tiff(name, frames[0].image[:100, :100], sampling=frames[0].sampling)
    return here


@pytest.fixture
def gan(scans):
    """A CycleGAN of WSe2, not trained."""
    small = {"filters": 2, "depth": 2, "discriminator_filters": 2, "patch_size": 32}
    stemzoo.save(stemzoo.CycleGANSTEM(**small, material="wse2"), "gan")
    return "./gan"


def contents(*folders):
    """Bytes of all files, by path."""
    paths = [path for folder in folders for path in Path(folder).rglob("*") if path.is_file()]
    return {str(path): path.read_bytes() for path in paths}


def refusal(done):
    """Return the one line of a call that did nothing."""
    assert (done.code, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert line.startswith("stemzoo: ")
    assert "Traceback" not in line
    assert "unexpected" not in line
    return line


def test_translate_never_replaces_one_result_by_another(run, gan):
    line = refusal(run("translate", "a/scan.tif", "b/scan.tif", "--weights", gan))
    assert "b/scan.tif: its results would overwrite those of a/scan.tif" in line
    assert not Path("translated").exists()


def test_translate_never_replaces_an_image_of_the_call(run, gan):
    before = contents(".")
    line = refusal(run("translate", "y.tif", "y_sim-to-exp.tif", "--weights", gan, "--out", "."))
    assert "y.tif: its results would overwrite the image y_sim-to-exp.tif" in line
    assert contents(".") == before


def test_translate_replaces_no_image_of_another_program(run, gan):
    # Without the mark that stemzoo leaves in what it writes.
    Path("y_sim-to-exp.tif").write_bytes(b"II*\0" + bytes(200))
    before = contents(".")
    line = refusal(run("translate", "y.tif", "--weights", gan, "--out", "."))
    assert "would overwrite y_sim-to-exp.tif, which is none of an earlier call" in line
    assert contents(".") == before


def test_a_wrong_direction_is_one_line_before_any_work(run, gan):
    line = refusal(run("translate", "y.tif", "--weights", gan, "--direction", "../../up"))
    assert "direction is sim-to-exp or exp-to-sim" in line
    assert not Path("translated").exists()


@pytest.mark.parametrize("verb", ["detect", "translate"])
def test_labels_of_a_simulation_stay(run, gan, tiny_folder, verb):
    assert run("simulate", "--session", "wse2-dayA", "--size", 64, "--out", "frames").code == 0
    frame = "frames/wse2-dayA_0_0000.tif"
    if verb == "translate":
        # What the copies of the labels would replace.
        Path("frames/wse2-dayA_0_0000_sim-to-exp.csv").write_text("row,column\n1,2\n")
    before = contents("frames")
    weights = tiny_folder if verb == "detect" else gan
    line = refusal(run(verb, frame, "--weights", weights, "--out", "frames"))
    assert ".csv, which is none of an earlier call" in line
    assert contents("frames") == before


def test_simulate_and_evaluate_keep_what_is_not_theirs(run, scans):
    Path("simulated").mkdir()
    Path("simulated/wse2-dayA_0_0001.csv").write_text("row,column\n1,2\n")
    before = contents("simulated")
    line = refusal(run("simulate", "--session", "wse2-dayA", "-n", 2, "--size", 64))
    assert "wse2-dayA_0_0001.csv, which is none of an earlier call" in line
    assert contents("simulated") == before
    Path("evaluation").mkdir()
    Path("evaluation/evaluation.html").write_text("<p>mine</p>")
    line = refusal(run("evaluate", "a", "b"))
    assert "evaluation.html, which is none of an earlier call" in line
    assert contents("evaluation") == {"evaluation/evaluation.html": b"<p>mine</p>"}


def test_a_full_disk_leaves_no_half_of_a_frame(run, scans, small_files):
    options = ("--session", "wse2-dayA", "--size", 64, "--out", "frames")
    assert run("simulate", *options, "-n", 1).code == 0
    sizes = {Path(name).suffix: len(held) for name, held in contents("frames").items()}
    before = contents("frames")
    # Room for table and JSON, not for the image.
    with small_files(sizes[".tif"] - 100):
        line = refusal(run("simulate", *options, "-n", 2, "--seed", 1))
    assert line.startswith("stemzoo: frames: ")
    assert contents("frames") == before


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("adapt", "y.tif", "--from", "./gan", "--out", "gan"), "gan: expected another folder"),
        (("adapt", "y.tif", "--from", "./gan", "--out", "./gan/"), "gan: expected another"),
        (
            ("train", "fcn", "--session", "wse2-dayA", "--from", "./fcn", "--out", "fcn"),
            "fcn: expected another folder",
        ),
        (
            ("train", "fcn", "--translate", "./gan", "--out", "gan"),
            "gan: expected another folder",
        ),
        (("train", "fcn", "--data", "a", "--out", "a"), "a: expected another folder"),
        (
            ("train", "cyclegan", "--experimental", "y.tif", "--material", "wse2")
            + ("--from", "./gan", "--out", "gan"),
            "gan: expected another folder",
        ),
    ],
)
def test_weights_that_are_read_are_never_overwritten(run, gan, make_model, command, words):
    stemzoo.save(make_model(), "fcn")
    before = contents("gan", "fcn", "a")
    assert words in refusal(run(*command))
    assert contents("gan", "fcn", "a") == before


def test_a_copy_never_replaces_other_weights(run, here, make_model):
    line = refusal(run("download", "fcn-wse2", "hf://alice/fcn-wse2", "--to", "copies"))
    assert "hf://alice/fcn-wse2: its copy would overwrite that of fcn-wse2" in line
    assert not Path("copies").exists()
    # One's own weights, of the same name.
    stemzoo.save(make_model(), "fcn-wse2")
    before = contents("fcn-wse2")
    line = refusal(run("download", "fcn-wse2", "--to", "."))
    assert "expected a new folder, or an earlier copy of fcn-wse2" in line
    assert contents("fcn-wse2") == before


# What the arguments name.


@pytest.mark.parametrize(
    "command",
    [
        ("adapt", "y.tif", "missing.tif", "--from", "./gan", "--out", "new"),
        ("adapt", "y.tif", "missing_*.tif", "--from", "./gan", "--out", "new"),
        ("train", "cyclegan", "--experimental", "y.tif", "--experimental", "missing.tif")
        + ("--material", "wse2", "--out", "new"),
        ("evaluate", "a", "missing.tif", "--out", "new"),
    ],
)
def test_each_argument_must_match_before_any_work(run, gan, command):
    assert "no file matches missing" in refusal(run(*command))
    assert not Path("new").exists()


@pytest.mark.parametrize("name", ["day [1]/z.tif", "day [[]1]/*.tif", "day*/z.tif"])
@pytest.mark.parametrize(
    "command",
    [
        ("adapt", "NAME", "--from", "./gan", "--out", "new", "--minutes", 0.1),
        ("train", "cyclegan", "--experimental", "NAME", "--material", "wse2", "--out", "new"),
        ("evaluate", "NAME", "a", "--out", "new"),
    ],
)
def test_brackets_in_a_path_are_found(run, gan, command, name):
    # Found and read: too small for what would be done next.
    io.write_tiff("day [1]/z.tif", io.read_image("y.tif").data[:40, :40], sampling=0.2074)
    done = run(*(name if word == "NAME" else word for word in command))
    assert done.code == 2
    assert "stemzoo: day [1]/z.tif: expected at least 64 px on each side" in done.err
    assert not Path("new").exists()


def test_all_files_that_cannot_be_used_are_named(run, gan):
    for name in ("bad_1.tif", "bad_2.tif"):
        Path(name).write_bytes(b"II*\0")
    line = refusal(run("adapt", "bad_*.tif", "y.tif", "--from", gan, "--out", "new"))
    assert "bad_1.tif: " in line
    assert line.endswith("Nor can these be used: bad_2.tif.")
    assert not Path("new").exists()


def test_what_a_killed_simulation_has_left_is_no_frame(run, scans):
    assert run("simulate", "--session", "wse2-dayA", "--size", 64, "--out", "frames").code == 0
    for name in (".0a1b.csv", ".0a1b.tif"):
        (Path("frames") / name).write_bytes(b"half")
    tiny = ("--epochs", 1, "--steps", 1, "--batch", 1, "--patch", 32, "--filters", 2, "--depth", 1)
    done = run("train", "fcn", "--data", "frames", "--out", "model", *tiny)
    assert (done.code, done.err) == (0, "")
    facts = json.loads(Path("model/training_data.json").read_text())
    assert list(facts["data"]["frames"]) == ["wse2-dayA_0_0000.tif"]


def test_a_name_that_is_no_utf8_is_an_image_like_others(run, gan, tiny_folder):
    name = os.fsdecode(b"bytes\xff.tif")
    Path("y.tif").rename(name)
    for verb, weights in (("detect", tiny_folder), ("translate", gan)):
        done = run(verb, name, "--weights", weights)
        assert done.code == 0, done.err
        assert done.out.startswith(r"bytes\xff.tif: ")
    assert len(os.listdir("detections")) == 4
    assert b"bytes\xff_sim-to-exp.tif" in map(os.fsencode, os.listdir("translated"))
