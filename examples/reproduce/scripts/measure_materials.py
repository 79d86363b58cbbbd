"""Measure the widely trained detectors of all materials on frames that no weights were trained on.

    python scripts/measure_materials.py [fcn-mos2 ...] [--frames 16] [--size 512] [--seed 9000]

Test sets: coarse wide frames, those with what real files have besides, and a day like the paper's
day A (its dose, about 1 Å of resolution) of the material; ``metrics.json`` beside the weights, and
the manifest and card of each, are written anew. Conditions of wide frames differ so much (few or
many electrons, clean or dirty) that two or three of them say little: many small ones are taken.
"""

import argparse
from dataclasses import replace

import stemzoo
from stemzoo import io
from stemzoo.simulate import find_material, find_session, simulate_session
from stemzoo.simulate.named_sessions import SESSIONS
from stemzoo.simulate.sessions import AcquisitionSession
from stemzoo.simulate.training_defects import TRAINING_DEFECTS
from stemzoo.workflows.simulated_scores import score_report, score_set
from stemzoo.zoo.cards.card import write_cards
from stemzoo.zoo.hub import register
from stemzoo.zoo.registry import WeightsEntry, list_weights, manifest_path

# Cells along the beam in which one missing atom is a third of a column.
THIN = 3


def like_day_a(material: str) -> AcquisitionSession:
    """Return the paper's session of a material, or its day A as if it were of the material."""
    crystal = find_material(material)
    session = SESSIONS.get(material, find_session("wse2-dayA"))
    if crystal.column_spacing < 1.6:
        session = find_session("graphene")
    return replace(
        session,
        name=f"{material} as {session.name}",
        material=crystal.name,
        defects=TRAINING_DEFECTS[material],
        thickness=1 if crystal.layered else THIN,
    )


def measure(entry: WeightsEntry, options) -> None:
    """Score a detector on its test sets, print, and write ``metrics.json``."""
    model = stemzoo.load(entry.name)
    sets = []
    wide = [find_session(f"{model.material}-{kind}") for kind in ("randomised", "any")]
    for session in (*wide, like_day_a(model.material)):
        shape = (options.size, options.size)
        frames = list(simulate_session(session, options.frames, shape, seed=options.seed))
        sets.append(score_set(session.name, options.seed, frames, model))
        for name, s in sets[-1]["classes"].items():
            print(f"{entry.name:14} {session.name:26} {name:14} {s['labelled']:5}  {s['f1']:.3f}")
    io.write_json(entry.folder / "metrics.json", score_report(model, sets))
    register(entry.folder, **entry.facts)


def main() -> None:
    """Measure the detectors that are named, or all but the default one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", nargs="*")
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--seed", type=int, default=9000)
    options = parser.parse_args()
    for entry in list_weights(task="detection"):
        if entry.name in options.weights or (
            not options.weights and entry.wide and entry.material != "wse2"
        ):
            measure(entry, options)
    write_cards(manifest_path().parent / "model_cards")


if __name__ == "__main__":
    main()
