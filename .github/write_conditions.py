"""Write the conditions.json of bundled weights, and their manifest entry.

    python .github/write_conditions.py NAME... [--frames 'DIR/*.tif' ...]

Weights that were trained on simulated frames of named sessions: the first 100 of each of these.
Weights that have seen files, or simulations translated by weights that have: the files of --frames,
which must be those of training_data.json.
"""

import argparse
import json
from glob import glob
from pathlib import Path

from stemzoo import io
from stemzoo.analysis.conditions import TrainingConditions
from stemzoo.preprocessing import ZOO_SAMPLING
from stemzoo.workflows.datasets import training_set
from stemzoo.zoo import hub
from stemzoo.zoo.file_names import CONDITIONS, CONFIG, TRAINING_DATA
from stemzoo.zoo.registry import WeightsEntry, find_weights

FRAMES = 100


def read(path: Path) -> dict:
    """Read JSON."""
    return json.loads(path.read_text(encoding="utf-8"))


def conditions_sampling(network: float) -> float:
    """Pixel size [Å/px] at which frames are described: coarser pixels hold too little noise."""
    return ZOO_SAMPLING if network > 1.1 * ZOO_SAMPLING else network


def simulated_frames(data: dict) -> list[io.Image]:
    """Simulate the first training frames of each session again; the seeds are those of training."""
    images = [
        image
        for j, name in enumerate(data["session"])
        for image in training_set(
            [name],
            [],
            frames=FRAMES,
            size=data["size"],
            seed=data["seed"] + j,
            sampling=conditions_sampling(data["sampling"]),
        ).images
    ]
    return [io.Image(image, conditions_sampling(data["sampling"])) for image in images]


def seen_files(data: dict) -> dict[str, str]:
    """Hashes of the measured files that weights, or those that translated for them, have seen."""
    parents = [
        read(find_weights(name).folder / TRAINING_DATA) for name in data.get("translate", [])
    ]
    return {k: v for each in (data, *parents) for k, v in each.get("experimental", {}).items()}


def frames_of(entry: WeightsEntry, patterns: list[str]) -> list[io.Image]:
    """Frames that weights were trained on."""
    data = read(entry.folder / TRAINING_DATA)
    expected = seen_files(data)
    if not expected:
        return simulated_frames(data)
    paths = sorted({Path(path) for pattern in patterns for path in glob(pattern)})
    if {path.name: hub.sha256(path) for path in paths} != expected:
        raise ValueError(
            f"{entry.name}: expected --frames with the {len(expected)} files of {TRAINING_DATA}. "
            f"Received: {len(paths)} files, not the same ones"
        )
    return [io.read_image(path) for path in paths]


def write(name: str, patterns: list[str]) -> str:
    """Write the conditions of a set of weights, enter them, and say what they are."""
    entry = find_weights(name)
    conditions = TrainingConditions.from_frames(
        frames_of(entry, patterns),
        session=entry.session,
        material=entry.material,
        sampling=conditions_sampling(read(entry.folder / CONFIG)["config"]["sampling"]),
    )
    io.write_text(entry.folder / CONDITIONS, conditions.to_json())
    hub.register(entry.folder, **entry.facts)
    return f"{name}: {conditions.frames} frames of {conditions.session}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+", metavar="NAME")
    parser.add_argument("--frames", action="append", default=[], help="pattern of files")
    options = parser.parse_args()
    for name in options.names:
        print(write(name, options.frames))
