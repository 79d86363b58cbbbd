import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import stemzoo
from stemzoo import io

distributed = pytest.importorskip("distributed")

# A worker that draws its second image for the first time ends there, as one that lacks memory does.
DIES_ONCE = """
import os, signal
from stemzoo.workflows import images
drawn = []
def die_once(*arguments, draw=images.plot_detections):
    drawn.append(1)
    if len(drawn) == 2:
        try:
            os.close(os.open({flag!r}, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            pass
        else:
            os.kill(os.getpid(), signal.SIGKILL)
    draw(*arguments)
if images.plot_detections.__name__ != "die_once":  # dask runs this twice
    images.plot_detections = die_once
"""


@pytest.fixture
def day(here, frames):
    """A folder of images, a stack and a damaged file."""
    Path("day/late").mkdir(parents=True)
    for i in range(3):
        io.write_tiff(f"day/{i}.tif", frames[i].image[:80, :80], sampling=frames[i].sampling)
    np.save("day/late/series.npy", np.stack([frame.image[:80, :80] for frame in frames[:3]]))
    Path("day/bad.tif").write_bytes(b"II*\0")
    Path("match").mkdir()
    np.save("match/series.npy", np.stack([frame.image for frame in frames[:2]]))
    np.save("match/one.npy", frames[2].image)
    np.save("match/flat.npy", np.ones((200, 200)))
    return Path("day")


@pytest.fixture
def gan(here):
    """A CycleGAN that was not trained."""
    small = {"filters": 2, "depth": 2, "discriminator_filters": 2, "patch_size": 32}
    stemzoo.save(stemzoo.CycleGANSTEM(**small, material="wse2", sampling=0.2062), "gan")
    return "./gan"


def contents(folder):
    """Bytes of all files but those that tell times, by path."""
    paths = [path for path in Path(folder).rglob("*") if path.is_file()]
    told = ("run.json", "summary.csv")
    return {str(p.relative_to(folder)): p.read_bytes() for p in paths if p.name not in told}


def facts(folder):
    """What run.json and summary.csv tell, without times and who did it."""
    record = json.loads(Path(folder, "run.json").read_text())
    images = record["images"]
    table = pd.read_csv(Path(folder, "summary.csv")).drop(columns="seconds")
    kept = [{k: v for k, v in one.items() if k != "seconds"} for one in images.values()]
    return list(images), kept, record["failures"], table.to_csv()


@pytest.mark.slow
def test_workers_write_what_one_process_writes_even_if_one_of_them_is_killed(
    run, day, tiny_folder, gan, here
):
    arguments = ("detect", "day", "--recursive", "--frames", "all", "--weights", tiny_folder)
    options = ("--pixel-size", 20.7, "--threshold", 0.1, "--format", "xyz", "--report")
    alone = run(*arguments, *options, "--out", "alone")
    assert alone.code == 1
    assert len(alone.out.splitlines()) == 7
    translate = ("translate", "day", "--recursive", "--frames", "all", "--weights", gan)
    translate += ("--pixel-size", 20.7)
    match = ("match", "match/*.npy", "--frames", "all", "--pixel-size", 20.7, "--json")
    assert run(*translate, "--out", "translated").code == 1
    flag = here / "died"
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        dashboard_address="127.0.0.1:0",
        preload=[DIES_ONCE.format(flag=str(flag))],
        silence_logs="CRITICAL",
    ) as workers:
        cluster = ("--cluster", workers.scheduler_address)
        shared = run(*arguments, *options, *cluster, "--out", "shared")
        told = facts("shared")
        again = run(*arguments, *options, *cluster, "--out", "shared", "--resume")
        run_again = ("detect", "--again", "shared/run.json", *cluster, "--out", "again")
        repeated = run(*run_again, "--fail-fast")
        translated = run(*translate, *cluster, "--out", "shared_translated")
        matched = run(*match, *cluster)
    assert flag.exists()
    assert (shared.code, shared.err) == (1, alone.err.replace("alone/", "shared/"))
    assert shared.out == alone.out.replace("alone/", "shared/")
    expected = contents("alone")
    report = "report.html"  # tells when it was made
    assert {n for n in expected if n != report} == {n for n in contents("shared") if n != report}
    for name, content in contents("shared").items():
        assert name == report or content == expected[name], name
    assert told == facts("alone")
    assert [line.endswith("csv") for line in again.out.splitlines()] == [True] * 6 + [False]
    assert "done before" in again.out
    assert (repeated.code, repeated.err) == (0, "")
    assert (matched.code, matched.out) == (2, run(*match).out)  # a file is flat
    assert len(json.loads(matched.out)["images"]) == 3
    assert translated.code == 1
    assert len(contents("translated")) == 6
    assert contents("shared_translated") == contents("translated")
    assert contents("again") == {n: c for n, c in expected.items() if n != report}


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="there are no groups of processes")
def test_an_interrupted_cluster_leaves_whole_files_and_goes_on(run, day, tiny_folder):
    """Ctrl-C in a terminal reaches all processes of the call."""
    environment = {**os.environ, "PYTHONPATH": str(Path(stemzoo.__file__).parents[1])}
    command = [sys.executable, "-m", "stemzoo.cli", "detect", "day/late/series.npy"]
    command += ["--frames", "all", "--pixel-size", "20.7", "--weights", str(tiny_folder)]
    options = {"env": environment, "text": True}
    with subprocess.Popen(
        [*command, "--cluster", "local:1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        **options,
    ) as process:
        assert process.stdout.readline().startswith("day/late/series.npy frame 0: ")
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=120)
    assert process.returncode in (0, 130)  # it may have been done
    assert "Traceback" not in said
    if process.returncode:
        assert "whole in detections; the same command with --resume goes on" in said
    for name in contents("detections"):
        assert Path("detections", name).with_suffix(".csv").is_file()
        assert Path("detections", name).with_suffix(".png").is_file()
    done = run(*command[3:], "--resume")
    assert (done.code, done.err) == (0, "")
    assert len(contents("detections")) == 6


@pytest.mark.parametrize("name", ["2", "local:0", "local:two", "file:///etc/passwd"])
def test_a_wrong_cluster_is_one_line(run, day, name):
    done = run("detect", "day", "--cluster", name)
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        f"stemzoo: --cluster is local:N, with N processes, or tcp://HOST:PORT. Received: {name!r}\n"
    )
    assert not Path("detections").exists()


def test_a_scheduler_that_does_not_answer_is_one_line(run, day, tiny_folder):
    import dask

    with dask.config.set({"distributed.comm.timeouts.connect": "200ms"}):
        address = ("--cluster", "tcp://127.0.0.1:9")  # where nobody listens
        done = run("detect", "day/0.tif", "--weights", tiny_folder, *address)
    assert (done.code, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert line.startswith("stemzoo: tcp://127.0.0.1:9: expected the scheduler of a dask cluster.")
    assert line.endswith("Start one with 'dask scheduler', or give --cluster local:2.")
