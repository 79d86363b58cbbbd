"""Labelled and measured images as files and folders: what trainings start from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from glob import glob
from pathlib import Path

import numpy as np

from stemzoo import __version__, io
from stemzoo.analysis.pixel_size import resolve
from stemzoo.inference.translation import translate
from stemzoo.preprocessing import ZOO_SAMPLING, resample
from stemzoo.simulate.dataset import simulate_session
from stemzoo.simulate.domain import domain_session
from stemzoo.simulate.labels import LABEL_RADIUS, LabelledImage, class_mask, to_sampling
from stemzoo.simulate.materials import find_material
from stemzoo.simulate.named_sessions import find_session
from stemzoo.simulate.scenes import PERFECT
from stemzoo.simulate.sessions import AcquisitionSession
from stemzoo.zoo.file_names import TRAINING_DATA
from stemzoo.zoo.hub import sha256


def write_frame(frame: LabelledImage, out: Path, name: str, *, seed: int, index: int) -> None:
    """Write a simulated frame: NAME.tif, NAME.csv and NAME_mask.png.

    NAME_crystal.png too, where the crystal does not fill the frame: 1 where it is, 2 where a second
    grain of it is, 0 elsewhere.

    Parameters
    ----------
    frame : LabelledImage
        A frame.
    out : Path
        Existing folder.
    name : str
        Stem of the files.
    seed, index : int
        Where it comes from, for the table's header.
    """
    io.write_tiff(out / f"{name}.tif", frame.image, sampling=frame.sampling)
    io.write_png(out / f"{name}_mask.png", frame.mask)
    if frame.grains is not None:
        io.write_png(out / f"{name}_crystal.png", frame.grains)
    step = frame.sampling / 10
    rows = [
        [round(r, 3), round(c, 3), round(c * step, 4), round(r * step, 4), label, defect]
        for (r, c), label, defect in zip(
            frame.points.tolist(), frame.labels(), frame.defects, strict=True
        )
    ]
    drawn = frame.conditions
    values = ", ".join(f"{k}: {i + 1}" for i, k in enumerate(frame.classes))
    header = [
        f"stemzoo {__version__} simulated frame: material: {drawn.material}; session: "
        f"{drawn.name}; seed: {seed}; frame: {index}"
        + ("" if frame.scene == PERFECT else f"; scene: {frame.scene.name}"),
        f"pixel size: {frame.sampling * 100:.4f} pm",
        f"mask values: {values}",
    ]
    columns = ("row", "column", "x_nm", "y_nm", "class", "defect")
    io.write_csv(out / f"{name}.csv", columns, rows, header=header)


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
    material : str
        Entry of `MATERIALS`.
    """

    images: tuple[np.ndarray, ...]
    masks: tuple[np.ndarray, ...]
    classes: tuple[str, ...]
    sampling: float
    material: str


