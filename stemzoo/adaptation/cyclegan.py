"""Fine-tune a pretrained CycleGAN on a handful of new images, in minutes."""

import logging
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stemzoo import io
from stemzoo.adaptation.best_weights import BEST_FILE
from stemzoo.adaptation.experimental import ExperimentalSession
from stemzoo.adaptation.fine_tuning import AdaptationResult, AdaptationRun, successor
from stemzoo.adaptation.judgement import Adaptation, Stopped
from stemzoo.adaptation.recipes import AdaptRecipe
from stemzoo.adaptation.renewal import keep_master
from stemzoo.adaptation.run import run_seed
from stemzoo.training.budget import TimeBudget
from stemzoo.training.folder_lock import folder_lock

log = logging.getLogger(__name__)


def fit_adapt(
    model: Any,
    experimental_images: Sequence[np.ndarray | io.Image] | ExperimentalSession,
    *,
    simulated: Sequence[np.ndarray] | None = None,
    minutes: float = 5.0,
    sampling: float | None = None,
    session: str | None = None,
    recipe: AdaptRecipe | None = None,
    for_detector: Any = False,
    force: bool = False,
    out: Any = None,
    rng: np.random.Generator | None = None,
    report: Callable[[str], None] = log.info,
) -> Any:
    """Fine-tune a pretrained CycleGAN on a handful of new images.

    It simulates the other domain itself, judges itself on parts of the images that it does not
    learn from, and returns the best weights that it has seen: never worse ones than at the start.

    Parameters
    ----------
    model : CycleGANSTEM
        Pretrained, with its discriminators (``load(name, training=True)``); it is not changed.
    experimental_images : sequence of ndarray of shape (M, N), or of Image; or ExperimentalSession
        One to some ten new images of the model's material; no labels. Or what was measured on them.
    simulated : sequence of ndarray of shape (M, N), optional
        Clean simulations at the model's pixel size, instead of its own.
    minutes : float
        How long it may take in all.
    sampling : float, optional
        Pixel size of the images [Å/px]. Else that of each `Image`; else the model's.
    session : str, optional
        What to call the new conditions.
    recipe : AdaptRecipe, optional
        How to train.
    for_detector : bool or DefectFCN
        Whether it is to make training frames for `renew_detector`, or the detector itself: where
        that masters the images already, by the expected F1 that `detect` tells, nothing is trained.
        Where filtered simulations can
        be made, and its translations are not clearly nearer to the images after half of the time,
        or a quarter if nothing tells the simulations from the images, it ends and leaves the rest
        to the detector; it does not begin if less than 45 s are left for it. Where `minutes` are
        fewer than that, it is not even compared with them.
    force : bool
        Train though the detector masters the images.
    out : path-like, optional
        Folder for the log and the state from which a run that was killed goes on when called again
        with the same arguments.
    rng : numpy.random.Generator, optional
        Source of randomness; unpredictable where not given.
    report : callable
        Takes a line of text at each judgement.

    Returns
    -------
    CycleGANSTEM
        A new model; its attribute `adaptation` is an `Adaptation`, which says whether it helped.

    Raises
    ------
    ValueError
        If the images cannot be used (none, blank, too small, of another material), the model has no
        material, `minutes` is not positive, or `out` holds a run on other images, damaged
        files or an adaptation that is going on.
    FloatingPointError
        If a loss is not finite; the last saved state stays.

    Warns
    -----
    UserWarning
        If adapting did not help or was not tried, or images are doubtful.

    Examples
    --------
    >>> model = stemzoo.load("cyclegan-wse2-dayB", training=True)  # doctest: +SKIP
    >>> adapted = stemzoo.fit_adapt(model, images, sampling=0.2)  # doctest: +SKIP
    >>> print(adapted.adaptation)  # doctest: +SKIP
    after 400 steps: power spectrum 0.412 -> 0.081 (rms of log10), ...
    """
    check_parent(model, minutes)
    budget, recipe = TimeBudget(60 * minutes), recipe or AdaptRecipe()
    measured = ExperimentalSession.of(experimental_images, model, own=sampling)
    with folder_lock(out):
        seed = run_seed(out, rng, measured.given, model.name)
        begun = out is not None and (Path(out) / BEST_FILE).is_file()
        mastered = not (force or begun) and _is_mastered(measured, for_detector, budget, recipe)
        rival = measured.filtered_simulator(seed) if for_detector and not mastered else None
        short = budget.seconds < recipe.limits.least_seconds and not begun
        if mastered:
            result = unchanged(model, session, model.rotation, budget, Stopped.MASTERED)
        elif short and rival is not None and rival.appearances:
            result = unchanged(model, session, rival.rotation(), budget)
        else:
            run = AdaptationRun(
                model,
                measured,
                recipe,
                budget,
                out,
                seed=seed,
                name=session,
                simulated=simulated,
                rival=None if rival is None else rival.agreement,
                report=report,
            )
            run.resume()
            result = run.run()
    result.model.adaptation = result.report
    if not result.report.helped:
        warnings.warn(str(result.report), stacklevel=2)
    return result.model


def _is_mastered(
    measured: ExperimentalSession, detector: Any, budget: TimeBudget, recipe: AdaptRecipe
) -> bool:
    if isinstance(detector, bool):
        return False
    return keep_master([detector], measured, budget, recipe.limits) is not None


def unchanged(
    model: Any,
    name: str | None,
    rotation: Sequence[float] | None,
    budget: TimeBudget,
    reason: Stopped = Stopped.SHORT,
) -> AdaptationResult:
    """Return the start weights: the remaining time is kept for the detector, or nobody needs it.

    Parameters
    ----------
    model : CycleGANSTEM
        Pretrained.
    name : str or None
        What to call the new conditions.
    rotation : pair of float, or None
        Mean and standard deviation of the lattices' orientation [degrees].
    budget : TimeBudget
        Time of the run.
    reason : Stopped
        Why.

    Returns
    -------
    AdaptationResult
    """
    report = Adaptation((), budget.used, reason)
    return AdaptationResult(successor(model, name, rotation), report)


def check_parent(model: Any, minutes: float) -> None:
    """See that a model can be adapted, before any time is spent.

    Parameters
    ----------
    model : CycleGANSTEM
        Whatever is to be one.
    minutes : float
        How long it may take.

    Raises
    ------
    ValueError
        If it is another model or its material is not known, or `minutes` is not positive.
    """
    check_minutes(minutes)
    if not getattr(model, "material", None) or not hasattr(model, "sim_to_exp"):
        raise ValueError(
            "Expected a CycleGANSTEM whose material is known; 'stemzoo list' shows those of the "
            f"zoo. Received: {getattr(model, 'name', model)}"
        )


def check_minutes(minutes: float) -> None:
    """Raise a ValueError if that is no time."""
    if not minutes > 0:
        raise ValueError(f"minutes is positive. Received: {minutes}")
