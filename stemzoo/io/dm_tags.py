"""The tags of Gatan's DM3 and DM4 files, gone through before another library reads them."""

import struct
from pathlib import Path
from typing import BinaryIO

from stemzoo.io.grey import Refusal

# Bytes of a value of each simple type.
_SIZES = {2: 2, 3: 4, 4: 2, 5: 4, 6: 4, 7: 8, 8: 1, 9: 1, 10: 1, 11: 8, 12: 8}
_STRUCT, _ARRAY = 15, 20
_GROUP, _DATA = 20, 21
# No tag that Gatan writes is described by more numbers, or lies in more groups.
_MOST_NUMBERS = 1000
_DEEPEST = 64


class _UnknownError(Exception):
    """What is not understood here is left to the reader."""


def check_dm(path: Path) -> None:
    """Refuse a DM file with a tag so large that its reader would not come to an end.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    Refusal
        If there is such a tag.

    References
    ----------
    The layout was described by C. Boothroyd, "Digital Micrograph file format",
    https://personal.ntu.edu.sg/cbb/info/dmformat/.
    """
    with path.open("rb") as stream:
        try:
            (version,) = struct.unpack(">I", stream.read(4))
            if version in (3, 4):
                # The length of the file, and the order of the bytes.
                stream.seek(8 if version == 3 else 12, 1)
                _check_group(stream, path.stat().st_size, version == 4, 0)
        except (struct.error, _UnknownError):
            return


def _check_group(stream: BinaryIO, size: int, wide: bool, depth: int) -> None:
    def number() -> int:
        kind, length = (">Q", 8) if wide else (">I", 4)
        return struct.unpack(kind, stream.read(length))[0]

    stream.seek(2, 1)
    for _ in range(number()):
        kind, name = struct.unpack(">BH", stream.read(3))
        stream.seek(name + (8 if wide else 0), 1)
        if kind == _GROUP and depth < _DEEPEST:
            _check_group(stream, size, wide, depth + 1)
        elif kind == _DATA and stream.read(4) == b"%%%%":
            described = number()
            if described > _MOST_NUMBERS:
                raise _damaged(f"a tag that is described by {described} numbers")
            stream.seek(_bytes_of([number() for _ in range(described)]), 1)
            if stream.tell() > size:
                raise _damaged("a tag that reaches beyond the end")
        else:
            raise _UnknownError


def _bytes_of(described: list[int]) -> int:
    """Return the size of a tag's value [bytes] from the numbers that describe it."""
    match described:
        case [kind] if kind in _SIZES:
            return _SIZES[kind]
        case [kind, _, fields, *types] if kind == _STRUCT:
            if 2 * fields != len(types):
                raise _damaged(f"a structure of {fields} fields with {len(types) // 2} types")
            return sum(_bytes_of([one]) for one in types[1::2])
        case [kind, *element, length] if kind == _ARRAY:
            return length * _bytes_of(element)
    raise _UnknownError


def _damaged(received: str) -> Refusal:
    return Refusal("a complete DM file", received, "Copy or export it once more")
