"""Print the CPU time of simulating labelled images, with the cross sections cached.

Run as ``OMP_NUM_THREADS=1 python tests/benchmarks/simulate_speed.py``. Times are `process_time`,
the CPU seconds of all threads of the process: on one core the wall time is no shorter.
"""

import statistics
from time import process_time

import numpy as np

from stemzoo.simulate import Microscope, find_material, incoherent_image
from stemzoo.simulate.crystal import make_specimen
from stemzoo.simulate.dataset import simulate_frame
from stemzoo.simulate.defects import defect_class
from stemzoo.simulate.labels import LABEL_RADIUS, class_mask
from stemzoo.simulate.named_sessions import find_session

SCOPE = Microscope(
    semiangle_cutoff=25.2,
    aberrations={"C10": 7, "C30": 4e3, "C12a": 10, "C21b": 300, "C23a": 250},
    source_size=1.0,
)
DEFECTS = {"se_vacancy": 0.03, "se_divacancy": 0.001, "w_vacancy": 0.0005, "w2_on_se": 0.001}
CLASSES = ("se_vacancy", "se_divacancy", "metal_dark", "bright")


def cpu_seconds(call, repeats=5):
    """Median over some calls, after one that fills the caches."""
    call()
    times = []
    for _ in range(repeats):
        start = process_time()
        call()
        times.append(process_time() - start)
    return statistics.median(times)


def labelled_image(size, sampling, atoms_only=False):
    """Atoms, image, points and class mask of a square field of WSe2."""
    extent = (size * sampling, size * sampling)
    specimen = make_specimen("wse2", extent, rng=np.random.default_rng(0), defects=DEFECTS)
    if atoms_only:
        return specimen
    image = incoherent_image(specimen.atoms, SCOPE, (size, size), sampling)
    points = specimen.positions[:, ::-1] / sampling
    material = find_material("wse2")
    values = [CLASSES.index(defect_class(material, name)) + 1 for name in specimen.defects]
    return image, points, class_mask(points, values, image.shape, LABEL_RADIUS / sampling)


def main():
    """Print the table."""
    sampling = 0.1218  # the pixel at which 1024² px of WSe2 hold 5,000 atoms
    inside = labelled_image(1024, sampling, atoms_only=True).atoms.positions[:, :2]
    count = ((inside >= 0) & (inside < 1024 * sampling)).all(1).sum()
    print(f"1024 x 1024 px of WSe2 at {sampling} Å/px, {count} atoms in the field; CPU seconds")
    specimen = labelled_image(1024, sampling, atoms_only=True)
    parts = {
        "atoms with defects": lambda: labelled_image(1024, sampling, atoms_only=True),
        "image": lambda: incoherent_image(specimen.atoms, SCOPE, (1024, 1024), sampling),
        "atoms, image, points and class mask": lambda: labelled_image(1024, sampling),
    }
    for name, call in parts.items():
        print(f"  {name:<42}{cpu_seconds(call):7.3f}")
    session = find_session("wse2-dayB")
    frame = cpu_seconds(
        lambda: simulate_frame(session, (1024, 1024), rng=np.random.default_rng(0)), 3
    )
    print(f"  {'a recorded frame of wse2-dayB (0.2074 Å/px)':<42}{frame:7.3f}")
    print("Labelled images by size, at 0.2074 Å/px")
    for size in (256, 512, 1024, 2048):
        seconds = cpu_seconds(lambda size=size: labelled_image(size, 0.2074), 3)
        print(f"  {size:>4}² px  {seconds:7.3f} s  {seconds / size**2 * 1e6:6.3f} µs per pixel")


if __name__ == "__main__":
    main()
