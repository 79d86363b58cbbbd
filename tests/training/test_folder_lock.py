import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import stemzoo
from stemzoo.training.folder_lock import LOCK, folder_lock

HOLD = """
import sys, time
from stemzoo.training.folder_lock import folder_lock
with folder_lock(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that trains in the folder."""
    path = str(Path(stemzoo.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": path}
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_second_training_is_refused_until_the_first_is_dead(holder, tmp_path):
    with pytest.raises(ValueError, match="no other training writes to.* a folder in use"):
        with folder_lock(tmp_path):
            pass
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert (tmp_path / LOCK).exists()
    with folder_lock(tmp_path):
        pass
    assert not (tmp_path / LOCK).exists()


def test_a_process_may_take_its_own_lock_again(tmp_path):
    with folder_lock(tmp_path / "new"):
        with folder_lock(tmp_path / "new"):
            pass
        assert (tmp_path / "new" / LOCK).exists()
    assert not (tmp_path / "new").exists()  # nothing came of it


def test_nothing_is_locked_without_a_folder():
    with folder_lock(None):
        pass
