"""Look into an HDF5 file without following what leads out of it."""

import math
import zlib
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

# Far more than any model of the zoo, or file of images, has.
MOST_OBJECTS = 20_000
DEEPEST = 16
# What zlib unpacks is at most this many times larger.
_ZLIB_EXPANSION = 1032
# Pieces that cannot be larger when unpacked are not looked into [bytes].
_HARMLESS = 2**26
_DEFLATE, _FLETCHER32 = 1, 3


def walk(
    group: Any, prefix: str = "", seen: set[int] | None = None, *, lenient: bool = False
) -> Iterator[tuple[str, Any]]:
    """Yield path and array, for every array below a group of an HDF5 file; none is read.

    No link is followed out of the file, and no array is passed on whose numbers lie in another
    one, so that reading what is yielded opens no other file of this machine.

    Parameters
    ----------
    group : h5py.Group
        Group, or file.
    prefix : str
        Path of the group, with a slash at its end.
    seen : set of int, optional
        Addresses of the objects that were yielded before.
    lenient : bool
        Pass over links within the file, and what is listed twice or is no array, instead of
        refusing them.

    Yields
    ------
    path : str
        Path in the file, such as ``"layers/conv2d/vars/0"``.
    array : h5py.Dataset
        What lies there.

    Raises
    ------
    ValueError
        If something leads to another file, or there are more objects than in any sound file; its
        text goes on from "Received: ".
    """
    import h5py

    seen = set() if seen is None else seen
    for name in group:
        path = f"{prefix}{name}"
        link = group.get(name, getlink=True)
        if lenient and isinstance(link, h5py.SoftLink):
            continue
        if not isinstance(link, h5py.HardLink):
            # Following it could open any file of this machine.
            raise ValueError(f"{path}, a link to elsewhere ({type(link).__name__})")
        item = group[name]
        address = h5py.h5o.get_info(item.id).addr
        if address in seen:
            if lenient:
                continue
            raise ValueError(f"{path}, which is listed twice")
        seen.add(address)
        if len(seen) > MOST_OBJECTS or path.count("/") > DEEPEST:
            raise ValueError(f"more than {MOST_OBJECTS} objects, or {DEEPEST} groups in each other")
        if isinstance(item, h5py.Group):
            yield from walk(item, f"{path}/", seen, lenient=lenient)
        elif isinstance(item, h5py.Dataset):
            properties = item.id.get_create_plist()
            if properties.get_external_count():
                raise ValueError(f"{path}, whose numbers are in another file")
            if properties.get_layout() == h5py.h5d.VIRTUAL:
                raise ValueError(f"{path}, which is packed or put together of others")
            yield path, item
        elif not lenient:
            raise ValueError(f"{path}, which is no array")


def read_part(array: Any, where: tuple[int | slice, ...]) -> np.ndarray:
    """Read a part of an array of numbers, if its packed pieces are no larger than declared.

    HDF5 unpacks a piece to whatever size it has, and only then compares.

    Parameters
    ----------
    array : h5py.Dataset
        Array that `walk` yielded.
    where : tuple of int or slice
        The part, with one entry for each axis; slices have no step.

    Returns
    -------
    ndarray

    Raises
    ------
    ValueError
        If a piece holds more than the shape says, or the array has no numbers; the text goes on
        from "Received: ".
    ModuleNotFoundError
        If the pieces are packed in a way that needs hdf5plugin.
    """
    import h5py

    if array.id.get_storage_size() == 0:
        raise ValueError(f"a shape of {array.shape} without numbers")
    properties = array.id.get_create_plist()
    filters = [properties.get_filter(k)[0] for k in range(properties.get_nfilters())]
    if not all(map(h5py.h5z.filter_avail, filters)):
        raise ModuleNotFoundError("No module named 'hdf5plugin'", name="hdf5plugin")
    if _DEFLATE in filters:
        whole = [slice(k, k + 1) if isinstance(k, int) else k for k in where]
        spans = [part.indices(n) for part, n in zip(whole, array.shape, strict=True)]
        starts = [
            range(first // step * step, last, step)
            for (first, last, _), step in zip(spans, array.chunks, strict=True)
        ]
        if set(filters[filters.index(_DEFLATE) + 1 :]) - {_FLETCHER32}:
            raise ValueError("numbers that are packed several times over")
        for corner in product(*starts):
            _check_piece(array, corner)
    return array[where]


def _check_piece(array: Any, corner: tuple[int, ...]) -> None:
    """Refuse a piece that zlib unpacks to more than the piece's declared size."""
    declared = math.prod(array.chunks) * array.dtype.itemsize
    stored = array.id.get_chunk_info_by_coord(corner)
    if stored.byte_offset is None or stored.size * _ZLIB_EXPANSION <= max(declared, _HARMLESS):
        return
    skipped, packed = array.id.read_direct_chunk(corner)
    if skipped:
        return
    try:
        unpacked = zlib.decompressobj().decompress(packed, declared + 1)
    except zlib.error:
        raise ValueError("numbers that cannot be unpacked") from None
    if len(unpacked) > declared:
        raise ValueError(f"more numbers than the shape {array.shape} has room for")
