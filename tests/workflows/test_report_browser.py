"""A report in headless Chromium, as somebody uses it (pytest -m browser)."""

import json
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from stemzoo import io
from stemzoo.inference.detections import COLUMNS
from stemzoo.workflows.report import picture_edge, write_report
from stemzoo.workflows.run_record import RunRecord

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore")]
NAMES = ("se_vacancy", "bright")
OUTLINE = [[[-0.5, -0.5], [-0.5, 319.5], [239.5, 319.5], [239.5, -0.5]]]
HOLE = [[60.0, 60.0], [60.0, 120.0], [140.0, 120.0], [140.0, 60.0]]


@pytest.fixture(scope="module")
def chromium():
    api = pytest.importorskip("playwright.sync_api")
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium")
    with api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


def image_facts(name, shape, counts, **more):
    estimate = {"value": 0.5, "low": 0.4, "high": 0.6}
    return {
        "call": 0,
        "image": name,
        "frame": None,
        "shape": list(shape),
        "pixel_size_pm": 20.0,
        "pixel_size_source": "given",
        "threshold": 0.35,
        "weights": "fcn-wse2",
        "weights_source": "given",
        "material": "wse2",
        "p_value": 0.4,
        "doubts": [],
        "notes": [],
        "undone": [],
        "crystal_nm2": 30.0,
        "crystal_share": 1.0,
        "calibrated": True,
        "counts": counts,
        "density_per_nm2": dict.fromkeys(counts, estimate),
        "expected": {},
        "lattice": {
            "vectors": [[0, 16.4], [14.2, 8.2]],
            "rotation_deg": 12.0,
            "strain": 0.004,
            "confidence": 0.9,
        },
        "outline": [],
        "csv": name.replace(".npy", ".csv"),
    } | more


def results(folder, count, shape, marks):
    """A folder of results of noisy crystals, in which every second defect is a vacancy."""
    rng = np.random.default_rng(0)
    record = RunRecord(folder, [{"folder": str(folder), "options": {"sum_frames": False}}])
    rows, columns = np.indices(shape)
    crystal = np.cos(2 * np.pi * rows / 14.2) * np.cos(2 * np.pi * columns / 16.4)
    for k in range(count):
        noise = ndimage.gaussian_filter(rng.standard_normal(shape), 0.6)
        np.save(folder / f"{k}.npy", (40 * crystal + 90 * noise + 128).astype(np.float32))
        places = rng.uniform(0, np.array(shape) - 1, (marks, 2))
        table = [
            (*place, 0, 0, NAMES[i % 2], 0.9, 1, 0, 0.4 + 0.6 * i / marks)
            for i, place in enumerate(places)
        ]
        io.write_csv(folder / f"{k}.csv", list(COLUMNS), table)
        counts = {NAMES[0]: (marks + 1) // 2, NAMES[1]: marks // 2}
        record.images[str(k)] = image_facts(f"{k}.npy", shape, counts)
    return record


def differ(one, other):
    """Share of the pixels of two PNG screenshots that differ."""
    from io import BytesIO

    from PIL import Image

    pixels = [np.asarray(Image.open(BytesIO(data)).convert("RGB"), int) for data in (one, other)]
    return (abs(pixels[0] - pixels[1]).max(axis=-1) > 8).mean()


def test_the_slider_hides_marks_and_a_class_switches_off(chromium, tmp_path):
    record = results(tmp_path, 2, (240, 320), 20)
    record.images["1"].update(outline=[*OUTLINE, HOLE], crystal_share=0.9, doubts=["<b>odd</b>"])
    path = write_report(record)
    page = chromium.new_page(viewport={"width": 1200, "height": 900})
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: faults.append(request.url))
    page.goto(path.as_uri())
    page.locator(".card button").first.click()
    rings = page.locator("#marks circle")
    assert rings.count() == 20
    before = page.locator("#picture").screenshot()
    slide = "value => { const s = document.getElementById('slider'); s.value = value; "
    page.evaluate(slide + "s.dispatchEvent(new Event('input')); }", 0.7)
    assert rings.count() == 10  # probabilities from 0.4 by 0.03
    assert page.locator("#least").inner_text() == "0.70"
    after = page.locator("#picture").screenshot()
    assert 0.001 < differ(before, after) < 0.2  # rings that are gone, and nothing else
    page.locator("input[data-class=bright]").uncheck()
    assert rings.count() == 5
    assert "5 of 10" in page.locator("#classes").inner_text()
    # The slider stays where it is from image to image.
    page.locator("#next").click()
    assert rings.count() == 5
    assert page.locator("#notes b").count() == 0  # text, no markup
    assert "<b>odd</b>" in page.locator("#notes").inner_text()
    assert page.locator("#marks .outline").count() == 2
    page.locator("#edge").uncheck()
    assert page.locator("#marks .outline").count() == 0
    assert faults == [path.as_uri()]  # nothing is fetched from elsewhere


