"""What a header declares costs no memory, and what is read takes no more than was announced."""

import json
import struct
import subprocess
import sys
import zipfile
import zlib

import h5py
import imagecodecs
import numpy as np
import pytest
import tifffile
from image_files import levels, refusal

from stemzoo.io.grey import Refusal
from stemzoo.io.images import READERS
from stemzoo.io.memory import BUDGET, MAX_EXPANSION, check_memory, check_stack
from stemzoo.io.stacks import Stack

# Reads a file and prints by how much its peak memory grew [bytes], and the error. The peak of
# getrusage would begin with that of the process that starts it.
CHILD = """
import json, pathlib, re, sys
from stemzoo.io import read_image
import h5py, imagecodecs, tifffile
status = pathlib.Path("/proc/self/status")
peak = lambda: int(re.search("VmHWM:\\s*(\\d+)", status.read_text())[1]) * 1024
path, options = sys.argv[1], json.loads(sys.argv[2])
before, error = peak(), None
try:
    read_image(path, **options)
except ValueError as caught:
    error = str(caught)
print(json.dumps([peak() - before, error]))
"""


needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")


def measure(path, **options):
    command = [sys.executable, "-c", CHILD, str(path), json.dumps(options)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)


def stack(shape=(100, 100), dtype="u1", **options):
    return Stack(shape, np.dtype(dtype), lambda k: np.zeros(shape, dtype), **options)


def test_the_budget_is_asked_in_one_line_with_the_next_step():
    check_memory("a.tif", BUDGET, "this much")
    with pytest.raises(ValueError, match=".") as caught:
        check_memory("a.tif", BUDGET + 1, "11850 x 11850 px at 20.74 pm", "Crop it")
    assert str(caught.value) == (
        "a.tif: expected an image that needs at most 2.1 GB of memory. Received: 11850 x 11850 px "
        "at 20.74 pm, which needs 2.1 GB. Crop it."
    )


def test_a_frame_takes_its_bytes_and_a_sum_64_bits_more():
    assert stack((100, 50), "u2").peak(1) == 10_000
    assert stack((100, 50), "u2", count=9).peak(9) == 2 * 10_000 + 8 * 5000
    assert stack((100, 50, 3), "u1").peak(1) == 2 * 15_000
    assert stack((100, 50), ">f4").peak(1) == 2 * 20_000
    assert stack((100, 50), "u2", overhead=7).peak(1) == 10_007


def test_frames_that_take_more_than_the_budget_are_refused_with_what_else_to_do():
    size = BUDGET + 1
    check_stack(stack((16384, 16384), "f4"), 1, size)
    with pytest.raises(Refusal, match="46341 x 46341 px of uint8.*2.1 GB. Crop the image"):
        check_stack(stack((46341, 46341)), 1, size)
    with pytest.raises(Refusal, match="5 frames of 16384 x 16384 .*2.7 GB. Choose one frame"):
        check_stack(stack((16384, 16384), count=5), 5, size)


def test_more_pixels_than_a_file_can_hold_are_refused():
    check_stack(stack(), 1, 10_000 // MAX_EXPANSION)
    with pytest.raises(Refusal, match="10000 pixels"):
        check_stack(stack(), 1, 0)
    with pytest.raises(Refusal, match=f"a file of 9 bytes that declares {2**31 * 10_000} pixels"):
        check_stack(stack(count=2**31), 1, 9)


# Files that declare what they do not hold, by name; each returns its words.


def sparse(path, start, size):
    """Write a file whose size is real but whose bytes take no room on the disk."""
    with path.open("wb") as file:
        file.write(start)
        file.truncate(size)


def npy_header(shape, dtype):
    import io

    stream = io.BytesIO()
    descr = np.lib.format.dtype_to_descr(np.dtype(dtype))
    content = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, content)
    return stream.getvalue()


