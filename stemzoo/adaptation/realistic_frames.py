"""Make labelled frames that look like measured images."""

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice

import numpy as np

from stemzoo.adaptation.appearance import DISPLACEMENT, Appearance, find_appearance
from stemzoo.adaptation.held_out import Agreement, HeldOut, random_patches
from stemzoo.adaptation.measured_domain import measured_domain
from stemzoo.adaptation.scan_errors import ScanErrors
from stemzoo.simulate.dataset import (
    LabelledImage,
    simulate_frame,
    simulate_session,
    to_sampling,
)
from stemzoo.simulate.distributions import Normal
from stemzoo.simulate.domain import domain_session
from stemzoo.simulate.materials import find_material
from stemzoo.simulate.named_sessions import SESSIONS
from stemzoo.simulate.sessions import AcquisitionSession
from stemzoo.translation import translate

log = logging.getLogger(__name__)

# To train on: simulating one takes a sixteenth of a second, translating one a quarter.
_TRANSLATED, _SIMULATED = 24, 48
_RANDOMISED = 2  # one among so many others
_EDGE = 512  # of these [px]
_THREADS = 2  # more need more memory
_COMPARED, _COMPARED_FRAMES = 96, 12  # patches of each kind, and frames they are cut from


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
    the histogram of the images, see `find_appearance`: that needs no training and keeps every
    label, but knows nothing of what is neither filter, noise nor response. Translations are used
    beside them where held-out patches tell that they are clearly nearer; where they are not, their
    labels are not worth the risk.

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
    held = HeldOut.split(images, translator.patch_size)
    appearances = _appearances(translator, held.training)
    translated = _translated(translator, images, seed)
    ways = {}
    if translations or not appearances:
        ways["translated"] = list(islice(translated, _COMPARED_FRAMES))
    if appearances:
        ways["simulated"] = _simulated(
            appearances, translator, _COMPARED_FRAMES, seed, same_hum=True
        )
    agreements = {
        name: held.agreement(_patches(frames, translator.patch_size, seed))
        for name, frames in ways.items()
    }
    kept = _kept(agreements)
    frames = [*ways["translated"], *translated] if "translated" in kept else []
    if "simulated" in kept:
        count = len(frames) or _SIMULATED
        frames += _simulated(appearances, translator, count, seed, same_hum=False)
    wide = SESSIONS.get(f"{translator.material}-randomised")
    if randomised and wide is not None:
        count = len(frames) // _RANDOMISED
        frames += simulate_session(wide, count, (_EDGE, _EDGE), seed=seed + 1)
    return [to_sampling(frame, sampling) for frame in frames], agreements


def _kept(agreements: dict[str, Agreement]) -> list[str]:
    """Name the ways whose frames are trained on."""
    if len(agreements) == 1:
        return list(agreements)
    nearer = agreements["simulated"].is_beaten_by(agreements["translated"])
    return ["translated", "simulated"] if nearer else ["simulated"]


def appearance_agreement(translator, held: HeldOut, seed: int) -> Agreement | None:
    """Tell how near simulations come to images without a network, see `find_appearance`.

    Parameters
    ----------
    translator : CycleGANSTEM
        Of the images' material; gives its pixel size and patches.
    held : HeldOut
        Of the images.
    seed : int
        Names the frames.

    Returns
    -------
    Agreement, or None
        None if no image shows its lattice well.
    """
    appearances = _appearances(translator, held.training)
    if not appearances:
        return None
    frames = _simulated(appearances, translator, _COMPARED_FRAMES, seed, same_hum=True)
    return held.agreement(_patches(frames, translator.patch_size, seed))


def _translated(translator, images, seed: int) -> Iterator[LabelledImage]:
    session, _ = measured_domain(images, translator.material, translator.sampling)
    rng = np.random.default_rng([seed, 1])
    for frame in simulate_session(session, _TRANSLATED, (_EDGE, _EDGE), seed=seed):
        yield replace(frame, image=translate(frame.image, translator, rng=rng))


def _appearances(translator, images) -> list[Appearance]:
    """Describe the images that show their lattice well."""
    material = find_material(translator.material)

    def appearance(image):
        try:
            return find_appearance(image, material, translator.sampling)
        except ValueError as error:
            log.info("appearance not found: %s", error)

    # Sorting and Fourier transforms, most of the time, leave the interpreter free.
    with ThreadPoolExecutor(_THREADS) as pool:
        appearances = [one for one in pool.map(appearance, images) if one is not None]
    # Errors of the scan that were not found would pass for noise and a weaker contrast transfer.
    told = [one for one in appearances if one.errors != ScanErrors()]
    return told if 2 * len(told) > len(appearances) else appearances


def _simulated(appearances, translator, n: int, seed: int, *, same_hum: bool):
    session = domain_session(translator.material, translator.sampling)
    shape = (_EDGE, _EDGE)
    return list(like_measured(appearances, session, n, shape, seed=seed, same_hum=same_hum))


def like_measured(
    appearances: Sequence[Appearance],
    session: AcquisitionSession,
    n: int,
    shape: tuple[int, int],
    *,
    seed: int,
    same_hum: bool = False,
) -> Iterator[LabelledImage]:
    """Simulate labelled frames that look like measured images.

    Parameters
    ----------
    appearances : sequence of Appearance
        Of the measured images.
    session : AcquisitionSession
        Clean, of the material and pixel size; orientations and shifts of lines are those of the
        images.
    n : int
        Number of frames.
    shape : tuple of int
        (rows, columns).
    seed : int
        Names the frames.
    same_hum : bool
        Whether hum is the images' own, not what its source would give other images: six images
        can miss the direction of the next one.

    Yields
    ------
    LabelledImage
    """
    for i in range(n):
        rng = np.random.default_rng([seed, i])
        chosen = appearances[i % len(appearances)]
        shifts = chosen.errors.line_shifts
        shifts = () if shifts is None else (shifts,)
        turned = replace(
            session,
            rotation=Normal(chosen.rotation, 1.0),
            line_shifts=shifts,
            displacement=DISPLACEMENT,
        )
        frame = simulate_frame(turned, shape, rng=rng)
        hum = chosen.errors.hum
        if hum and not same_hum:
            hum = [wave.another(rng, shape[1], chosen.limit) for wave in hum]
        yield replace(frame, image=chosen.apply(frame.image, rng, hum))


def _patches(frames: Sequence[LabelledImage], patch: int, seed: int) -> np.ndarray:
    # In the units of the measured images, all of them: scaled anew, they would be saturated twice.
    images = [frame.image for frame in frames]
    return random_patches(images, patch, _COMPARED, np.random.default_rng([seed, 2]))
