import json
import os

import numpy as np
import pytest

import stemzoo
from stemzoo import io
from stemzoo.models import DenoisingUNet

TINY = ("--frames", 1, "--size", 160, "--epochs", 1, "--steps", 2, "--batch", 2, "--patch", 32)
TINY = (*TINY, "--filters", 2, "--depth", 1)


@pytest.fixture
def scan(here, day_a):
    io.write_tiff("scan.tif", day_a[0].image, sampling=day_a[0].sampling)
    return here


def test_a_denoiser_is_trained_for_a_material_and_used(run, scan, day_a):
    done = run("train", "denoise", "--material", "wse2", "--out", "mine", *TINY)
    assert (done.code, done.err) == (0, "")
    assert "stemzoo denoise IMAGE --weights mine" in done.out.splitlines()[-1]
    data = json.loads((scan / "mine" / "training_data.json").read_text())
    wide = ("wse2-randomised", "wse2-randomised-fine", "wse2-any", "wse2-any-fine")
    assert data["session"] == ["wse2-dayA", *wide]
    assert data["sampling"] == 0.4148
    done = run("denoise", "scan.tif", "--weights", "./mine")
    assert (done.code, done.err) == (0, "")
    (line,) = done.out.splitlines()
    pixel = f"{100 * day_a[0].sampling:.2f} pm"
    assert line.startswith(f"scan.tif: denoised/scan_denoised.tif | pixel {pixel}")
    assert "% of the contrast" in line
    names = ["scan_denoised.png", "scan_denoised.tif", "scan_uncertainty.tif"]
    assert sorted(os.listdir("denoised")) == names
    picture = io.read_image("denoised/scan_denoised.tif")
    assert picture.data.shape == day_a[0].image.shape
    assert picture.sampling == pytest.approx(day_a[0].sampling)
    assert picture.metadata["weights"] == "denoising_unet"
    assert (io.read_image("denoised/scan_uncertainty.tif").data > 0).all()
    again = run("denoise", "scan.tif", "--weights", "./mine", "--json")
    report = json.loads(again.out)
    assert (report["trusted"], report["weights"]) == (True, "denoising_unet")
    assert report["uncertainty"] > 0


def test_weights_of_another_kind_are_refused(run, scan, tiny_folder):
    done = run("denoise", "scan.tif", "--weights", tiny_folder)
    assert done.code == 2
    assert "needs weights of a DenoisingUNet" in done.err


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ((), "--material NAME, or --session NAME"),
        (("--session", "wse2-dayA", "--material", "graphene"), "of one material"),
    ],
)
def test_a_training_of_nothing_or_of_two_materials_is_refused(run, here, options, reason):
    done = run("train", "denoise", *options, "--out", "mine", *TINY)
    assert done.code == 2
    assert reason in done.err


def test_an_untrusted_picture_ends_a_strict_call(run, here):
    io.write_tiff("noise.tif", np.random.default_rng(0).normal(size=(128, 128)), sampling=0.2074)
    stemzoo.save(DenoisingUNet(filters=2, depth=1, material="wse2", sampling=0.4148), "mine")
    done = run("denoise", "noise.tif", "--weights", "./mine", "--strict")
    assert done.code == 2
    assert "NOT TO BE TRUSTED: no wse2 lattice was found" in done.out
