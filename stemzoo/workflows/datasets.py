"""Labelled frames, simulated now or read from folders: what detectors are trained on."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stemzoo import __version__, io
from stemzoo.analysis.resampling import resample_image
from stemzoo.inference.translation import translate
from stemzoo.preprocessing import ZOO_SAMPLING
from stemzoo.simulate.dataset import simulate_session
from stemzoo.simulate.defects import EDGE
from stemzoo.simulate.domain import domain_session
from stemzoo.simulate.labels import (
    LABEL_RADIUS,
    LabelledImage,
    class_mask,
    relabelled,
    session_classes,
    to_sampling,
)
from stemzoo.simulate.material_files import read_material
from stemzoo.simulate.materials import Material
from stemzoo.simulate.named_sessions import find_session
from stemzoo.simulate.sessions import AcquisitionSession
from stemzoo.workflows.frames import frame_tables, read_frame
from stemzoo.zoo.file_names import STRUCTURE, TRAINING_DATA
from stemzoo.zoo.hub import sha256

if TYPE_CHECKING:
    from stemzoo.models.cyclegan import CycleGANSTEM

# Of pixel sizes: frames that differ by less keep theirs, which changes no noise.
_ALIKE = 0.15
_NO_LABELS = "no table NAME.csv of labels with its image NAME.tif"


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Labelled images of one pixel size.

    Parameters
    ----------
    images, masks : tuple of ndarray of shape (M, N)
        Images and class masks.
    classes : tuple of str
        Class names.
    sampling : float
        Pixel size [Å/px].
    material : str or Material
        Entry of `MATERIALS`, or a crystal of one's own.
    """

    images: tuple[np.ndarray, ...]
    masks: tuple[np.ndarray, ...]
    classes: tuple[str, ...]
    sampling: float
    material: str | Material


def training_set(
    sessions: Sequence[str | AcquisitionSession],
    folders: Sequence[Path],
    *,
    frames: int,
    size: int,
    seed: int,
    translators: Sequence["CycleGANSTEM"] = (),
    sampling: float = ZOO_SAMPLING,
) -> TrainingSet:
    """Simulate labelled frames, or read those that `stemzoo simulate` wrote.

    Parameters
    ----------
    sessions : sequence of str or AcquisitionSession
        Sessions to simulate, or their names; session j uses the seed ``seed + j``.
    folders : sequence of Path
        Folders of frames.
    frames : int
        Simulated frames a session.
    size : int
        Edge of simulated frames at 0.2074 Å/px [px].
    seed : int
        Seed of the simulated frames.
    translators : sequence of CycleGANSTEM
        Each translates clean frames of its material and orientation, simulated like those of
        `sessions`.
    sampling : float
        Pixel size of the set [Å/px].

    Returns
    -------
    TrainingSet

    Raises
    ------
    ValueError
        If nothing is named, or materials or classes differ.
    """
    sources: list[tuple[AcquisitionSession, CycleGANSTEM | None]]
    sources = [(find_session(s) if isinstance(s, str) else s, None) for s in sessions]
    for translator in translators:
        if translator.material is None:
            raise ValueError(
                f"{translator.name}: expected a CycleGAN that states its material, to simulate "
                "frames of. Received: none. Train it with --material."
            )
        domain = domain_session(translator.material, translator.sampling, translator.rotation)
        sources.append((domain, translator))
    _check_alike({(_learnt(session_classes(one)), one.material) for one, _ in sources})
    parts = []
    for j, (session, through) in enumerate(sources):
        made = simulated_set(session, frames, size, seed + j, sampling, through)
        images, masks, classes = zip(*made, strict=True)
        parts.append(TrainingSet(images, masks, classes[-1], sampling, session.material))
    parts += [_read_folder(folder, sampling) for folder in folders]
    if not parts:
        raise ValueError(
            "Name what to train on: --session NAME (simulated now), --translate WEIGHTS (simulated "
            "and translated now) or --data FOLDER (written by 'stemzoo simulate'). Received: none"
        )
    _check_alike({(part.classes, part.material) for part in parts})
    return TrainingSet(
        tuple(image for part in parts for image in part.images),
        tuple(mask for part in parts for mask in part.masks),
        parts[0].classes,
        parts[0].sampling,
        parts[0].material,
    )


def _learnt(classes: Sequence[str]) -> tuple[str, ...]:
    """Leave out columns at an edge: `stemzoo.detect` finds them by where the crystal ends."""
    return tuple(name for name in classes if name != EDGE)


def _check_alike(facts: set[tuple[tuple[str, ...], str | Material]]) -> None:
    if len(facts) > 1:
        raise ValueError(
            "All training images must share material and classes. Received: "
            f"{sorted((classes, str(material)) for classes, material in facts)}"
        )


