"""Labelled frames as files: what `stemzoo simulate` writes and `stemzoo train` reads."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stemzoo import __version__, io
from stemzoo.io.json_files import Field, parse_json, read_small
from stemzoo.simulate.labels import LabelledImage
from stemzoo.simulate.material_files import write_material
from stemzoo.simulate.materials import own_structure
from stemzoo.simulate.scenes import PERFECT
from stemzoo.workflows.outputs import OutputPlan, plan_outputs
from stemzoo.workflows.paths import visible
from stemzoo.workflows.result_files import table_start
from stemzoo.workflows.run_record import SUMMARY
from stemzoo.zoo.file_names import STRUCTURE

# What stands beside a simulated frame NAME.tif: NAME and one of these.
LABEL_ENDINGS = (".csv", "_mask.png", "_crystal.png", ".json")


def plan_frames(name: str, seed: int, n: int, out: Path) -> list[OutputPlan]:
    """Name the files of simulated frames: NAME_SEED_0000.tif and what stands beside it.

    Parameters
    ----------
    name : str
        Name of the session, and of the scene if they show one.
    seed, n : int
        Seed and number of the frames.
    out : Path
        Folder for the frames.

    Returns
    -------
    list of OutputPlan
        One a frame; its source is the stem of its files.

    Raises
    ------
    ValueError
        As in `plan_outputs`.

    Examples
    --------
    >>> (plan,) = plan_frames("wse2-dayA", 7, 1, Path("simulated"))
    >>> plan.source.name, plan.files[0].name
    ('wse2-dayA_7_0000', 'wse2-dayA_7_0000.tif')
    """
    stems = [f"{name}_{seed}_{index:04d}" for index in range(n)]
    endings = (".tif", *LABEL_ENDINGS)
    return plan_outputs([(Path(stem), [stem + end for end in endings]) for stem in stems], out)


def write_frame(frame: LabelledImage, out: Path, name: str, *, seed: int, index: int) -> None:
    """Write a simulated frame: NAME.tif, NAME.csv, NAME.json and NAME_mask.png.

    structure.json too, where the crystal is none of the table; NAME_crystal.png, where it does not
    fill the frame: 1 where it is, 2 where a second grain of it is, 0 elsewhere.

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
    drawn = frame.conditions
    facts = {
        "stemzoo": __version__,
        "material": str(drawn.material),
        "session": drawn.name,
        "seed": seed,
        "frame": index,
        **({} if frame.scene == PERFECT else {"scene": frame.scene.name}),
        "sampling": frame.sampling,
        "classes": list(frame.classes),
    }
    io.write_json(out / f"{name}.json", facts)
    structure, path = own_structure(drawn.material), out / STRUCTURE
    if structure is not None and not path.is_file():
        write_material(path, structure)
    step = frame.sampling / 10
    rows = [
        [round(r, 3), round(c, 3), round(c * step, 4), round(r * step, 4), label, defect]
        for (r, c), label, defect in zip(
            frame.points.tolist(), frame.labels(), frame.defects, strict=True
        )
    ]
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


def first_line(path: Path) -> str:
    """Return the first line of a text file, or its first 4 kB; nothing if it cannot be read."""
    if not path.is_file():  # opening a pipe would wait for its other end
        return ""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.readline(4096)
    except OSError:
        return ""


def frame_tables(folder: Path) -> tuple[list[Path], list[Path]]:
    """Tell the tables of frames in a folder from others, such as what `stemzoo columns` writes.

    Parameters
    ----------
    folder : Path
        Folder; one that does not exist holds nothing.

    Returns
    -------
    frames : list of Path
        Tables that a training reads; the labels of a frame, if all is well.
    others : list of Path
        Tables that have no image beside them, or which stemzoo wrote of one that it did not
        simulate.

    Examples
    --------
    >>> frame_tables(Path("nowhere"))
    ([], [])
    """
    frames: list[Path] = []
    others: list[Path] = []
    for table in visible(folder, "*.csv"):
        head = first_line(table)
        result = head.startswith("# stemzoo ") and "simulated frame" not in head
        result |= head.startswith(table_start())
        lone = not any(os.path.lexists(table.with_suffix(end)) for end in (".tif", ".json"))
        if lone and table.name == SUMMARY:  # of a call whose results these frames are
            continue
        (others if result or lone else frames).append(table)
    return frames, others