@pytest.mark.parametrize("size", [(1200, 900), (1200, 500), (500, 900)])
def test_marks_lie_on_the_picture_whatever_the_window(chromium, tmp_path, size):
    # Notes that are longer than the picture is high must not stretch the marks.
    record = results(tmp_path, 1, (240, 320), 6)
    record.images["0"]["notes"] = ["a note that fills the line"] * 30
    page = chromium.new_page(viewport={"width": size[0], "height": size[1]})
    page.goto(write_report(record).as_uri())
    page.locator(".card button").first.click()
    picture = page.locator("#picture img").bounding_box()
    marks = page.locator("#marks").bounding_box()
    assert marks == pytest.approx(picture, abs=1)
    assert picture["width"] / picture["height"] == pytest.approx(320 / 240, rel=0.02)


def test_the_map_tells_the_density_of_what_is_shown(chromium, tmp_path):
    record = results(tmp_path, 1, (240, 320), 40)
    # All in the left half, but one.
    table = [(10 + 5 * k, 20 + 3 * k, 0, 0, NAMES[0], 0.9, 1, 0, 0.9) for k in range(39)]
    table.append((200, 300, 0, 0, NAMES[0], 0.9, 1, 0, 0.9))
    io.write_csv(tmp_path / "0.csv", list(COLUMNS), table)
    page = chromium.new_page()
    page.goto(write_report(record).as_uri())
    page.locator(".card button").first.click()
    page.locator("#map").check()
    titles = page.locator("#marks .cell title").all_text_contents()
    counts = [int(title.split(" ")[0]) for title in titles]
    assert sum(counts) == 40
    assert counts[-1] == 1
    # 240 x 320 pixels of 0.02 nm: 30.7 nm² in all; 40 in them are 1.3 per nm².
    area = sum(float(title.split(" in ")[1].split(" ")[0]) for title in titles)
    assert area == pytest.approx(30.72, rel=0.02)
    assert "1.3 on average" in page.locator("#key").inner_text()
    # Where none is, the exact 95 % interval of the mean of a Poisson count ends at 3.69.
    nothing = titles[counts.index(0)]
    cell = float(nothing.split(" in ")[1].split(" ")[0])
    assert float(nothing.split("to ")[1].rstrip(")")) == pytest.approx(3.69 / cell, rel=0.02)


def test_the_record_can_be_saved(chromium, tmp_path):
    record = results(tmp_path, 1, (240, 320), 4)
    page = chromium.new_page()
    page.goto(write_report(record).as_uri())
    with page.expect_download() as saved:
        page.locator("#save").click()
    content = json.loads(Path(saved.value.path()).read_text())
    assert content["images"] == record.images


def test_three_hundred_frames_open_in_three_seconds(chromium, tmp_path):
    # Pictures of the size that 300 images get, as noisy as images are, 150 defects each.
    edge = picture_edge(300)
    path = write_report(results(tmp_path, 300, (edge, edge), 150))
    assert path.stat().st_size < 60e6
    page = chromium.new_page(viewport={"width": 1200, "height": 900})
    start = time.monotonic()
    page.goto(path.as_uri())
    opened = time.monotonic() - start
    start = time.monotonic()
    page.locator(".card button").nth(299).click()
    assert page.locator("#marks circle").count() == 150
    shown = time.monotonic() - start
    print(f"{path.stat().st_size / 1e6:.1f} MB, opened in {opened:.2f} s, last in {shown:.2f} s")
    assert opened < 3
    assert shown < 3
