"""Compare ways to fine-tune a CycleGAN on a few images.

    python scripts/compare_adapt_recipes.py OUT.json [--session NAME ...] [--recipe NAME ...]
        [--minutes 2.5] [--images 6] [--draws 1] [--parent WEIGHTS]

Recipes that lost are in results/adapt_recipes.json and in decisions.md, not in the package.

For each session of test_sessions.py and each recipe: how translations agree with frames that were
not adapted to, and what became of labels. Runs that OUT.json holds are not repeated. Nothing else
should run beside it, as each recipe gets the same time, not the same steps.
"""

import argparse
import json
import warnings
from dataclasses import asdict
from pathlib import Path

import numpy as np
from measure_adaptation import ADAPTED, SAMPLING, TEST, agreement
from test_sessions import TEST_SESSIONS

import stemzoo
from stemzoo import io
from stemzoo.adaptation import AdaptRecipe

RECIPES = {
    "plain": AdaptRecipe(frozen="nothing"),
    "lower discriminators frozen": AdaptRecipe(),
    "half the rate": AdaptRecipe(frozen="nothing", learning_rate=1e-4),
}


def measure(session: str, recipe: str, draw: int, options) -> dict:
    """Adapt by one recipe and measure the result."""
    frames = TEST_SESSIONS[session]
    images = [f.image for f in frames.frames(options.images, 1024, ADAPTED + 10 * draw)]
    test = frames.frames(3, 1024, TEST)
    parent = stemzoo.load(options.parent, training=True)
    adapted = stemzoo.fit_adapt(
        parent,
        images,
        minutes=options.minutes,
        sampling=SAMPLING,
        recipe=RECIPES[recipe],
        rng=np.random.default_rng(draw),
    )
    best, last = adapted.adaptation.best, adapted.adaptation.judgements[-1]
    labels = None if best.labels is None else asdict(best.labels)
    return {
        **{"session": session, "recipe": recipe, "draw": draw, "parent": options.parent},
        **{"images": options.images, "minutes": options.minutes, "steps": last.steps},
        "best_after": best.steps,
        "stopped": adapted.adaptation.stopped,
        "labels": labels,
        "before": agreement(parent, images, test),
        "after": agreement(adapted, images, test),
    }


def main() -> None:
    """Measure what is asked for and not yet there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--session", action="append", choices=list(TEST_SESSIONS))
    parser.add_argument("--recipe", action="append", choices=list(RECIPES))
    parser.add_argument("--minutes", type=float, default=2.5)
    parser.add_argument("--images", type=int, default=6)
    parser.add_argument("--draws", type=int, default=1)
    parser.add_argument("--parent", default="cyclegan-wse2-dayAB")
    options = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)
    runs = json.loads(options.out.read_text(encoding="utf-8")) if options.out.is_file() else []
    keys = ("session", "recipe", "draw", "parent", "images", "minutes")
    done = {tuple(run[key] for key in keys) for run in runs}
    for draw in range(options.draws):
        for session in options.session or TEST_SESSIONS:
            for recipe in options.recipe or RECIPES:
                key = (session, recipe, draw, options.parent, options.images, options.minutes)
                if key in done:
                    continue
                runs.append(measure(session, recipe, draw, options))
                print(json.dumps(runs[-1]), flush=True)
                io.write_json(options.out, runs)


if __name__ == "__main__":
    main()
