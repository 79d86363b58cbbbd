import json

import numpy as np
import pytest

from stemzoo import io
from stemzoo.metrics.evaluation import evaluate
from stemzoo.simulate import find_session, simulate_session
from stemzoo.workflows.evaluation import evaluate_files, evaluation_page

SAMPLING = 0.2074


def moments(patches):
    """Quick stand-in for a network: mean, spread and roughness of each patch."""
    x = patches[..., 0]
    steps = np.abs(np.diff(x, axis=2)).mean((1, 2))
    return np.stack([x.mean((1, 2)), x.std((1, 2)), steps], 1)


@pytest.fixture(scope="module")
def sets():
    """Frames of a session, of the same session again, and simulations without noise."""

    def frames(name, n, seed):
        found = simulate_session(find_session(name), n, (192, 192), seed=seed)
        return [frame.image for frame in found]

    return {
        "measured": frames("wse2-dayA", 8, 1),
        "generated": frames("wse2-dayA", 4, 2),
        "simulated": frames("wse2-noise-free", 4, 3),
    }


def run(sets, **options):
    options = {"sampling": SAMPLING, "classifier_steps": 0, "extractor": moments, **options}
    return evaluate(**sets, patch=96, rng=np.random.default_rng(0), **options)


@pytest.fixture(scope="module")
def found(sets):
    return run(sets, material="wse2", classifier_steps=60)


def test_images_of_the_session_are_near_the_floor_and_simulations_far_above(found):
    assert len(found.metrics) == 5
    for metric in found.metrics:
        assert metric.generated.value < metric.ceiling.value
        assert metric.floor.value < metric.ceiling.value
    # The spectrum of a noise-free image lacks its noise: decades at high frequencies.
    assert found["log10 power spectrum, rms"].ceiling.value > 1
    assert found["log10 power spectrum, rms"].generated.value < 0.3
    assert found["two-sample accuracy"].ceiling.value > 0.9


def test_intervals_hold_their_value(found):
    for name in ("intensity KL divergence", "log10 power spectrum, rms"):
        for part in (found[name].generated, found[name].floor, found[name].ceiling):
            assert part.low <= part.high
            assert part.high >= part.value


def test_images_are_described_by_set(found):
    assert set(found.descriptions) == {"measured", "generated", "simulated"}
    for values in found.descriptions.values():
        assert values["low"] + values["bragg"] + values["rest"] == pytest.approx(1, abs=0.1)
    # The finest reflections are seen without noise.
    limits = {name: values["information_limit"] for name, values in found.descriptions.items()}
    assert limits["simulated"] <= limits["measured"]
    assert found.images == {"measured": 8, "generated": 4, "simulated": 4}


def test_without_simulations_and_material_there_is_no_ceiling_and_no_description(sets):
    found = run({**sets, "simulated": ()})
    assert all(metric.ceiling is None for metric in found.metrics)
    assert found.descriptions == {}
    assert {row[3] for row in found.rows()} == {"-"}


def test_the_same_generator_gives_the_same_figures(sets):
    assert run(sets) == run(sets)


@pytest.mark.parametrize(("name", "count"), [("measured", 5), ("generated", 2), ("simulated", 2)])
def test_too_few_images_are_refused(sets, name, count):
    with pytest.raises(ValueError, match="at least 6 measured, 3 generated"):
        run({**sets, name: sets[name][:count]})


def test_an_image_that_cannot_be_analysed_is_named(sets):
    images = [*sets["generated"][:3], np.ones((192, 192))]
    with pytest.raises(ValueError, match="generated image 3"):
        run({**sets, "generated": images})


def test_the_page_needs_no_other_file_and_shows_every_figure(found, sets):
    page = evaluation_page(found, sets)
    assert page.count("data:image/png;base64,") == 2
    assert "http" not in page.replace('charset="utf-8"', "")
    for metric in found.metrics:
        assert metric.name in page
    assert "information limit [pm]" in page


def test_files_are_compared_and_a_report_written(sets, tmp_path):
    for name, images in sets.items():
        (tmp_path / name).mkdir()
        for i, image in enumerate(images):
            io.write_tiff(tmp_path / name / f"{i}.tif", image, sampling=SAMPLING)
    out = tmp_path / "report"
    out.mkdir()
    found = evaluate_files(
        str(tmp_path / "measured"),
        str(tmp_path / "generated" / "*.tif"),
        out,
        simulated=str(tmp_path / "simulated"),
        material="wse2",
        extractor=moments,
        patch=96,
        classifier=False,
    )
    content = json.loads((out / "evaluation.json").read_text())
    assert len(content["metrics"]) == len(found.metrics) == 4
    assert {name: len(files) for name, files in content["files"].items()} == found.images
    assert (out / "evaluation.html").read_text().startswith("<!doctype html>")


def test_a_pattern_without_files_is_one_clear_error(tmp_path):
    with pytest.raises(ValueError, match="no file matches"):
        evaluate_files(str(tmp_path / "*.tif"), str(tmp_path), tmp_path, material="wse2")
