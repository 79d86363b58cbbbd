"""Keep the best weights of a CycleGAN while it is fine-tuned."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np

from stemzoo import io
from stemzoo.adaptation.agreement import Agreement
from stemzoo.adaptation.judgement import (
    Adaptation,
    Judgement,
    LabelCheck,
    TranslationJudge,
    best_of,
)
from stemzoo.training.budget import TimeBudget
from stemzoo.training.recipes import AdaptRecipe

BEST_FILE = "adaptation_best.npz"
# Parts of the time after which a run ends whose translations would not be used beside frames made
# in another way: at most, and where there is nothing to tell those from images by.
_PATIENCE, _NO_HOPE = 0.5, 0.25
LEAST_SECONDS = 45.0  # of training, below which it is not begun where there is a better way


class RestoreBestWeights(keras.callbacks.Callback):
    """Judge a model several times while it is fine-tuned, and keep its best weights.

    Parameters
    ----------
    judge : TranslationJudge
        Tells how good it is.
    budget : TimeBudget
        Tells how much time is left.
    recipe : AdaptRecipe
        Tells how often to judge.
    report : callable
        Takes a line of text at each judgement.
    out : path-like, optional
        Folder for the best weights and the judgements.
    rival : Agreement, optional
        Of frames made in another way.
    """

    def __init__(
        self,
        judge: TranslationJudge,
        budget: TimeBudget,
        recipe: AdaptRecipe,
        report,
        out,
        rival: Agreement | None = None,
    ):
        super().__init__()
        self.rival = rival
        self.judge, self.budget, self.recipe, self.report = judge, budget, recipe, report
        self.folder = None if out is None else Path(out)
        self.judgements: list[Judgement] = []
        self.best: list[np.ndarray] = []
        self.steps, self.stopped = 0, "time"
        self._average: list[np.ndarray] = []

    def start(self, model, parent, steps: int) -> None:
        """Judge the pretrained weights, or go on from what was judged before.

        Parameters
        ----------
        model, parent : CycleGANSTEM
            The one that is trained, and the one that it started from.
        steps : int
            Steps that it has been trained already.
        """
        self.steps = steps
        self._average = [] if not self.recipe.ema else _generator_weights(model)
        if self.folder is not None and (self.folder / BEST_FILE).is_file():
            with np.load(self.folder / BEST_FILE, allow_pickle=False) as file:
                self.best = [file[f"w{i}"] for i in range(len(file.files) - 1)]
                self.judgements = [_judgement(one) for one in json.loads(str(file["judgements"]))]
            self.judge.start = self.judgements[0]
        else:
            self.best = parent.get_weights()
            self._judge(parent)
        self._decide()

    def on_train_batch_end(self, batch, logs=None):
        """Count, and average the weights if the recipe says so."""
        self.steps += 1
        if self._average:
            new, keep = _generator_weights(self.model), self.recipe.ema
            self._average = [
                keep * a + (1 - keep) * w for a, w in zip(self._average, new, strict=True)
            ]

    def on_epoch_end(self, epoch, logs=None):
        """Judge the model, if it is time, and stop a run that loses its labels or is of no use."""
        since = self.budget.used - self.judgements[-1].seconds
        if since < self.budget.seconds / self.recipe.judgements or self.model.stop_training:
            return
        self._judge(self.model)
        self._decide()
        self.model.stop_training |= self.stopped != "time"

    def _decide(self) -> None:
        """Set why to stop, if there is a reason."""
        if not any(one.safe for one in self.judgements[-2:]):
            self.stopped = "labels"
        elif self.rival is not None and self._is_late() and not self._is_of_use():
            self.stopped = "rival"

    def _is_late(self) -> bool:
        if not self.steps and self.budget.left < LEAST_SECONDS:
            return True
        patience = _NO_HOPE if self.rival.is_chance else _PATIENCE
        return self.budget.used >= patience * self.budget.seconds

    def _is_of_use(self) -> bool:
        """Whether translations are clearly nearer than frames made in the other way."""
        return best_of(self.judgements).agreement.clearly_better_than(self.rival)

    def finish(self, model) -> Adaptation:
        """Judge a last time and give the model its best weights."""
        if self.steps > self.judgements[-1].steps:
            self._judge(model)
        model.set_weights(self.best)
        return Adaptation(tuple(self.judgements), self.budget.used, self.stopped)

    def _judge(self, model) -> None:
        begun, current = time.monotonic(), _generator_weights(model)
        if self._average and model is self.model:
            _set_generator_weights(model, self._average)
        self.judgements.append(self.judge(model, self.budget.used, self.steps))
        if best_of(self.judgements) is self.judgements[-1]:
            self.best = model.get_weights()
        _set_generator_weights(model, current)
        if self.folder is not None:
            self._save()
        self.report(str(self.judgements[-1]))
        # The last judgement comes after the training.
        self.budget.reserved = time.monotonic() - begun

    def _save(self) -> None:
        text = json.dumps([asdict(one) for one in self.judgements])
        arrays = {f"w{i}": weights for i, weights in enumerate(self.best)}
        self.folder.mkdir(parents=True, exist_ok=True)
        with io.atomic_path(self.folder / BEST_FILE) as temporary, open(temporary, "wb") as file:
            np.savez(file, judgements=text, **arrays)


def _judgement(content: dict) -> Judgement:
    labels = content["labels"]
    return Judgement(
        **{
            **content,
            "agreement": Agreement(**content["agreement"]),
            "labels": None if labels is None else LabelCheck(**labels),
        }
    )


def _generator_weights(model) -> list[np.ndarray]:
    return [array for network in model.generators for array in network.get_weights()]


def _set_generator_weights(model, weights: Sequence[np.ndarray]) -> None:
    weights = list(weights)
    for network in model.generators:
        network.set_weights([weights.pop(0) for _ in network.weights])
