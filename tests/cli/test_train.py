import json
import os
from pathlib import Path

import numpy as np
import pytest
from ase import io as structures
from known_structures import gallium_nitride

import stemzoo
from stemzoo import io
from stemzoo.workflows.datasets import training_set

TINY = ("--simulated", 2, "--epochs", 1, "--steps", 2, "--batch", 2, "--patch", 32)
TINY = (*TINY, "--filters", 2, "--depth", 2)


@pytest.fixture
def measured(here, frames):
    for i, frame in enumerate(frames[:2]):
        io.write_tiff(f"day_{i}.tif", frame.image[:100, :96], sampling=frames[0].sampling)
    return here


def test_a_cyclegan_is_trained_and_translates(run, measured, frames):
    done = run(
        *("train", "cyclegan", "--experimental", "day_*.tif", "--material", "wse2"),
        *("--session", "dayX", "--out", "gan", *TINY),
    )
    assert (done.code, done.err) == (0, "")
    assert "--weights gan" in done.out.splitlines()[-1]
    assert {"model.weights.h5", "training.weights.h5", "training_log.png"} <= set(os.listdir("gan"))
    assert os.listdir("gan/samples") == ["epoch_0001.png"]
    model = stemzoo.load("./gan")
    assert (model.material, model.session, model.patch_size) == ("wse2", "dayX", 32)
    # On from there, with larger patches of another day; the networks are those of the start.
    again = run(
        *("train", "cyclegan", "--experimental", "day_*.tif", "--material", "wse2"),
        *("--from", "./gan", "--session", "dayY", "--out", "next", "--simulated", 1),
        *("--epochs", 1, "--steps", 1, "--batch", 1, "--patch", 64, "--depth", 2),
    )
    assert (again.code, again.err) == (0, "")
    recipe = json.loads(Path("next/recipe.json").read_text())
    assert (recipe["filters"], recipe["depth"], recipe["patch"]) == (2, 2, 64)
    larger = stemzoo.load("./next")
    assert (larger.session, larger.patch_size) == ("dayY", 64)
    facts = json.loads(Path("next/provenance.json").read_text())
    assert facts["parent"]["sha256"] == model.provenance.sha256
    for direction in ("sim-to-exp", "exp-to-sim"):
        done = run("translate", "day_0.tif", "--weights", "gan", "--direction", direction)
        assert done.code == 0
        # These files were not written by `stemzoo simulate`, for which sim-to-exp is meant.
        warned = "sim-to-exp is meant for simulations" in done.err
        assert warned == (direction == "sim-to-exp")
        image = io.read_image(f"translated/day_0_{direction}.tif")
        assert image.data.shape == (100, 96)
        assert image.sampling == pytest.approx(frames[0].sampling, rel=1e-6)
        assert np.abs(image.data).max() <= 1


def test_a_detector_is_trained_on_simulations_that_a_cyclegan_makes_realistic(run, measured):
    gan = stemzoo.CycleGANSTEM(
        filters=2, depth=2, discriminator_filters=2, patch_size=32, material="wse2"
    )
    stemzoo.save(gan, "gan")
    done = run(
        *("train", "fcn", "--translate", "./gan", "--frames", 1, "--size", 64, "--epochs", 1),
        *("--steps", 1, "--batch", 2, "--patch", 32, "--filters", 2, "--depth", 1),
        *("--out", "detector"),
    )
    assert (done.code, done.err) == (0, "")
    assert json.loads(Path("detector/training_data.json").read_text())["translate"] == ["gan"]
    assert type(stemzoo.load("./detector")).__name__ == "DefectFCN"


def test_a_detector_of_coarser_pixels_is_trained_and_trained_on_and_detects(run, here):
    tiny = ("--frames", 1, "--size", 128, "--epochs", 1, "--steps", 1, "--batch", 1)
    tiny = ("train", "fcn", "--session", "wse2-any", *tiny, "--patch", 32)
    new = ("--pixel-size", 41.48, "--filters", 2, "--depth", 1)
    assert run(*tiny, *new, "--out", "coarse").code == 0
    assert stemzoo.load("./coarse").sampling == 0.4148
    assert json.loads(Path("coarse/training_data.json").read_text())["sampling"] == 0.4148
    done = run(*tiny, "--from", "./coarse", "--out", "on")
    assert (done.code, done.err) == (0, "")
    assert stemzoo.load("./on").sampling == 0.4148
    refused = run(*tiny, "--from", "./coarse", "--pixel-size", 20.74, "--out", "other")
    assert refused.code == 2
    assert refused.err.startswith(
        "stemzoo: ./coarse takes pixels of 0.4148 Å; leave out --pixel-size"
    )


