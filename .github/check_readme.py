"""Run the commands of the README, made small: check_readme.py [README.md].

Each line of its sh and console blocks runs as it stands, in the order of the page, with options of
`SMALL` behind it, which override those before. A command that `SMALL` does not know, and an entry
that is not on the page, are errors: page and check cannot drift apart. `stemzoo` is the one that is
found on the path; all files lie in a temporary folder.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"
BLOCK = re.compile(r"^```(?:sh|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Run:
    """How a command is run.

    Parameters
    ----------
    options : str
        More options, that make it small.
    leaves : str
        A file that is there afterwards.
    """

    options: str = ""
    leaves: str = ""


@dataclass(frozen=True)
class LeftOut:
    """A command that is not run here, and why."""

    reason: str


BY_CI = LeftOut(".ci/run does it")
LIGHT = LeftOut("tests/test_light_runtime.py does it")
HUB = LeftOut("needs the Hub")
PAGE = LeftOut("serves until it is stopped; tests/app looks at it in a browser")
FRAMES = "-n 3 --size 288"
TRAINING = "--epochs 1 --steps 2 --filters 4"
# By the start of the command; the first that fits.
SMALL: dict[str, Run | LeftOut] = {
    "pip install . && stemzoo detect": BY_CI,
    "pip install '.[test]' && pytest -n 2": BY_CI,
    "python -m venv --without-pip light": LIGHT,
    "pip --python light install": LIGHT,
    "light/bin/stemzoo detect": LIGHT,
    "pip install '.[app]'": BY_CI,
    "stemzoo app": PAGE,
    "stemzoo verify": BY_CI,
    "stemzoo doctor": HUB,
    "stemzoo publish my-day": HUB,
    "stemzoo detect scan1.tif scan2.tif": Run(leaves="results/scan2.csv"),
    "stemzoo detect day --recursive --frames all --out session --resume": Run(
        leaves="session/report.html"
    ),
    "stemzoo detect day --recursive": Run(leaves="session/run.json"),
    "stemzoo detect --again session/run.json": Run(leaves="repeated/summary.csv"),
    "stemzoo detect series.tif": Run(leaves="series/tracks.csv"),
    "stemzoo watch today": Run("--idle 1", "live/summary.csv"),
    "stemzoo align series.tif": Run(leaves="aligned/series_drift.csv"),
    "stemzoo identify scan1.tif": Run(),
    "stemzoo denoise scan1.tif": Run(leaves="denoised/scan1_uncertainty.tif"),
    "stemzoo train denoise": Run(
        f"{TRAINING} --frames 2 --size 256", "graphene-denoiser/model.weights.h5"
    ),
    "stemzoo simulate --scene hole": Run(FRAMES, "holed/wse2-dayB_hole_0_0002_crystal.png"),
    "stemzoo simulate --session wse2-dayB": Run(FRAMES, "frames/wse2-dayB_0_0002.tif"),
    "stemzoo train fcn --data frames": Run(TRAINING, "my-detector/model.weights.h5"),
    "stemzoo train fcn --material nbse2": Run("--minutes 0.1", "nbse2-detector/metrics.json"),
    "stemzoo train fcn --images scans": Run(TRAINING, "own-detector/model.weights.h5"),
    "stemzoo score tests/*.tif": Run(leaves="own-detector/metrics_real.json"),
    "stemzoo detect scan1.tif --weights ./my-detector": Run(leaves="detections/scan1.csv"),
    "stemzoo adapt 'today/*.tif'": Run("--minutes 0.2", "today-weights/detector/config.json"),
    "stemzoo detect scan7.tif --weights today-weights": Run(leaves="detections/scan7.csv"),
    "stemzoo simulate --like": Run(FRAMES, "clean/cyclegan-wse2-dayB-clean_0_0002.tif"),
    "stemzoo translate clean/*.tif": Run(
        leaves="realistic/cyclegan-wse2-dayB-clean_0_0002_sim-to-exp.tif"
    ),
    "stemzoo train fcn --data realistic": Run(TRAINING, "day-detector/model.weights.h5"),
    "stemzoo train cyclegan": Run(f"{TRAINING} --simulated 3", "my-day/training.weights.h5"),
    "stemzoo train fcn --translate ./my-day": Run(
        f"{TRAINING} --frames 2 --size 256", "my-day-detector/model.weights.h5"
    ),
    "stemzoo evaluate": Run("--no-classifier", "evaluation/evaluation.json"),
    "stemzoo list": Run(),
    "stemzoo info": Run(),
    "stemzoo cite": Run(),
    "stemzoo download --all": Run(leaves="weights/fcn-wse2/model.weights.h5"),
}
# The images that the page takes as given: simulated ones.
GIVEN = """
stemzoo simulate --session wse2-dayB -n 6 --size 288 --seed 1 --out day
mkdir today && cp day/wse2-dayB_1_0000.tif day/wse2-dayB_1_0001.tif today
for n in 1 2 7; do cp day/wse2-dayB_1_0002.tif scan$n.tif; done
python -c "import tifffile as t; i = t.imread('scan1.tif')
t.imwrite('series.tif', [i, i, i], shape=(3, *i.shape), dtype=i.dtype, photometric='minisblack')"
mkdir scans marks tests
for n in 3 4; do
  cp day/wse2-dayB_1_000$n.tif scans
  sed s/se_vacancy/V_Se/ day/wse2-dayB_1_000$n.csv > marks/wse2-dayB_1_000$n.csv
