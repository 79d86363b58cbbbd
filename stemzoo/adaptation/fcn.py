"""Renew a detector on frames that look like the new images."""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from stemzoo.adaptation.detector_scores import find_scorer
from stemzoo.adaptation.experimental import ExperimentalSession
from stemzoo.adaptation.recipes import RenewalRecipe
from stemzoo.adaptation.renewal import (
    RenewalRun,
    does_badly,
    fits_training_frames,
    is_begun,
    judged_class,
    keep_master,
)
from stemzoo.adaptation.run import run_seed
from stemzoo.io import Image
from stemzoo.training.budget import TimeBudget


def renew_detector(
    detector: Any,
    translator: Any | None,
    experimental_images: Sequence[np.ndarray | Image] | ExperimentalSession,
    *,
    rivals: Sequence[Any] = (),
    minutes: float = 2.5,
    sampling: float | None = None,
    recipe: RenewalRecipe | None = None,
    force: bool = False,
    out: Any = None,
    rng: np.random.Generator | None = None,
    callbacks: Sequence[Any] = (),
) -> Any:
    """Train a detector on simulations that look like the new images, if that makes it better.

    Parameters
    ----------
    detector : DefectFCN
        To start from; it is not changed.
    translator : CycleGANSTEM or None
        From `fit_adapt`: makes simulations look like the new images. Without one, their contrast
        transfer, noise and histogram do that alone.
    experimental_images : sequence of ndarray of shape (M, N), or of Image; or ExperimentalSession
        The new images, without labels: detectors are judged on them. Or what was measured on them.
        What the scan did to them is undone first, as `detect` undoes it.
    rivals : sequence of DefectFCN
        Other detectors that may be better.
    minutes : float
        How long it may take in all.
    sampling : float, optional
        Pixel size of the images [Å/px]. Else that of each `Image`; else the translator's, or the
        zoo's.
    recipe : RenewalRecipe, optional
        How to train and to choose.
    force : bool
        Train though a detector masters the images already.
    out : path-like, optional
        Folder for log, loss plot and the state from which a killed run goes on when called again
        with the same arguments.
    rng : numpy.random.Generator, optional
        Source of randomness; unpredictable where not given.
    callbacks : sequence of keras.callbacks.Callback
        More callbacks.

    Returns
    -------
    DefectFCN
        A new model. Its attribute `renewal` is a `Renewal`, which says which detector it is.

    Raises
    ------
    ValueError
        If the images cannot be used, or the detector is for another material or other classes; if
        there is no translator, and no image shows what frames need to look like it; if `out` holds
        another run.

    Warns
    -----
    UserWarning
        If the detectors could not be judged, or the new one is not the best, or nothing was
        trained as a detector masters the images.

    Notes
    -----
    Where the expected F1 that `detect` tells is high (see `stemzoo.adaptation.mastery.masters`),
    nothing is trained. Else detectors are compared by the intensities of the columns, of which a
    network knows nothing: calibrated probabilities would make a new detector its own judge. Another
    one replaces the old one if it mends errors by the lower end of its interval, whether the images
    are like the old one's training frames or not.

    Where they are like them, frames that are randomised over many microscopes are mixed in, so that
    it does not forget them. The old one is judged with intensities by rank, too (see
    `DefectFCN.prepare`). If that surely mends more than a tenth of its estimated errors, as where
    the response of the microscope's detector changed, the new one starts from that. Untrained, it
    is returned only in place of the old ones: the estimate, too, is made of intensities by rank,
    and favours what sees nothing else.

    Examples
    --------
    >>> parent = stemzoo.load("fcn-wse2")  # doctest: +SKIP
    >>> print(renew_detector(parent, adapted, images).renewal)  # doctest: +SKIP
    renewed is best, by the intensities of the columns: estimated F1 fcn-wse2 0.50, renewed 0.89
    """
    budget, recipe = TimeBudget(60 * minutes), recipe or RenewalRecipe()
    material = detector.material if translator is None else translator.material
    label = judged_class((detector, *rivals), material)
    session = ExperimentalSession.of(experimental_images, translator or detector, own=sampling)
    session = session.showing(detector.classes)
    result = None
    if not (force or is_begun(out)):
        result = keep_master((detector, *rivals), session, budget, recipe.limits)
    if result is None and translator is None and not session.appearances:
        raise ValueError(
            "Expected an image with three or more reflections of the lattice above the noise, to "
            f"make frames like it. Received: none of {len(session.images)}. Start from a CycleGAN "
            "(--from, translator=), or take images of more dose"
        )
    seed = run_seed(out, rng, session.given, detector.name)
    if result is None:
        known = (session.images, session.material, label, session.sampling)
        run = RenewalRun(
            detector,
            translator,
            session,
            recipe,
            budget,
            rivals=rivals,
            fits=fits_training_frames(detector, session),
            poor=does_badly(detector, session),
            scorer=find_scorer(*known, minutes, recipe.limits),
            seed=seed,
        )
        result = run.run(out=out, callbacks=callbacks)
        expected = {
            model.name: session.expected(model)[label]
            for model in (detector, *rivals)
            if session.expected(model)
        }
        result = replace(result, report=replace(result.report, expected=expected))
    result.model.renewal = result.report
    if not (result.report.helped and result.report.judged):
        warnings.warn(str(result.report), stacklevel=2)
    return result.model
