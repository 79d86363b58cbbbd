"""Keep the best weights of a CycleGAN while it is fine-tuned."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np

from stemzoo import io
from stemzoo.adaptation.agreement import Agreement
from stemzoo.adaptation.judgement import Adaptation, Judge, Judgement, Stopped, best_of
from stemzoo.adaptation.labels import LabelCheck
from stemzoo.training.budget import TimeBudget
from stemzoo.training.recipes import AdaptRecipe

BEST_FILE = "adaptation_best.npz"


class RestoreBestWeights(keras.callbacks.Callback):
    """Judge a model several times while it is fine-tuned, and keep its best weights.

    Parameters
    ----------
    judge : Judge
        For instance a `TranslationJudge`.
    budget : TimeBudget
        Time of the run.
    recipe : AdaptRecipe
        How often to judge, and when to stop.
    report : callable
        Takes a line of text at each judgement.
    out : path-like, optional
        Folder for the best weights and the judgements.
    rival : Agreement, optional
        Of filtered simulations, which would be used instead of translations.

    Attributes
    ----------
    judgements : list of Judgement
        The first is of the pretrained weights.
    stopped : Stopped
        Why to stop, if there is a reason.
    """

    def __init__(
        self,
        judge: Judge,
        budget: TimeBudget,
        recipe: AdaptRecipe,
        report: Callable[[str], None],
        out: Any = None,
        rival: Agreement | None = None,
    ):
        super().__init__()
        self.judge, self.budget, self.recipe, self.report = judge, budget, recipe, report
        self.folder = None if out is None else Path(out)
        self.rival = rival
        self.judgements: list[Judgement] = []
        self.best: list[np.ndarray] = []
        self.steps, self.stopped = 0, Stopped.NOT_STOPPED

    def start(self, parent: Any, steps: int) -> None:
        """Judge the pretrained weights, or go on from what was judged before.

        Parameters
        ----------
        parent : CycleGANSTEM
            With the pretrained weights.
        steps : int
            Steps that the model has been trained already.
        """
        self.steps = steps
        if self.folder is not None and (self.folder / BEST_FILE).is_file():
            with np.load(self.folder / BEST_FILE, allow_pickle=False) as file:
                self.best = [file[f"w{i}"] for i in range(len(file.files) - 1)]
                entries = json.loads(str(file["judgements"]))
            self.judgements = [_judgement(entry) for entry in entries]
            self.judge.start = self.judgements[0]
        else:
            self.best = parent.get_weights()
            self._judge(parent)
        self.stopped = self._reason_to_stop()

    def on_train_batch_end(self, batch, logs=None):
        """Count the step."""
        self.steps += 1

    def on_epoch_end(self, epoch, logs=None):
        """Judge the model, if it is time, and stop a run that loses its labels or is of no use."""
        since = self.budget.used - self.judgements[-1].seconds
        if since < self.budget.seconds / self.recipe.judgements or self.model.stop_training:
            return
        self._judge(self.model)
        self.stopped = self._reason_to_stop()
        self.model.stop_training |= self.stopped != Stopped.NOT_STOPPED

    def finish(self, model: Any) -> Adaptation:
        """Judge a last time and give the model its best weights.

        Parameters
        ----------
        model : CycleGANSTEM
            As it is after the training.

        Returns
        -------
        Adaptation
        """
        if self.steps > self.judgements[-1].steps:
            self._judge(model)
        model.set_weights(self.best)
        return Adaptation(tuple(self.judgements), self.budget.used, self.stopped)

    def _reason_to_stop(self) -> Stopped:
        if not any(judgement.safe for judgement in self.judgements[-2:]):
            return Stopped.LABELS
        if self.rival is not None and self._is_late(self.rival):
            best = best_of(self.judgements).agreement
            if not best.clearly_better_than(self.rival, self.recipe.limits):
                return Stopped.RIVAL
        return Stopped.NOT_STOPPED

    def _is_late(self, rival: Agreement) -> bool:
        """Whether translations that are not clearly nearer than the rival are waited for no more.

        A run without hope, whose rival nothing tells from the images, is left earlier; one that has
        hardly time to get nearer is not begun.
        """
        limits = self.recipe.limits
        if not self.steps and self.budget.left < limits.least_seconds:
            return True
        patience = limits.patience_at_chance if rival.is_chance(limits) else limits.patience
        return self.budget.used >= patience * self.budget.seconds

    def _judge(self, model) -> None:
        begun = self.budget.used
        self.judgements.append(self.judge(model, begun, self.steps))
        if best_of(self.judgements) is self.judgements[-1]:
            self.best = model.get_weights()
        if self.folder is not None:
            text = json.dumps([asdict(judgement) for judgement in self.judgements])
            arrays: dict[str, Any] = {f"w{i}": weights for i, weights in enumerate(self.best)}
            self.folder.mkdir(parents=True, exist_ok=True)
            with io.atomic_path(self.folder / BEST_FILE) as part, open(part, "wb") as file:
                np.savez(file, judgements=text, **arrays)
        self.report(str(self.judgements[-1]))
        # The last judgement comes after the training.
        self.budget.reserved = self.budget.used - begun


def _judgement(entry: dict[str, Any]) -> Judgement:
    """Read a judgement as `dataclasses.asdict` wrote it."""
    agreement, labels = Agreement(**entry["agreement"]), entry["labels"]
    labels = None if labels is None else LabelCheck(**labels)
    return Judgement(**{**entry, "agreement": agreement, "labels": labels})
