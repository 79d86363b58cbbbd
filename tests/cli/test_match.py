import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import stemzoo
from stemzoo import io
from stemzoo.simulate import find_session, simulate_session

HEAD = ("DISTANCE", "P", "FITS", "DIFFERS")


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """Two frames of day A and one of day B."""
    folder = tmp_path_factory.mktemp("days")
    for name, n in (("wse2-dayA", 2), ("wse2-dayB", 1)):
        for i, frame in enumerate(simulate_session(find_session(name), n, (384, 384), seed=5)):
            io.write_tiff(folder / f"{name}_{i}.tif", frame.image, sampling=frame.sampling)
    return folder


@pytest.fixture
def days(here, simulated):
    return Path(shutil.copytree(simulated, here, dirs_exist_ok=True))


def test_weights_are_ranked_and_the_last_line_says_what_to_do(run, days):
    done = run("match", "wse2-dayA_0.tif", "wse2-dayA_1.tif")
    assert (done.code, done.err) == (0, "")
    head, first, *rows, last = done.out.splitlines()
    assert head.split() == [*("WEIGHTS", "SESSION", "EXPECTED", "F1"), *HEAD]
    assert first.split()[0] == "fcn-wse2"
    assert float(first.split()[2]) > 0.9
    assert rows[0].split()[1] == "wse2-dayA"
    assert rows[0].split()[4] == "yes"
    assert {row.split()[0].split("-")[1] for row in rows} == {"wse2"}
    step = "stemzoo detect 'wse2-dayA_*.tif' --weights fcn-wse2"
    assert last.startswith("fcn-wse2: F1 ")
    assert "is to be expected in these images: no adapting is needed. Next: " + step in last


def test_json_is_for_machines(run, days):
    done = run("match", "wse2-dayB_0.tif", "--json")
    found = json.loads(done.out, parse_constant=pytest.fail)
    assert found["images"] == ["wse2-dayB_0.tif"]
    best, first = found["matches"][:2]
    assert best["weights"] == "fcn-wse2"
    assert 0.6 < best["expected_f1"]["low"] <= best["expected_f1"]["value"] <= 1
    assert (first["session"], first["fits"]) == ("wse2-dayB", True)
    assert first["expected_f1"] is None
    # Of materials that the image cannot be, no weights are tried unless they are named.
    assert {row["material"] for row in found["matches"]} == {"wse2"}
    named = json.loads(run("match", "wse2-dayB_0.tif", "--json", "--material", "graphene").out)
    other = next(row for row in named["matches"] if row["weights"] == "cyclegan-graphene")
    assert not other["fits"]
    assert (other["distance"], other["differs"]) == (None, "no lattice of graphene")
    assert "stemzoo detect wse2-dayB_0.tif" in found["advice"]


def test_options_reach_the_match(run, days):
    found = json.loads(run("match", "wse2-dayB_0.tif", "--material", "WSe2", "--json").out)
    assert {row["material"] for row in found["matches"]} == {"wse2"}
    done = run("match", "wse2-dayB_0.tif", "--pixel-size", 18.5, "--json")
    assert "stated pixels" in json.loads(done.out)["matches"][1]["differs"]
    stack = np.stack([io.read_image("wse2-dayB_0.tif").data] * 2)
    np.save("stack.npy", stack)
    out = run("match", "stack.npy", "--frame", 1, "--pixel-size", 20.74).out
    assert "wse2-dayB" in out.splitlines()[2].split()[0]


def test_of_images_that_nothing_fits_the_last_line_says_how_to_adapt(run, days):
    image = io.read_image("wse2-dayB_0.tif")
    # A detector that is far from linear.
    values = np.exp(1.5 * (image.data - image.data.mean()) / image.data.std())
    io.write_tiff("strange.tif", values, sampling=image.sampling)
    done = run("match", "strange.tif")
    assert done.code == 0
    assert ": stemzoo adapt strange.tif --from cyclegan-wse2-day" in done.out.splitlines()[-1]


