import shutil
from dataclasses import replace

import numpy as np
import pytest

from stemzoo import io
from stemzoo.preprocessing import rescale
from stemzoo.simulate.dataset import simulate_session
from stemzoo.simulate.domain import domain_session
from stemzoo.simulate.labels import LABEL_RADIUS, to_sampling
from stemzoo.simulate.named_sessions import find_session
from stemzoo.workflows.datasets import (
    ZOO_SAMPLING,
    experimental_set,
    hash_frames,
    training_set,
)
from stemzoo.workflows.frames import write_frame

SESSION = "wse2-randomised"


@pytest.fixture(scope="module")
def folder(frames, tmp_path_factory):
    """Two frames as `stemzoo simulate` writes them."""
    folder = tmp_path_factory.mktemp("frames")
    for i, frame in enumerate(frames[:2]):
        write_frame(frame, folder, f"frame_{i}", seed=1, index=i)
    return folder


# Training sets.


def test_frames_of_a_folder_become_images_and_masks_at_the_pixel_size_of_the_zoo(folder, frames):
    found = training_set((), [folder], frames=0, size=0, seed=0)
    assert found.classes == frames[0].classes
    assert (found.material, found.sampling) == ("wse2", ZOO_SAMPLING)
    assert len(found.images) == len(found.masks) == 2
    for image, mask, frame in zip(found.images, found.masks, frames, strict=False):
        expected = to_sampling(frame, ZOO_SAMPLING)
        assert image == pytest.approx(expected.image)
        assert image.shape == mask.shape
        # Positions in the table are rounded to a thousandth of a pixel.
        assert (mask != expected.mask).mean() < 1e-4
        assert set(np.unique(mask)) == set(np.unique(expected.mask))


def test_discs_of_a_folder_lie_on_the_defects(folder, frames):
    found = training_set((), [folder], frames=0, size=0, seed=0)
    points = frames[0].points * frames[0].sampling / ZOO_SAMPLING
    for (row, column), label in zip(points, frames[0].labels(), strict=True):
        inside = np.clip(np.rint([row, column]).astype(int), 0, np.array(found.masks[0].shape) - 1)
        assert found.masks[0][tuple(inside)] == found.classes.index(label) + 1
    area = np.pi * (LABEL_RADIUS / ZOO_SAMPLING) ** 2
    assert (found.masks[0] > 0).sum() < 1.1 * area * len(points)


def test_a_set_of_another_pixel_size_shows_the_same_defects():
    fine = training_set([SESSION], (), frames=1, size=96, seed=5)
    coarse = training_set([SESSION], (), frames=1, size=96, seed=5, sampling=2 * ZOO_SAMPLING)
    assert (coarse.sampling, coarse.classes) == (2 * ZOO_SAMPLING, fine.classes)
    # The frame's own pixel size differs from the zoo's by up to 5 %, which only a zoo set neglects.
    assert coarse.images[0].shape[0] == pytest.approx(48, abs=3)
    counts = [len(np.unique(part.masks[0])) for part in (fine, coarse)]
    assert counts[0] == counts[1] > 1


def test_sessions_are_simulated_and_the_same_seed_gives_the_same_images():
    first = training_set([SESSION], (), frames=2, size=64, seed=5)
    again = training_set([SESSION], (), frames=2, size=64, seed=5)
    other = training_set([SESSION], (), frames=2, size=64, seed=6)
    assert [image.shape for image in first.images] == [(64, 64)] * 2
    for one, two, three in zip(first.images, again.images, other.images, strict=True):
        assert (one == two).all()
        assert (one != three).any()
    assert (first.material, first.sampling) == ("wse2", ZOO_SAMPLING)


def test_finely_sampled_sessions_are_brought_to_the_pixel_size_of_the_zoo():
    found = training_set(["wse2-randomised-fine"], (), frames=2, size=64, seed=0)
    session = find_session("wse2-randomised-fine")
    for image, mask in zip(found.images, found.masks, strict=True):
        assert image.shape == mask.shape
        # Each frame has a pixel size of its own, so that only the field of view is alike.
        assert 30 < min(image.shape) <= max(image.shape) < 120
    assert session.sampling.high < ZOO_SAMPLING


def test_sessions_with_scenes_and_without_are_joined_and_edges_are_background():
    names = ("wse2-any", "wse2-contaminated")
    found = training_set(names, (), frames=4, size=96, seed=1)
    assert found.classes == ("se_vacancy", "se_divacancy", "metal_dark", "bright")
    assert len(found.images) == 8
    assert max(mask.max() for mask in found.masks) <= len(found.classes)


def test_sessions_that_do_not_go_together_are_refused_before_anything_is_simulated():
    with pytest.raises(ValueError, match="must share material and classes"):
        training_set(("wse2-any", "mos2-any"), (), frames=10**9, size=96, seed=1)


def test_sessions_and_folders_are_joined(folder):
    found = training_set([SESSION], [folder], frames=1, size=64, seed=0)
    assert len(found.images) == len(found.masks) == 3


def test_clean_frames_are_made_realistic_by_each_translator():
    # A translator that halves what it is fed: scaled images in [-1, 1] with noise of 0.1.
    class Halves:
        material, sampling, rotation, patch_size = "wse2", ZOO_SAMPLING, (30.0, 2.0), 64

        class sim_to_exp:
            @staticmethod
            def predict_on_batch(batch):
                return batch / 2

    found = training_set((), (), frames=2, size=96, seed=5, translators=[Halves()])
    again = training_set((), (), frames=2, size=96, seed=5, translators=[Halves()])
    session = domain_session("wse2", ZOO_SAMPLING, (30.0, 2.0))
    clean = list(simulate_session(session, 2, (96, 96), seed=5))
    assert len(found.images) == 2
    for image, mask, frame, same in zip(
        found.images, found.masks, clean, again.images, strict=True
    ):
        noise = 2 * image - rescale(frame.image)
        assert noise.mean() == pytest.approx(0, abs=0.01)
        assert noise.std() == pytest.approx(0.1, rel=0.05)
        assert (mask == frame.mask).all()
        assert (image == same).all()
    both = training_set([SESSION], (), frames=1, size=96, seed=5, translators=[Halves()])
    assert len(both.images) == 2


