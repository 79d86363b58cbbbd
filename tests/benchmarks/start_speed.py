"""Time of what everybody waits for first, beside the import of Keras, in one run.

Each is done in new processes, in turns; times are the least processor time of several, and their
ratio to ``import keras`` tells machines apart from code.

    python tests/benchmarks/start_speed.py [--repeats 5] [--weights fcn-wse2]
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from stemzoo.io import write_tiff
from stemzoo.simulate import find_session, simulate_session

# As on a user's machine: modules are compiled once, in the first of the turns.
COMPILED = tempfile.TemporaryDirectory()
ENVIRONMENT = {name: os.environ[name] for name in os.environ if name != "PYTHONDONTWRITEBYTECODE"}
ENVIRONMENT["PYTHONPYCACHEPREFIX"] = COMPILED.name
CODE = """
import contextlib, io, time
{before}
begin = time.process_time()
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
{statements}
print(time.process_time() - begin)
"""
# The network alone, with its graphs built.
LOADED = """import stemzoo
from stemzoo.inference.detection import find_classes
from stemzoo.io import read_image
image = read_image({path!r})
model = stemzoo.load({weights!r})
find_classes(image.data, model, image.sampling)"""
NETWORK = "find_classes(image.data, model, image.sampling)"
CLI = "import sys; sys.argv[1:] = {arguments}\nfrom stemzoo.cli import main\nmain()"


def seconds(statements: str, before: str = "") -> float:
    """Run statements in a new process and return the time that they took [s]."""
    indented = "\n".join(f"    {line}" for line in statements.splitlines())
    code = CODE.format(statements=indented, before=before)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=ENVIRONMENT
    )
    return float(done.stdout.split()[-1])


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--weights", default="fcn-wse2")
    given = parser.parse_args()
    folder = tempfile.TemporaryDirectory()
    path = str(Path(folder.name) / "scan.tif")
    frame = next(simulate_session(find_session("wse2-dayB"), 1, (1024, 1024), seed=3))
    write_tiff(path, frame.image, sampling=frame.sampling)
    detect = ["detect", path, "--weights", given.weights, "--out", folder.name]
    load = f"import stemzoo\nstemzoo.load({given.weights!r})"
    cases = {
        "import keras": ("import keras", ""),
        f"load {given.weights}, after import keras": (load, "import keras"),
        "import stemzoo": ("import stemzoo", ""),
        "stemzoo list": (CLI.format(arguments=["list"]), ""),
        "stemzoo --help": (CLI.format(arguments=["--help"]), ""),
        "network on 1024²": (NETWORK, LOADED.format(path=path, weights=given.weights)),
        "stemzoo detect, 1024²": (CLI.format(arguments=detect), ""),
        "stemzoo detect --runtime onnx, 1024²": (
            CLI.format(arguments=[*detect, "--runtime", "onnx"]),
            "",
        ),
    }
    times = {name: [] for name in cases}
    for _ in range(given.repeats):
        for name, (statements, before) in cases.items():
            times[name].append(seconds(statements, before))
    keras = min(times["import keras"])
    for name, found in times.items():
        print(f"{name:45} {min(found):6.2f} s  {min(found) / keras:5.2f} of import keras")
    both = keras + min(times["network on 1024²"])
    ratio = min(times["stemzoo detect, 1024²"]) / both
    print(f"detect is {ratio:.2f} of import keras and the network together")
    COMPILED.cleanup()


if __name__ == "__main__":
    main()