def test_bad_input_is_one_line(run, days):
    io.write_tiff("small.tif", io.read_image("wse2-dayB_0.tif").data[:100, :100], sampling=0.2074)
    io.write_tiff("flat.tif", np.ones((200, 200)), sampling=0.2074)
    Path("text.tif").write_text("nothing", encoding="utf-8")
    for arguments, words in (
        (["missing.tif"], "missing.tif: expected an image file"),
        (["text.tif"], "text.tif"),
        (["flat.tif"], "flat.tif"),
        (["small.tif"], "at least 128 px a side"),
        (["wse2-dayB_0.tif", "--material", "wse3"], "Unknown material"),
        (["wse2-dayB_0.tif", "--material", "srtio3x"], "Unknown material"),
        (["wse2-dayB_0.tif", "--material", "gan-110"], "Received: none for gan-110"),
        (["wse2-dayB_0.tif", "--pixel-size", "-3"], "sampling above 0"),
    ):
        done = run("match", *arguments)
        assert (done.code, done.out) == (2, ""), arguments
        (line,) = done.err.splitlines()
        assert line.startswith("stemzoo: ")
        assert words in line


# What detect and translate say.


@pytest.fixture
def folder(tiny_model, day_conditions, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "mine"
    stemzoo.save(tiny_model, folder, conditions=day_conditions)
    return folder


def test_detect_warns_once_of_all_images(run, days, folder):
    noisy = io.read_image("wse2-dayB_0.tif")
    io.write_tiff("wse2-dayB_1.tif", noisy.data[:, ::-1], sampling=noisy.sampling)
    io.write_tiff("small.tif", noisy.data[:100, :100], sampling=noisy.sampling)
    names = ["wse2-dayA_0.tif", "wse2-dayB_0.tif", "wse2-dayB_1.tif", "small.tif"]
    done = run("detect", *names, "--weights", folder, "--json", "--header")
    assert done.code == 0
    (line,) = done.err.splitlines()
    assert line.startswith("stemzoo: warning: 2 of 3 images are unlike the frames that tiny was ")
    assert "most of all wse2-dayB_" in line
    assert line.endswith("fcn-wse2 fits: use these weights.")
    own, other, _, small = (json.loads(text) for text in done.out.splitlines())
    assert own["p_value"] >= 0.01 > other["p_value"]
    assert own["distance"] < other["distance"]
    assert (small["distance"], small["p_value"], small["differs"]) == (None, None, None)
    header, _ = io.read_csv(other["csv"])
    assert header[4].startswith("against the frames that the weights were trained on: distance ")
    assert io.read_csv(small["csv"])[0][4].endswith(": not compared")


def test_detect_says_nothing_of_images_that_fit(run, days, folder):
    done = run("detect", "wse2-dayA_0.tif", "--weights", folder)
    assert (done.code, done.err) == (0, "")


def test_translate_tells_measured_images_from_simulations(run, days, folder, day_conditions):
    from stemzoo.models import CycleGANSTEM

    model = CycleGANSTEM(
        filters=4, depth=2, discriminator_filters=4, patch_size=32, sampling=0.2074, material="wse2"
    )
    stemzoo.save(model, "gan", conditions=day_conditions)
    done = run("translate", "wse2-dayB_0.tif", "wse2-dayA_0.tif", "--weights", "./gan")
    assert done.code == 0
    (line,) = done.err.splitlines()
    assert line.startswith("stemzoo: warning: wse2-dayB_0.tif and 1 more: not written by 'stemzoo ")
    assert "out of a measured image: stemzoo denoise IMAGE" in line
    run("simulate", "--session", "wse2-dayB", "--size", 64)
    assert run("translate", "simulated/wse2-dayB_0_0000.tif", "--weights", "./gan").err == ""
    done = run("translate", "wse2-dayB_0.tif", "--weights", "./gan", "--direction", "exp-to-sim")
    assert done.code == 0
    healing, line = done.err.splitlines()
    assert healing.startswith("stemzoo: warning: a CycleGAN that takes noise away heals vacancies ")
    assert healing.endswith("find defects in the image itself: stemzoo detect IMAGE")
    assert line.startswith("stemzoo: warning: wse2-dayB_0.tif: unlike the frames that ")
    assert "cyclegan-wse2-dayB fits" in line or "cyclegan-wse2-dayAB fits" in line
    written = io.read_image("translated/wse2-dayB_0_exp-to-sim.tif")
    assert written.metadata["against the training frames"].startswith("distance ")