def test_a_training_set_of_nothing_is_refused():
    with pytest.raises(ValueError, match="--session NAME .* or --data FOLDER .* none"):
        training_set((), (), frames=1, size=64, seed=0)
    with pytest.raises(KeyError, match="Unknown session"):
        training_set(["wse2-nowhere"], (), frames=1, size=64, seed=0)


def test_folders_that_hold_no_frames_are_refused(tmp_path):
    def refused(reason):
        with pytest.raises(ValueError, match=reason) as caught:
            training_set((), [tmp_path], frames=1, size=64, seed=0)
        assert str(tmp_path) in str(caught.value)
        assert "\n" not in str(caught.value)

    refused("Received: no .csv file")
    io.write_csv(tmp_path / "a.csv", ["row"], [(1,)], header=["by hand"])
    refused("Received: a.csv: no table NAME.csv of labels with its image NAME.tif")
    io.write_tiff(tmp_path / "a.tif", np.eye(64))
    refused("expected the header of a frame")


def test_tables_that_are_no_labels_are_left_out_and_named(folder, frames, tmp_path):
    alone = training_set((), [folder], frames=0, size=0, seed=0)
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    hashes = hash_frames(tmp_path)
    # As `stemzoo columns` and `stemzoo detect` write them beside an image, and a user's own.
    for kind in ("atom columns", "detections"):
        name = f"scan {kind}.tif"
        io.write_tiff(tmp_path / name, frames[0].image, sampling=frames[0].sampling)
        table = (tmp_path / name).with_suffix(".csv")
        io.write_csv(table, ["row"], [(1,)], header=[f"stemzoo 0.1.0 {kind} in {name}"])
    io.write_csv(tmp_path / "results.csv", ["dose"], [(1,)])
    reason = r"results\.csv and 2 more: left out, no table NAME\.csv of labels"
    with pytest.warns(UserWarning, match=reason):
        found = training_set((), [tmp_path], frames=0, size=0, seed=0)
    assert all((a == b).all() for a, b in zip(found.images, alone.images, strict=True))
    assert hash_frames(tmp_path) == hashes
    for path in tmp_path.glob("frame_*"):
        path.unlink()
    with pytest.raises(ValueError, match=r"Received: results\.csv and 2 more: no table NAME"):
        training_set((), [tmp_path], frames=0, size=0, seed=0)


def test_a_frame_that_lost_its_image_is_named(folder, tmp_path):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "frame_0.tif").unlink()
    with pytest.raises(OSError, match=r"frame_0\.tif"):
        training_set((), [tmp_path], frames=0, size=0, seed=0)


def test_frames_without_a_pixel_size_are_refused(frames, tmp_path):
    write_frame(frames[0], tmp_path, "a", seed=0, index=0)
    io.write_tiff(tmp_path / "a.tif", frames[0].image)
    with pytest.raises(ValueError, match="a.tif: expected a pixel size .* Received: none"):
        training_set((), [tmp_path], frames=1, size=64, seed=0)


def test_frames_of_different_materials_are_not_mixed(frames, folder, tmp_path):
    write_frame(frames[0], tmp_path, "a", seed=0, index=0)
    facts = tmp_path / "a.json"
    facts.write_text(
        facts.read_text(encoding="utf-8").replace('"wse2"', '"mos2"'), encoding="utf-8"
    )
    with pytest.raises(ValueError, match="must share material and classes"):
        training_set((), [folder, tmp_path], frames=1, size=64, seed=0)
    write_frame(frames[1], tmp_path, "b", seed=0, index=0)
    with pytest.raises(ValueError, match="one material"):
        training_set((), [tmp_path], frames=1, size=64, seed=0)


def test_a_frame_without_defects_is_a_frame(frames, tmp_path):
    bare = replace(frames[0], points=np.zeros((0, 2)), defects=(), mask=frames[0].mask * 0)
    write_frame(bare, tmp_path, "bare", seed=0, index=0)
    found = training_set((), [tmp_path], frames=0, size=0, seed=0)
    assert found.masks[0].max() == 0


# Measured images.


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


def test_frames_of_a_folder_are_hashed_by_name(tmp_path):
    (tmp_path / "a.csv").write_text("")
    (tmp_path / "a.tif").write_bytes(b"abc")
    (tmp_path / "other.tif").write_bytes(b"not labelled")
    # FIPS 180-2, appendix B.1: sha256 of "abc".
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert hash_frames(tmp_path) == {"a.tif": digest}


def test_a_pixel_size_that_would_need_gigabytes_is_refused_before_resampling(measured, frames):
    # From 1 Å to 0.02 Å, a frame of 512 px becomes one of 25,600 px.
    io.write_tiff(measured / "day_0.tif", frames[0].image, sampling=0.02)
    io.write_tiff(measured / "day_9.tif", np.tile(frames[0].image, (2, 2)), sampling=1.0)
    with (
        pytest.warns(UserWarning, match="disagree"),
        pytest.raises(ValueError, match=r"day_9.tif: .* 25551 x 25551 px, .* needs 2.6 GB"),
    ):
        experimental_set([measured / "day_0.tif", measured / "day_9.tif"], "wse2", None)
