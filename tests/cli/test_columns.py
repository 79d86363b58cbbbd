import json

import numpy as np
import pytest

from stemzoo import io


@pytest.fixture
def scan(day_a, here):
    io.write_tiff(here / "scan.tif", day_a[0].image, sampling=day_a[0].sampling)
    return "scan.tif"


def test_a_line_says_what_was_found_and_where_it_is(run, scan, here):
    done = run("columns", scan, "--material", "wse2", "--out", "here")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("scan.tif: wse2: ")
    assert " W, " in done.out
    assert " Se2 columns | pixel 2" in done.out
    assert done.out.endswith("here/scan_columns.csv, here/scan_columns.png\n")
    assert (here / "here" / "scan_columns.png").is_file()


def test_json_is_one_object_an_image(run, scan):
    done = run("columns", scan, "--material", "wse2", "--json")
    report = json.loads(done.out)
    assert report["csv"] == "columns/scan_columns.csv"
    assert len(report["columns"]) == sum(report["counts"].values())


def test_a_file_that_fails_is_one_line_and_the_rest_go_on(run, scan, here):
    np.save(here / "noise.npy", np.random.default_rng(1).normal(size=(80, 80)))
    done = run("columns", "noise.npy", scan, "--material", "wse2", "--pixel-size", 20.7)
    assert done.code == 2
    assert done.err.startswith("stemzoo: noise.npy: expected a wse2 lattice. Received: none at")
    assert done.err.count("\n") == 1
    assert done.out.startswith("scan.tif: wse2")


def test_an_unknown_material_is_refused_before_any_work(run, scan, here):
    done = run("columns", scan, "--material", "wse3")
    assert done.code == 2
    assert done.err == "stemzoo: Unknown material; expected one of wse2. Received: 'wse3'\n"
    assert not (here / "columns").exists()


def test_a_doubtful_result_says_so_and_strict_makes_it_an_error(run, scan):
    done = run("columns", scan, "--material", "mos2")
    assert done.code == 0
    assert "NOT TO BE TRUSTED: the image" in done.out
    assert run("columns", scan, "--material", "mos2", "--strict").code == 2
    assert run("columns", scan, "--material", "wse2", "--strict").code == 0
