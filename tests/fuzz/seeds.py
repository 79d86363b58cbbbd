"""Good files and folders, which a campaign changes."""

import io
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image as PillowImage

import stemzoo
from stemzoo.simulate import find_session, simulate_session


def good_images(folder: Path) -> list[Path]:
    """Write one image of WSe2 in the formats that microscopists have.

    Parameters
    ----------
    folder : Path
        Where to write them.

    Returns
    -------
    list of Path
    """
    (frame,) = simulate_session(find_session("wse2-dayA"), 1, (96, 96), seed=7)
    image = np.asarray(frame.image, np.float32)
    counts = np.uint16(1000 * (image - image.min()) / np.ptp(image))
    grey = np.uint8(counts / 4)
    size = frame.sampling / 10  # nm
    files = {
        "plain.tif": lambda f: tifffile.imwrite(f, image),
        "imagej.tif": lambda f: tifffile.imwrite(
            f, counts, imagej=True, resolution=(1 / size, 1 / size), metadata={"unit": "nm"}
        ),
        "lzw.tif": lambda f: tifffile.imwrite(f, counts, compression="lzw", predictor=True),
        "ome.ome.tif": lambda f: tifffile.imwrite(
            f, counts, ome=True, metadata={"PhysicalSizeX": size, "PhysicalSizeXUnit": "nm"}
        ),
        "big.tif": lambda f: tifffile.imwrite(f, np.float64(image), bigtiff=True, tile=(32, 32)),
        "stack.tif": lambda f: tifffile.imwrite(f, np.stack([counts] * 3), imagej=True),
        "array.npy": lambda f: np.save(f, image),
        "archive.npz": lambda f: np.savez_compressed(f, image=image, sampling=frame.sampling),
        "grey.png": lambda f: PillowImage.fromarray(grey).save(f, "PNG"),
        "deep.png": lambda f: PillowImage.fromarray(counts).save(f, "PNG"),
        "grey.jpg": lambda f: PillowImage.fromarray(grey).save(f, "JPEG", quality=95),
        "map.mrc": lambda f: f.write(_mrc(image, 10 * size)),
        "berkeley.emd": lambda f: f.write(_emd(image, size)),
        "signal.hspy": lambda f: f.write(_hspy(image, size)),
    }
    for name, write in files.items():
        buffer = io.BytesIO()
        write(buffer)
        (folder / name).write_bytes(buffer.getvalue())
    return [folder / name for name in files]


def _mrc(image: np.ndarray, voxel: float) -> bytes:
    """Header of MRC2014 (Cheng et al., J. Struct. Biol. 192, 146, 2015), then float32 [Å]."""
    rows, columns = image.shape
    words = np.zeros(256, "<i4")
    words[:4] = columns, rows, 1, 2
    words[7:10] = columns, rows, 1
    words[10:13] = np.array([columns * voxel, rows * voxel, voxel], "<f4").view("<i4")
    words[13:16] = np.full(3, 90, "<f4").view("<i4")
    words[16:19] = 1, 2, 3
    words[52] = int.from_bytes(b"MAP ", "little")
    words[53] = 0x00004444
    return words.tobytes() + np.asarray(image, "<f4").tobytes()


def _emd(image: np.ndarray, size: float) -> bytes:
    """Berkeley's EMD 0.2: a group of a 2D data set and its two axes [nm]."""
    import h5py

    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.attrs["version_major"], file.attrs["version_minor"] = 0, 2
        group = file.create_group("data/image")
        group.attrs["emd_group_type"] = 1
        group.create_dataset("data", data=image, compression="gzip")
        for number, length in enumerate(image.shape, 1):
            axis = group.create_dataset(f"dim{number}", data=size * np.arange(length))
            axis.attrs["name"], axis.attrs["units"] = "yx"[number - 1], "[n_m]"
    return buffer.getvalue()


def _hspy(image: np.ndarray, size: float) -> bytes:
    """A signal of HyperSpy, file version 3.3: data and one group an axis [nm]."""
    import h5py

    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.attrs["file_format"], file.attrs["file_format_version"] = "HyperSpy", "3.3"
        group = file.create_group("Experiments/image")
        group.create_dataset("data", data=image, chunks=(32, 32), compression="gzip")
        for number, length in enumerate(image.shape):
            axis = group.create_group(f"axis-{number}")
            axis.attrs.update(
                {"name": "yx"[number], "scale": size, "offset": 0.0, "size": length, "units": "nm"}
            )
            axis.attrs["navigate"] = False
        group.create_group("metadata/General")
        group.create_group("original_metadata")
        group.create_group("learning_results")
    return buffer.getvalue()


def good_folders(folder: Path) -> list[Path]:
    """Save two tiny models, a detector and a CycleGAN.

    Parameters
    ----------
    folder : Path
        Where to write their folders.

    Returns
    -------
    list of Path
    """
    import keras

    keras.utils.set_random_seed(0)
    detector = stemzoo.DefectFCN(
        ("se_vacancy", "bright"), filters=4, depth=2, material="wse2", name="tiny"
    )
    translator = stemzoo.CycleGANSTEM(
        filters=2,
        depth=1,
        discriminator_filters=2,
        patch_size=32,
        material="wse2",
        session="dayX",
        name="quick",
    )
    stemzoo.save(detector, folder / "tiny")
    stemzoo.save(translator, folder / "quick")
    return [folder / "tiny", folder / "quick"]