@dataclass(frozen=True, eq=False)
class FrameFile:
    """A labelled frame, read from its files.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Image.
    sampling : float
        Pixel size [Å/px].
    points : ndarray of shape (K, 2)
        Rows and columns of the defects [px].
    labels : tuple of str
        Class of each defect.
    classes : tuple of str
        All class names; the mask shows class k as k + 1.
    material : str
        Entry of `MATERIALS`.
    """

    image: np.ndarray
    sampling: float
    points: np.ndarray
    labels: tuple[str, ...]
    classes: tuple[str, ...]
    material: str


def read_frame(table: Path) -> FrameFile:
    """Read a frame that `write_frame` wrote, or an older version without a JSON file.

    Parameters
    ----------
    table : Path
        NAME.csv; NAME.tif and NAME.json stand beside it.

    Returns
    -------
    FrameFile

    Raises
    ------
    ValueError, OSError
        If a file is missing, or is not one of a frame.

    Examples
    --------
    >>> read_frame(Path("simulated/wse2-dayA_0_0000.csv")).material  # doctest: +SKIP
    'wse2'
    """
    header, columns = io.read_csv(table)
    facts = table.with_suffix(".json")
    material, classes = _facts(facts) if facts.is_file() else _facts_of_header(table, header)
    image = io.read_image(table.with_suffix(".tif"))
    if image.sampling is None:
        raise ValueError(f"{image.path}: expected a pixel size in its metadata. Received: none")
    if missing := {"row", "column", "class"} - set(columns):
        raise ValueError(
            f"{table}: expected the columns row, column and class. Received: no "
            f"{', '.join(sorted(missing))}. Write them as 'stemzoo simulate' does."
        )
    labels = tuple(str(label) for label in columns["class"])
    if unknown := set(labels) - set(classes):
        raise ValueError(
            f"{table}: expected classes among {', '.join(classes)}. Received: "
            f"{', '.join(sorted(unknown))}. Rename them, or add them to the classes of the frame."
        )
    try:
        # The columns of an empty table are text.
        points = np.column_stack([columns["row"], columns["column"]]).astype(float)
    except ValueError as error:
        raise ValueError(
            f"{table}: expected numbers of pixels in row and column. Received: {error}. Correct "
            "that cell."
        ) from None
    return FrameFile(image.data, image.sampling, points, labels, classes, material)


def _facts(path: Path) -> tuple[str, tuple[str, ...]]:
    """Read material and class names from the JSON file of a frame."""
    name = Field(str, low=1, required=True)
    names = Field(list, low=1, required=True, items=name)
    try:
        facts = parse_json(read_small(path), {"material": name, "classes": names})
    except ValueError as error:
        raise ValueError(
            f"{path}: expected material and classes of a frame written by 'stemzoo simulate'. "
            f"Received: {' '.join(str(error).split())}. Restore the file, or delete it if it "
            "belongs to something else: the table's header says the same."
        ) from None
    return facts["material"], tuple(facts["classes"])


def _facts_of_header(table: Path, header: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Read material and class names as versions before the JSON file wrote them."""
    try:
        material = next(
            line.split("material: ")[1].split(";")[0] for line in header if "material: " in line
        )
        line = next(line for line in header if line.startswith("mask values: "))
        pairs = [part.split(": ") for part in line.removeprefix("mask values: ").split(", ")]
        return material, tuple(name for name, _ in pairs)
    except (StopIteration, ValueError):
        raise ValueError(
            f"{table}: expected the header of a frame written by 'stemzoo simulate'. Received: "
            f"{list(header)[:3]}"
        ) from None
