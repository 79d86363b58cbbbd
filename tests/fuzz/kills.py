"""`python -m tests.fuzz.kills --seed 3 --each 15`: commands that are killed, and called again.

Each verb that writes runs once undisturbed. Then, again and again, it is killed (SIGKILL) at a
random moment and called again as it was: its results must be those of the undisturbed run, nothing
of stemzoo's may be left over, and the input must be what it was.
"""

import argparse
import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np  # noqa: E402
from hub_server import HubServer  # noqa: E402

import stemzoo  # noqa: E402

from .verdicts import snapshot  # noqa: E402

REPO = "alice/tiny"
ADAPTING = Path(__file__).with_name("adapting.py")
MANIFEST = Path(__file__).parents[2] / "weights_manifest.json"
COMMAND = ("-m", "stemzoo.cli")
# What tells when, where or how fast, which no two runs share.
TIMES = {"seconds", "created", "date", "duration", "started", "finished", "time", "folder"}
NETWORK = "--filters 2 --depth 1 --epochs 5 --steps 3 --batch 2 --patch 32".split()


@dataclass(frozen=True)
class Verb:
    """A command that writes.

    Parameters
    ----------
    name : str
        What it is called here.
    arguments : tuple of str
        Of Python; ``@`` stands for the folder of inputs.
    results : tuple of str
        Files and folders that it writes, in the folder that it runs in.
    prepare : callable, optional
        Takes the server that stands for the Hub, the folder of inputs and that of the run.
    """

    name: str
    arguments: tuple[str, ...]
    results: tuple[str, ...]
    prepare: Callable[[HubServer, Path, Path], None] | None = None


def _offer(server: HubServer, inputs: Path, folder: Path) -> None:
    server.put(REPO, {path.name: path.read_bytes() for path in (inputs / "tiny").iterdir()})


def _take_manifest(server: HubServer, inputs: Path, folder: Path) -> None:
    shutil.copyfile(MANIFEST, folder / "manifest.json")


VERBS = (
    Verb("simulate", (*COMMAND, *"simulate --session wse2-dayA -n 3 --size 128".split()),
         ("simulated",)),
    Verb("detect", (*COMMAND, *"detect @/scan.tif @/other.tif --weights @/tiny".split()),
         ("detections",)),
    Verb("save", (*COMMAND, *"save fcn-wse2 mine --half".split()), ("mine",)),
    Verb("train", (*COMMAND, *"train fcn --data @/frames --out run --seed 1".split(), *NETWORK),
         ("run",)),
    Verb("adapt", (str(ADAPTING), "run"), ("run",)),
    Verb("download", (*COMMAND, *f"download hf://{REPO} --to here".split()), ("here",), _offer),
    Verb("publish",
         (*COMMAND, *f"publish @/tiny --repo {REPO} --material wse2 --session none".split(),
          *"--licence CC-BY-4.0 --summary Tiny. --manifest manifest.json --yes".split()),
         (), _take_manifest),
)  # fmt: skip


def make_inputs(folder: Path) -> None:
    """Write what the commands read: two images, frames to train on, a model."""
    from .seeds import good_folders, good_images

    folder.mkdir()
    good_folders(folder)
    images = good_images(folder)
    shutil.move(images[0], folder / "scan.tif")
    shutil.move(images[1], folder / "other.tif")
    for image in images[2:]:
        image.unlink()
    arguments = "simulate --session wse2-dayA -n 2 --size 96 --seed 4 --out frames".split()
    subprocess.run([sys.executable, *COMMAND, *arguments], cwd=folder, check=True,
                   env=_environment(None, folder), capture_output=True)  # fmt: skip


def _environment(server: HubServer | None, home: Path) -> dict[str, str]:
    known = {**os.environ, "PYTHONPATH": str(Path(stemzoo.__file__).parents[1])}
    if server is None:
        return known
    hub = {
        "HF_ENDPOINT": server.url,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_OFFLINE": "0",
        "HF_TOKEN": "hf_alice",
        "HF_HOME": str(home / "hf"),
        "STEMZOO_HOME": str(home / "cache"),
        "NO_PROXY": "127.0.0.1,localhost",
    }
    return {**known, **hub}


def _start(verb: Verb, inputs: Path, folder: Path, server: HubServer | None) -> subprocess.Popen:
    arguments = [part.replace("@", str(inputs)) for part in verb.arguments]
    with (folder / "stdout").open("ab") as out, (folder / "stderr").open("ab") as err:
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=folder,
            env=_environment(server, folder / "home"),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
        )


def _end(verb: Verb, folder: Path, server: HubServer | None) -> dict[str, Any]:
    """What a user has at the end, in a form that can be compared."""
    files = {
        name: comparable(name, content)
        for name, content in snapshot(folder, ["home", "manifest.json"]).items()
    }
    if server is not None and REPO in server.repos:
        repo = server.repos[REPO]
        for name, blob in repo.commits[repo.branches["main"]].items():
            files[f"{REPO}/{name}"] = comparable(name, blob.content)
    return files


