"""Labelled and measured images as files and folders: what trainings start from."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stemzoo import __version__, io
from stemzoo.analysis.pixel_size import resolve
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
from stemzoo.simulate.materials import Material, find_material
from stemzoo.simulate.named_sessions import find_session
from stemzoo.simulate.sessions import AcquisitionSession
from stemzoo.workflows.frames import frame_tables, read_frame
from stemzoo.workflows.paths import Failed, find_files, read_each
from stemzoo.zoo.file_names import STRUCTURE, TRAINING_DATA
from stemzoo.zoo.hub import sha256

if TYPE_CHECKING:
    from stemzoo.models.cyclegan import CycleGANSTEM

# Pixel sizes that differ by so little are one: to resample would change noise for nothing.
ONE_PIXEL_SIZE = 0.01
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


@dataclass(frozen=True, eq=False)
class ExperimentalSet:
    """Measured images of one pixel size.

    Parameters
    ----------
    images : tuple of ndarray of shape (M, N)
        Images.
    sampling : float
        Pixel size [Å/px].
    material : str
        Entry of `MATERIALS`.
    hashes : dict of str to str
        sha256 by file name.
    """

    images: tuple[np.ndarray, ...]
    sampling: float
    material: str
    hashes: dict[str, str]


def experimental_set(
    patterns: Sequence[Path],
    material: str,
    sampling: float | None,
    failed: Failed | None = None,
) -> ExperimentalSet:
    """Read measured images of one session.

    Parameters
    ----------
    patterns : sequence of Path
        Files, or patterns such as ``day/*.tif``.
    material : str
        Entry of `MATERIALS`.
    sampling : float or None
        Pixel size [Å/px], for files that lack it.
    failed : callable, optional
        Takes a file that cannot be used, and why: the others are returned.

    Returns
    -------
    ExperimentalSet
        Images whose pixel size differs by more than 1 % from the first one's are resampled to it.

    Raises
    ------
    ValueError
        If no file matches, a file cannot be used, or no pixel size is known.
    """
    paths = find_files(patterns)
    name = find_material(material).name

    def read(path: Path) -> tuple[np.ndarray, float]:
        image = io.read_image(path)
        io.check_image(image.data, path)
        return image.data, resolve(image.with_sampling(sampling), name).value

    read_files = read_each(paths, read, failed)
    if not read_files:
        raise ValueError(f"Expected images that can be used. Received: none of {len(paths)}.")
    first = read_files[0][1][1]
    images = tuple(
        resample_image(image, step, first, path)
        if abs(step / first - 1) > ONE_PIXEL_SIZE
        else image
        for path, (image, step) in read_files
    )
    return ExperimentalSet(images, first, name, {path.name: sha256(path) for path, _ in read_files})


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
    # Frames with finer pixels need more of them for the same field of view.
    zoom = ZOO_SAMPLING / first if abs(first / ZOO_SAMPLING - 1) > 0.15 else 1.0
    edge = round(size * zoom)
    resized = abs(first / sampling - 1) > 0.15
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
