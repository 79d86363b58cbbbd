"""The script for SLURM, with processes of this computer in place of its jobs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from places import EXAMPLES, ROOT

import stemzoo
from stemzoo import io

pytest.importorskip("distributed")

# Takes what dask-jobqueue 0.8 and later take, and starts as many processes as jobs are asked for.
STAND_IN = """
from distributed import LocalCluster

class SLURMCluster(LocalCluster):
    def __init__(self, *, queue, account, cores, processes, memory, walltime, job_script_prologue):
        assert (queue, account, cores, processes, walltime) == ("fast", None, 1, 1, "01:00:00")
        assert job_script_prologue == ["export TF_NUM_INTRAOP_THREADS=1"]
        super().__init__(n_workers=0, threads_per_worker=cores, dashboard_address="127.0.0.1:0")

    def scale(self, jobs):
        super().scale(jobs)
"""


@pytest.mark.slow
def test_jobs_look_at_the_images_of_a_folder(frames, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("day").mkdir()
    for i in range(2):
        io.write_tiff(f"day/{i}.tif", frames[i].image[:128, :128], sampling=frames[i].sampling)
    Path("dask_jobqueue.py").write_text(STAND_IN)
    script = EXAMPLES / "detect_on_slurm.py"
    ran = subprocess.run(
        [sys.executable, script, "day", "--out", "out", "--queue", "fast", "--cores", "1"],
        env=os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr
    assert [line.split(":")[0] for line in ran.stdout.splitlines()] == ["day/0.tif", "day/1.tif"]
    found = stemzoo.detect("day/1.tif")
    assert len(io.read_csv("out/1.csv")[1]["row"]) == len(found)
