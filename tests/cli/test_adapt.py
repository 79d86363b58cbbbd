import json
import os
import re
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from quick_gan import quick_gan, quick_recipe

import stemzoo
from stemzoo import io
from stemzoo.adaptation.recipes import JudgementLimits, RenewalRecipe
from stemzoo.simulate import find_session, simulate_session
from stemzoo.training.recipes import FCNRecipe
from stemzoo.workflows import adaptation

CLASSES = ("se_vacancy", "se_divacancy", "metal_dark", "bright")


@pytest.fixture(scope="module")
def day(make_model, tmp_path_factory):
    """Two images of day B, a CycleGAN and a detector, all small."""
    folder = tmp_path_factory.mktemp("day")
    for i, frame in enumerate(simulate_session(find_session("wse2-dayB"), 2, (512, 512), seed=3)):
        io.write_tiff(folder / f"day_{i}.tif", frame.image, sampling=0.2074)
    stemzoo.save(quick_gan(stemzoo.CycleGANSTEM, fft_discriminators=False), folder / "gan")
    stemzoo.save(make_model(CLASSES, name="small"), folder / "fcn")
    return folder


@pytest.fixture
def measured(here, day):
    return Path(shutil.copytree(day, here, dirs_exist_ok=True))


@pytest.fixture
def small(monkeypatch):
    """Few and small frames, and steps of little work."""
    recipe = quick_recipe(block=5, limits=JudgementLimits(least_seconds=0.0))
    training = FCNRecipe(epochs=10_000, steps_per_epoch=2, batch_size=2, patch=32)
    renewal = RenewalRecipe(translated=2, simulated=2, frame_size=128, training=training)
    quick = partial(adaptation.adapt_files, recipe=recipe, renewal=renewal)
    monkeypatch.setattr(adaptation, "adapt_files", quick)


def strict(path):
    return json.loads(Path(path).read_text(encoding="utf-8"), parse_constant=pytest.fail)


@pytest.mark.slow
def test_weights_and_a_detector_are_renewed_from_files(run, measured, small):
    command = ("adapt", "day_*.tif", "--from", "./gan", "--out", "new", "--minutes", 0.2)
    # The default detector masters these images.
    command += ("--detector-from", "./fcn", "--session", "dayX", "--force")
    done = run(*command)
    assert done.code == 0, done.err
    # Warnings, each a line, at most: that something did not help, or could not be judged.
    assert all(line.startswith("stemzoo: warning: ") for line in done.err.splitlines())
    lines = done.out.splitlines()
    # What was undone in an image comes first.
    first = next(line for line in lines if not line.startswith("day_"))
    assert re.match(r"0\.\d min  0 steps  misfit 1\.00", first)
    assert any("--weights new/detector" in line for line in lines)
    assert lines[-1] == "CycleGAN new: try 'stemzoo translate IMAGE --weights new'"
    gan = stemzoo.load("./new", training=True)
    assert (gan.session, gan.material) == ("dayX", "wse2")
    assert gan.conditions.session == "dayX"
    content = strict("new/adaptation.json")
    assert isinstance(content["seed"], int)
    assert content["judgements"][0]["steps"] == 0
    # The default detector may be judged better than the one that was asked for.
    chosen = strict("new/detector/adaptation.json")["chosen"]
    start = "fcn-wse2" if chosen == "fcn-wse2" else "./fcn"
    for folder, parent in (("new", "./gan"), ("new/detector", start)):
        facts = strict(f"{folder}/provenance.json")
        assert facts["parent"]["sha256"] == stemzoo.load(parent).provenance.sha256
    assert strict("new/detector/adaptation.json")["result"]
    detect = run("detect", "day_0.tif", "--weights", "new/detector", "--out", "found")
    assert detect.code == 0, detect.err
    assert "day_0.csv" in os.listdir("found")
    # Once more: what is done is not done again.
    again = run(*command)
    assert again.code == 0, again.err
    judged = strict("new/adaptation.json")["judgements"]
    assert judged[: len(content["judgements"])] == content["judgements"]
    assert strict("new/adaptation.json")["seed"] == content["seed"]


