"""Files in, files out: what the command line does to each image or frame."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stemzoo import __version__, io
from stemzoo.inference import COLUMNS, Detections, detect
from stemzoo.plotting import plot_detections
from stemzoo.simulate.dataset import LabelledImage, simulate_session, to_sampling
from stemzoo.simulate.sessions import find_session

# Pixel size at which the zoo's detectors are trained [Å/px]: the paper's.
ZOO_SAMPLING = 0.2074


def detect_file(
    path: Path,
    model,
    out: Path,
    *,
    sampling: float | None = None,
    threshold: float = 0.5,
    tta: bool = False,
    frame: int | None = None,
    sum_frames: bool = False,
    taken: dict[Path, Path] | None = None,
    inputs: Sequence[Path] = (),
) -> dict:
    """Find defects in an image file; write NAME.csv and NAME.png.

    Parameters
    ----------
    path : Path
        Image file.
    model : DefectFCN
        A trained detector.
    out : Path
        Existing folder for the results.
    sampling, threshold, tta
        As in `stemzoo.detect`.
    frame, sum_frames
        As in `stemzoo.read_image`.
    taken : dict, optional
        Results of this call so far, to refuse a second image of the same name.
    inputs : sequence of Path
        All images of this call, none of which is overwritten.

    Returns
    -------
    dict
        Facts for the terminal or for machines.

    Raises
    ------
    ValueError, OSError
        One clear line about what is wrong with the file.
    """
    table, overlay = out / f"{path.stem}.csv", out / f"{path.stem}.png"
    taken = {} if taken is None else taken
    if table in taken:
        raise ValueError(
            f"{path}: its results would overwrite those of {taken[table]}, which has the same "
            "name. Analyse it with another --out folder."
        )
    for other in (path, *inputs):
        if other.resolve() in (table.resolve(), overlay.resolve()):
            what = "itself" if other == path else other
            raise ValueError(
                f"{path}: its results would overwrite the image {what}. Choose another --out "
                "folder."
            )
    image = io.read_image(path, frame=frame, sum_frames=sum_frames)
    found = detect(image, model, sampling=sampling, threshold=threshold, tta=tta)
    io.write_csv(table, COLUMNS, found.rows(), header=_header(path, found))
    with io.atomic_path(overlay) as temporary:
        plot_detections(image.data, found, temporary)
    taken[table] = path
    return _report(path, found, table, overlay)


def _header(path: Path, found: Detections) -> list[str]:
    return [
        f"stemzoo {__version__} detections in {path.name}",
        f"weights: {found.details['model']}; threshold: {found.details['threshold']}; "
        f"tta: {found.details['tta']}",
        f"pixel size: {found.sampling * 100:.4f} pm ({found.sampling_source})",
        f"image: {found.shape[0]} rows, {found.shape[1]} columns; row and column count from 0 at "
        "the centre of the top-left pixel",
    ]


def _report(path: Path, found: Detections, table: Path, overlay: Path) -> dict:
    return {
        "image": str(path),
        "shape": list(found.shape),
        "weights": found.details["model"],
        "pixel_size_pm": round(found.sampling * 100, 4),
        "pixel_size_source": found.sampling_source,
        "threshold": found.details["threshold"],
        "tta": found.details["tta"],
        "counts": found.counts(),
        "csv": str(table),
        "overlay": str(overlay),
        "detections": [dict(zip(COLUMNS, row, strict=True)) for row in found.rows()],
    }


def write_frame(frame: LabelledImage, out: Path, name: str, *, seed: int, index: int) -> None:
    """Write a simulated frame: NAME.tif, NAME.csv and NAME_mask.png.

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
        f"{drawn.name}; seed: {seed}; frame: {index}",
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
    sessions: Sequence[str], folders: Sequence[Path], *, frames: int, size: int, seed: int
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
        Names the simulated frames.

    Returns
    -------
    TrainingSet

    Raises
    ------
    ValueError
        If nothing is named, or materials or classes differ.
    """
    parts = [_simulated(name, frames, size, seed + j) for j, name in enumerate(sessions)]
    parts += [_read_folder(folder) for folder in folders]
    if not parts:
        raise ValueError(
            "Name what to train on: --session NAME (simulated now) or --data FOLDER (written by "
            "'stemzoo simulate'). Received: neither"
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


def _simulated(name: str, frames: int, size: int, seed: int) -> TrainingSet:
    session = find_session(name)
    # Frames with finer pixels need more of them for the same field of view.
    first = session.draw(np.random.default_rng(seed)).sampling
    zoom = ZOO_SAMPLING / first if abs(first / ZOO_SAMPLING - 1) > 0.15 else 1.0
    edge = round(size * zoom)
    images, masks, classes = [], [], ()
    for frame in simulate_session(session, frames, (edge, edge), seed=seed):
        if zoom != 1.0:
            frame = to_sampling(frame, ZOO_SAMPLING)
        images.append(frame.image)
        masks.append(frame.mask)
        classes = frame.classes
    return TrainingSet(tuple(images), tuple(masks), classes, ZOO_SAMPLING, session.material)


def _read_folder(folder: Path) -> TrainingSet:
    from stemzoo.preprocessing import resample
    from stemzoo.simulate.dataset import LABEL_RADIUS, class_mask

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