def test_another_training_in_a_finished_folder_is_one_line_and_the_same_one_is_done(run, here):
    assert run("simulate", "--session", "wse2-dayB", "--size", 128, "--out", "frames").code == 0
    tiny = ("--epochs", 1, "--steps", 1, "--batch", 1, "--patch", 32, "--filters", 2, "--depth", 1)
    train = ("train", "fcn", "--data", "frames", *tiny, "--out", "mine")
    assert run(*train).code == 0
    facts = json.loads(Path("mine/training_data.json").read_text())
    assert (facts["frames"], facts["size"]) == (1, None)
    before = {path.name: path.read_bytes() for path in Path("mine").iterdir()}
    for options, words in (
        (("--seed", 5), "seed 0, now 5"),
        (("--learning-rate", 0.1), "learning_rate 0.002, now 0.1"),
        (("--learning-rate", "nan"), "learning rate above 0"),
        (("--depth", 40), "patches of a multiple of"),
    ):
        done = run(*train, *options)
        assert (done.code, done.err.count("\n")) == (2, 1)
        assert words in done.err
        assert {path.name: path.read_bytes() for path in Path("mine").iterdir()} == before
    done = run(*train)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("all 1 epochs are done already\n")
    assert Path("mine/model.weights.h5").read_bytes() == before["model.weights.h5"]


def test_labels_follow_a_translated_frame_into_a_training(run, here):
    stemzoo.save(
        stemzoo.CycleGANSTEM(filters=2, depth=2, discriminator_filters=2, patch_size=32), "gan"
    )
    assert run("simulate", "--session", "wse2-noise-free", "--size", 64, "--out", "clean").code == 0
    assert run("translate", "clean/wse2-noise-free_0_0000.tif", "--weights", "gan").code == 0
    names = {path.name for path in Path("translated").iterdir()} - {"run.json", "summary.csv"}
    stem = "wse2-noise-free_0_0000_sim-to-exp"
    assert names == {f"{stem}.tif", f"{stem}.csv", f"{stem}.json", f"{stem}_mask.png"}
    clean, translated = (
        training_set((), [Path(folder)], frames=0, size=0, seed=0)
        for folder in ("clean", "translated")
    )
    np.testing.assert_array_equal(clean.masks[0], translated.masks[0])
    assert not np.array_equal(clean.images[0], translated.images[0])


def test_folders_of_images_are_compared(run, here, frames):
    for folder, count in (("real", 6), ("fake", 3)):
        os.mkdir(folder)
        for i in range(count):
            image = frames[i % 2].image[:128, :128] + 0.1 * i
            io.write_tiff(f"{folder}/{i}.tif", image, sampling=frames[0].sampling)
    options = ("--patch", 64, "--no-classifier", "--out", "report")
    done = run("evaluate", "real", "fake/*.tif", *options)
    assert (done.code, done.err) == (0, "")
    head, *rows, last = done.out.splitlines()
    assert head.split() == ["FIGURE", "GENERATED", "FLOOR", "CEILING"]
    assert [row.split("  ")[0] for row in rows] == [
        "Fréchet distance (EfficientNet-Lite0)",
        "kernel distance",
        "intensity KL divergence",
        "log10 power spectrum, rms",
    ]
    assert all(Path(name).is_file() for name in last.split(", "))
    done = run("evaluate", "real", "fake/9.tif", *options)
    assert done.code == 2
    assert "no file matches" in done.err


