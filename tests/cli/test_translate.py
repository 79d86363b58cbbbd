import json
from pathlib import Path

import numpy as np
import pytest

import stemzoo
from stemzoo import io
from stemzoo.workflows.frames import frame_tables


@pytest.fixture
def gan(here):
    """A CycleGAN that was not trained."""
    small = {"filters": 2, "depth": 2, "discriminator_filters": 2, "patch_size": 32}
    model = stemzoo.CycleGANSTEM(**small, material="wse2", sampling=0.2062)
    stemzoo.save(model, "gan")
    return model


@pytest.fixture
def day(gan, frames):
    """A folder of an image, a damaged file and a stack."""
    Path("day/late").mkdir(parents=True)
    io.write_tiff("day/a.tif", frames[0].image[:80, :96], sampling=0.19)
    Path("day/bad.tif").write_bytes(b"II*\0")
    np.save("day/late/series.npy", np.stack([frame.image[:80, :80] for frame in frames[:2]]))
    return Path("day")


FOLDER = ("translate", "day", "--recursive", "--frames", "all", "--weights", "./gan", "--seed", 3)
WRITTEN = ["a_sim-to-exp.tif", *(f"late/series_000{i}_sim-to-exp.tif" for i in range(2))]


def test_images_of_a_folder_have_noise_one_after_the_other(run, day, gan, frames):
    done = run(*FOLDER, "--pixel-size", 20)
    assert done.code == 1  # as one of many failed
    assert [line.split(": ")[1] for line in done.out.splitlines()] == [
        f"translated/{name}" for name in WRITTEN
    ]
    assert done.err.splitlines()[0].startswith("stemzoo: day/bad.tif: expected a complete .tif")
    # As in one process that draws from one source; what failed has drawn nothing.
    rng = np.random.default_rng(3)
    images = [frames[0].image[:80, :96], *(frame.image[:80, :80] for frame in frames[:2])]
    for name, image in zip(WRITTEN, images, strict=True):
        expected = stemzoo.translate(image.astype(np.float32), gan, sampling=0.2, rng=rng)
        np.testing.assert_array_equal(io.read_image(f"translated/{name}").data, expected)
    record = json.loads(Path("translated/run.json").read_text())
    assert record["calls"][0]["verb"] == "translate"
    assert list(record["failures"]) == ["day/bad.tif"]
    # The summary is none of the tables that a training looks for.
    assert frame_tables(Path("translated")) == ([], [])


def test_a_call_goes_on_where_it_was_and_noise_stays_what_it_was(run, day):
    options = (*FOLDER, "--pixel-size", 20, "--resume")
    run(*options)
    before = {name: Path("translated", name).read_bytes() for name in WRITTEN}
    Path("translated", WRITTEN[1]).unlink()
    done = run(*options)
    assert ["done before" in line for line in done.out.splitlines()] == [True, False, True]
    assert {name: Path("translated", name).read_bytes() for name in WRITTEN} == before
    # Without the first, another part of the noise goes into the others.
    Path("day/a.tif").unlink()
    assert "done before" not in run(*options).out


def test_translations_are_left_out_of_a_report_on_detections(run, day, tiny_folder):
    run(*FOLDER, "--pixel-size", 20, "--out", "out")
    image = ("day/a.tif", "--weights", tiny_folder, "--out", "out", "--report")
    assert run("detect", *image).code == 0
    page = Path("out/report.html").read_text(encoding="utf-8")
    assert page.count('<script type="application/json">') == 1
    done = run("detect", "--again", "out/run.json", "--out", "again")
    assert (done.code, done.err) == (0, "")
    assert len(done.out.splitlines()) == 1