def training_set(
    sessions: Sequence[str],
    folders: Sequence[Path],
    *,
    frames: int,
    size: int,
    seed: int,
    translators: Sequence = (),
) -> TrainingSet:
    """Simulate labelled frames, or read those that `stemzoo simulate` wrote.

    Parameters
    ----------
    sessions : sequence of str
        Names of sessions to simulate; session j uses the seed ``seed + j``.
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

    Returns
    -------
    TrainingSet

    Raises
    ------
    ValueError
        If nothing is named, or materials or classes differ.
    """
    sources = [(find_session(name), None) for name in sessions]
    sources += [(domain_session(t.material, t.sampling, t.rotation), t) for t in translators]
    parts = [_simulated(*source, frames, size, seed + j) for j, source in enumerate(sources)]
    parts += [_read_folder(folder) for folder in folders]
    if not parts:
        raise ValueError(
            "Name what to train on: --session NAME (simulated now), --translate WEIGHTS (simulated "
            "and translated now) or --data FOLDER (written by 'stemzoo simulate'). Received: none"
        )
    facts = {(part.classes, part.material) for part in parts}
    if len(facts) > 1:
        raise ValueError(
            f"All training images must share material and classes. Received: {sorted(facts)}"
        )
    return TrainingSet(
        tuple(image for part in parts for image in part.images),
        tuple(mask for part in parts for mask in part.masks),
        parts[0].classes,
        parts[0].sampling,
        parts[0].material,
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


def find_files(patterns: Sequence[Path]) -> list[Path]:
    """Find the measured images that patterns name.

    Parameters
    ----------
    patterns : sequence of Path
        Files, or patterns such as ``day/*.tif``.

    Returns
    -------
    list of Path
        Sorted, each once.

    Raises
    ------
    ValueError
        If there is none.
    """
    paths = sorted({Path(name) for pattern in patterns for name in glob(str(pattern))})
    if not paths:
        raise ValueError(
            "Expected at least one measured image. Received: no file matches "
            f"{', '.join(str(pattern) for pattern in patterns)}"
        )
    return paths


def experimental_set(
    patterns: Sequence[Path], material: str, sampling: float | None
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
    images, samplings = [], []
    for path in paths:
        image = io.read_image(path)
        io.check_image(image.data, path)
        samplings.append(resolve(image.with_sampling(sampling), name).value)
        images.append(image.data)
    first = samplings[0]
    images = [
        resample(image, step, first) if abs(step / first - 1) > 0.01 else image
        for image, step in zip(images, samplings, strict=True)
    ]
    return ExperimentalSet(tuple(images), first, name, {path.name: sha256(path) for path in paths})


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
    tables = sorted(folder.glob("*.csv"))
    return {path.name: sha256(path) for path in (table.with_suffix(".tif") for table in tables)}


def write_training_data(out: Path, facts: dict) -> None:
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


def _simulated(
    session: AcquisitionSession, translator, frames: int, size: int, seed: int
) -> TrainingSet:
    # Frames with finer pixels need more of them for the same field of view.
    first = session.draw(np.random.default_rng(seed)).sampling
    zoom = ZOO_SAMPLING / first if abs(first / ZOO_SAMPLING - 1) > 0.15 else 1.0
    edge = round(size * zoom)
    rng = np.random.default_rng([seed, 1])
    images, masks, classes = [], [], ()
    for frame in simulate_session(session, frames, (edge, edge), seed=seed):
        if translator is not None:
            frame = replace(frame, image=translate(frame.image, translator, rng=rng))
        if zoom != 1.0:
            frame = to_sampling(frame, ZOO_SAMPLING)
        images.append(frame.image)
        masks.append(frame.mask)
        classes = frame.classes
    return TrainingSet(tuple(images), tuple(masks), classes, ZOO_SAMPLING, session.material)


def _read_folder(folder: Path) -> TrainingSet:
    tables = sorted(folder.glob("*.csv"))
    if not tables:
        raise ValueError(
            f"{folder}: expected frames written by 'stemzoo simulate'. Received: no .csv file"
        )
    images, masks, facts = [], [], set()
    for table in tables:
        header, columns = io.read_csv(table)
        classes, material = _frame_facts(table, header)
        facts.add((classes, material))
        image = io.read_image(table.with_suffix(".tif"))
        if image.sampling is None:
            raise ValueError(f"{image.path}: expected a pixel size in its metadata. Received: none")
        images.append(resample(image.data, image.sampling, ZOO_SAMPLING))
        scale = image.sampling / ZOO_SAMPLING
        # The columns of an empty table are text.
        points = np.column_stack([columns["row"], columns["column"]]).astype(float) * scale
        values = [classes.index(label) + 1 for label in columns["class"]]
        masks.append(class_mask(points, values, images[-1].shape, LABEL_RADIUS / ZOO_SAMPLING))
    if len(facts) > 1:
        raise ValueError(
            f"{folder}: expected one material and one set of classes. Received: {facts}"
        )
    classes, material = facts.pop()
    return TrainingSet(tuple(images), tuple(masks), classes, ZOO_SAMPLING, material)


def _frame_facts(table: Path, header: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """Read class names and material from the header that `write_frame` wrote."""
    try:
        material = next(
            line.split("material: ")[1].split(";")[0] for line in header if "material: " in line
        )
        line = next(line for line in header if line.startswith("mask values: "))
        pairs = [part.split(": ") for part in line.removeprefix("mask values: ").split(", ")]
        return tuple(name for name, _ in pairs), material
    except (StopIteration, ValueError):
        raise ValueError(
            f"{table}: expected the header of a frame written by 'stemzoo simulate'. Received: "
            f"{list(header)[:3]}"
        ) from None
