import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

import stemzoo
from stemzoo import io
from stemzoo.simulate import SCENES, find_session, simulate_session
from stemzoo.simulate.domain import domain_session

SESSION = "wse2-randomised"


@pytest.fixture
def tiff(here, frames):
    io.write_tiff("wse2.tif", frames[0].image[:100, :140], sampling=frames[0].sampling)
    return Path("wse2.tif")


# detect


def test_a_table_and_an_overlay_are_written_and_one_line_says_so(run, tiff, tiny_folder):
    done = run("detect", tiff, "--weights", tiny_folder)
    assert (done.code, done.err) == (0, "")
    (line,) = done.out.splitlines()
    assert line.startswith("wse2.tif: ")
    assert " (ImageJ) | " in line
    assert line.endswith(" | detections/wse2.csv, detections/wse2.png")
    assert " se_vacancy, " in line
    assert sorted(os.listdir("detections")) == ["run.json", "summary.csv", "wse2.csv", "wse2.png"]
    assert imread("detections/wse2.png").shape[:2] == (100 * 7 + 40, 140 * 7)
    assert io.read_csv("detections/wse2.csv")[0] == []
    run("detect", tiff, "--weights", tiny_folder, "--header")
    header, _ = io.read_csv("detections/wse2.csv")
    assert "wse2.tif" in header[0]


def test_json_is_one_object_an_image(run, tiff, tiny_folder):
    Path("twin.tif").write_bytes(tiff.read_bytes())
    options = ("--weights", tiny_folder, "--json", "--threshold", 0, "--out", "a/b")
    done = run("detect", tiff, "twin.tif", *options)
    assert (done.code, done.err) == (0, "")
    first, second = map(json.loads, done.out.splitlines())
    assert (first["image"], second["image"]) == ("wse2.tif", "twin.tif")
    assert first["detections"] == second["detections"] != []
    names = ["row", "column", "x_nm", "y_nm", "class", "score", "intensity", "sigma", "probability"]
    assert list(first["detections"][0]) == names
    _, columns = io.read_csv(first["csv"])
    assert columns["score"].tolist() == [d["score"] for d in first["detections"]]
    assert imread(second["overlay"]).shape[:2] == (740, 980)


def test_options_reach_the_detection(run, tiff, tiny_folder):
    stack = np.stack([io.read_image(tiff).data[:80, :80]] * 2)
    np.save("stack.npy", stack)
    options = ("--weights", tiny_folder, "--json", "--pixel-size", 20, "--tta")
    done = run("detect", "stack.npy", "--frame", 1, "--threshold", 0.9, *options)
    report = json.loads(done.out)
    assert (report["pixel_size_pm"], report["pixel_size_source"]) == (20.0, "given")
    assert (report["tta"], report["threshold"], report["shape"]) == (True, 0.9, [80, 80])
    assert run("detect", "stack.npy", "--sum-frames", *options).code == 0
    assert "2 frames" in run("detect", "stack.npy", *options).err


def test_the_pixel_size_is_measured_when_the_file_has_none(run, here, frames, tiny_folder):
    np.save("bare.npy", frames[1].image)
    done = run("detect", "bare.npy", "--weights", tiny_folder, "--json")
    report = json.loads(done.out)
    assert report["pixel_size_pm"] == pytest.approx(frames[1].sampling * 100, rel=0.02)
    assert report["pixel_size_source"].startswith("lattice")


def test_a_contradiction_between_pixel_size_and_lattice_is_one_line(run, here, frames, tiny_folder):
    np.save("bare.npy", frames[1].image)
    done = run("detect", "bare.npy", "--weights", tiny_folder, "--pixel-size", 30)
    assert done.code == 0
    (line,) = done.err.splitlines()
    assert line.startswith("stemzoo: warning: bare.npy: ")
    assert "disagree" in line
    assert "30.00 pm" in line


def test_results_of_an_earlier_run_are_replaced(run, tiff, tiny_folder):
    options = ("--weights", tiny_folder, "--json")
    few = json.loads(run("detect", tiff, *options, "--threshold", 1).out)
    many = json.loads(run("detect", tiff, *options, "--threshold", 0).out)
    assert len(few["detections"]) == 0 < len(many["detections"])
    assert len(io.read_csv("detections/wse2.csv")[1]["row"]) == len(many["detections"])