def test_images_that_a_detector_masters_take_no_training(run, here, monkeypatch):
    monkeypatch.setattr("stemzoo.training.fcn.train_fcn", pytest.fail)
    (frame,) = simulate_session(find_session("wse2-dayA"), 1, (512, 512), seed=3)
    io.write_tiff("day.tif", frame.image, sampling=0.2074)
    monkeypatch.setattr("stemzoo.workflows.adaptation_plan.find_translators", lambda name: [])
    done = run("adapt", "day.tif", "--detector", "--out", "new")
    assert done.code == 0, done.err
    shown, no_gan, mastered, table, last = done.out.splitlines()
    assert shown.startswith("day.tif: the image shows wse2")
    assert no_gan == "no CycleGAN of wse2: frames are made from what the images tell"
    assert mastered.startswith("fcn-wse2 masters these images")
    assert table.startswith("day.tif: ")
    # There is no CycleGAN to translate with.
    assert last == "detector new/detector: try 'stemzoo detect IMAGE --weights new/detector'"
    assert stemzoo.verify("./new/detector").passed


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("day_0.tif", "--material", "graphene", "--from", "./gan"), "expected weights of wse2"),
        (("day_0.tif", "--material", "wse3", "--detector"), "Unknown material"),
        (("noise.tif", "--detector"), "name it with --material"),
        (("day_0.tif", "--material", "ws2"), "a CycleGAN of ws2, or --detector"),
        (("none_*.tif", "--from", "./gan"), "no file matches none_*.tif"),
        (("day_0.tif", "--from", "./nothing"), "nothing"),
        (("day_0.tif", "--from", "cyclegan-wse2-dayC"), "No weights of that name"),
        (("day_0.tif", "--from", "./fcn"), "'stemzoo adapt --from' needs weights of a CycleGAN"),
        (("day_0.tif", "--from", "./gan", "--minutes", 0), "minutes is positive. Received: 0"),
        (("day_0.tif", "--from", "./gan", "--pixel-size", 0), "--pixel-size"),
        (("day_0.tif", "flat.tif", "--from", "./gan"), "flat.tif: expected an image with contrast"),
        (("tiny.tif", "--from", "./gan"), "tiny.tif: expected at least 64 px"),
        (("noise.tif", "--from", "./gan"), "Expected images of wse2"),
        (("graphene.tif", "--from", "./gan"), "it fits graphene"),
        (("day_0.tif", "coarse.tif", "--from", "./gan"), "Expected images of one pixel size"),
        (
            ("day_0.tif", "--from", "./gan", "--detector-from", "./gan"),
            "'stemzoo adapt --detector-from' needs weights of a DefectFCN",
        ),
        (
            ("day_0.tif", "--from", "./gan", "--detector-from", "./other"),
            "Expected detectors of wse2",
        ),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(run, files, options, words):
    before = os.listdir()
    done = run("adapt", *options, "--out", "new")
    assert (done.code, done.out) == (2, "")
    *warned, line = done.err.splitlines()
    assert words in line
    assert all("warning" in one for one in warned)
    assert os.listdir() == before


@pytest.fixture(scope="module")
def faults(day, make_model, tmp_path_factory):
    """All that may be wrong with a file; tests only read it."""
    folder = shutil.copytree(day, tmp_path_factory.mktemp("faults"), dirs_exist_ok=True)
    image = io.read_image(folder / "day_0.tif").data
    noise = np.random.default_rng(0).normal(size=(256, 256)).astype(np.float32)
    io.write_tiff(folder / "flat.tif", np.ones((200, 200)), sampling=0.2074)
    io.write_tiff(folder / "tiny.tif", image[:40, :40], sampling=0.2074)
    io.write_tiff(folder / "noise.tif", noise, sampling=0.2074)
    io.write_tiff(folder / "coarse.tif", image[::2, ::2], sampling=2 * 0.2074)
    (frame,) = simulate_session(find_session("graphene"), 1, (256, 256), seed=1)
    io.write_tiff(folder / "graphene.tif", frame.image, sampling=frame.sampling)
    stemzoo.save(make_model(("c_vacancy",), material="graphene", name="other"), folder / "other")
    return folder


@pytest.fixture
def files(faults, monkeypatch):
    monkeypatch.setattr("stemzoo.adaptation.fine_tuning.AdaptationRun.run", pytest.fail)
    monkeypatch.chdir(faults)


def test_the_help_names_what_is_needed(run):
    done = run("adapt", "--help")
    assert done.code == 0
    for word in ("--from", "--out", "--minutes", "--detector"):
        assert word in done.out


@pytest.mark.parametrize("verb", ["adapt", "match", "detect", "translate"])
def test_help_shows_the_unit_of_the_pixel_size(run, verb):
    # In brackets it would be taken for markup, and not be shown.
    assert "(pm)" in run(verb, "--help").out
