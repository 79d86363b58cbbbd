import numpy as np
import pytest

from stemzoo import io
from stemzoo.workflows.experimental_images import experimental_set


@pytest.fixture
def measured(frames, tmp_path):
    for i, frame in enumerate(frames[:2]):
        io.write_tiff(tmp_path / f"day_{i}.tif", frame.image, sampling=frame.sampling)
    return tmp_path


def test_measured_images_are_found_by_pattern_and_named_by_their_hash(measured, frames):
    found = experimental_set([measured / "day_*.tif"], "WSe2", None)
    assert found.material == "wse2"
    assert found.sampling == pytest.approx(frames[0].sampling, rel=1e-6)
    assert set(found.hashes) == {"day_0.tif", "day_1.tif"}
    assert all(len(value) == 64 for value in found.hashes.values())


def test_a_given_pixel_size_wins(measured):
    assert experimental_set([measured / "*.tif"], "wse2", 0.2).sampling == 0.2


def test_measured_images_of_another_pixel_size_are_resampled(measured, frames):
    step = frames[0].sampling
    io.write_tiff(measured / "day_9.tif", frames[0].image, sampling=step / 2)
    with pytest.warns(UserWarning, match="disagree"):
        found = experimental_set([measured / "day_0.tif", measured / "day_9.tif"], "wse2", None)
    assert found.images[1].shape[0] == pytest.approx(found.images[0].shape[0] / 2, abs=1)


def test_a_pattern_without_files_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no file matches"):
        experimental_set([tmp_path / "*.tif"], "wse2", None)


def test_a_pixel_size_that_would_need_gigabytes_is_refused_before_resampling(measured, frames):
    # From 1 Å to 0.02 Å, a frame of 512 px becomes one of 25,600 px.
    io.write_tiff(measured / "day_0.tif", frames[0].image, sampling=0.02)
    io.write_tiff(measured / "day_9.tif", np.tile(frames[0].image, (2, 2)), sampling=1.0)
    with (
        pytest.warns(UserWarning, match="disagree"),
        pytest.raises(ValueError, match=r"day_9.tif: .* 25551 x 25551 px, .* needs 2.6 GB"),
    ):
        experimental_set([measured / "day_0.tif", measured / "day_9.tif"], "wse2", None)