def bad_files():
    """Write one file of each kind that cannot be analysed."""
    rng = np.random.default_rng(0)
    image = rng.normal(size=(100, 100)).astype(np.float32)
    io.write_tiff("whole.tif", image, sampling=0.2)
    content = Path("whole.tif").read_bytes()
    Path("whole.tif").unlink()
    Path("truncated.tif").write_bytes(content[: len(content) // 2])
    Path("empty.tif").touch()
    Path("text.tif").write_text("row,column\n1,2\n", encoding="utf-8")
    Path("text.txt").write_text("row,column\n1,2\n", encoding="utf-8")
    io.write_tiff("constant.tif", np.full((100, 100), 7.0), sampling=0.2)
    io.write_tiff("tiny.tif", image[:32, :32], sampling=0.2)
    io.write_tiff("coarse.tif", image, sampling=4.0)
    io.write_png("rgb.png", rng.integers(0, 255, (100, 100, 3)).astype(np.uint8))
    Path("folder.tif").mkdir()
    io.write_tiff("nan.tif", np.nan * image, sampling=0.2)
    np.save("line.npy", np.arange(100.0))
    np.save("stack.npy", rng.normal(size=(3, 100, 100)))
    np.save("complex.npy", rng.normal(size=(100, 100)) + 1j)
    np.save("objects.npy", np.array([{}, None]), allow_pickle=True)
    np.save("noise.npy", rng.normal(size=(100, 100)))  # no pixel size, and no lattice to tell it
    return [*sorted(os.listdir()), "missing.tif", "nowhere/missing.tif"]


def test_each_bad_file_is_one_line_and_the_good_ones_are_still_done(run, tiff, tiny_folder):
    good = [tiff, Path("wse2_too.tif")]
    good[1].write_bytes(tiff.read_bytes())
    tiff.rename("good.tif")
    good[0] = Path("good.tif")
    bad = [name for name in bad_files() if name not in map(str, good)]
    assert len(bad) == 17
    done = run("detect", good[0], *bad, good[1], "--weights", tiny_folder)
    assert done.code == 2
    lines = done.err.splitlines()
    assert len(lines) == len(bad)
    for name, line in zip(bad, lines, strict=True):
        assert line.startswith(f"stemzoo: {name}: ")
        # What was received, and a hint: more than a bare error.
        assert len(line) > 60
        assert "Traceback" not in line
    assert [line.split(":")[0] for line in done.out.splitlines()] == ["good.tif", "wse2_too.tif"]
    assert sorted(os.listdir("detections")) == [
        "good.csv",
        "good.png",
        "run.json",
        "summary.csv",
        "wse2_too.csv",
        "wse2_too.png",
    ]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_an_unreadable_file_is_one_line(run, tiff, tiny_folder):
    tiff.chmod(0)
    done = run("detect", tiff, "--weights", tiny_folder)
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert "wse2.tif" in line


def test_two_images_of_the_same_name_are_refused_before_any_work(run, tiff, tiny_folder):
    Path("other").mkdir()
    Path("other/wse2.tif").write_bytes(tiff.read_bytes())
    done = run("detect", tiff, "other/wse2.tif", "--weights", tiny_folder)
    assert (done.code, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert line.startswith("stemzoo: other/wse2.tif: its results would overwrite those of wse2.tif")
    assert not Path("detections").exists()


def test_no_image_of_the_call_is_ever_overwritten(run, tiff, tiny_folder):
    image = io.read_image(tiff).data
    io.write_png("wse2.png", (image / image.max() * 255).clip(0, 255).astype(np.uint8))
    before = Path("wse2.png").read_bytes()
    done = run("detect", tiff, "wse2.png", "--weights", tiny_folder, "--out", ".")
    assert (done.code, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert line.startswith("stemzoo: wse2.tif: its results would overwrite the image wse2.png. ")
    assert Path("wse2.png").read_bytes() == before
    assert sorted(os.listdir()) == ["wse2.png", "wse2.tif"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--threshold", 1.5), "threshold lies between 0 and 1. Received: 1.5"),
        (("--pixel-size", 5000), "between 0.01 and 1.0 Å (1 to 100 pm)"),
        (("--pixel-size", 0.02), "between 0.01 and 1.0 Å (1 to 100 pm)"),
        (("--pixel-size", 0), "between 0.01 and 1.0 Å (1 to 100 pm)"),
        (("--frame", 3), "wse2.tif"),
        (("--frame", 0, "--sum-frames"), "Give only one of them"),
        (("--weights", "nowhere/model"), "nowhere/model: expected a model folder"),
        (("--out", "wse2.tif"), "wse2.tif"),
    ],
)
def test_a_wrong_option_is_one_line(run, tiff, tiny_folder, options, words):
    done = run("detect", tiff, *("--weights", tiny_folder), *options)
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert line.startswith("stemzoo: ")
    assert words in line
    assert done.out == ""


def test_unknown_weights_offer_the_nearest(run, tiff):
    done = run("detect", tiff, "--weights", "fcn-wse3")
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert "Did you mean fcn-wse2" in line
    assert line.endswith("Received: 'fcn-wse3'")
    assert not Path("detections").exists()


def test_damaged_weights_are_one_line(run, tiff, tiny_folder, tmp_path):
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    config = json.loads((tiny_folder / "config.json").read_text(encoding="utf-8"))
    config["config"]["depth"] = 3
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    done = run("detect", tiff, "--weights", folder)
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert "model.weights.h5: expected the weights of a DefectFCN" in line


def test_what_nobody_expected_is_one_line_too(run, tiff, tiny_folder, monkeypatch):
    def fail(*_, **__):
        raise ZeroDivisionError("by zero\nsomewhere")

    monkeypatch.setattr("stemzoo.workflows.images.detect_file", fail)
    done = run("detect", tiff, "--weights", tiny_folder)
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert line.startswith("stemzoo: wse2.tif: unexpected ZeroDivisionError: by zero somewhere. ")
    monkeypatch.setenv("STEMZOO_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        run("detect", tiff, "--weights", tiny_folder)


def test_nothing_but_results_and_failures_appears_on_the_terminal(python, tiff, tiny_folder, here):
    # Images of many sizes, as TensorFlow complains about each new one after a few.
    data = np.pad(io.read_image(tiff).data, ((0, 40), (0, 0)), mode="reflect")
    names = [str(tiff)]
    for i, (rows, columns) in enumerate([(64, 64), (64, 140), (140, 64), (81, 97), (140, 140)]):
        names.append(f"cut_{i}.tif")
        io.write_tiff(names[-1], data[:rows, :columns], sampling=0.2074)
    options = ("--weights", tiny_folder, "--pixel-size", 20.74)
    done = python("-m", "stemzoo.cli", "detect", *names, "a.tif", *options, cwd=here)
    # A failure of the installed command has the exit code two.
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "stemzoo: a.tif: expected an image file. Received: no such file. Check the path."
    ]
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == names


def test_the_bundled_detector_is_the_default(run, here, frames):
    frame = frames[0]
    io.write_tiff("wse2.tif", frame.image, sampling=frame.sampling)
    done = run("detect", "wse2.tif", "--json")
    assert (done.code, done.err) == (0, "")
    report = json.loads(done.out)
    assert report["weights"] == "fcn-wse2"
    assert report["counts"]["se_vacancy"] > 0


def test_what_was_undone_is_in_the_line_unless_the_image_is_taken_as_it_is(run, here):
    frame = next(simulate_session(find_session("wse2-dayA"), 1, (384, 384), seed=2))
    gain = np.exp(0.2 * np.random.default_rng(0).normal(size=(384, 1)))
    io.write_tiff("wse2.tif", (frame.image * gain).astype(np.float32), sampling=frame.sampling)
    done = run("detect", "wse2.tif")
    assert (done.code, done.err) == (0, "")
    assert " | row gain " in done.out
    assert " % rms, undone | " in done.out
    assert "undone" not in run("detect", "wse2.tif", "--as-is").out


# simulate


def files(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def test_simulated_frames_are_reproducible_to_the_bit(run, here):
    options = ("--session", SESSION, "-n", 2, "--size", 64)
    done = run("simulate", *options, "--out", "first", "--seed", 7)
    assert (done.code, done.err) == (0, "")
    assert done.out == f"2 frames of {SESSION} in first\n"
    run("simulate", *options, "--out", "again", "--seed", 7)
    run("simulate", *options, "--out", "other", "--seed", 8)
    assert sorted(files("first")) == [
        f"{SESSION}_7_{i:04d}{end}"
        for i in (0, 1)
        for end in (".csv", ".json", ".tif", "_mask.png")
    ]
    assert files("first") == files("again")
    for one, other in zip(files("first").values(), files("other").values(), strict=True):
        assert one != other
    image = io.read_image(f"first/{SESSION}_7_0000.tif")
    assert image.data.shape == (64, 64)
    assert image.sampling == pytest.approx(0.2074, rel=0.06)


def test_a_material_stands_for_its_first_session(run, here):
    assert run("simulate", "--material", "wse2", "--size", 64, "--out", "a").code == 0
    done = run("simulate", "--material", "WSe2", "--size", 64, "--out", "b")
    assert done.out.startswith("1 frames of wse2-")
    assert files("a") == files("b")


def test_frames_show_the_scene_that_is_named(run, here):
    options = ("--session", SESSION, "--size", 128, "--scene", "hole", "--seed", 4, "--out", "a")
    done = run("simulate", *options)
    assert (done.code, done.err) == (0, "")
    stem = f"{SESSION}_hole_4_0000"
    assert sorted(files("a")) == [
        f"{stem}{end}" for end in (".csv", ".json", ".tif", "_crystal.png", "_mask.png")
    ]
    crystal = imread(f"a/{stem}_crystal.png") * 255
    assert set(np.unique(crystal)) == {0, 1}
    header, columns = io.read_csv(Path(f"a/{stem}.csv"))
    assert header[0].endswith("frame: 0; scene: hole")
    assert "edge: 5" in header[2]
    assert set(columns["class"]) >= {"edge"}
    places = np.array([columns["row"], columns["column"]], dtype=float).round().astype(int)
    assert crystal[tuple(places)].mean() > 0.9  # columns at the very rim may round to outside


def test_help_and_an_unknown_scene_name_those_there_are(run, here):
    text = " ".join(run("simulate", "--help").out.replace("│", " ").split())
    for name in SCENES:
        assert re.search(rf"\b{name}\b", text), name
    done = run("simulate", "--material", "wse2", "--scene", "holes")
    assert (done.code, done.out) == (2, "")
    assert "expected one of hole" in done.err
    assert os.listdir() == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--session", "wse2-randomized"), "wse2-randomised"),
        (("--material", "unobtainium"), "unobtainium"),
        (("--session", SESSION, "--material", "graphene"), "graphene"),
        ((), "Received: neither"),
    ],
)
def test_unknown_conditions_are_one_line(run, here, options, words):
    done = run("simulate", *options)
    assert (done.code, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert line.startswith("stemzoo: ")
    assert words in line
    assert os.listdir() == []


@pytest.mark.parametrize("options", [("--size", 63), ("-n", 0), ("--seed", -1), ("--size", "big")])
def test_impossible_numbers_are_refused(run, here, options):
    done = run("simulate", "--session", SESSION, *options)
    assert done.code == 2
    assert done.out == ""
    assert "Usage" in done.err
    assert os.listdir() == []


# train

TINY = ("--frames", 2, "--size", 64, "--epochs", 1, "--steps", 2, "--batch", 2, "--patch", 32)
TINY = (*TINY, "--filters", 2, "--depth", 1, "--session", SESSION)


def test_a_detector_is_trained_and_used(run, tiff):
    done = run("train", "fcn", "--out", "model", *TINY)
    assert (done.code, done.err) == (0, "")
    progress, last = done.out.splitlines()
    assert progress.startswith("epoch 1/1  loss ")
    assert "--weights model" in last
    assert set(os.listdir("model")) == {
        "config.json",
        "golden.npz",
        "model.weights.h5",
        "provenance.json",
        "recipe.json",
        "training_data.json",
        "training_log.csv",
        "training_log.png",
        "training_state.npz",
    }
    model = stemzoo.load("./model")
    assert (model.filters, model.depth, model.material) == (2, 1, "wse2")
    done = run("detect", tiff, "--weights", "model", "--json")
    assert json.loads(done.out)["weights"] == "defect_fcn"
    # The same command again finds nothing left to do.
    before = files("model")["model.weights.h5"]
    assert run("train", "fcn", "--out", "model", *TINY).code == 0
    again = stemzoo.load("./model")
    for one, other in zip(model.weights, again.weights, strict=True):
        assert np.array_equal(one.numpy(), other.numpy())
    assert len(files("model")["model.weights.h5"]) == len(before)
    # Another training starts from these weights, and its folder says so.
    assert run("train", "fcn", "--from", "./model", "--out", "next", *TINY).code == 0
    parent = stemzoo.load("./next").provenance.record["parent"]
    assert parent["sha256"] == again.provenance.sha256
    # Another network does not fit into this folder.
    done = run("train", "fcn", "--out", "model", *TINY, "--filters", 5)
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert "holds another network's training" in line


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "--session NAME"),
        (("--session", "nowhere"), "Unknown session"),
        (("--data", "nowhere"), "nowhere: expected frames"),
        ((*TINY, "--patch", 128), "Received: an image of 64 x 64 px"),
        ((*TINY, "--patch", 33), "multiple of 2 px"),
    ],
)
def test_a_training_that_cannot_start_is_one_line(run, here, options, words):
    done = run("train", "fcn", "--out", "model", *options)
    assert (done.code, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert words in line
    assert not Path("model").exists()


# list and the rest


def test_the_weights_are_listed(run):
    done = run("list")
    assert (done.code, done.err) == (0, "")
    table, _, details = done.out.partition("\n\n")
    assert table.splitlines()[0].split() == ["MATERIAL", "DETECTION", "DENOISING", "TRANSLATION"]
    lines = details.splitlines()
    assert lines[0].split() == ["NAME", "TASK", "MATERIAL", "SESSION", "SUMMARY"]
    assert any(line.startswith("fcn-wse2 ") for line in lines[1:])
    # Columns stand below each other.
    start = lines[0].index("SUMMARY")
    assert all(line[start - 1] == " " != line[start] for line in lines)


def test_the_list_is_filtered(run):
    (line,) = run("list", "--material", "unobtainium").out.splitlines()
    assert line.startswith("no weights of task any and material unobtainium; there are tasks ")
    assert "wse2" in line
    assert "stemzoo train" in line
    assert "fcn-wse2" in run("list", "--material", "wse2", "--task", "detection").out


def test_the_list_is_for_machines_too(run):
    entries = json.loads(run("list", "--json").out)
    assert "fcn-wse2" in [entry["name"] for entry in entries]
    assert {"name", "task", "material", "session", "licence", "summary"} <= set(entries[0])
    assert json.loads(run("list", "--json", "--material", "unobtainium").out) == []


def test_the_shell_can_complete_commands(python, here, monkeypatch):
    # typer asks which shell has started it; under a test there may be none.
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    done = python("-m", "stemzoo.cli", "--show-completion", "bash", cwd=here)
    assert done.returncode == 0
    assert "complete -o default -F" in done.stdout


def test_the_version_is_shown(run):
    assert run("--version").out == f"stemzoo {stemzoo.__version__}\n"


def test_every_command_explains_itself(run):
    for command in ((), ("detect",), ("simulate",), ("train",), ("train", "fcn"), ("list",)):
        done = run(*command, "--help")
        assert done.code == 0
        assert "Usage" in done.out


def test_a_missing_image_is_a_usage_error(run):
    done = run("detect")
    assert done.code == 2
    assert "IMAGE" in done.err


def test_an_interruption_is_no_stack_trace(run, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("stemzoo.zoo.registry.list_weights", stop)
    done = run("list")
    assert done.code == 130
    assert "Traceback" not in done.err


def test_the_commands_of_a_card_make_the_images_that_were_measured(run, here):
    """As examples/reproduce/scripts/measure_cyclegans.py makes them, from the same seed."""
    gan = stemzoo.CycleGANSTEM(
        filters=2,
        depth=2,
        discriminator_filters=2,
        patch_size=32,
        material="wse2",
        sampling=0.2062,
        rotation=(29.0, 5.0),
    )
    stemzoo.save(gan, "gan")
    done = run("simulate", "--like", "./gan", "-n", 2, "--size", 96, "--seed", 5, "--out", "clean")
    assert (done.code, done.out) == (0, "2 frames of gan-clean in clean\n")
    for folder, noise in (("generated", ()), ("without", ("--noise", 0))):
        options = ("--weights", "./gan", "--seed", 5, *noise, "--out", folder)
        assert run("translate", "clean/*.tif", *options).code == 0
    rng = np.random.default_rng(5)
    session = domain_session("wse2", 0.2062, (29.0, 5.0))
    for i, frame in enumerate(simulate_session(session, 2, (96, 96), seed=5)):
        name = f"gan-clean_5_{i:04d}"
        expected = stemzoo.translate(frame.image, gan, rng=rng)
        made, without = (
            io.read_image(f"{folder}/{name}_sim-to-exp.tif").data
            for folder in ("generated", "without")
        )
        np.testing.assert_array_equal(made, expected)
        assert not np.array_equal(made, without)
        assert (here / "generated" / f"{name}_sim-to-exp.csv").is_file()


def test_frames_are_simulated_like_those_that_weights_were_trained_on(run, here):
    done = run("simulate", "--like", "fcn-wse2-dayA", "--size", 64)
    assert done.code == 2
    assert "give --like cyclegan-wse2-dayA" in done.err
    done = run("simulate", "--like", "fcn-wse2-manual", "--size", 64)
    assert done.out == "1 frames of wse2-manual in simulated\n"
    done = run("simulate", "--like", "fcn-wse2")
    assert done.code == 2
    assert "give --session wse2-randomised or --session wse2-randomised-fine or " in done.err
    done = run("simulate", "--like", "fcn-wse2", "--session", "wse2-dayA")
    assert done.code == 2
    assert "leave out --session, --material" in done.err
