import numpy as np
import pytest

from stemzoo import io
from stemzoo.metrics.evaluation import evaluate
from stemzoo.workflows.evaluation import evaluate_files


@pytest.mark.filterwarnings("ignore:.*disagree")
def test_a_pixel_size_that_would_need_gigabytes_is_refused_before_resampling(day_a, tmp_path):
    image = np.tile(day_a[0].image, (2, 2))
    for name, sampling in (("real", 0.02), ("fake", 1.0)):
        (tmp_path / name).mkdir()
        io.write_tiff(tmp_path / name / "a.tif", image, sampling=sampling)
    # 512 px of 1 Å are 25,551 of 0.02 Å.
    folders = str(tmp_path / "real"), str(tmp_path / "fake")
    with pytest.raises(ValueError, match="generated image 0: .* 25551 x 25551 px.* Check the pix"):
        evaluate_files(*folders, tmp_path / "out", material="wse2")


def coarse(patches):
    """Describe patches by a few of their pixels."""
    return patches[:, ::16, ::16].reshape(len(patches), -1)


def write_frames(folder, images, sampling):
    folder.mkdir()
    for i, image in enumerate(images):
        io.write_tiff(folder / f"{i}.tif", image, sampling=sampling)


def test_pixels_of_all_but_one_size_are_compared_as_they_are(tmp_path):
    rng = np.random.default_rng(0)
    sets = {}
    for name, sampling in (("real", 0.2067), ("fake", 0.2062), ("finer", 0.19)):
        sets[name] = [rng.normal(size=(192, 192)).astype(np.float32) for _ in range(6)]
        write_frames(tmp_path / name, sets[name], sampling)
    options = {"material": "wse2", "extractor": coarse, "patch": 64}

    def spectrum(name):
        folders = str(tmp_path / "real"), str(tmp_path / name)
        found = evaluate_files(*folders, tmp_path / "out", classifier=False, **options)
        return found["log10 power spectrum, rms"]

    as_they_are = evaluate(
        sets["real"],
        sets["fake"],
        sampling=0.2067,
        classifier_steps=0,
        rng=np.random.default_rng(0),
        **options,
    )
    assert spectrum("fake") == as_they_are["log10 power spectrum, rms"]
    with pytest.warns(UserWarning, match="19.00 pm per pixel are resampled to .* 20.67 pm, which"):
        spectrum("finer")
