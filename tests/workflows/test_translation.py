import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from stemzoo import io
from stemzoo.workflows.frames import write_frame
from stemzoo.workflows.translation import MeasuredImages, is_simulated, translate_file


class Same:
    """A generator that changes nothing."""

    def predict_on_batch(self, batch):
        return batch


@pytest.fixture
def model(day_conditions):
    return SimpleNamespace(
        name="gan",
        material="wse2",
        sampling=0.2074,
        patch_size=32,
        sim_to_exp=Same(),
        exp_to_sim=Same(),
        conditions=day_conditions,
    )


@pytest.fixture
def simulated(frames, tmp_path):
    """A frame with its labels, as `stemzoo simulate` writes it."""
    write_frame(frames[0], tmp_path, "frame", seed=1, index=0)
    return tmp_path / "frame.tif"


@pytest.fixture
def measured(frames, tmp_path):
    path = tmp_path / "scan.tif"
    io.write_tiff(path, frames[0].image, sampling=frames[0].sampling)
    return path


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def test_labels_of_a_simulation_are_copied_along(model, simulated, out):
    simulated.with_suffix(".json").write_text('{"seed": 1}', encoding="utf-8")
    found = translate_file(simulated, model, out, direction="sim-to-exp")
    assert found.target == out / "frame_sim-to-exp.tif"
    assert found.match is None
    for ending in (".csv", "_mask.png", ".json"):
        copy = found.target.with_name(f"frame_sim-to-exp{ending}")
        assert copy.read_bytes() == simulated.with_name(f"frame{ending}").read_bytes()


def test_a_denoised_image_tells_how_it_matches(model, measured, out, frames):
    found = translate_file(measured, model, out, direction="exp-to-sim")
    assert found.match.weights == "gan"
    written = io.read_image(found.target)
    assert written.metadata["against the training frames"].startswith("distance ")
    assert "no evidence of any atom" in written.metadata["warning"]
    assert written.sampling == pytest.approx(frames[0].sampling)
    assert [path.name for path in out.iterdir()] == ["scan_exp-to-sim.tif"]


def test_a_simulation_is_known_by_its_labels(model, simulated, measured, out, tmp_path):
    assert is_simulated(simulated)
    assert not is_simulated(measured)
    # The mask or the table is enough, and a translation of a simulation is one.
    for ending in (".csv", "_mask.png"):
        folder = tmp_path / ending.strip(".")
        folder.mkdir()
        for name in ("frame.tif", f"frame{ending}"):
            shutil.copy(tmp_path / name, folder)
        assert is_simulated(folder / "frame.tif")
    assert is_simulated(translate_file(simulated, model, out, direction="sim-to-exp").target)


def test_a_table_of_something_else_makes_no_simulation(measured):
    table = measured.with_suffix(".csv")
    io.write_csv(table, ["row"], [(1,)], header=["stemzoo 1.0 detections in scan.tif"])
    assert not is_simulated(measured)
    table.write_bytes(np.arange(200, dtype=np.uint8).tobytes())
    assert not is_simulated(measured)


def test_measured_images_are_named_once_a_call(simulated, measured):
    inputs = MeasuredImages()
    inputs.add(io.read_image(simulated))
    assert inputs.warning() is None
    inputs.add(io.read_image(measured))
    assert inputs.warning().startswith(f"{measured}: not written by 'stemzoo simulate'. ")
    assert inputs.warning().endswith("of a measured image: stemzoo denoise IMAGE")
    inputs.paths.append(Path("other.tif"))
    assert f"{measured} and 1 more: " in inputs.warning()
