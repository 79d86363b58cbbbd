"""Labelled frames to train a detector on, which look like measured images."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np

from stemzoo.adaptation.agreement import Agreement
from stemzoo.adaptation.experimental import ExperimentalSession
from stemzoo.adaptation.filtered_simulator import COMPARED, compared_patches
from stemzoo.inference.translation import translate
from stemzoo.simulate.dataset import simulate_session
from stemzoo.simulate.labels import LabelledImage, relabelled, to_sampling
from stemzoo.simulate.named_sessions import SESSIONS
from stemzoo.training.recipes import LIMITS, JudgementLimits, RenewalRecipe


def training_frames(
    translator: Any | None,
    session: ExperimentalSession,
    sampling: float,
    recipe: RenewalRecipe | None = None,
    *,
    classes: Sequence[str] | None = None,
    translations: bool = True,
    randomised: bool = True,
    seed: int,
) -> tuple[list[LabelledImage], dict[str, Agreement]]:
    """Make labelled frames that look like measured images, in two ways.

    One is to translate clean simulations. The other gives them the contrast transfer, the noise and
    the histogram of the images, see `FilteredSimulator`: that needs no training and keeps every
    label, but knows nothing of what is neither filter, noise nor response. Translations are used
    beside them where held-out patches tell that they are clearly nearer; where they are not, their
    labels are not worth the risk.

    Parameters
    ----------
    translator : CycleGANSTEM or None
        Makes simulations look like the images; None for the other way alone.
    session : ExperimentalSession
        The images.
    sampling : float
        Pixel size of the detector [Å/px].
    recipe : RenewalRecipe, optional
        Number and size of the frames.
    classes : sequence of str, optional
        Classes of the detector, in its order; those of the frames where not given. Others are
        background to it.
    translations : bool
        Whether to try translations at all, if there is the other way.
    randomised : bool
        Whether some are to be randomised over many microscopes, where the zoo has such a session of
        the material: a detector that is good at them should not forget it.
    seed : int
        Seed of the frames.

    Returns
    -------
    frames : list of LabelledImage
        At the pixel size of the detector.
    agreements : dict of str to Agreement
        Of each way that was tried.
    """
    recipe = recipe or RenewalRecipe()
    simulator = session.filtered_simulator(seed)
    size, agreements, frames = (recipe.frame_size,) * 2, {}, []
    if translator is not None and (translations or not simulator.appearances):
        clean = simulate_session(session.clean_session(), recipe.translated, size, seed=seed)
        rng = np.random.default_rng([seed, 1])
        frames = _translated(islice(clean, COMPARED), translator, rng)
        patches = compared_patches(frames, session.patch, seed)
        agreements["translated"] = session.held_out.agreement(patches)
    if simulator.agreement is not None:
        agreements["simulated"] = simulator.agreement
    ways = ways_to_use(agreements, recipe.limits)
    # The rest is simulated and translated only if it is to be used.
    frames = frames + _translated(clean, translator, rng) if "translated" in ways else []
    if "simulated" in ways:
        frames += simulator.simulate(len(frames) or recipe.simulated, seed)
    wide = SESSIONS.get(f"{session.material}-randomised")
    if randomised and wide is not None:
        frames += simulate_session(wide, len(frames) // recipe.randomised, size, seed=seed + 1)

    def finished(frame: LabelledImage) -> LabelledImage:
        scaled = to_sampling(frame, sampling)
        return scaled if classes is None else relabelled(scaled, classes)

    # Sorting and Fourier transforms leave the interpreter free for a second frame.
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(finished, frames)), agreements


def _translated(frames, translator, rng: np.random.Generator) -> list[LabelledImage]:
    return [replace(frame, image=translate(frame.image, translator, rng=rng)) for frame in frames]


def ways_to_use(
    agreements: Mapping[str, Agreement], limits: JudgementLimits = LIMITS
) -> tuple[str, ...]:
    """Choose the ways of making frames that a detector is trained on.

    Parameters
    ----------
    agreements : mapping of str to Agreement
        Of ``"translated"`` and ``"simulated"`` frames, or of one of them.
    limits : JudgementLimits, optional
        How much nearer translations must be.

    Returns
    -------
    tuple of str
    """
    if len(agreements) == 1:
        return tuple(agreements)
    if agreements["translated"].clearly_better_than(agreements["simulated"], limits):
        return ("translated", "simulated")
    return ("simulated",)
