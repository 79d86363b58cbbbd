import numpy as np
import pytest
import tifffile

from stemzoo import io


@pytest.fixture(scope="module")
def stack(tmp_path_factory, day_a):
    """Four frames cut from one, 3 rows and 2 columns farther each, with noise of their own."""
    whole, rng = day_a[0].image.astype(float), np.random.default_rng(0)
    frames = [whole[20 - 3 * k : 236 - 3 * k, 20 - 2 * k : 236 - 2 * k] for k in range(4)]
    noisy = [frame + rng.normal(0, 0.3 * whole.std(), frame.shape) for frame in frames]
    path = tmp_path_factory.mktemp("stack") / "stack.tif"
    tifffile.imwrite(path, np.array(noisy, np.float32), photometric="minisblack")
    return path


def test_a_stack_becomes_one_image_and_a_table_of_its_drift(run, stack, tmp_path):
    out = tmp_path / "out"
    done = run("align", stack, "--pixel-size", "20.74", "--out", out)
    assert (done.code, done.err) == (0, "")
    line = done.out
    assert "4 frames, drift 10.8 px (0.22 nm)" in line  # the root of 9² + 6² px
    assert f"try 'stemzoo detect {out / 'stack_aligned.tif'}'" in line
    image = io.read_image(out / "stack_aligned.tif")
    assert image.sampling == pytest.approx(0.2074)
    assert image.data.shape == pytest.approx((216 - 9, 216 - 6), abs=1)
    _, table = io.read_csv(out / "stack_drift.csv")
    assert table["row"] == pytest.approx([0, 3, 6, 9], abs=0.2)
    assert table["column"] == pytest.approx([0, 2, 4, 6], abs=0.2)
    assert list(table["used"]) == [1, 1, 1, 1]
    # A second call replaces what the first one wrote.
    assert run("align", stack, "--pixel-size", "20.74", "--out", out).code == 0


def test_single_images_are_one_series(run, stack, tmp_path):
    paths = []
    for k, frame in enumerate(tifffile.imread(stack)):
        paths.append(tmp_path / f"scan_{k}.tif")
        io.write_tiff(paths[-1], frame, sampling=0.2074)
    done = run("align", *paths, "--out", tmp_path / "out")
    assert (done.code, done.err) == (0, "")
    assert (tmp_path / "out" / "scan_0_aligned.tif").is_file()
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_one_image_is_no_series(run, stack, tmp_path):
    path = tmp_path / "scan.tif"
    io.write_tiff(path, tifffile.imread(stack)[0])
    done = run("align", path, "--out", tmp_path / "out")
    assert done.code == 2
    assert "expected a stack, or several images. Received: one image" in done.err
    assert not (tmp_path / "out").exists()