def huge_npy(path):
    header = npy_header((50_000, 50_000), "f8")
    sparse(path, header, len(header) + 8 * 50_000**2)
    return "50000 x 50000 px of float64, which needs 40.0 GB"


def huge_npz(path):
    # A header that declares 3.8 GB, above 1.5 MB of packed zeros.
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a.npy", npy_header((22_000, 22_000), "f8") + bytes(1_500_000))
    return "22000 x 22000 px of float64, which needs 3.9 GB"


def huge_stack_in_npz(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a.npy", npy_header((400, 1000, 1000), "f8") + bytes(1_500_000))
    return "1000 x 1000 px of float64, unpacked together with more of the file, which needs 3.2 GB"


def huge_png(path):
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + header
    start = struct.pack(">I", len(header)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    sparse(path, b"\x89PNG\r\n\x1a\n" + start, 400_000)
    return "60000 x 60000 px of uint8, which needs 3.6 GB"


def huge_jpeg(path):
    payload = bytearray(imagecodecs.jpeg_encode(levels(np.uint8)))
    where = payload.index(b"\xff\xc0")
    payload[where + 5 : where + 9] = struct.pack(">HH", 65500, 65500)
    sparse(path, payload, 500_000)
    return "65500 x 65500 px of uint8"


def huge_tiff(path):
    tifffile.imwrite(path, shape=(60_000, 60_000), dtype=np.uint8, bigtiff=True)
    return "60000 x 60000 px of uint8, which needs 3.6 GB"


def huge_tile(path):
    tifffile.imwrite(path, levels(), tile=(16, 16), compression="zlib")
    with tifffile.TiffFile(path, mode="r+") as file:
        for name in ("TileWidth", "TileLength"):
            file.pages[0].tags[name].overwrite(60_000)
    return "70 x 80 px of uint16, unpacked together with more of the file, which needs"


def huge_hspy(path):
    with h5py.File(path, "w") as file:
        array = file.create_dataset(
            "Experiments/a/data", (4, 40_000, 40_000), "f8", chunks=(1, 500, 500), compression=9
        )
        array.id.write_direct_chunk((0, 0, 0), bytes(6_000_000))
    return "40000 x 40000 px of float64, which needs 12.9 GB"


def huge_emd(path):
    with h5py.File(path, "w") as file:
        group = file.create_group("data/image")
        group.attrs["emd_group_type"] = 1
        array = group.create_dataset(
            "data", (40_000, 20_000), "f8", chunks=(500, 500), compression=9
        )
        array.id.write_direct_chunk((0, 0), bytes(2_000_000))
    return "40000 x 20000 px of float64, which needs"


def huge_piece(path):
    with h5py.File(path, "w") as file:
        file.create_dataset(
            "Experiments/a/data",
            (1000, 1000, 1000),
            "u2",
            chunks=(1000, 1000, 1000),
            compression=9,
        )
        file["Experiments/a/data"].id.write_direct_chunk((0, 0, 0), bytes(300_000))
    return "1000 x 1000 px of uint16, unpacked together with more of the file, which needs 4.1 GB"


def packed_bomb(path):
    # 300 MB of zeros where the shape has room for 2 MB.
    with h5py.File(path, "w") as file:
        array = file.create_dataset(
            "Experiments/a/data", (1024, 1024), "u2", chunks=(1024, 1024), compression=9
        )
        array.id.write_direct_chunk((0, 0), zlib.compress(bytes(300_000_000), 1))
    return "more numbers than the shape (1024, 1024) has room for"


def packed_twice(path):
    with h5py.File(path, "w") as file:
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_chunk((1024, 1024))
        properties.set_deflate(9)
        properties.set_deflate(9)
        space = h5py.h5s.create_simple((1024, 1024))
        group = file.create_group("Experiments/a")
        array = h5py.Dataset(
            h5py.h5d.create(group.id, b"data", h5py.h5t.NATIVE_UINT16, space, properties)
        )
        array[:] = 0
    return "packed several times over"


def endless_mrc(path):
    header = np.zeros(256, "<i4")
    header[:4] = 80, 70, 2**31 - 1, 2
    path.write_bytes(header.tobytes() + levels("<f4").tobytes())
    return "80 x 70 px in 2147483647 frames"


def large_mrc(path):
    header = np.zeros(256, "<i4")
    header[:4] = 30_000, 30_000, 2, 2
    header[7:10] = header[:3]
    header[16:19] = 1, 2, 3
    header[52:54] = int.from_bytes(b"MAP ", "little"), 0x4444
    sparse(path, header.tobytes(), 1024 + 4 * 2 * 30_000**2)
    return "30000 x 30000 px of float32, which needs"


LIARS = {
    "a.npy": huge_npy,
    "a.npz": huge_npz,
    "stack.npz": huge_stack_in_npz,
    "a.png": huge_png,
    "a.jpg": huge_jpeg,
    "a.tif": huge_tiff,
    "tile.tif": huge_tile,
    "a.hspy": huge_hspy,
    "a.emd": huge_emd,
    "piece.hspy": huge_piece,
    "bomb.hspy": packed_bomb,
    "twice.hspy": packed_twice,
    "endless.mrc": endless_mrc,
    "large.mrc": large_mrc,
}


@needs_proc
@pytest.mark.parametrize("name", sorted(LIARS))
def test_a_declared_size_costs_no_memory(tmp_path, name):
    if name.endswith("mrc"):
        pytest.importorskip("rsciio")
    path = tmp_path / name
    words = LIARS[name](path)
    grown, error = measure(path, **({} if "bomb" in name or "twice" in name else {"frame": 0}))
    assert error is not None
    assert error.startswith(f"{path}: expected ")
    assert words in error
    assert "\n" not in error
    # Imports of RosettaSciIO and dask.
    assert grown < 120e6


# Files that hold what they say.


def real_files():
    frame = levels(np.float32, (3000, 4000))
    deep = levels(np.uint16, (3000, 4000))

    def hspy(path):
        with h5py.File(path, "w") as file:
            file.create_dataset("Experiments/a/data", data=deep, chunks=(500, 4000), compression=1)

    return {
        "a.npy": lambda path: np.save(path, frame),
        "fortran.npy": lambda path: np.save(path, np.asfortranarray(frame)),
        "a.npz": lambda path: np.savez(path, np.stack([deep] * 3)),
        "plain.tif": lambda path: tifffile.imwrite(path, frame),
        "strips.tif": lambda path: tifffile.imwrite(path, deep, compression="zlib"),
        "strip.tif": lambda path: tifffile.imwrite(
            path, deep, compression="zstd", rowsperstrip=3000
        ),
        "stack.tif": lambda path: tifffile.imwrite(
            path, np.stack([deep] * 3), photometric="minisblack"
        ),
        "rgb.png": lambda path: path.write_bytes(
            imagecodecs.png_encode(np.stack([deep.astype(np.uint8)] * 3, -1), level=0)
        ),
        "a.jpg": lambda path: path.write_bytes(imagecodecs.jpeg_encode(deep.astype(np.uint8))),
        "a.hspy": hspy,
    }


@needs_proc
@pytest.mark.parametrize("name", sorted(real_files()))
def test_reading_takes_no_more_memory_than_was_asked_for(tmp_path, name):
    path = tmp_path / name
    real_files()[name](path)
    options = {"sum_frames": True} if name in ("a.npz", "stack.tif") else {}
    with READERS[path.suffix](path) as stacks:
        announced = stacks[0].peak(3 if options else 1)
    grown, error = measure(path, **options)
    assert error is None
    # The interpreter's own needs.
    assert grown < announced + 15e6
    assert announced < 2.5 * grown + 15e6


def test_a_size_is_refused_through_read_image_with_the_name_of_the_file(tmp_path):
    path = tmp_path / "a.npz"
    assert huge_npz(path) in refusal(path)
