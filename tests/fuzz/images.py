"""Changed images go through `stemzoo detect`, many in one call, as a microscopist gives them."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from .mutations import mutate
from .verdicts import Done, run, snapshot

TOGETHER = 25
# TensorFlow alone takes 600 MB; what is left is for images of 96 x 96 pixels.
MOST_MEGABYTES = 1500
SECONDS = 180


def attack(
    seeds: Sequence[Path], model: Path, work: Path, *, seed: int, cases: int
) -> Iterator[tuple[str, list[str]]]:
    """Give changed images to `detect`.

    Parameters
    ----------
    seeds : sequence of Path
        Good images.
    model : Path
        Folder of a detector.
    work : Path
        Folder to work in; of each batch that shows a fault, it keeps the images.
    seed : int
        Of the changes: case i is the same, whatever the number of cases.
    cases : int
        Number of changed images.

    Yields
    ------
    tuple of (str, list of str)
        A case (or a batch, as ``images 0 to 24``) and what was wrong with it.
    """
    for first in range(0, cases, TOGETHER):
        last = min(first + TOGETHER, cases)
        folder = work / f"images_{first:04d}"
        folder.mkdir()
        files = [_changed(seeds, folder, seed, case) for case in range(first, last)]
        before = snapshot(folder)
        done = _detect(files, model, folder)
        wrong = done.faults(MOST_MEGABYTES)
        if snapshot(folder, ["detections"]) != before:
            wrong.append("changed or wrote files beside its results")
        fates = {file.name: [] if done.late else _fate(file, done) for file in files}
        # What was said names its file; a call that takes too much or does not end does not.
        if len(files) > 1 and any(not fault.startswith("told the user") for fault in wrong):
            wrong.extend(_which(files, model, folder))
        yield f"images {first} to {last - 1}", wrong
        yield from fates.items()
        if not wrong and not any(fates.values()):
            shutil.rmtree(folder)


def _changed(seeds: Sequence[Path], folder: Path, seed: int, case: int) -> Path:
    rng = np.random.default_rng((seed, 1, case))
    source = seeds[rng.integers(len(seeds))]
    file = folder / f"case{case:04d}{''.join(source.suffixes)}"
    file.write_bytes(mutate(source.read_bytes(), rng))
    return file


def _detect(files: Sequence[Path], model: Path, folder: Path) -> Done:
    names = [file.name for file in files]
    arguments = ["-m", "stemzoo.cli", "detect", *names, "--weights", model]
    return run(arguments, folder, seconds=SECONDS)


def _which(files: Sequence[Path], model: Path, folder: Path) -> Iterator[str]:
    """Give the images of a bad call one by one."""
    for file in files:
        shutil.rmtree(folder / "detections", ignore_errors=True)
        for fault in _detect([file], model, folder).faults(MOST_MEGABYTES):
            yield f"{file.name} by itself: {fault}"


def _fate(file: Path, done: Done) -> list[str]:
    """Each image has both results, or a line of its own and none."""
    stem = file.name.split(".")[0]
    results = {path.suffix for path in (file.parent / "detections").glob(f"{stem}*")}
    lines = [line for line in done.err.splitlines() if file.name in line]
    refused = [line for line in lines if "warning" not in line]
    if results == {".csv", ".png"} and not refused:
        return []
    if not results and refused:
        return []
    return [f"results {sorted(results)}, and the lines {lines}"]
