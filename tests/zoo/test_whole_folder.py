"""A folder is there whole, or as it was."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import stemzoo
from stemzoo.zoo.whole_folder import WHOLE, finish, is_vacant, whole_folder


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


# Killed before the move of this number: all files get one name, then each of the four its place.
KILLED_IN_BETWEEN = """
import os, shutil, signal, sys
from stemzoo.zoo.whole_folder import whole_folder
folder, new, moves = sys.argv[1], sys.argv[2], int(sys.argv[3])
def counted(move):
    def moved(*names):
        global moves
        if moves == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        moves -= 1
        move(*names)
    return moved
os.rename, os.replace = counted(os.rename), counted(os.replace)
with whole_folder(folder) as aside:
    shutil.copytree(new, aside, dirs_exist_ok=True)
"""


@pytest.mark.parametrize("moves", range(5))
def test_a_filled_folder_is_the_old_or_the_new_one_whenever_it_is_killed(
    tiny_folder, make_model, tmp_path, moves
):
    old, new = tmp_path / "old", tmp_path / "new"
    shutil.copytree(tiny_folder, old)
    (old / "training_log.csv").write_text("log")
    (old / "images").mkdir()
    stemzoo.save(make_model(seed=1, name="other", classes=["dark"]), new, licence="CC0-1.0")
    environment = {**os.environ, "PYTHONPATH": str(Path(stemzoo.__file__).parents[1])}
    command = [sys.executable, "-c", KILLED_IN_BETWEEN, str(old), str(new), str(moves)]
    assert subprocess.run(command, env=environment).returncode == -signal.SIGKILL
    assert (old / WHOLE).is_dir() == (moves > 0)
    assert stemzoo.verify(old).passed
    named = {path.name for path in old.iterdir() if path.is_file()}
    source = new if moves else tiny_folder
    wanted = {path.name: path.read_bytes() for path in source.iterdir()}
    assert {name: (old / name).read_bytes() for name in wanted} == wanted
    assert named == {*wanted, "training_log.csv"}
    assert (old / "images").is_dir()
    assert not (old / WHOLE).exists()


def test_the_next_save_begins_by_finishing(tmp_path):
    (tmp_path / "README.md").write_text("old")
    (tmp_path / WHOLE).mkdir()
    for name in ("config.json", "README.md"):
        (tmp_path / WHOLE / name).write_text("first")
    with whole_folder(tmp_path) as aside:
        (aside / "config.json").write_text("second")
    assert contents(tmp_path) == {"config.json": "second", "README.md": "first"}


def test_a_link_in_place_of_what_is_to_be_moved_moves_nothing(tmp_path):
    other, folder = tmp_path / "other", tmp_path / "folder"
    other.mkdir()
    folder.mkdir()
    (other / "mine.txt").write_text("mine")
    (folder / WHOLE).symlink_to(other)
    finish(folder)
    assert contents(other) == {"mine.txt": "mine"}
    assert [path.name for path in folder.iterdir()] == [WHOLE]


def test_a_folder_in_place_of_a_file_is_named_before_anything_moves(tmp_path):
    (tmp_path / "a.json").write_text("old")
    (tmp_path / "b.json").mkdir()
    new = tmp_path / "new"
    new.mkdir()
    for name in ("a.json", "b.json"):
        (new / name).write_text("new")
    with (
        pytest.raises(IsADirectoryError, match=r"Received: A folder is named b\.json"),
        whole_folder(tmp_path) as aside,
    ):
        shutil.copytree(new, aside, dirs_exist_ok=True)
    shutil.rmtree(new)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "b.json"]
    assert (tmp_path / "a.json").read_text() == "old"


FULL = """
import json, resource, sys
import stemzoo
from stemzoo.models import DefectFCN
model = DefectFCN(["se_vacancy"], filters=8, depth=2, material="wse2")
for room in map(int, sys.argv[1:]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    try:
        stemzoo.save(model, "out")
    except OSError as error:
        print(json.dumps([error.errno, str(error)]))
"""


def test_a_full_disk_is_one_line_and_ends_no_process(tmp_path):
    # HDF5 itself meets a full disk with a crash when the file is closed, if this is early in it.
    environment = {**os.environ, "PYTHONPATH": str(Path(stemzoo.__file__).parents[1])}
    command = [sys.executable, "-c", FULL, "1000", "20000", "60000"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    line = "out: expected a folder that can be written. Received: File too large. Take another "
    lines = [json.loads(text) for text in done.stdout.splitlines()]
    assert lines == [[errno.EFBIG, f"{line}one, or make room."]] * 3
    assert list(tmp_path.iterdir()) == []
