import os

import numpy as np
import pytest
from test_cli import here, run  # noqa: F401 - fixtures

import stemzoo
from stemzoo import io

TINY = ("--simulated", 2, "--epochs", 1, "--steps", 2, "--batch", 2, "--patch", 32)
TINY = (*TINY, "--filters", 2, "--depth", 2)


@pytest.fixture
def measured(here, frames):  # noqa: F811
    for i, frame in enumerate(frames[:2]):
        io.write_tiff(f"day_{i}.tif", frame.image[:100, :96], sampling=frames[0].sampling)
    return here


def test_a_cyclegan_is_trained_and_translates(run, measured, frames):  # noqa: F811
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
    for direction in ("sim-to-exp", "exp-to-sim"):
        done = run("translate", "day_0.tif", "--weights", "gan", "--direction", direction)
        assert (done.code, done.err) == (0, "")
        image = io.read_image(f"translated/day_0_{direction}.tif")
        assert image.data.shape == (100, 96)
        assert image.sampling == pytest.approx(frames[0].sampling, rel=1e-6)
        assert np.abs(image.data).max() <= 1


def test_files_that_cannot_be_translated_are_one_line_and_the_others_are_done(
    run,  # noqa: F811
    measured,
):
    stemzoo.save(
        stemzoo.CycleGANSTEM(filters=2, depth=2, discriminator_filters=2, patch_size=32), "gan"
    )
    done = run("translate", "nothing.tif", "day_0.tif", "--weights", "gan")
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert "nothing.tif" in line
    assert os.listdir("translated") == ["day_0_sim-to-exp.tif"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--experimental", "none_*.tif", "--material", "wse2"), "no file matches"),
        (("--experimental", "day_*.tif", "--material", "wood"), "Unknown material"),
        (("--experimental", "day_*.tif", "--material", "wse2", "--size", "huge"), "zoo or paper"),
        (("--experimental", "day_*.tif", "--material", "wse2", "--patch", 128), "at least 128 px"),
    ],
)
def test_a_training_that_cannot_start_is_one_line(run, measured, options, words):  # noqa: F811
    done = run("train", "cyclegan", "--out", "gan", *options)
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert words in line


def test_weights_of_the_wrong_kind_are_one_line(run, measured, tiny_folder):  # noqa: F811
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


@pytest.mark.parametrize("verb", [("detect", "day_0.tif"), ("simulate", "--material", "wse2")])
def test_a_file_in_place_of_the_folder_is_one_line(run, measured, verb):  # noqa: F811
    done = run(*verb, "--out", "day_1.tif")
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert "--out expects a folder" in line
