"""Distance of sets of training images from sets of measured ones.

    python scripts/measure_training_sets.py --training SET... --test SET... [--out FILE.json]

A SET is the name of a session (wse2-manual), of several joined by + (wse2-dayA+wse2-dayB), the name
or folder of a CycleGAN, whose translated simulations are meant, or CYCLEGAN@MATERIAL for
translations of the simulations of another material. The paper's Figure 3 and its Supplementary
Table 1 and Figure 4.
"""

import argparse
from pathlib import Path

import numpy as np

import stemzoo
from stemzoo import io
from stemzoo.metrics.distribution import intensity_kl_divergence, kid
from stemzoo.metrics.features import extract_features
from stemzoo.metrics.fid import frechet_result
from stemzoo.simulate import find_session, simulate_session
from stemzoo.simulate.domain import domain_session
from stemzoo.simulate.named_sessions import SESSIONS, choose_session
from stemzoo.zoo.hub import load


def frames_of(name: str, n: int, size: int, seed: int) -> list[np.ndarray]:
    """Images of a set."""
    if name.split("+")[0] in SESSIONS:
        names = name.split("+")
        return [
            frame.image
            for part in names
            for frame in simulate_session(
                find_session(part), n // len(names), (size, size), seed=seed
            )
        ]
    weights, _, material = name.partition("@")
    model = load(weights)
    session = domain_session(model.material, model.sampling, model.rotation)
    if material:
        sampling = choose_session(None, material).draw(np.random.default_rng(seed)).sampling
        session = domain_session(material, sampling)
    rng = np.random.default_rng(seed)
    # Pixels of one material are not those of another: the generator sees them as they are.
    return [
        stemzoo.translate(frame.image, model, rng=rng)
        for frame in simulate_session(session, n, (size, size), seed=seed)
    ]


def compare(training, test, rng) -> dict:
    """Fréchet and kernel distance of features, and divergence of intensities."""
    images, features = zip(training, test, strict=True)
    kernel = kid(
        features[1].values,
        features[0].values,
        measured_images=features[1].images,
        generated_images=features[0].images,
        rng=rng,
    )
    return {
        "frechet": frechet_result(features[1], features[0]).value,
        "kernel": [kernel.value, kernel.low, kernel.high],
        "kl": intensity_kl_divergence(images[1], images[0]),
    }


def main() -> None:
    """Compare every training set with every test set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--training", nargs="+", required=True)
    parser.add_argument("--test", nargs="+", required=True)
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=9000)
    parser.add_argument("--out", type=Path, help="JSON file")
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)

    def described(name, seed):
        images = frames_of(name, options.frames, options.size, seed)
        return images, extract_features(images)

    tests = {name: described(name, options.seed) for name in options.test}
    # The floor: the test set against other frames of the same sessions.
    training = {f"{name} (floor)": described(name, options.seed + 500) for name in options.test}
    training |= {name: described(name, options.seed + 1) for name in options.training}
    rows = []
    for name, found in training.items():
        for test, reference in tests.items():
            row = {"training": Path(name).name, "test": test, **compare(found, reference, rng)}
            rows.append(row)
            print(
                f"{row['training']:30} {test:24} Fréchet {row['frechet']:7.1f}  "
                f"kernel {row['kernel'][0]:6.3f}  KL {row['kl']:.4f}",
                flush=True,
            )
    if options.out:
        facts = {"frames": options.frames, "size": options.size, "seed": options.seed}
        content = {**facts, "extractor": "efficientnet-lite0", "rows": rows}
        io.write_json(options.out, content)


if __name__ == "__main__":
    main()
