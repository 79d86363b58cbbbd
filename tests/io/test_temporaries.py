"""What is written aside says by whom, so that what a killed process left can be deleted."""

import os
import subprocess
import sys

import pytest

from stemzoo.io import atomic_path
from stemzoo.io.temporaries import is_left_behind, sweep, temporary_path


@pytest.fixture
def gone():
    """Return the number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def named_by(pid, folder, suffix=""):
    own = temporary_path(folder, suffix)
    return own.with_name(own.name.replace(f"-{os.getpid()}-", f"-{pid}-"))


def test_names_are_hidden_new_and_keep_the_suffix(tmp_path):
    names = {temporary_path(tmp_path, ".weights.h5").name for _ in range(100)}
    assert len(names) == 100
    assert all(name.startswith(".") and name.endswith(".weights.h5") for name in names)


def test_only_what_a_gone_process_of_this_machine_left_is_swept(tmp_path, gone):
    left = [named_by(gone, tmp_path, suffix) for suffix in ("", ".tif", ".weights.h5")]
    stay = [
        temporary_path(tmp_path, ".tif"),
        named_by(os.getppid(), tmp_path),
        tmp_path / f".stemzoo-00000000-{gone}-00000000.tif",  # of another machine
        tmp_path / f".stemzoo-{gone}.tif",
        tmp_path / f".other-00000000-{gone}-00000000",
        tmp_path / "results.tif",
    ]
    for path in [*left[1:], *stay]:
        path.write_text("half")
    left[0].mkdir()
    (left[0] / "config.json").write_text("{}")
    assert all(is_left_behind(path) for path in left)
    sweep(tmp_path)
    assert set(tmp_path.iterdir()) == set(stay)


def test_a_link_is_deleted_and_not_what_it_leads_to(tmp_path, gone):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "image.tif").write_text("mine")
    named_by(gone, tmp_path).symlink_to(tmp_path / "data")
    sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    assert (tmp_path / "data" / "image.tif").read_text() == "mine"


def test_who_writes_a_file_sweeps_its_folder(tmp_path, gone):
    named_by(gone, tmp_path, ".json").write_text("half")
    with atomic_path(tmp_path / "scores.json") as temporary:
        temporary.write_text("{}")
    assert [path.name for path in tmp_path.iterdir()] == ["scores.json"]


def test_a_folder_that_is_not_there_is_no_reason_to_fail(tmp_path):
    sweep(tmp_path / "nowhere")
