"""Make labelled frames that look like measured images, in the ways that are worth it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np

from stemzoo.adaptation.held_out import Agreement, HeldOut
from stemzoo.adaptation.likeness import COMPARED, EDGE, compared_patches, likeness_of
from stemzoo.adaptation.measured_domain import measured_domain
from stemzoo.analysis.threads import in_threads
from stemzoo.simulate.dataset import LabelledImage, simulate_session, to_sampling
from stemzoo.simulate.named_sessions import SESSIONS
from stemzoo.translation import translate

# To train on: simulating one takes a tenth of a second, translating one a quarter.
_TRANSLATED, _SIMULATED = 24, 48
_RANDOMISED = 2  # one among so many others


def training_frames(
    translator,
    images: Sequence[np.ndarray],
    sampling: float,
    *,
    translations: bool = True,
    randomised: bool = True,
    seed: int,
) -> tuple[list[LabelledImage], dict[str, Agreement]]:
    """Make labelled frames that look like measured images, in two ways.

    One is to translate clean simulations. The other gives them the contrast transfer, the noise and
    the histogram of the images, see `Likeness`: that needs no training and keeps every label, but
    knows nothing of what is neither filter, noise nor response. Translations are used beside them
    where held-out patches tell that they are clearly nearer; where they are not, their labels are
    not worth the risk.

    Parameters
    ----------
    translator : CycleGANSTEM
        Makes simulations look like the images.
    images : sequence of ndarray of shape (M, N)
        Measured images at the pixel size of the translator.
    sampling : float
        Pixel size of the detector [Å/px].
    translations : bool
        Whether to try translations at all, if there is the other way.
    randomised : bool
        Whether some are to be randomised over many microscopes, where the zoo has such a session of
        the material: a detector that is good at them should not forget it.
    seed : int
        Names the frames.

    Returns
    -------
    frames : list of LabelledImage
        At the pixel size of the detector.
    agreements : dict of str to Agreement
        Of each way that was tried.
    """
    likeness = likeness_of(translator, images, seed)
    translated, some = _translated(translator, images, seed), []
    agreements = {}
    if translations or not likeness.appearances:
        some = list(islice(translated, COMPARED))
        held = HeldOut.split(images, translator.patch_size)
        patches = compared_patches(some, translator.patch_size, seed)
        agreements["translated"] = held.agreement(patches)
    if likeness.appearances:
        agreements["simulated"] = likeness.agreement
    kept = _kept(agreements)
    frames = [*some, *translated] if "translated" in kept else []
    if "simulated" in kept:
        frames += likeness.simulate(len(frames) or _SIMULATED, seed)
    wide = SESSIONS.get(f"{translator.material}-randomised")
    if randomised and wide is not None:
        count = len(frames) // _RANDOMISED
        frames += simulate_session(wide, count, (EDGE, EDGE), seed=seed + 1)
    return in_threads(lambda frame: to_sampling(frame, sampling), frames), agreements


def _kept(agreements: dict[str, Agreement]) -> list[str]:
    """Name the ways whose frames are trained on."""
    if len(agreements) == 1:
        return list(agreements)
    if agreements["translated"].beats(agreements["simulated"]):
        return ["translated", "simulated"]
    return ["simulated"]


def _translated(translator, images, seed: int) -> Iterator[LabelledImage]:
    session, _ = measured_domain(images, translator.material, translator.sampling)
    rng = np.random.default_rng([seed, 1])
    for frame in simulate_session(session, _TRANSLATED, (EDGE, EDGE), seed=seed):
        yield replace(frame, image=translate(frame.image, translator, rng=rng))
