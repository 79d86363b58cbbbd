"""Labelled simulations that are filtered to look like measured images, without a network."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from stemzoo.adaptation.agreement import Agreement, HoldOut, random_patches
from stemzoo.adaptation.appearance import DISPLACEMENT, Appearance
from stemzoo.analysis.lattice import find_rotation
from stemzoo.preprocessing import rescale
from stemzoo.simulate.dataset import simulate_frame
from stemzoo.simulate.distributions import Normal
from stemzoo.simulate.labels import LabelledImage
from stemzoo.simulate.sessions import AcquisitionSession

FRAME_SIZE = 512  # edge of simulated frames [px]
# Frames that are compared with measured images, and patches that are cut from them, at most.
COMPARED, _PATCHES = 12, 96


@dataclass(frozen=True, eq=False)
class FilteredSimulator:
    """Simulates frames that look like measured images, and says how near they come.

    The images are those that are left when flicker, hum, shifts of lines and the response were
    undone (see `prepare_images`), as `stemzoo.detect` undoes them before a network sees an image:
    what frames had of these beyond that, the network would learn in vain.

    Parameters
    ----------
    appearances : tuple of Appearance
        Of the images that show their lattice well; may be empty.
    session : AcquisitionSession
        Clean simulations of the material and pixel size, with the dopants of the images.
    frame_size : int
        Edge of a frame [px].
    agreement : Agreement or None
        Of its frames with held-out patches; None without appearances.
    """

    appearances: tuple[Appearance, ...]
    session: AcquisitionSession
    frame_size: int = FRAME_SIZE
    agreement: Agreement | None = None

    def compared_with(self, held_out: HoldOut, seed: int) -> "FilteredSimulator":
        """Return the same simulator with the agreement of 12 of its frames.

        Parameters
        ----------
        held_out : HoldOut
            Of the measured images.
        seed : int
            Seed of the frames.

        Returns
        -------
        FilteredSimulator
        """
        if not self.appearances:
            return self
        frames = self.simulate(COMPARED, seed, same_hum=True)
        patches = compared_patches(frames, held_out.patches.shape[-1], seed)
        return replace(self, agreement=held_out.agreement(patches))

    def simulate(self, n: int, seed: int, *, same_hum: bool = False) -> list[LabelledImage]:
        """Simulate labelled frames, see `like_measured`.

        Parameters
        ----------
        n : int
            Number of frames.
        seed : int
            Seed of the frames.
        same_hum : bool
            As in `like_measured`.

        Returns
        -------
        list of LabelledImage
        """
        shape = (self.frame_size, self.frame_size)
        return like_measured(self.appearances, self.session, n, shape, seed=seed, same_hum=same_hum)

    def rotation(self) -> tuple[float, float] | None:
        """Return mean and standard deviation of the lattices' orientation [degrees].

        Returns
        -------
        pair of float, or None
            As `find_rotation`.
        """
        straight = [look.errors.undo(rescale(look.image)) for look in self.appearances]
        sampling = cast(float, self.session.sampling)  # one number in a clean session
        return find_rotation(straight, self.session.material, sampling)


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
            hum = tuple(wave.redrawn(rng, shape[1], chosen.limit) for wave in hum)
        return replace(clean, image=chosen.apply(clean.image, rng, hum))

    # Sorting and Fourier transforms leave the interpreter free for a second frame.
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(frame, range(n)))
