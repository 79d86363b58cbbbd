"""Where downloads are kept, and what happens to a damaged file."""

import errno
import os
import threading

import pytest
from huggingface_hub import constants

from stemzoo.zoo.remote.cache import hub_cache, is_offline, locked, mirror_cache, move_aside


def test_both_caches_follow_stemzoo_home(monkeypatch, tmp_path):
    monkeypatch.setenv("STEMZOO_HOME", str(tmp_path / "home"))
    assert hub_cache() == tmp_path / "home" / "hub"
    assert mirror_cache() == tmp_path / "home" / "mirrors"
    monkeypatch.setenv("STEMZOO_HOME", "~/zoo")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert hub_cache() == tmp_path / "zoo" / "hub"


def test_without_it_they_are_the_hubs_own(monkeypatch, tmp_path):
    monkeypatch.delenv("STEMZOO_HOME", raising=False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HOME", str(tmp_path))
    assert (hub_cache(), mirror_cache()) == (tmp_path / "hub", tmp_path / "stemzoo")


@pytest.mark.parametrize("value", ["1", "true", "YES", "on"])
def test_offline_is_what_the_caller_says_else_the_environment(monkeypatch, value):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.delenv("STEMZOO_OFFLINE", raising=False)
    assert not is_offline()
    monkeypatch.setenv("STEMZOO_OFFLINE", value)
    assert is_offline()
    assert not is_offline(False)
    monkeypatch.setenv("STEMZOO_OFFLINE", "0")
    assert not is_offline()
    assert is_offline(True)


def test_a_damaged_file_and_the_link_to_it_make_room(tmp_path):
    blob, link = tmp_path / "blob", tmp_path / "model.weights.h5"
    blob.write_bytes(b"damaged")
    link.symlink_to(blob)
    move_aside(link)
    assert [path.name for path in tmp_path.iterdir()] == ["blob.damaged"]
    assert (tmp_path / "blob.damaged").read_bytes() == b"damaged"


def test_a_cache_that_cannot_be_written_to_is_named(monkeypatch, tmp_path):
    def refuse(*_):
        raise OSError(errno.EROFS, "Read-only file system")

    (tmp_path / "file").touch()
    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="Read-only file system. Set STEMZOO_HOME or HF_HOME"):
        move_aside(tmp_path / "file")
    with (
        pytest.raises(OSError, match="expected a cache to write to"),
        locked(tmp_path / "file" / "x"),
    ):
        pass


def test_a_lock_lets_one_in_at_a_time(tmp_path):
    inside, most = [], []

    def work():
        with locked(tmp_path / "new" / ".lock"):
            inside.append(1)
            most.append(len(inside))
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 8 * [1]
