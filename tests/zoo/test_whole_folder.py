"""A folder is there whole, or as it was."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import stemzoo
from stemzoo.zoo.whole_folder import is_vacant, whole_folder


def contents(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_a_new_folder_appears_when_it_is_whole(tmp_path):
    folder = tmp_path / "a" / "b"
    with whole_folder(folder) as aside:
        (aside / "config.json").write_text("1")
        assert not folder.exists()
    assert contents(folder) == {"config.json": "1"}
    assert [path.name for path in folder.parent.iterdir()] == ["b"]


def test_an_existing_folder_keeps_its_other_files(tmp_path):
    (tmp_path / "config.json").write_text("old")
    (tmp_path / "log.csv").write_text("log")
    with whole_folder(tmp_path) as aside:
        (aside / "config.json").write_text("new")
        assert (tmp_path / "config.json").read_text() == "old"
    assert contents(tmp_path) == {"config.json": "new", "log.csv": "log"}


def write_and_fail(folder, error):
    with whole_folder(folder) as aside:
        (aside / "config.json").write_text("half")
        raise error


def test_nothing_is_left_of_what_fails(tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "config.json").write_text("old")
    for name in ("old", "new"):
        with pytest.raises(ValueError, match="no room"):
            write_and_fail(tmp_path / name, ValueError("no room"))
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert contents(tmp_path / "old") == {"config.json": "old"}


def test_a_link_to_a_folder_stays_one(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with whole_folder(tmp_path / "link") as aside:
        (aside / "config.json").write_text("1")
    assert (tmp_path / "link").is_symlink()
    assert contents(tmp_path / "real") == {"config.json": "1"}


def test_a_file_is_no_place_for_a_folder(tmp_path):
    (tmp_path / "file").write_text("mine")
    for name in ("file", "file/below"):
        words = (
            f"{name}: expected a folder that can be written. Received: .*(Not a dir|File exists)"
        )
        with pytest.raises(OSError, match=words), whole_folder(tmp_path / name):
            pass
    assert contents(tmp_path) == {"file": "mine"}


def test_a_full_disk_is_named(tmp_path):
    error = OSError(errno.ENOSPC, "No space left on device", "/somewhere/else")
    with pytest.raises(OSError, match="out: expected .* Received: No space left"):
        write_and_fail(tmp_path / "out", error)
    assert list(tmp_path.iterdir()) == []


KILLED = """
import sys, time
from pathlib import Path
from stemzoo.zoo.whole_folder import whole_folder
with whole_folder(sys.argv[1]) as aside:
    (aside / "config.json").write_text("half")
    print("written", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("exists", [True, False])
def test_what_was_killed_can_be_repeated(tmp_path, exists):
    folder = tmp_path / "out"
    if exists:
        folder.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(Path(stemzoo.__file__).parents[1])}
    command = [sys.executable, "-c", KILLED, str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
    assert process.stdout.readline() == b"written\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert len([*tmp_path.rglob("config.json")]) == 1
    assert is_vacant(folder)
    with whole_folder(folder) as aside:
        (aside / "config.json").write_text("whole")
    assert contents(folder) == {"config.json": "whole"}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


SAVED = """
import stemzoo
from stemzoo.models import DefectFCN
print("start", flush=True)
stemzoo.save(DefectFCN(["se_vacancy"], filters=16, depth=3, material="wse2"), "out")
"""


@pytest.mark.parametrize("wait", [0.02, 0.15, 0.3])
def test_a_save_that_is_killed_leaves_no_half_folder(tmp_path, wait):
    environment = {**os.environ, "PYTHONPATH": str(Path(stemzoo.__file__).parents[1])}
    process = subprocess.Popen(
        [sys.executable, "-c", SAVED], cwd=tmp_path, stdout=subprocess.PIPE, env=environment
    )
    process.stdout.readline()
    time.sleep(wait)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    folder = tmp_path / "out"
    assert is_vacant(folder) or stemzoo.verify(folder).passed
