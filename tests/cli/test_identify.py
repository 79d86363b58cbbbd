import json

import numpy as np
import pytest

from stemzoo import io
from stemzoo.simulate import find_session, simulate_frame


@pytest.fixture
def shown(tmp_path):
    rng = np.random.default_rng(5)
    frame = simulate_frame(find_session("graphene"), (320, 320), rng=rng)
    path = tmp_path / "scan.tif"
    io.write_tiff(path, frame.image, sampling=frame.sampling)
    return path, frame


def test_a_line_says_what_the_image_shows(run, shown):
    path, _ = shown
    done = run("identify", path)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"{path}: graphene ")
    assert "| lattice constant 24" in done.out
    assert "| crystal on 100% of the image" in done.out


def test_json_holds_candidates_and_what_is_left_out(run, shown):
    path, frame = shown
    image = frame.image.copy()
    image[:40] = 0
    io.write_tiff(path, image)
    done = run("identify", path, "--pixel-size", frame.sampling * 100, "--json")
    report = json.loads(done.out)
    assert report["image"] == str(path)
    assert report["material"] == "graphene"
    assert report["left_out"] == ["margin of 40 rows of zeros (top)"]
    assert report["crystal_share"] == pytest.approx(280 / 320, abs=0.005)


def test_what_would_decide_is_said(run, shown):
    path, frame = shown
    io.write_tiff(path, frame.image)
    assert "would decide: pixel size" in run("identify", path).out


def test_a_file_that_fails_is_one_line_and_the_rest_go_on(run, shown, tmp_path):
    path, _ = shown
    done = run("identify", tmp_path / "none.tif", path)
    assert done.code == 2
    assert "none.tif" in done.err
    assert done.out.startswith(f"{path}: graphene")
