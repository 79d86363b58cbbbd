"""Changed model folders are loaded, and used where they load."""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from .mutations import mutate
from .verdicts import NOT_FOR_USERS, run, snapshot

TOGETHER = 25
MOST_MEGABYTES = 1500
SECONDS = 300
LOADING = Path(__file__).with_name("loading.py")


def attack(
    seeds: Sequence[Path], work: Path, *, seed: int, cases: int
) -> Iterator[tuple[str, list[str]]]:
    """Load changed folders.

    Parameters
    ----------
    seeds : sequence of Path
        Good model folders.
    work : Path
        Folder to work in; folders that show a fault stay.
    seed : int
        Of the changes.
    cases : int
        Number of changed folders.

    Yields
    ------
    tuple of (str, list of str)
        A case (or a batch) and what was wrong with it.
    """
    for first in range(0, cases, TOGETHER):
        numbers = range(first, min(first + TOGETHER, cases))
        root = work / f"folders_{first:04d}"
        root.mkdir()
        changes = {number: _changed(seeds, root, seed, number) for number in numbers}
        before = snapshot(root)
        names = [f"case{number:04d}" for number in numbers]
        done = run([LOADING, *names], root, seconds=SECONDS)
        wrong = [fault for fault in done.faults(MOST_MEGABYTES) if "error output" not in fault]
        if snapshot(root) != before:
            wrong.append("changed files of the folders")
        said = {line["folder"]: line for line in map(json.loads, done.out.splitlines())}
        yield f"folders {first} to {numbers[-1]}", wrong
        bad = bool(wrong)
        for number, name in zip(numbers, names, strict=True):
            lost = _judge(name, said.get(name))
            bad = bad or bool(lost)
            yield f"{name} ({changes[number]})", lost
        if not bad:
            shutil.rmtree(root)


def _judge(name: str, said: dict | None) -> list[str]:
    if said is None:
        return ["nothing came of it"]
    if "fault" in said:
        return [said["fault"][:300]]
    if "refused" in said:
        text = said["refused"]
        found = [] if name in text else [f"the error does not name the folder: {text[:300]}"]
        return found + ([f"told the user: {text[:300]}"] if NOT_FOR_USERS.search(text) else [])
    return [] if said["finite"] else ["loaded, and what it gives is not finite"]


def _changed(seeds: Sequence[Path], root: Path, seed: int, case: int) -> str:
    """Copy a folder and change one of its files; say how."""
    rng = np.random.default_rng((seed, 2, case))
    folder = root / f"case{case:04d}"
    shutil.copytree(seeds[rng.integers(len(seeds))], folder)
    files = sorted(folder.iterdir())
    file = files[rng.integers(len(files))]
    kind = rng.choice(
        ["changed", "removed", "emptied", "a folder", "a loop", "another's"],
        p=[0.75, 0.05, 0.05, 0.05, 0.05, 0.05],
    )
    if kind == "changed":
        file.write_bytes(mutate(file.read_bytes(), rng))
    elif kind == "emptied":
        file.write_bytes(b"")
    elif kind == "another's":
        shutil.copyfile(files[rng.integers(len(files))], root / "other")
        os.replace(root / "other", file)
    else:
        file.unlink()
        if kind == "a folder":
            file.mkdir()
        elif kind == "a loop":
            file.symlink_to(file.name)
    return f"{file.name} {kind}"