def comparable(name: str, content: bytes) -> Any:
    """Bring a file to a form that is the same for the same results.

    Parameters
    ----------
    name : str
        Of the file.
    content : bytes
        In it.

    Returns
    -------
    object
        Arrays for HDF5 and .npz files, without times for JSON and CSV files.
    """
    if name.endswith(".h5"):
        return _hdf5(content)
    if name.endswith(".npz"):
        with np.load(io.BytesIO(content)) as arrays:
            return {key: _plain(arrays[key]) for key in sorted(arrays.files)}
    if name.endswith(".json"):
        return _without_times(json.loads(content))
    if name.endswith(("log.csv", "summary.csv")):
        rows = csv.DictReader(content.decode().splitlines())
        return [{key: value for key, value in row.items() if key not in TIMES} for row in rows]
    # A plot of losses over seconds of this run.
    return None if name.endswith("log.png") else content


def _plain(array: np.ndarray) -> Any:
    if array.ndim == 0 and array.dtype.kind == "U":
        try:
            return _without_times(json.loads(str(array)))
        except ValueError:
            return str(array)
    return array.tolist()


def _hdf5(content: bytes) -> dict[str, Any]:
    import h5py

    arrays = {}
    with h5py.File(io.BytesIO(content)) as file:
        file.visititems(
            lambda path, item: (
                arrays.update({path: item[()].tolist()}) if isinstance(item, h5py.Dataset) else None
            )
        )
    return arrays


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_times(v) for key, v in value.items() if key not in TIMES}
    return [_without_times(v) for v in value] if isinstance(value, list) else value


def attack(
    verb: Verb, inputs: Path, work: Path, *, rng: np.random.Generator, kills: int
) -> Iterator[tuple[str, list[str]]]:
    """Kill a command again and again.

    Parameters
    ----------
    verb : Verb
        The command.
    inputs, work : Path
        Folders of inputs, and to work in; that of a fault stays.
    rng : numpy.random.Generator
        Draws the moments.
    kills : int
        How often.

    Yields
    ------
    tuple of (str, list of str)
        A kill and what was wrong after the second call.
    """
    before = snapshot(inputs)
    seconds, expected, wrong = _try(verb, inputs, work / f"{verb.name}_whole", None)
    yield f"{verb.name} undisturbed", wrong
    for number in range(kills):
        # Python and Keras take most of the time, and write nothing.
        moment = seconds * rng.uniform(0.4, 1.0)
        folder = work / f"{verb.name}_{number:03d}"
        _, found, wrong = _try(verb, inputs, folder, moment)
        wrong = wrong + [
            f"{name} differs" for name in sorted({*found, *expected})
            if found.get(name, b"no file") != expected.get(name, b"no file")
        ]  # fmt: skip
        if snapshot(inputs) != before:
            wrong.append("the inputs changed")
        if not wrong:
            shutil.rmtree(folder)
        yield f"{verb.name} killed after {moment:.2f} s of {seconds:.2f}", wrong


def _try(
    verb: Verb, inputs: Path, folder: Path, moment: float | None
) -> tuple[float, dict[str, Any], list[str]]:
    """Run a command, after it was killed once where a moment is given."""
    folder.mkdir()
    with HubServer() if verb.prepare else nullcontext() as server:
        if verb.prepare:
            verb.prepare(server, inputs, folder)
        if moment is not None:
            process = _start(verb, inputs, folder, server)
            try:
                process.wait(moment)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
        begun = time.monotonic()
        code = _start(verb, inputs, folder, server).wait(600)
        seconds = time.monotonic() - begun
        end = _end(verb, folder, server)
    text = (folder / "stderr").read_text(errors="replace")
    wrong = [] if code == 0 else [f"exit code {code}: {text[-400:]}"]
    left = [name for name in end if Path(name).name.startswith(".") and "/" in name]
    left = [name for name in left if not name.endswith(".gitattributes")]
    return seconds, end, wrong + [f"left over: {name}" for name in left]


def main() -> int:
    """Run the campaign."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.kills", description=__doc__)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--each", type=int, default=15, help="kills of each command")
    parser.add_argument("--verbs", nargs="+", default=[verb.name for verb in VERBS])
    parser.add_argument("--work", type=Path, help="folder to work in, kept afterwards")
    asked = parser.parse_args()
    work = asked.work or Path(tempfile.mkdtemp(prefix="stemzoo_kills_"))
    work.mkdir(exist_ok=True)
    make_inputs(work / "inputs")
    bad = 0
    for verb in (verb for verb in VERBS if verb.name in asked.verbs):
        cases = 0
        rng = np.random.default_rng((asked.seed, VERBS.index(verb)))
        for case, wrong in attack(verb, work / "inputs", work, rng=rng, kills=asked.each):
            cases += 1
            bad += bool(wrong)
            for line in wrong:
                print(f"{case}: {line}", flush=True)
        print(f"{verb.name}: {cases - 1} kills", flush=True)
    print(f"{bad} with faults, in {work}" if bad else "no faults", flush=True)
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
