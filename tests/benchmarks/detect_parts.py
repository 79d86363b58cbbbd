"""Where the processor time of `detect` goes: each part beside the network's own, in one run.

Times are the least processor time of several calls, with graphs built. Parts that are
called by another part are indented and counted in it, too.

    export OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1
    python tests/benchmarks/detect_parts.py [IMAGE...] [--weights fcn-wse2] [--repeats 5]
"""

import argparse
import contextlib
import importlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import stemzoo
from stemzoo.inference.detection import find_defects
from stemzoo.io import Image, read_image
from stemzoo.simulate import find_session, simulate_session

# Where a part is called, its name there, and how to print it.
PARTS = {
    "stemzoo.inference.detection:identify_middle": "identify",
    "stemzoo.analysis.identification:find_valid_pixels": "  valid pixels",
    "stemzoo.analysis.identification:_any_lattice": "  lattice",
    "stemzoo.analysis.identification:crystal_mask": "  mask",
    "stemzoo.analysis.identification:find_arrangement": "  second lattice",
    "stemzoo.analysis.identification:find_sublattices": "  sublattices",
    "stemzoo.analysis.identification:find_dark_columns": "  half-empty columns",
    "stemzoo.inference.detection:find_crystal": "find the crystal",
    "stemzoo.inference.seen_crystal:resolve": "  pixel size",
    "stemzoo.inference.seen_crystal:find_grains": "  grains",
    "stemzoo.inference.detection:undo_scan": "undo the scan",
    "stemzoo.inference.detection:find_classes": "defects",
    "stemzoo.inference.detection:resample": "  resampling",
    "stemzoo.inference.detection:predict_tiled": "  network",
    "stemzoo.inference.detection:find_points": "  points",
    "stemzoo.inference.detection:report_by_probability": "probabilities",
    "stemzoo.inference.second_witness:_measured": "  column fits",
    "stemzoo.inference.second_witness:spread_around": "    scatter around columns",
    "stemzoo.inference.crystal_fit:column_width": "    width of columns",
    "stemzoo.inference.crystal_fit:fit_in_tiles": "    fit in tiles",
    "stemzoo.inference.crystal_fit:column_contrast": "    contrast",
    "stemzoo.inference.seen_crystal:sites_in_blocks": "  ideal sites",
    "stemzoo.inference.detection:match_model": "match with training frames",
}
NETWORK = "  network"


@contextlib.contextmanager
def timed_parts(spent: dict[str, float]) -> Iterator[None]:
    """Add the processor time of each part [s] to what is spent, by its printed name."""

    def timed(label: str, function: Callable) -> Callable:
        def call(*given, **named):
            begin = time.process_time()
            try:
                return function(*given, **named)
            finally:
                spent[label] += time.process_time() - begin

        return call

    with contextlib.ExitStack() as stack:
        for place, label in PARTS.items():
            module, attribute = place.split(":")
            function = getattr(importlib.import_module(module), attribute)
            stack.enter_context(mock.patch(place.replace(":", "."), timed(label, function)))
        yield


def least_times(image: Image, model, repeats: int) -> dict[str, float]:
    """Shortest processor time of each part, and of the whole, of several calls [s]."""
    find_defects(image, model)  # builds graphs, and what is kept for the next image
    found: dict[str, list[float]] = defaultdict(list)
    for _ in range(repeats):
        spent: dict[str, float] = defaultdict(float)
        begin = time.process_time()
        find_defects(image, model)
        found["whole"].append(time.process_time() - begin)
        with timed_parts(spent):
            find_defects(image, model)
        for label in PARTS.values():
            found[label].append(spent[label])
    return {label: min(times) for label, times in found.items()}


def main() -> None:
    """Print a table for each image."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", nargs="*", type=Path)
    parser.add_argument("--weights", default="fcn-wse2")
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    model = stemzoo.load(given.weights)
    images = {str(path): read_image(path) for path in given.images}
    for edge in () if images else (512, 1024):
        frame = next(simulate_session(find_session("wse2-dayB"), 1, (edge, edge), seed=3))
        images[f"wse2-dayB, {edge}²"] = Image(frame.image, frame.sampling)
    for name, image in images.items():
        times = least_times(image, model, given.repeats)
        print(name)
        for label, seconds in times.items():
            print(f"{label:30} {seconds:6.3f} s  {seconds / times[NETWORK]:5.2f} of the network")


if __name__ == "__main__":
    main()
