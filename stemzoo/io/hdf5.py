"""Look into an HDF5 file without following what leads out of it."""

from collections.abc import Iterator
from typing import Any

# Far more than any model of the zoo, or file of images, has.
MOST_OBJECTS = 20_000
DEEPEST = 16


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
            _refuse_foreign(item, path)
            yield path, item
        elif not lenient:
            raise ValueError(f"{path}, which is no array")


def _refuse_foreign(array: Any, path: str) -> None:
    """Refuse an array whose numbers lie in another file."""
    import h5py

    properties = array.id.get_create_plist()
    if properties.get_external_count():
        raise ValueError(f"{path}, whose numbers are in another file")
    if properties.get_layout() == h5py.h5d.VIRTUAL:
        raise ValueError(f"{path}, which is packed or put together of others")
