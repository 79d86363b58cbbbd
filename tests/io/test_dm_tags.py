import struct

import pytest

from stemzoo.io.dm_tags import check_dm
from stemzoo.io.grey import Refusal

# The numbers that describe a tag, and its value: a short, a structure of two floats, an array of
# five bytes, and one of two such structures.
TAGS = [
    ([2], bytes(2)),
    ([15, 0, 2, 0, 6, 0, 6], bytes(8)),
    ([20, 10, 5], bytes(5)),
    ([20, 15, 0, 2, 0, 6, 0, 6, 2], bytes(16)),
]


def dm_file(path, tags, version=3):
    """Write a file of tags: two in the outer group, the others in one within it."""
    kind = ">I" if version == 3 else ">Q"

    def number(value):
        return struct.pack(kind, value)

    def entry(code, name, content):
        length = number(len(content)) if version == 4 else b""
        return struct.pack(">BH", code, len(name)) + name + length + content

    def data(described, value):
        numbers = b"".join(map(number, [len(described), *described]))
        return entry(21, b"tag", b"%%%%" + numbers + value)

    def group(entries):
        return b"\1\0" + number(len(entries)) + b"".join(entries)

    inner = entry(20, b"group", group([data(*tag) for tag in tags[2:]]))
    root = group([*(data(*tag) for tag in tags[:2]), inner])
    header = struct.pack(">I", version) + number(len(root)) + struct.pack(">I", 1)
    path.write_bytes(header + root + bytes(8))
    return path


@pytest.mark.parametrize("version", [3, 4])
def test_sound_tags_pass(tmp_path, version):
    check_dm(dm_file(tmp_path / "a.dm3", TAGS, version))


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize(
    ("described", "received"),
    [
        ([15, 0, 2**31 - 1, 0, 6], "a structure of 2147483647 fields with 1 types"),
        ([20, 10, 2**31 - 1], "a tag that reaches beyond the end"),
        ([2] * 1001, "a tag that is described by 1001 numbers"),
    ],
)
@pytest.mark.parametrize("place", [0, 3])
def test_tags_that_keep_a_reader_busy_are_refused(tmp_path, version, described, received, place):
    tags = [*TAGS[:place], (described, b""), *TAGS[place + 1 :]]
    with pytest.raises(Refusal, match=f"a complete DM file. Received: {received}"):
        check_dm(dm_file(tmp_path / "a.dm3", tags, version))


def test_what_is_not_understood_is_left_to_the_reader(tmp_path):
    path = dm_file(tmp_path / "a.dm3", [([18, 9], bytes(9)), *TAGS[1:]])
    check_dm(path)
    for payload in (b"", b"\0\0\0\3", b"\0\0\0\7" * 100, path.read_bytes()[:30]):
        path.write_bytes(payload)
        check_dm(path)
