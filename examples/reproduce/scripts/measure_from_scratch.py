"""Train CycleGAN and detector from scratch on 40 frames of sessions that are adapted to elsewhere.

    python scripts/measure_from_scratch.py OUT.json SESSION... [--frames 40] [--epochs 80] [--jax]

For comparison with `measure_adaptation.py`: a CycleGAN of the zoo's size between the frames,
without labels, and as many simulations; a detector of 24 epochs on 120 of its translations; its F1
of single Se vacancies on the same three test frames. Patches are rotated, as the zoo's CycleGANs
began; 60 more epochs without took day B from 0.81 to 0.87. About 20 minutes a session on two cores
with AVX-512. `--jax` trains with Keras on JAX, see train_with_jax.py. Sessions that OUT.json holds
are not repeated.
"""

import argparse
import json
import sys
import time
from pathlib import Path

if "--jax" in sys.argv:
    sys.path.append(str(Path(__file__).resolve().parents[2]))
    import train_with_jax  # before Keras
import keras
from measure_adaptation import SAMPLING, TEST, score
from test_sessions import TEST_SESSIONS

from stemzoo import io
from stemzoo.analysis.lattice import find_rotation
from stemzoo.models import CycleGANSTEM, DefectFCN
from stemzoo.simulate.domain import largest_shape, simulate_domain
from stemzoo.training import CycleGANRecipe, FCNRecipe, train_cyclegan, train_fcn
from stemzoo.workflows.datasets import training_set

MATERIAL = "wse2"
FROM_SCRATCH = 3000  # seed of the frames


def train_translator(name: str, options) -> CycleGANSTEM:
    """Train a CycleGAN on frames of a session, without their labels."""
    frames = TEST_SESSIONS[name].frames(options.frames, options.edge, FROM_SCRATCH)
    images = [frame.image for frame in frames]
    known = {"sampling": SAMPLING, "material": MATERIAL}
    known["rotation"] = find_rotation(images[:6], **known)
    shape = largest_shape(images)
    clean = [f.image for f in simulate_domain(**known, shape=shape, n=options.frames)]
    recipe = CycleGANRecipe(
        epochs=options.epochs, steps_per_epoch=options.steps, rotations=True, seed=0
    )
    if options.jax:
        keras.utils.set_random_seed(recipe.seed)
        model = CycleGANSTEM(session=name, **known)
        return train_with_jax.train_on_jax(model, images, clean, recipe)
    return train_cyclegan(images, clean, recipe, session=name, **known)


def train_detector(translator: CycleGANSTEM, options) -> DefectFCN:
    """Train a detector on translated simulations."""
    labelled = training_set(
        (),
        (),
        frames=3 * options.frames,
        size=min(options.edge, 512),
        seed=21,
        translators=[translator],
    )
    return train_fcn(
        labelled.images,
        labelled.masks,
        FCNRecipe(epochs=max(3 * options.epochs // 10, 1), steps_per_epoch=options.steps, seed=21),
        classes=labelled.classes,
        sampling=labelled.sampling,
        material=labelled.material,
    )


def main() -> None:
    """Measure the sessions that are asked for and not yet there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("out", type=Path)
    parser.add_argument("sessions", nargs="+", choices=list(TEST_SESSIONS))
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--edge", type=int, default=1024, help="of a frame (px)")
    parser.add_argument("--epochs", type=int, default=80)
    parser.add_argument("--steps", type=int, default=50, help="an epoch")
    parser.add_argument("--jax", action="store_true", help="Keras on JAX")
    options = parser.parse_args()
    report = json.loads(options.out.read_text(encoding="utf-8")) if options.out.is_file() else {}
    for name in options.sessions:
        if name in report:
            continue
        begun = time.monotonic()
        detector = train_detector(train_translator(name, options), options)
        seconds = time.monotonic() - begun
        report[name] = {
            **{"frames": options.frames, "epochs": options.epochs, "jax": options.jax},
            "seconds": round(seconds, 1),
            **score(detector, TEST_SESSIONS[name].frames(3, 1024, TEST)),
        }
        print(name, report[name], flush=True)
        io.write_json(options.out, report)


if __name__ == "__main__":
    main()
