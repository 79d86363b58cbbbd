"""Labelled frames that look like measured images."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from stemzoo.adaptation.agreement import Agreement, HoldOut, random_patches
from stemzoo.adaptation.appearance import DISPLACEMENT, Appearance, find_appearance
from stemzoo.adaptation.domain import matched_session, with_dopants
from stemzoo.adaptation.run import digest
from stemzoo.analysis.scan_errors import ScanErrors
from stemzoo.analysis.threads import in_threads
from stemzoo.inference.translation import translate
from stemzoo.simulate.dataset import LabelledImage, simulate_frame, simulate_session, to_sampling
from stemzoo.simulate.domain import domain_session
from stemzoo.simulate.materials import find_material
from stemzoo.simulate.named_sessions import SESSIONS
from stemzoo.simulate.sessions import AcquisitionSession, Normal

log = logging.getLogger(__name__)

EDGE = 512  # of simulated frames [px]
# Frames that are compared with measured images, and patches that are cut from them, at most.
COMPARED, _PATCHES = 12, 96

# To train on: simulating one takes a tenth of a second, translating one a quarter.
_TRANSLATED, _SIMULATED = 24, 48
_RANDOMISED = 2  # one among so many others


@dataclass(frozen=True, eq=False)
class FilteredSimulator:
    """What simulations need to look like measured images, and how near that brings them.

    Parameters
    ----------
    appearances : tuple of Appearance
        Of the images that show their lattice well; may be empty.
    agreement : Agreement or None
        Of such simulations with held-out patches; None without appearances.
    session : AcquisitionSession
        Clean simulations of the material and pixel size, with the dopants of the images.
    images : str
        Digest of the images.
    """

    appearances: tuple[Appearance, ...]
    agreement: Agreement | None
    session: AcquisitionSession
    images: str

    @classmethod
    def measure(cls, translator, images: Sequence[np.ndarray], seed: int) -> "FilteredSimulator":
        """Measure what measured images look like.

        Parameters
        ----------
        translator : CycleGANSTEM
            Of the images' material; gives its pixel size and patches.
        images : sequence of ndarray of shape (M, N)
            Measured images at that pixel size.
        seed : int
            Seed of the frames that are compared with them.

        Returns
        -------
        FilteredSimulator
        """
        patch = translator.patch_size
        held = HoldOut.split(images, patch)
        appearances = _appearances(held.training, translator.material, translator.sampling)
        clean = domain_session(translator.material, translator.sampling)
        session = with_dopants(clean, images)
        found = cls(tuple(appearances), None, session, digest(images))
        if not appearances:
            return found
        frames = found.simulate(COMPARED, seed, same_hum=True)
        return replace(found, agreement=held.agreement(compared_patches(frames, patch, seed)))

    def simulate(self, n: int, seed: int, *, same_hum: bool = False) -> list[LabelledImage]:
        """Simulate labelled frames of 512² pixels, see `like_measured`."""
        shape = (EDGE, EDGE)
        return like_measured(self.appearances, self.session, n, shape, seed=seed, same_hum=same_hum)


def likeness_of(translator, images: Sequence[np.ndarray], seed: int) -> FilteredSimulator:
    """Return what `fit_adapt` measured on the same images, else measure it.

    Parameters
    ----------
    translator : CycleGANSTEM
        Perhaps from `fit_adapt`, with its attribute `likeness`.
    images, seed
        As in `FilteredSimulator.measure`.

    Returns
    -------
    FilteredSimulator
    """
    known = getattr(translator, "likeness", None)
    if known is not None and known.images == digest(images):
        return known
    return FilteredSimulator.measure(translator, images, seed)


def compared_patches(frames: Sequence[LabelledImage], patch: int, seed: int) -> np.ndarray:
    """Cut patches to compare with held-out ones.

    Parameters
    ----------
    frames : sequence of LabelledImage
        In the units of the measured images, all of them: scaled anew, they would be saturated
        twice.
    patch : int
        Edge of a patch [px].
    seed : int
        Seed of the frames.

    Returns
    -------
    ndarray of shape (P, patch, patch)
        96 at most.
    """
    images = [frame.image for frame in frames]
    return random_patches(images, patch, _PATCHES, np.random.default_rng([seed, 2]))


def like_measured(
    appearances: Sequence[Appearance],
    session: AcquisitionSession,
    n: int,
    shape: tuple[int, int],
    *,
    seed: int,
    same_hum: bool = False,
) -> list[LabelledImage]:
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
        Seed of the frames.
    same_hum : bool
        Whether hum is the images' own, not what its source would give other images: six images
        can miss the direction of the next one.

    Returns
    -------
    list of LabelledImage
    """

    def frame(i: int) -> LabelledImage:
        rng = np.random.default_rng([seed, i])
        chosen = appearances[i % len(appearances)]
        shifts = chosen.errors.line_shifts
        turned = replace(
            session,
            rotation=Normal(chosen.rotation, 1.0),
            line_shifts=() if shifts is None else (shifts,),
            displacement=DISPLACEMENT,
        )
        clean = simulate_frame(turned, shape, rng=rng)
        hum = chosen.errors.hum
        if hum and not same_hum:
            hum = [wave.redrawn(rng, shape[1], chosen.limit) for wave in hum]
        return replace(clean, image=chosen.apply(clean.image, rng, hum))

    return in_threads(frame, range(n))


def _appearances(images, material: str, sampling: float) -> list[Appearance]:
    """Describe the images that show their lattice well."""
    crystal = find_material(material)

    def appearance(image):
        try:
            return find_appearance(image, crystal, sampling)
        except ValueError as error:
            log.info("appearance not found: %s", error)

    appearances = [one for one in in_threads(appearance, images) if one is not None]
    # Errors of the scan that were not found would pass for noise and a weaker contrast transfer.
    told = [one for one in appearances if one.errors != ScanErrors()]
    return told if 2 * len(told) > len(appearances) else appearances


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
    the histogram of the images, see `FilteredSimulator`: that needs no training and keeps every
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
        Seed of the frames.

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
        held = HoldOut.split(images, translator.patch_size)
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
    if agreements["translated"].clearly_better_than(agreements["simulated"]):
        return ["translated", "simulated"]
    return ["simulated"]


def _translated(translator, images, seed: int) -> Iterator[LabelledImage]:
    session, _ = matched_session(images, translator.material, translator.sampling)
    rng = np.random.default_rng([seed, 1])
    for frame in simulate_session(session, _TRANSLATED, (EDGE, EDGE), seed=seed):
        yield replace(frame, image=translate(frame.image, translator, rng=rng))