def hash_frames(folder: Path) -> dict[str, str]:
    """Return the sha256 of the images that a training on a folder reads.

    Parameters
    ----------
    folder : Path
        Folder written by `stemzoo simulate`.

    Returns
    -------
    dict of str to str
        By file name.
    """
    tables, _ = frame_tables(folder)
    return {path.name: sha256(path) for path in (table.with_suffix(".tif") for table in tables)}


def write_training_data(out: Path, facts: dict[str, Any]) -> None:
    """Write down what a model is trained on, as `training_data.json` in its folder.

    Parameters
    ----------
    out : Path
        Model folder; made if it does not exist.
    facts : dict
        Options of the command that made the training set.
    """
    out.mkdir(parents=True, exist_ok=True)
    content = {"stemzoo": __version__, "sampling": ZOO_SAMPLING, **facts}
    io.write_json(out / TRAINING_DATA, content)


def frame_edge(size: int, sampling: float) -> int:
    """Return the edge of frames of other pixels, for the field of view of `size` zoo pixels.

    Parameters
    ----------
    size : int
        Edge at 0.2074 Å/px [px].
    sampling : float
        Pixel size of the frames [Å/px].

    Returns
    -------
    int
        In their pixels; `size` where they differ by less than 15 %.

    Examples
    --------
    >>> frame_edge(512, 0.1037), frame_edge(512, 0.2)
    (1024, 512)
    """
    if abs(sampling / ZOO_SAMPLING - 1) <= _ALIKE:
        return size
    return round(size * (ZOO_SAMPLING / sampling))


def simulated_set(
    session: AcquisitionSession,
    frames: int,
    size: int,
    seed: int,
    sampling: float,
    translator: "CycleGANSTEM | None" = None,
    *,
    watch: Callable[[LabelledImage], None] = lambda frame: None,
) -> Iterator[tuple[np.ndarray, np.ndarray, tuple[str, ...]]]:
    """Simulate labelled frames at one pixel size, one after the other.

    Parameters
    ----------
    session : AcquisitionSession
        What to draw from.
    frames : int
        How many.
    size : int
        Edge of a frame at 0.2074 Å/px [px].
    seed : int
        Their seed.
    sampling : float
        Pixel size of the set [Å/px]; frames within 15 % of it stay as they are.
    translator : CycleGANSTEM, optional
        Makes them realistic.
    watch : callable
        Takes each frame as it is simulated, before its pixel size is changed.

    Yields
    ------
    image, mask : ndarray of shape (M, N)
        A frame.
    classes : tuple of str
        Class k has the value k + 1 in `mask`; columns at an edge are background.
    """
    first = session.draw(np.random.default_rng(seed)).sampling
    edge = frame_edge(size, first)
    resized = abs(first / sampling - 1) > _ALIKE
    rng = np.random.default_rng([seed, 1])
    for frame in simulate_session(session, frames, (edge, edge), seed=seed):
        if translator is not None:
            frame = replace(frame, image=translate(frame.image, translator, rng=rng))
        watch(frame)
        if resized:
            frame = to_sampling(frame, sampling)
        frame = relabelled(frame, _learnt(frame.classes))
        yield frame.image, frame.mask, frame.classes


def _read_folder(folder: Path, sampling: float) -> TrainingSet:
    tables, others = frame_tables(folder)
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    if not tables:
        found = f"{others[0].name}{more}: {_NO_LABELS}" if others else "no .csv file"
        raise ValueError(
            f"{folder}: expected frames written by 'stemzoo simulate'. Received: {found}"
        )
    if others:
        warnings.warn(f"{others[0]}{more}: left out, {_NO_LABELS}", stacklevel=3)
    images, masks, facts = [], [], set()
    for table in tables:
        frame = read_frame(table)
        facts.add((frame.classes, frame.material))
        images.append(resample_image(frame.image, frame.sampling, sampling, table))
        points = frame.points * (frame.sampling / sampling)
        values = [frame.classes.index(label) + 1 for label in frame.labels]
        masks.append(class_mask(points, values, images[-1].shape, LABEL_RADIUS / sampling))
    if len(facts) > 1:
        raise ValueError(
            f"{folder}: expected one material and one set of classes. Received: {facts}"
        )
    classes, name = facts.pop()
    return TrainingSet(tuple(images), tuple(masks), classes, sampling, _crystal(folder, name))


def _crystal(folder: Path, name: str) -> str | Material:
    """Crystal of a folder of frames: its own structure, or the name of a material."""
    path = folder / STRUCTURE
    if not path.is_file():
        return name
    structure = read_material(path)
    if structure.name != name:
        raise ValueError(
            f"{path}: expected the structure of {name}, of which the frames are. Received: "
            f"{structure.name}"
        )
    return structure