done
cp day/wse2-dayB_1_0005.tif tests
sed s/se_vacancy/V_Se/ day/wse2-dayB_1_0005.csv > tests/wse2-dayB_1_0005.csv
"""


def commands(text: str, known: Iterable[str] = tuple(SMALL)) -> list[str]:
    """Return the commands of a page, without comments and printed results.

    Parameters
    ----------
    text : str
        Markdown.
    known : iterable of str
        How each command has to start.

    Returns
    -------
    list of str

    Raises
    ------
    ValueError
        If a command starts otherwise, or a start is not on the page.
    """
    found = []
    for content in BLOCK.findall(text):
        lines = content.replace("\\\n", " ").splitlines()
        if any(line.startswith("$ ") for line in lines):
            lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        found += [re.sub(r"\s+#.*", "", line) for line in lines if line.strip()]
    unknown = [line for line in found if not line.startswith(tuple(known))]
    gone = [start for start in known if not any(line.startswith(start) for line in found)]
    if unknown or gone:
        raise ValueError(
            f"Expected the commands of the page in SMALL of {Path(__file__).name}, and no others. "
            f"Received: {unknown} not in it, {gone} not on the page"
        )
    return found


def shell(command: str, folder: Path) -> None:
    """Run a command; what it prints goes to a file that is shown if it fails.

    Parameters
    ----------
    command : str
        For bash.
    folder : Path
        Where it runs.
    """
    quiet = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    with (folder / "printed.txt").open("w+", encoding="utf-8") as printed:
        given = {"cwd": folder, "env": quiet, "stdout": printed, "stderr": subprocess.STDOUT}
        code = subprocess.run(["bash", "-euo", "pipefail", "-c", command], **given).returncode
        if code:
            printed.seek(0)
            sys.exit(f"{printed.read()}\nREADME.md: exit code {code} of: {command}")


def main(path: Path) -> None:
    """Run all commands of a page."""
    lines = commands(path.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shell(GIVEN, folder)
        for line in lines:
            how = next(how for start, how in SMALL.items() if line.startswith(start))
            if isinstance(how, LeftOut):
                print(f"left out, {how.reason}: {line}")
                continue
            begun = time.monotonic()
            shell(f"{line} {how.options}", folder)
            print(f"{time.monotonic() - begun:5.1f} s  {line} {how.options}", flush=True)
            if not (folder / how.leaves).exists():
                sys.exit(f"README.md: expected {how.leaves} from: {line}. Received: no such file")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else README)
