import hashlib

import pytest

from stemzoo.zoo.manifest import difference, git_sha1, sha256
from stemzoo.zoo.registry import FileEntry


@pytest.fixture
def path(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    return tmp_path / "abc"


def test_hashes_are_those_of_the_standards(path):
    # FIPS 180-2, example B.1.
    assert sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    # `printf abc | git hash-object --stdin`
    assert git_sha1(path) == "f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f"


def test_a_file_is_compared_with_what_is_known_of_it(path):
    digest, git = sha256(path), git_sha1(path)
    for known in ((digest, 3), (digest, None), (None, None), (None, 3, git), (None, None, git)):
        assert difference(path, FileEntry("abc", *known)) is None
    other = hashlib.sha256(b"abd").hexdigest()
    assert difference(path, FileEntry("abc", other, 3)) == (
        f"expected 3 bytes with sha256 {other}. Received: 3 bytes with {digest}."
    )
    assert "expected 4 bytes" in difference(path, FileEntry("abc", digest, 4))
    assert "git hash" in difference(path, FileEntry("abc", None, None, "0" * 40))
    gone = path.with_name("gone")
    assert difference(gone, FileEntry("gone", None, None)).endswith("Received: none.")
