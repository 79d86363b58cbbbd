"""The page in headless Chromium, from the file that is dropped to the table that is taken along."""

import os
from pathlib import Path

import pytest
from places import EXAMPLES, REAL

from stemzoo import io
from stemzoo.workflows.result_files import read_detections

pytestmark = pytest.mark.browser
pytest.importorskip("gradio")
playwright = pytest.importorskip("playwright.sync_api")

CHROMIUM = "/usr/bin/chromium"
DM3 = REAL / "formats" / "se_implanted_mos2.dm3"
# A phone, and a computer.
NARROW, WIDE = (390, 844), (1280, 900)
SLOW = 120_000  # ms


@pytest.fixture(scope="module")
def address(serve, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    with serve("--upload-mb", 8, "--return-seconds", 1, folder=folder) as at:
        yield at


@pytest.fixture(scope="module")
def chromium():
    path = CHROMIUM if os.path.exists(CHROMIUM) else None
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium, address):
    """Open the page; at the end nothing was asked of other servers, and nothing went wrong."""
    contexts, asked, faults = [], [], []

    def open_page(size=WIDE):
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]}, has_touch=size == NARROW
        )
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("dialog", lambda dialog: faults.append(f"dialog: {dialog.message}"))
        page.goto(address)
        # The place says so once it listens.
        page.wait_for_selector("#drop >> text=Drop images here", timeout=SLOW)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert asked
    assert not [url for url in asked if not url.startswith((address, "data:", "blob:"))]
    assert faults == []


@pytest.fixture(scope="module")
def scan(tmp_path_factory, frames):
    path = tmp_path_factory.mktemp("scans") / "scan.tif"
    io.write_tiff(path, frames[0].image, sampling=frames[0].sampling)
    return path


def drop(page, path):
    """Drop a file, and wait until it was looked at."""
    page.set_input_files("#drop input", path)
    try:
        page.wait_for_selector("#viewer .tools:not([hidden])", timeout=SLOW)
    except playwright.TimeoutError as error:
        raise AssertionError(f"{path.name} was not looked at: {page.inner_text('body')}") from error


def rings(page):
    return page.locator("#viewer svg.marks circle")


def middle(ring):
    box = ring.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def ring_in_the_middle(page):
    """Return the centre of the ring that is nearest to the middle of the stage."""
    box = page.locator("#viewer .stage").bounding_box()
    centre = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    places = [middle(ring) for ring in rings(page).all()]
    return min(places, key=lambda at: abs(at[0] - centre[0]) + abs(at[1] - centre[1]))


def wait_for_rings(page, count):
    wanted = f"document.querySelectorAll('#viewer svg.marks circle').length === {count}"
    page.wait_for_function(wanted, timeout=SLOW)


def download(page, kind, folder):
    with page.expect_download() as waiting:
        page.click(f"#viewer .downloads [data-kind={kind}]")
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


@pytest.mark.parametrize("path", [EXAMPLES / "wse2_dayB.tif", DM3], ids=["tif", "dm3"])
def test_drop_click_a_defect_away_and_take_the_table_along(opened, path, tmp_path):
    if not path.is_file():
        pytest.skip("the measured images are not here")
    if path == DM3:
        pytest.importorskip("rsciio")
    page = opened()
    drop(page, path)
    facts = page.inner_text("#facts")
    assert path.name in facts
    assert "expected F1" in facts
    before = rings(page).count()
    assert before > 20
    page.mouse.click(*ring_in_the_middle(page))
    page.click("#viewer .menu button >> text=remove")
    wait_for_rings(page, before - 1)
    assert "corrected by hand: 1 removed" in page.inner_text("#facts")
    table = download(page, "table", tmp_path)
    assert table.name == f"{path.stem}_corrected.csv"
    assert len(read_detections(table)["class"]) == before - 1
    report = download(page, "report", tmp_path).read_text(encoding="utf-8")
    assert "corrected by hand: 1 removed" in report
    assert download(page, "rois", tmp_path).stat().st_size > 100
    page.click("#viewer .undo")
    wait_for_rings(page, before)


def test_classes_threshold_and_opacity_need_no_server(opened, scan):
    page = opened()
    drop(page, scan)
    every = rings(page).count()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.uncheck("#viewer .classes input >> nth=0")
    assert rings(page).count() < every
    page.check("#viewer .classes input >> nth=0")
    slide = "(e, to) => { e.value = to; e.dispatchEvent(new Event('input')); }"
    page.locator("#viewer input.least").evaluate(slide, 0.9)
    assert rings(page).count() < every
    page.locator("#viewer input.opacity").evaluate(slide, 0.25)
    assert page.locator("#viewer svg.marks").evaluate("e => e.style.opacity") == "0.25"
    assert asked == []


