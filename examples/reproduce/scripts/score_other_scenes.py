"""Count what a WSe2 detector finds where it should find little: other materials and scenes.

    python scripts/score_other_scenes.py DATA [--weights fcn-wse2] [--out DIR]

DATA is a folder of real images of other materials (mos2/, graphene/, srtio3/, formats/); files that
are not there, or need the extra 'stemzoo[formats]', are skipped and named. A photograph and noise
are shown to the network as if they had the pixel size of WSe2 images.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

import stemzoo
from stemzoo import io
from stemzoo.plotting import plot_detections

# Projected columns per Å² of each material (WSe2 for scenes without atoms).
DENSITY = {"mos2": 0.231, "ws2": 0.232, "graphene": 0.382, "srtio3": 0.262, "wse2": 0.214}
# File below DATA, its pixel size [Å/px] where the file does not state it, material.
FILES = (
    ("mos2/MoS2_stem_Exp-000-2.npy", 0.176, "mos2"),
    ("formats/ws2_velox.emd", None, "ws2"),
    ("formats/se_implanted_mos2.dm3", None, "mos2"),
    ("graphene/G-Si-2nm.hdf5", 0.074, "graphene"),
    ("graphene/G-GrainBoundary-6nm.hdf5", 0.118, "graphene"),
    ("srtio3/16_STOimage_1.ser", None, "srtio3"),
    ("formats/Acquisition_18.emd", None, "srtio3"),
    ("paper_patches/graphene_gr3.png", 0.144, "graphene"),
)


def read(path: Path) -> np.ndarray | io.Image:
    """Read an image; of an HDF5 file, its largest 2-D data set."""
    if path.suffix != ".hdf5":
        return io.read_image(path)
    import h5py

    found = []
    with h5py.File(path) as file:
        file.visititems(
            lambda _, item: (
                found.append(item[()])
                if isinstance(item, h5py.Dataset) and item.ndim == 2 and min(item.shape) >= 64
                else None
            )
        )
    return io.Image(max(found, key=np.size))


def scenes(data: Path):
    """Yield name, image, pixel size and material."""
    for name, sampling, material in FILES:
        try:
            image = read(data / name)
        except (ValueError, OSError) as error:
            print(f"skipped: {error}", file=sys.stderr)
            continue
        yield name, image, sampling or image.sampling, material
    from skimage import data as pictures

    yield "photograph (camera)", io.Image(pictures.camera()), 0.2074, "wse2"
    yield "photograph (coins)", io.Image(pictures.coins()), 0.2074, "wse2"
    noise = np.random.default_rng(0).poisson(30, (512, 512)).astype(float)
    yield "counting noise", io.Image(noise), 0.2074, "wse2"


def main() -> None:
    """Count the detections in every scene."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", default="fcn-wse2")
    parser.add_argument("--out", type=Path, help="folder for overlays")
    options = parser.parse_args()
    model = stemzoo.load(options.weights)
    model.material = None  # the lattice is another one, or there is none
    print("scene                               columns  detections  per 1,000  by class")
    for name, image, sampling, material in scenes(options.data):
        found = stemzoo.detect(image, model, sampling=sampling)
        columns = image.data.size * sampling**2 * DENSITY[material]
        print(
            f"{name:34} {columns:8.0f}  {len(found):10}  {1000 * len(found) / columns:9.1f}  "
            f"{found.counts()}"
        )
        if options.out:
            options.out.mkdir(parents=True, exist_ok=True)
            plot_detections(image.data, found, options.out / f"{Path(name).stem}.png")


if __name__ == "__main__":
    main()
