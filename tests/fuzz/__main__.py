"""`python -m tests.fuzz --seed 3 --cases 1000`: changed images, model folders and lying Hubs.

Prints each fault and a line of counts at the end; exit code 1 if there was any. Case i of a seed is
always the same. What showed a fault stays in the folder of `--work`.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[1]))

from . import answers, folders, images  # noqa: E402
from .seeds import good_folders, good_images  # noqa: E402


def main() -> int:
    """Run the campaign."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--cases", type=int, default=1000, help="changed images")
    parser.add_argument("--folders", type=int, default=250, help="changed model folders")
    parser.add_argument("--answers", type=int, default=len(answers.LIES), help="lying Hubs")
    parser.add_argument("--work", type=Path, help="folder to work in, kept afterwards")
    asked = parser.parse_args()
    work = asked.work or Path(tempfile.mkdtemp(prefix="stemzoo_fuzz_"))
    (work / "seeds").mkdir(parents=True)
    pictures = good_images(work / "seeds")
    models = good_folders(work / "seeds")
    options = {"seed": asked.seed}
    bad = 0
    for what, found in (
        ("images", images.attack(pictures, models[0], work, cases=asked.cases, **options)),
        ("folders", folders.attack(models, work, cases=asked.folders, **options)),
        ("answers", answers.attack(models[0], work, lies=answers.LIES[: asked.answers])),
    ):
        bad += _tell(what, found)
    print(f"in {work}" if bad else "no faults", flush=True)
    return bool(bad)


def _tell(what: str, found: Iterable[tuple[str, list[str]]]) -> int:
    cases = faults = 0
    for case, wrong in found:
        cases += " to " not in case
        faults += bool(wrong)
        for line in wrong:
            print(f"{case}: {line}", flush=True)
    print(f"{what}: {cases} cases, {faults} with faults", flush=True)
    return faults


if __name__ == "__main__":
    sys.exit(main())
