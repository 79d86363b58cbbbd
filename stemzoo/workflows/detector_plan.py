"""What a detector of a material is trained on, and from."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from stemzoo import io
from stemzoo.adaptation.similar_sessions import sessions_like
from stemzoo.analysis.pixel_size import resolve
from stemzoo.inference.bundled_detectors import bundled_detectors
from stemzoo.simulate.elements import scattering_strength
from stemzoo.simulate.materials import MATERIALS, Material, find_material, own_structure
from stemzoo.simulate.named_sessions import WIDE_SESSIONS
from stemzoo.simulate.sessions import AcquisitionSession
from stemzoo.simulate.wide_sessions import structure_sessions
from stemzoo.workflows.wide_frames import LEAST_FRAMES
from stemzoo.zoo.registry import WeightsEntry

# Frames a minute, as many as two cores simulate in a third of the time; the rest is trained in.
_FRAMES_A_MINUTE, _MOST_FRAMES = 40, 1600
# Columns are told apart down to the distance in pixels that those of WSe2 have in fcn-wse2 [Å].
_COARSEST, _COLUMNS_OF_WSE2, _NEAREST = 0.4148, 1.895, 1.0


@dataclass(frozen=True)
class DetectorPlan:
    """What a detector of a material is trained on, and from.

    Parameters
    ----------
    material : str or Material
        Entry of `MATERIALS`, or a crystal of one's own.
    sessions : tuple of AcquisitionSession
        What frames are drawn from, in equal parts.
    frames : int
        Simulated frames a session, at most.
    sampling : float
        Pixel size of the network [Å/px].
    start : str or None
        Weights to start from.
    """

    material: str | Material
    sessions: tuple[AcquisitionSession, ...]
    frames: int
    sampling: float
    start: str | None


def plan_training(
    material: Material, minutes: float, defects: Mapping[str, float] | None = None
) -> DetectorPlan:
    """Choose what a detector of a material is trained on, and from.

    Parameters
    ----------
    material : Material
        What to find defects in.
    minutes : float
        How long it may take in all.
    defects : mapping of str to float, optional
        Names with probabilities, of a crystal of one's own.

    Returns
    -------
    DetectorPlan

    Raises
    ------
    ValueError
        If no point defects are known for the material, or they are given for one of the table.

    Examples
    --------
    >>> plan_training(find_material("graphene"), 10).sampling
    0.3109
    """
    structure = own_structure(material)
    if structure is None and defects is not None:
        raise ValueError(
            f"Defects are for a structure of your own; those of {material.name} are known. "
            "Received: defects"
        )
    if structure is None and material.name not in WIDE_SESSIONS:
        raise ValueError(
            f"Expected one of the materials whose defects are listed: {', '.join(WIDE_SESSIONS)}. "
            f"Received: {material.name}"
        )
    if structure is None:
        sessions = WIDE_SESSIONS[material.name]
    else:
        sessions = structure_sessions(structure, defects)
    nearest = nearest_detector(material)
    frames = min(max(_FRAMES_A_MINUTE * minutes / len(sessions), LEAST_FRAMES), _MOST_FRAMES / 4)
    # Of a structure, columns may be nearer than a microscope tells apart.
    closer = min(max(material.column_spacing, _NEAREST) / _COLUMNS_OF_WSE2, 1.0)
    return DetectorPlan(
        structure or material.name,
        sessions,
        round(frames),
        round(_COARSEST * closer, 4),
        None if nearest is None else nearest.name,
    )


def nearest_detector(material: Material) -> WeightsEntry | None:
    """Find the detector of the package whose crystal looks most like another one.

    Parameters
    ----------
    material : Material
        The other one.

    Returns
    -------
    WeightsEntry or None
        Of the widely trained ones that with the same symmetry, if there is one, and then the most
        alike contrast of its columns; None if there is no detector at all.

    Examples
    --------
    >>> nearest_detector(find_material("wse2")).name
    'fcn-wse2'
    """
    known = {name: bundled_detectors(name)[:1] for name in MATERIALS}
    entries = [entry for found in known.values() for entry in found if entry.wide]

    def unlike(entry: WeightsEntry) -> tuple[bool, float]:
        other = find_material(entry.material)
        return other.symmetry != material.symmetry, abs(_contrast(other) - _contrast(material))

    return min(entries, key=unlike, default=None)


def narrow_to_image(plan: DetectorPlan, path: Path, own: float | None, seed: int) -> DetectorPlan:
    """Add sessions like an image to those of a plan, twice as many; as many frames in all.

    Parameters
    ----------
    plan : DetectorPlan
        For any microscope.
    path : Path
        A measured image of the material.
    own : float or None
        Its pixel size, if the file lacks it [Å/px].
    seed : int
        Of what is drawn.

    Returns
    -------
    DetectorPlan

    Raises
    ------
    ValueError
        If the image cannot be read, or does not show the material.
    """
    image = io.read_image(path)
    io.check_image(image.data, path)
    sampling = resolve(image.with_sampling(own), plan.material).value
    rng = np.random.default_rng([seed, 2])
    wide = plan.sessions
    similar = sessions_like(image.data, sampling, wide, rng=rng, kept=2 * len(wide))
    each = max(plan.frames * len(wide) // (len(wide) + len(similar)), LEAST_FRAMES)
    return replace(plan, sessions=(*wide, *similar), frames=each)


def _contrast(material: Material) -> float:
    """Logarithm of the ratio of the brightest two columns of the cell, as Z^1.7."""
    # Equivalent columns come several times in a cell.
    strengths = {round(scattering_strength(column), 3) for column in material.columns.values()}
    brightest = sorted(strengths, reverse=True)[:2]
    return float(np.log(brightest[0] / brightest[-1]))