def test_files_that_cannot_be_translated_are_one_line_and_the_others_are_done(
    run,
    measured,
):
    stemzoo.save(
        stemzoo.CycleGANSTEM(filters=2, depth=2, discriminator_filters=2, patch_size=32), "gan"
    )
    done = run("translate", "nothing.tif", "day_0.tif", "--weights", "gan")
    assert done.code == 2
    line, warning = done.err.splitlines()
    assert "nothing.tif" in line
    assert "sim-to-exp is meant for simulations" in warning
    assert sorted(os.listdir("translated")) == ["day_0_sim-to-exp.tif", "run.json", "summary.csv"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--experimental", "none_*.tif", "--material", "wse2"), "no file matches"),
        (("--experimental", "day_*.tif", "--material", "wood"), "Unknown material"),
        (("--experimental", "day_*.tif", "--material", "wse2", "--size", "huge"), "zoo or paper"),
        (("--experimental", "day_*.tif", "--material", "wse2", "--patch", 128), "at least 128 px"),
    ],
)
def test_a_training_that_cannot_start_is_one_line(run, measured, options, words):
    done = run("train", "cyclegan", "--out", "gan", *options)
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert words in line


def test_weights_of_the_wrong_kind_are_one_line(run, measured, tiny_folder):
    stemzoo.save(
        stemzoo.CycleGANSTEM(filters=2, depth=2, discriminator_filters=2, patch_size=32), "gan"
    )
    for verb, weights, needed in (
        ("translate", tiny_folder, "a CycleGANSTEM"),
        ("detect", "gan", "a DefectFCN"),
    ):
        done = run(verb, "day_0.tif", "--weights", weights)
        assert (done.code, done.out) == (2, "")
        (line,) = done.err.splitlines()
        assert f"'stemzoo {verb}' needs weights of {needed}" in line
    done = run("train", "fcn", "--from", "./gan", "--session", "wse2-dayA", "--out", "next")
    (line,) = done.err.splitlines()
    assert "'stemzoo train fcn --from' needs weights of a DefectFCN" in line
    assert not Path("next").exists()


def test_other_networks_than_those_to_start_from_are_one_line(run, measured):
    gan = stemzoo.CycleGANSTEM(
        filters=2, depth=2, discriminator_filters=2, patch_size=32, material="wse2"
    )
    stemzoo.save(gan, "gan")
    done = run(
        *("train", "cyclegan", "--experimental", "day_*.tif", "--material", "wse2"),
        *("--from", "./gan", "--out", "next", "--simulated", 1, "--filters", 4),
    )
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert "filters is 2. Received: 4" in line
    assert not Path("next").exists()


@pytest.mark.parametrize("verb", [("detect", "day_0.tif"), ("simulate", "--material", "wse2")])
def test_a_file_in_place_of_the_folder_is_one_line(run, measured, verb):
    done = run(*verb, "--out", "day_1.tif")
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert "--out expects a folder" in line


def test_a_material_chooses_all_else(run, here):
    for option in ("--epochs", "--frames", "--filters"):
        done = run("train", "fcn", "--material", "mos2", option, 3, "--out", "x")
        assert done.code == 2
        assert f"--material chooses all else by itself; leave out {option}" in done.err
    done = run("train", "fcn", "--material", "unobtainium", "--out", "x")
    assert done.code == 2
    assert "Unknown material; expected one of" in done.err
    assert not Path("x").exists()


def test_minutes_go_with_a_material(run, here):
    done = run("train", "fcn", "--session", "wse2-dayA", "--minutes", 3, "--out", "x")
    assert done.code == 2
    assert "--minutes and --like go with --material" in done.err


def test_an_image_that_shows_another_crystal_is_no_model_for_frames(run, measured):
    io.write_tiff("noise.tif", np.random.default_rng(0).normal(size=(300, 300)), sampling=0.2)
    options = ("--material", "mos2", "--like", "noise.tif", "--minutes", 0.1, "--out", "x")
    done = run("train", "fcn", *options)
    assert done.code == 2
    assert "Expected an image of mos2 to draw conditions like its own (--like)" in done.err


def test_a_structure_chooses_all_else_too(run, here):
    structures.write("crystal.cif", gallium_nitride())
    for arguments, words in (
        (("--structure", "crystal.cif", "--epochs", 3), "--structure chooses all else by itself"),
        (("--structure", "nowhere.cif"), "nowhere.cif: no such file or folder"),
        (("--structure", "crystal.cif", "--material", "mos2"), "leave out --material"),
        (("--layers", 1, "--session", "wse2-dayA"), "Received: --layers without it"),
        (("--zone-axis", "1,1,0"), "Received: --zone-axis without it"),
    ):
        done = run("train", "fcn", *arguments, "--out", "x")
        assert done.code == 2
        assert words in done.err
        assert done.err.count("\n") == 1
    assert not Path("x").exists()
