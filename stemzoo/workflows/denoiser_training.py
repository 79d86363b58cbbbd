"""The training of what takes noise out of images: simulated frames in, a model folder out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stemzoo import io
from stemzoo.analysis.conditions import TrainingConditions
from stemzoo.models.arguments import DenoiserArguments
from stemzoo.preprocessing import ZOO_SAMPLING
from stemzoo.simulate.dataset import simulate_session
from stemzoo.simulate.materials import find_material
from stemzoo.simulate.named_sessions import WIDE_SESSIONS, choose_session, find_session
from stemzoo.simulate.pairs import DenoisingPair, denoising_pair
from stemzoo.simulate.sessions import AcquisitionSession
from stemzoo.workflows.datasets import frame_edge, write_training_data
from stemzoo.workflows.weights import check_folder
from stemzoo.zoo.hub import save

if TYPE_CHECKING:
    from stemzoo.models.denoiser import DenoisingUNet
    from stemzoo.training.recipes import DenoiserRecipe

# Part of the columns whose intensity is drawn anew, so that no kind of column is more likely.
LOOSE = 0.5
# Parts of the frames that show something else beside the crystal, which is to stay what it is.
_SCENES = {"edge": 0.03, "hole": 0.03, "amorphous": 0.05, "bilayer": 0.03, "grains": 0.03}
_DESCRIBED = 60  # frames of which the conditions are described


@dataclass(frozen=True)
class DenoiserOptions:
    """What `stemzoo train denoise` is told: at least one of `sessions` and `material`.

    Parameters
    ----------
    out : Path
        Model folder; a run that was killed goes on in it.
    recipe : DenoiserRecipe
        How to train; its seed is that of the simulated frames, too.
    sessions : tuple of str
        Names of sessions to simulate.
    material : str, optional
        Material of which a named session, and widely randomised conditions, are simulated.
    frames : int
        Simulated frames a session.
    size : int
        Edge of simulated frames at 0.2074 Å/px [px].
    sampling : float, optional
        Pixel size that the network takes [Å/px]; 0.4148 where not given.
    """

    out: Path
    recipe: "DenoiserRecipe"
    sessions: tuple[str, ...] = ()
    material: str | None = None
    frames: int = 80
    size: int = 512
    sampling: float | None = None


def train_denoiser_files(
    options: DenoiserOptions, *, report: Callable[[str], None] = lambda line: None
) -> "DenoisingUNet":
    """Train a denoiser on simulated pairs of frames with and without noise; write its folder.

    Parameters
    ----------
    options : DenoiserOptions
        What to train on, and how.
    report : callable
        Takes a line of text after each epoch, and one about the folder.

    Returns
    -------
    DenoisingUNet

    Raises
    ------
    ValueError, KeyError, OSError
        One clear line about what is wrong with an option or a file.
    """
    check_folder(options.out, [])
    sessions = training_sessions(options.sessions, options.material)
    from stemzoo.training.callbacks import TrainingProgress
    from stemzoo.training.denoiser import train_denoiser
    from stemzoo.training.folder_lock import folder_lock

    options.recipe.check_network()  # before frames are simulated for it
    sampling = options.sampling or DenoiserArguments.sampling
    with folder_lock(options.out):
        pairs, described = _simulated(sessions, options, sampling)
        model = train_denoiser(
            [pair.image for pair in pairs],
            [pair.target for pair in pairs],
            options.recipe,
            sampling=sampling,
            material=str(sessions[0].material),
            out=options.out,
            callbacks=[TrainingProgress(report)],
        )
        _write(model, described, sessions, options)
    report(f"model folder {options.out}: try 'stemzoo denoise IMAGE --weights {options.out}'")
    return model


def training_sessions(names: Sequence[str], material: str | None) -> tuple[AcquisitionSession, ...]:
    """Return the sessions that a denoiser is trained on, with scenes beside perfect crystals.

    Parameters
    ----------
    names : sequence of str
        Named sessions.
    material : str or None
        Its named session, or manual noise if it has none, and its wide sessions, too.

    Returns
    -------
    tuple of AcquisitionSession

    Raises
    ------
    KeyError
        For an unknown name.
    ValueError
        If nothing is named, or materials differ.

    Examples
    --------
    >>> [session.name for session in training_sessions((), "graphene")][:3]
    ['graphene', 'graphene-randomised', 'graphene-randomised-fine']
    """
    sessions = [find_session(name) for name in names]
    if material is not None:
        known = choose_session(None, material)
        sessions += [known, *WIDE_SESSIONS.get(str(known.material), ())]
    materials = sorted({str(session.material) for session in sessions})
    if len(materials) != 1:
        raise ValueError(
            "Name what to train on, of one material: --material NAME, or --session NAME, which may "
            f"be given more than once. Received: {', '.join(materials) or 'none'}"
        )
    return tuple(replace(session, scenes=_SCENES) for session in sessions)


def _simulated(
    sessions: Sequence[AcquisitionSession], options: DenoiserOptions, sampling: float
) -> tuple[list[DenoisingPair], list[io.Image]]:
    """Simulate pairs, and keep some of their frames as they are, to be described."""
    every = max(options.frames * len(sessions) // _DESCRIBED, 1)
    pairs: list[DenoisingPair] = []
    described: list[io.Image] = []
    for j, session in enumerate(sessions):
        seed = options.recipe.seed + j
        step = session.draw(np.random.default_rng(seed)).sampling
        shape = (frame_edge(options.size, step),) * 2
        for frame in simulate_session(session, options.frames, shape, seed=seed, loose=LOOSE):
            if len(pairs) % every == 0:
                described.append(io.Image(frame.image, frame.sampling))
            pairs.append(denoising_pair(frame, sampling))
    return pairs, described


def _write(
    model: "DenoisingUNet",
    described: Sequence[io.Image],
    sessions: Sequence[AcquisitionSession],
    options: DenoiserOptions,
) -> None:
    """Write the weights, and what they were trained on, into the folder of the training."""
    names = [session.name for session in sessions]
    facts = {
        "sampling": model.sampling,
        "session": names,
        "frames": options.frames,
        "size": options.size,
        "loose": LOOSE,
        "scenes": _SCENES,
        "seed": options.recipe.seed,
    }
    write_training_data(options.out, facts)
    try:
        conditions = TrainingConditions.from_frames(
            described[:_DESCRIBED],
            session="+".join(names),
            material=find_material(sessions[0].material).name,
            # Coarser pixels hold too little of the noise to tell conditions apart.
            sampling=min(model.sampling, ZOO_SAMPLING),
        )
    except ValueError:
        conditions = None
    save(model, options.out, conditions=conditions)
