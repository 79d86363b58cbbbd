"""How fast many images are looked at: by one process, and by one and two workers of a cluster.

    python measure_cluster.py [OUT.json] [--frames 318] [--size 1024] [--threads 1]

The default is the paper's set: 318 frames of 1024² pixels, 4.5 million atoms. Frames of wse2-dayB
are simulated, then looked at by `stemzoo detect` with fcn-wse2 as users type it, in three ways. A
worker has so many threads; starting it, which takes seconds, is measured by calls on a frame a
process, and left out of the rates. What the network itself takes of the processor is measured in a
process of its own: its calls on the same frames, nothing else. Where other programs run, times mean
nothing, and ratios of one run little: a second process gets a second share of the processor. So the
gain that two free cores would give is told by the processor time of an image, too.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from stemzoo import io

WEIGHTS = "fcn-wse2"
# Prints the processor time [s] of the network alone: `python -c NETWORK FOLDER`.
NETWORK = """
import sys, time
from pathlib import Path
import stemzoo
from stemzoo.inference.tiling import predict_tiled
from stemzoo.preprocessing import resample
model = stemzoo.load("fcn-wse2")
images = []
for path in sorted(Path(sys.argv[1]).glob("*.tif")):
    image = stemzoo.read_image(path)
    images.append(model.prepare(resample(image.data, image.sampling, model.sampling)))
predict_tiled(model, images[0])  # compiles
start = time.process_time()
for image in images:
    predict_tiled(model, image)
print(time.process_time() - start)
"""


def simulate(folder: Path, frames: int, size: int) -> None:
    """Write frames of wse2-dayB."""
    from stemzoo.simulate import find_session, simulate_session

    folder.mkdir()
    session = find_session("wse2-dayB")
    for i, frame in enumerate(simulate_session(session, frames, (size, size), seed=11)):
        io.write_tiff(folder / f"{i:04d}.tif", frame.image, sampling=frame.sampling)


def ran(command: list[str], threads: int) -> dict[str, float]:
    """Run a command; return its seconds, those of the processor, and its largest process [GB]."""
    names = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")
    environment = os.environ | dict.fromkeys((*names, "OPENBLAS_NUM_THREADS"), str(threads))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    seconds = time.monotonic() - start
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    found = {"seconds": seconds, "processor_s": processor, "peak_gb": after.ru_maxrss / 1e6}
    return found | ({"network_s": float(done.stdout)} if "-c" in command else {})


def measure(frames: int, size: int, threads: int) -> dict[str, object]:
    """Look at frames in three ways; return what each took, without the start."""
    with tempfile.TemporaryDirectory() as name:
        all_of_them = Path(name, "all")
        simulate(all_of_them, frames, size)
        network = ran([sys.executable, "-c", NETWORK, str(all_of_them)], threads)
        ways = {}
        for way, processes in (("one process", 1), ("local:1", 1), ("local:2", 2)):
            few = sorted(all_of_them.glob("*.tif"))[:processes]
            command = [sys.executable, "-m", "stemzoo.cli", "detect", "--weights", WEIGHTS]
            command += [] if way == "one process" else ["--cluster", way]
            start = ran([*command, *map(str, few), "--out", f"{name}/{way}/few"], threads)
            whole = ran([*command, str(all_of_them), "--out", f"{name}/{way}/all"], threads)
            left = frames - processes
            took = {k: whole[k] - start[k] for k in ("seconds", "processor_s")}
            ways[way] = {
                "images_per_second": round(left / took["seconds"], 4),
                "processor_s_per_image": round(took["processor_s"] / left, 4),
                "start_s": round(start["seconds"], 2),
                "largest_process_gb": round(whole["peak_gb"], 2),
            }
    alone, two = ways["local:1"], ways["local:2"]
    per_image = network["network_s"] / frames
    return {
        "frames": frames,
        "size": size,
        "threads": threads,
        "load": os.getloadavg()[0],
        "cores": os.cpu_count(),
        "weights": WEIGHTS,
        "ways": ways,
        "network_processor_s_per_image": round(per_image, 4),
        "processor_by_network": round(ways["one process"]["processor_s_per_image"] / per_image, 3),
        "two_by_one_on_free_cores": round(
            2 * alone["processor_s_per_image"] / two["processor_s_per_image"], 3
        ),
        "two_by_one": round(two["images_per_second"] / alone["images_per_second"], 3),
        "two_by_one_process": round(
            two["images_per_second"] / ways["one process"]["images_per_second"], 3
        ),
    }


def main() -> None:
    """Measure, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, nargs="?", default=Path("cluster.json"))
    parser.add_argument("--frames", type=int, default=318)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--threads", type=int, default=1, help="of a process")
    options = parser.parse_args()
    found = measure(options.frames, options.size, options.threads)
    print(found)
    io.write_json(options.out, found)


if __name__ == "__main__":
    main()
