"""Keep the best weights of a CycleGAN while it is fine-tuned."""

import json
import math
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
from stemzoo.adaptation.recipes import AdaptRecipe
from stemzoo.io.json_files import Field, parse_json
from stemzoo.io.npz_files import npz_shapes
from stemzoo.training.budget import TimeBudget

BEST_FILE = "adaptation_best.npz"
_NEXT_STEP = "Choose another folder to adapt anew."
_FIELDS = {"judgements": Field(list, low=1, required=True, items=Field(dict))}
_ENTRY = {
    "seconds": Field(float, low=0, required=True),
    "steps": Field(int, low=0, required=True),
    "misfit": Field(float, low=0, required=True),
    "safe": Field(bool, required=True),
    "agreement": Field(dict, required=True, items=Field(float)),
    "labels": Field(dict, type(None), required=True),
}


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
            self.best, self.judgements = read_best(self.folder / BEST_FILE, parent)
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


def read_best(path: Path, parent: Any) -> tuple[list[np.ndarray], list[Judgement]]:
    """Read the best weights of a run that goes on, and what was judged before.

    Parameters
    ----------
    path : Path
        The file.
    parent : CycleGANSTEM
        A model with weights of the same shapes.

    Returns
    -------
    weights : list of ndarray
    judgements : list of Judgement
        At least one.

    Raises
    ------
    ValueError
        If the file is damaged or of another network.
    """
    expected = [np.shape(weights) for weights in parent.get_weights()]
    shapes = npz_shapes(path, "the best weights of an adaptation", _NEXT_STEP)
    try:
        names = [f"w{i}" for i in range(len(expected))]
        if [shapes.get(name) for name in names] != expected or len(shapes) != len(names) + 1:
            raise ValueError("weights of another network")
        with np.load(path, allow_pickle=False) as file:
            best = [file[name] for name in names]
            text = str(file["judgements"]) if "judgements" in shapes else ""
        if not all(w.dtype.kind == "f" and np.isfinite(w).all() for w in best):
            raise ValueError("weights that are not finite")
        # What became of labels is no number where noise hides the vacancies.
        text = text.replace("NaN", "null")
        entries = parse_json(f'{{"judgements": {text}}}', _FIELDS)["judgements"]
        judgements = [_judgement(entry) for entry in entries]
        best_of(judgements)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path}: expected the best weights of an adaptation. Received: a damaged file, or one "
            f"of another run ({error}). {_NEXT_STEP}"
        ) from error
    return best, judgements


def _judgement(entry: dict[str, Any]) -> Judgement:
    """Read a judgement as `dataclasses.asdict` wrote it."""
    entry = parse_json(json.dumps(entry), _ENTRY)
    agreement, labels = Agreement(**entry["agreement"]), entry["labels"]
    if labels is not None:
        figures = [*labels["removed"], *labels["invented"], labels["moved"]]
        a, b, c, d, moved = (math.nan if figure is None else float(figure) for figure in figures)
        labels = LabelCheck((a, b), (c, d), moved)
    return Judgement(**{**entry, "agreement": agreement, "labels": labels})
