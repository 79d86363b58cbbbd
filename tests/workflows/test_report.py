import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest
from imagecodecs import jpeg8_decode, jpeg8_encode

from stemzoo import io
from stemzoo.workflows import report
from stemzoo.workflows.detect_task import DetectOptions, DetectTask
from stemzoo.workflows.report import picture_edge, write_report
from stemzoo.workflows.run_record import RunRecord
from stemzoo.workflows.session import Session
from stemzoo.workflows.sources import find_sources


@pytest.fixture
def results(tiny_model, frames, tmp_path, monkeypatch):
    """A folder of results of an image, and of a frame of a stack; one image failed."""
    monkeypatch.chdir(tmp_path)
    Path("day").mkdir()
    io.write_tiff("day/<b>.tif", frames[0].image[:80, :96], sampling=frames[0].sampling)
    np.save("day/series.npy", frames[1].image[None, :80, :80])
    Path("day/bad.tif").write_bytes(b"II*\0")
    out = Path("out")
    task = DetectTask(DetectOptions(sampling=0.2, threshold=0.1))
    session = Session(out, task, tiny_model, RunRecord(out))
    list(session.run(find_sources(["day"], frames="all")))
    return session.record


def objects(page):
    """JSON of the images of a page."""
    found = re.findall(r'<script type="application/json">(.*?)</script></figure>', page, re.S)
    return [json.loads(text) for text in found]


def test_one_file_shows_all_images_and_needs_no_other(results):
    path = write_report(results)
    page = path.read_text(encoding="utf-8")
    addresses = re.findall(r'(?:src|href)\s*=\s*"([^"]*)"', page)
    assert len(addresses) == 2
    assert all(address.startswith("data:image/jpeg;base64,") for address in addresses)
    assert not re.search(r"@import|url\(|https?://(?!www\.w3\.org/2000/svg|huggingface)", page)
    facts = objects(page)
    assert [one["label"] for one in facts] == ["day/<b>.tif", "day/series.npy"]
    assert "day/&lt;b&gt;.tif<br>" in page
    assert "bad.tif: expected a complete .tif file" in page
    _, columns = io.read_csv("out/<b>.csv")
    marks = facts[0]["marks"]
    assert [x for x, *_ in marks] == pytest.approx(columns["column"], abs=0.06)
    assert [facts[0]["classes"][k] for _, _, k, _ in marks] == columns["class"].tolist()
    assert facts[0]["measure"] == "score"
    record = json.loads(re.search(r'id="record">(.*?)</script>', page, re.S)[1])
    assert record["images"] == results.images


def test_pictures_are_averaged_down_to_the_edge(results):
    page = write_report(results, edge=40).read_text(encoding="utf-8")
    data = re.search(r"data:image/jpeg;base64,([^\"]*)", page)[1]
    picture = jpeg8_decode(base64.b64decode(data))
    assert picture.shape == (26, 32)  # of 80 x 96, by threes
    assert objects(page)[0]["view"] == [78, 96]


def test_an_image_that_is_gone_leaves_its_detections(results):
    Path("day/<b>.tif").unlink()
    page = write_report(results).read_text(encoding="utf-8")
    assert re.search(r"no picture: \S*day/&lt;b&gt;.tif: expected an image file", page)
    assert objects(page)[0]["marks"]


def test_a_missing_package_is_named(results, monkeypatch):
    monkeypatch.setattr(report, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r"--report expects the package jinja2"):
        write_report(results)


def test_three_hundred_images_of_the_papers_size_stay_small():
    # Pixels of noise, of which a JPEG is largest.
    edge = picture_edge(300)
    noise = np.random.default_rng(0).normal(128, 40, (edge, edge)).clip(0, 255).astype(np.uint8)
    size = len(jpeg8_encode(noise, level=75)) * 4 / 3
    assert 20e6 < size * 300 < 60e6


def test_lattice_outline_and_quality_are_told_of_each_image(results):
    facts = results.images["<b>"]
    outline = [[[-0.5, -0.5], [-0.5, 40.0], [79.5, 40.0], [79.5, -0.5]]]
    vectors = [[0, 15.8], [13.7, 7.9]]
    lattice = {"vectors": vectors, "rotation_deg": 12.34, "strain": 0.0123, "confidence": 0.9}
    facts.update(outline=outline, lattice=lattice, crystal_share=0.5)
    page = write_report(results).read_text(encoding="utf-8")
    first, second = objects(page)
    assert first["outline"] == outline
    assert "crystal on 50% of the image, turned by 12.3°, strain 1.2%" in first["told"]
    # Folders of earlier versions do not tell it.
    del results.images["series"]["lattice"]
    assert objects(write_report(results).read_text(encoding="utf-8"))[1]["outline"] == []
    assert "orientation of the lattice [degrees]" in page
    assert "information limit" in second["told"]


def test_distances_are_compared_with_chance_where_all_is_crystal(results):
    rng = np.random.default_rng(0)
    facts = results.images["series"]
    name = next(iter(facts["counts"]))
    lattice = {"vectors": [[0, 4.0], [4.0, 0]], "rotation_deg": 0, "strain": 0, "confidence": 1}
    facts["counts"][name] = 60
    results.images["<b>"]["crystal_share"] = 0.9  # of which chance is not drawn
    facts.update(lattice=lattice, crystal_share=1.0)
    sites = rng.choice(400, 60, replace=False)
    rows = [(4 * (k // 20), 4 * (k % 20), 0, 0, name, 0.9, 1, 0, 0.8) for k in sites]
    table = results.folder / facts["csv"]
    io.write_csv(table, list(io.read_csv(table)[1]), rows)
    page = write_report(results).read_text(encoding="utf-8")
    assert f"{name}: the nearest neighbour is " in page
    assert "60 defects in 1 images that are all" in page
    assert "times as many pairs as by chance" in page
