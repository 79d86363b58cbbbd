"""Fit the probabilities of a detector on simulated frames, and enter them into its folder.

    python scripts/calibrate_probabilities.py FOLDER [--session NAME ...] [--frames 160]
        [--least CLASS=INTENSITY ...]

The sessions are those that the detector was trained on where none are named, else the randomised
ones of its material, with other seeds; half of the frames are of wider conditions. About a second
of CPU a frame of 512 x 512 pixels. Of bundled weights, the manifest is written anew, too.
measure_calibration.py tells how good it is, on other sessions.
"""

import argparse
from pathlib import Path

from stemzoo.workflows.calibration import calibrate_folder
from stemzoo.zoo import hub
from stemzoo.zoo.registry import list_weights


def register_bundled(folder: Path) -> bool:
    """Enter a folder of the package's own weights into the manifest again; False for others."""
    for entry in list_weights():
        if entry.bundled and entry.folder.resolve() == folder.resolve():
            hub.register(entry.folder, **entry.facts)
            return True
    return False


def main() -> None:
    """Calibrate a folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="model folder of a detector")
    parser.add_argument("--session", action="append", default=[])
    parser.add_argument("--frames", type=int, default=160)
    parser.add_argument("--least", action="append", default=[], metavar="CLASS=INTENSITY")
    options = parser.parse_args()
    least = {name: float(value) for name, value in (one.split("=") for one in options.least)}
    fitted = calibrate_folder(
        options.folder,
        sessions=options.session,
        frames=options.frames,
        least_intensity=least,
    )
    print(f"{options.folder}: calibrated on {fitted.frames} frames of {', '.join(fitted.sessions)}")
    if register_bundled(options.folder):
        print("manifest written")


if __name__ == "__main__":
    main()
