import io

import imagecodecs
import numpy as np
import pytest
import tifffile
from image_files import levels

from stemzoo.io import read_image


def encoded():
    """Return small valid files by name."""
    grey, stack = levels(np.uint8, (40, 48)), levels(shape=(3, 40, 48))
    files = {}

    def tiff(name, *args, **kwargs):
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, *args, **kwargs)
        files[name] = buffer.getvalue()

    tiff("plain.tif", grey)
    tiff("imagej.tif", stack, imagej=True, resolution=(50, 50), metadata={"unit": "nm"})
    tiff("lzw.tif", grey, compression="lzw", rowsperstrip=8, predictor=True)
    tiff("zstd.tif", stack, compression="zstd", tile=(16, 16), photometric="minisblack")
    tiff("ome.tif", grey, ome=True, metadata={"axes": "YX", "PhysicalSizeX": 0.2})
    ramp = np.arange(256, dtype=np.uint16) * 255
    tiff("palette.tif", grey, photometric="palette", colormap=np.stack([ramp] * 3))
    files["grey.png"] = imagecodecs.png_encode(grey)
    files["grey.jpg"] = imagecodecs.jpeg_encode(grey)
    for name, save in {"a.npy": np.save, "a.npz": np.savez, "b.npz": np.savez_compressed}.items():
        buffer = io.BytesIO()
        save(buffer, grey)
        files[name] = buffer.getvalue()
    return files


def damaged(payload, rng):
    """Return the bytes cut short, with some flipped (mostly in the head or tail), or both."""
    payload = bytearray(payload)
    if rng.random() < 0.3:
        payload = payload[: rng.integers(1, len(payload))]
    if rng.random() < 0.85:
        part = rng.choice([min(300, len(payload)), len(payload)])
        first = rng.choice([0, len(payload) - part])
        for position in first + rng.integers(0, part, rng.integers(1, 6)):
            payload[position] = rng.choice([0, 1, 127, 128, 255, rng.integers(256)])
    return bytes(payload)


@pytest.mark.parametrize("name", sorted(encoded()))
def test_damaged_files_give_an_image_or_a_one_line_value_error(tmp_path, name, capfd, caplog):
    payload, rng = encoded()[name], np.random.default_rng(7)
    path = tmp_path / name
    path.write_bytes(payload)
    for case in range(60):
        path.write_bytes(damaged(payload, rng))
        options = [{}, {"frame": 0}, {"sum_frames": True}][case % 3]
        try:
            image = read_image(path, **options)
        except ValueError as error:
            line = str(error)
            assert line.startswith(f"{path}: expected ")
            assert "Received: " in line
            assert "\n" not in line
        else:
            assert image.data.ndim == 2
            assert image.data.size
            assert image.data.dtype.kind in "uif"
    assert capfd.readouterr() == ("", "")
    assert not caplog.records
