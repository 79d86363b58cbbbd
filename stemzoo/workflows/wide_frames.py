"""Labelled frames of several wide sessions in a given time, some of them as they were recorded."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stemzoo import io
from stemzoo.simulate.labels import LabelledImage
from stemzoo.simulate.materials import Material
from stemzoo.simulate.sessions import AcquisitionSession
from stemzoo.workflows.datasets import TrainingSet, simulated_set

LEAST_FRAMES = 4
# Frames of all sessions together by which the conditions are described.
_DESCRIBED = 60


@dataclass(frozen=True, eq=False)
class WideFrames:
    """Frames to train on.

    Parameters
    ----------
    labelled : TrainingSet
        At the pixel size of the network.
    described : tuple of Image
        Some of them as they were simulated: coarser pixels would hold too little of their noise.
    each : int
        Number of frames a session.
    """

    labelled: TrainingSet
    described: tuple[io.Image, ...]
    each: int


def simulate_wide(
    sessions: Sequence[AcquisitionSession],
    material: str | Material,
    frames: int,
    *,
    sampling: float,
    size: int,
    seed: int,
    seconds: float,
) -> WideFrames:
    """Simulate frames in rounds over sessions, until there are enough or time is over.

    Parameters
    ----------
    sessions : sequence of AcquisitionSession
        Of one material; session j uses the seed ``seed + j``.
    material : str or Material
        Their material.
    frames : int
        Frames a session, at most.
    sampling : float
        Pixel size of the frames [Å/px].
    size : int
        Edge of a frame at 0.2074 Å/px [px].
    seed : int
        Seed of the frames.
    seconds : float
        After so long no round is begun, but for the first four.

    Returns
    -------
    WideFrames
    """
    begun = time.monotonic()
    most = -(-_DESCRIBED // len(sessions))
    described: list[io.Image] = []

    def watch(frame: LabelledImage) -> None:
        if len(described) < most * len(sessions):
            described.append(io.Image(frame.image, frame.sampling))

    sources = [
        simulated_set(session, frames, size, seed + j, sampling, watch=watch)
        for j, session in enumerate(sessions)
    ]
    images: list[np.ndarray] = []
    masks: list[np.ndarray] = []
    classes: tuple[str, ...] = ()
    done = 0
    while done < frames and (time.monotonic() - begun < seconds or done < LEAST_FRAMES):
        for source in sources:
            image, mask, classes = next(source)
            images.append(image)
            masks.append(mask)
        done += 1
    labelled = TrainingSet(tuple(images), tuple(masks), classes, sampling, material)
    return WideFrames(labelled, tuple(described), done)