def test_a_place_without_a_mark_gets_one_which_can_be_renamed(opened, scan):
    page = opened()
    drop(page, scan)
    before = rings(page).count()
    box = page.locator("#viewer .stage").bounding_box()
    places = [middle(ring) for ring in rings(page).all()]
    grid = [
        (box["x"] + box["width"] * k / 10, box["y"] + box["height"] * 0.5) for k in range(1, 10)
    ]
    free = max(grid, key=lambda at: min(abs(at[0] - x) + abs(at[1] - y) for x, y in places))
    page.mouse.click(*free)
    page.click("#viewer .menu button >> nth=0")
    wait_for_rings(page, before + 1)
    page.mouse.click(*free)
    page.click("#viewer .menu button >> nth=1")
    page.wait_for_selector("#facts >> text=1 added", timeout=SLOW)
    page.click("#judge")
    page.wait_for_selector("text=If your corrections are right", timeout=SLOW)


def test_on_a_phone_nothing_is_cut_off(opened, scan):
    page = opened(NARROW)

    def width():
        return page.evaluate("document.documentElement.scrollWidth")

    assert width() <= NARROW[0]
    drop(page, scan)
    assert width() <= NARROW[0]
    assert page.locator("#viewer .stage").bounding_box()["width"] > 0.9 * NARROW[0] - 20
    page.click("#viewer [data-zoom='1.5']")
    before = rings(page).count()
    page.touchscreen.tap(*ring_in_the_middle(page))
    page.tap("#viewer .menu button >> nth=0")
    wait_for_rings(page, before - 1)
    for tab in ("Learn", "Noise", "How good is it?"):
        page.get_by_role("tab", name=tab).click()
        assert width() <= NARROW[0] + 1


def test_two_visitors_do_not_meet(opened, scan, tmp_path):
    anna, ben = opened(), opened()
    drop(anna, scan)
    assert ben.locator("#viewer .nothing").is_visible()
    other = tmp_path / "other.tif"
    other.write_bytes(scan.read_bytes())
    drop(ben, other)
    assert "other.tif" in ben.inner_text("#facts")
    assert "scan.tif" in anna.inner_text("#facts")
    before = rings(ben).count()
    anna.mouse.click(*ring_in_the_middle(anna))
    anna.click("#viewer .menu button >> text=remove")
    wait_for_rings(anna, before - 1)
    assert rings(ben).count() == before
    # Results are asked for by a token of the visit, not by its name.
    links = [p.get_attribute("#viewer [data-kind=table]", "href") for p in (anna, ben)]
    assert links[0].split("/")[1] != links[1].split("/")[1]


def test_a_file_that_cannot_be_used_says_why(opened, tmp_path):
    page = opened()
    for name, content, words in (
        ("notes.txt", b"1", "notes.txt: expected .tif"),
        ("large.tif", b"1" * 9_000_000, "large.tif: expected at most 8 MB"),
        ("forged.tif", b"<html><script>alert(1)</script>", "forged.tif: expected a complete .tif"),
    ):
        (tmp_path / name).write_bytes(content)
        page.set_input_files("#drop input", tmp_path / name)
        page.wait_for_selector(f"text={words}", timeout=SLOW)


def test_the_name_of_a_file_is_only_text(opened, scan, tmp_path):
    path = tmp_path / "<img src=x onerror=alert(1)>.tif"
    path.write_bytes(scan.read_bytes())
    page = opened()
    drop(page, path)
    assert page.locator("#facts img, #message img").count() == 0


def test_noise_is_taken_out_under_the_marks(opened, scan):
    page = opened()
    drop(page, scan)
    page.get_by_role("tab", name="Noise").click()
    page.click("#clean")
    page.wait_for_selector("#viewer .pictures button.on >> text=denoised", timeout=SLOW)
    assert "of the contrast" in page.inner_text("body")
    page.click("#viewer .pictures button >> text=measured")
    assert "/measured" in page.get_attribute("#viewer img", "src")


def test_adapting_shows_a_bar_ends_and_can_be_stopped(opened, scan):
    page = opened()
    drop(page, scan)
    page.get_by_role("tab", name="Learn").click()
    page.get_by_label("Even if a detector masters the images already").check()

    def minutes(number):
        page.fill("#minutes input[type=number]", str(number))
        page.keyboard.press("Tab")

    minutes(5)
    page.click("#adapt")
    page.wait_for_selector("#bar .job.running progress", timeout=SLOW)
    page.click("#stop")
    page.wait_for_selector("#bar .job.stopped", timeout=SLOW)
    minutes(0.2)
    page.click("#adapt")
    page.wait_for_selector("#bar .job.running", timeout=SLOW)
    page.wait_for_selector("#bar .job.done", timeout=3 * SLOW)
    # In so little time nothing better is found, and that is said.
    assert "No new detector" in page.inner_text("#bar") or "among the weights" in page.inner_text(
        "#bar"
    )


def test_when_the_page_is_closed_its_files_are_gone(opened, scan, address):
    page = opened()
    drop(page, scan)
    link = Path(page.get_attribute("#viewer [data-kind=table]", "href")).as_posix()
    request = page.context.request
    assert request.get(f"{address}/{link}").status == 200
    page.goto("about:blank")
    for _ in range(100):
        if request.get(f"{address}/{link}").status == 404:
            break
        page.wait_for_timeout(200)
    assert request.get(f"{address}/{link}").status == 404
