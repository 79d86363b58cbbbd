import numpy as np
import pytest
import tifffile

from stemzoo import io
from stemzoo.app.looking import DENOISED, MEASURED, LookOptions


def test_a_dropped_image_is_told_before_it_is_looked_at(bench, visit, upload, frames):
    image = bench.add(visit, upload("My <b>scan.tif"))
    assert image.path.name == "My_b_scan.tif"
    assert image.shape == frames[0].image.shape
    assert image.sampling_pm == pytest.approx(100 * frames[0].sampling, rel=1e-3)
    assert image.pictures[MEASURED].read_bytes().startswith(b"\xff\xd8")
    assert visit.image is image


def test_what_is_no_image_leaves_nothing_behind(bench, visit, upload):
    with pytest.raises(ValueError, match="expected a complete .tif file|TIFF"):
        bench.add(visit, upload("page.tif", b"<html><script>alert(1)</script></html>"))
    assert visit.images == []
    assert not list((visit.folder / "images").iterdir())


def test_a_visit_has_so_many_images_and_no_more(bench, visit, upload):
    for _ in range(3):
        bench.add(visit, upload())
    with pytest.raises(ValueError, match="at most 3 images"):
        bench.add(visit, upload())
    assert [image.path.name for image in visit.images] == [
        "scan.tif",
        "scan-2.tif",
        "scan-3.tif",
    ]


def test_a_header_that_promises_gigabytes_is_refused(bench, visit, upload, tmp_path):
    huge = tmp_path / "huge.npy"
    header = "{'descr': '<f8', 'fortran_order': False, 'shape': (100000, 100000), }"
    with huge.open("wb") as stream:
        stream.write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode())
    with pytest.raises(ValueError, match=r"huge\.npy"):
        bench.add(visit, upload("huge.npy", huge.read_bytes()))


def test_looking_writes_what_detect_writes(bench, visit, upload):
    image = bench.add(visit, upload())
    bench.look(visit, image, LookOptions(weights="fcn-wse2", force=True))
    assert image.found is not None
    assert image.detector == "fcn-wse2"
    assert (visit.results / "scan.csv").is_file()
    assert visit.record.images["scan"]["counts"] == image.found.counts()
    # No pixels stay in memory: one value stands for all.
    assert image.found.crystal.image.data.base is not None
    assert image.found.crystal.image.data.strides == (0, 0)


def test_looking_again_forgets_corrections(bench, visit, looked):
    from stemzoo.app.corrections import Edit

    looked.edits.append(Edit(0, None))
    bench.look(visit, looked, LookOptions(weights="fcn-wse2", force=True, pixel_pm=20.0))
    assert looked.edits == []
    assert looked.found.sampling == pytest.approx(0.2)


def test_only_detectors_of_the_page_are_loaded(bench, visit, looked):
    for name in ("/etc", "../weights", "hf://somebody/else", "cyclegan-wse2-dayA"):
        with pytest.raises(ValueError, match="Expected a detector of the page"):
            bench.look(visit, looked, LookOptions(weights=name))


def test_of_a_stack_the_sum_is_looked_at_or_one_frame(bench, visit, upload, frames, tmp_path):
    stack = np.stack([frames[0].image, frames[1].image])
    tifffile.imwrite(tmp_path / "stack.tif", stack.astype(np.float32))
    image = bench.add(visit, upload("stack.tif", (tmp_path / "stack.tif").read_bytes()))
    assert image.frames == 2
    options = {"weights": "fcn-wse2", "force": True, "pixel_pm": 100 * frames[0].sampling}
    bench.look(visit, image, LookOptions(**options))
    assert image.frame is None
    summed = image.pictures[MEASURED].read_bytes()
    bench.look(visit, image, LookOptions(**options, frame=1))
    assert image.frame == 1
    assert image.pictures[MEASURED].read_bytes() != summed


def test_corrections_are_labels(bench, visit, looked, upload):
    bench.look(visit, looked, LookOptions(weights="fcn-wse2", force=True))
    if not len(looked.found):
        pytest.skip("the tiny network marks nothing")
    report = bench.score(visit, looked, 0.35)
    # What was not corrected agrees with itself.
    assert all(
        one.score.false_alarms == one.score.misses == 0 for one in report.images[0].classes.values()
    )


def test_a_simulation_is_made_to_look_measured(bench, visit, looked):
    bench.translate(visit, looked, "cyclegan-wse2-dayB")
    made = io.read_image(visit.results / "scan_sim-to-exp.tif")
    assert made.data.shape == looked.shape
    assert any("simulations" in text for text in looked.notes["realistic"])


def test_denoising_says_how_sure_it_is(bench, visit, looked):
    bench.denoise(visit, looked)
    assert DENOISED in looked.pictures
    assert (visit.results / "scan_denoised.tif").is_file()
    assert any("of the contrast" in text for text in looked.notes[DENOISED])
