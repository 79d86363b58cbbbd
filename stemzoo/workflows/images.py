"""Files in, files out: what the command line does to each image."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from stemzoo import __version__, io
from stemzoo.inference.advice import MisfitSummary, compare, describe_match, match_facts
from stemzoo.inference.detection import (
    COLUMNS,
    DEFAULT_THRESHOLD,
    Detections,
    choose_sampling,
    find_defects,
)
from stemzoo.inference.matching import Match, match
from stemzoo.inference.translation import translate_quietly
from stemzoo.plotting import plot_detections


def detect_file(
    path: Path,
    model,
    out: Path,
    *,
    sampling: float | None = None,
    threshold: float = DEFAULT_THRESHOLD,
    tta: bool = False,
    frame: int | None = None,
    sum_frames: bool = False,
    taken: dict[Path, Path] | None = None,
    inputs: Sequence[Path] = (),
    comparison: MisfitSummary | None = None,
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
    comparison : MisfitSummary, optional
        Gets to know how the image fits what the model was trained on.

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
    if sampling is not None:
        image = replace(image, sampling=sampling, sampling_source="given")
    found = find_defects(image, model, threshold=threshold, tta=tta)
    io.write_csv(table, COLUMNS, found.rows(), header=_header(path, found))
    with io.atomic_path(overlay) as temporary:
        plot_detections(image.data, found, temporary)
    taken[table] = path
    if comparison is not None:
        comparison.add(image, found.details["match"])
    return _report(path, found, table, overlay)


def _header(path: Path, found: Detections) -> list[str]:
    return [
        f"stemzoo {__version__} detections in {path.name}",
        f"weights: {found.details['model']}; threshold: {found.details['threshold']}; "
        f"tta: {found.details['tta']}",
        f"pixel size: {found.sampling * 100:.4f} pm ({found.sampling_source})",
        f"image: {found.shape[0]} rows, {found.shape[1]} columns; row and column count from 0 at "
        "the centre of the top-left pixel",
        f"against the frames that the weights were trained on: "
        f"{describe_match(found.details['match'])}",
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
        **match_facts(found.details["match"]),
        "counts": found.counts(),
        "csv": str(table),
        "overlay": str(overlay),
        "detections": [dict(zip(COLUMNS, row, strict=True)) for row in found.rows()],
    }


def translate_file(
    path: Path,
    model,
    out: Path,
    *,
    direction: str,
    sampling: float | None = None,
    frame: int | None = None,
    sum_frames: bool = False,
    seed: int | None = None,
    comparison: MisfitSummary | None = None,
) -> Path:
    """Translate an image file; write NAME_<direction>.tif with the same pixel size.

    The table and the mask that `stemzoo simulate` wrote beside a frame are copied along: the labels
    of a simulation hold for its translation, too.

    Parameters
    ----------
    path : Path
        Image file.
    model : CycleGANSTEM
        A trained model.
    out : Path
        Existing folder for the result.
    direction
        As in `stemzoo.translate`.
    sampling : float, optional
        Pixel size [Å/px]; else the file's, else measured from the lattice.
    frame, sum_frames
        As in `stemzoo.read_image`.
    seed : int, optional
        Feed the generator noise of this seed.
    comparison : MisfitSummary, optional
        Gets to know how a measured image fits what the model was trained on; the file's metadata
        then say it, too.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError, OSError
        One clear line about what is wrong with the file.
    """
    image = io.read_image(path, frame=frame, sum_frames=sum_frames)
    io.check_image(image.data, path)
    if sampling is None:
        sampling, _ = choose_sampling(image, model.material)
    rng = None if seed is None else np.random.default_rng(seed)
    result = translate_quietly(image.data, model, direction, sampling=sampling, rng=rng)
    metadata = {}
    if direction == "exp-to-sim" and comparison is not None:
        found = compare(image, model, sampling=sampling)
        comparison.add(image, found)
        metadata = {"against the training frames": describe_match(found)}
    target = out / f"{path.stem}_{direction}.tif"
    io.write_tiff(target, result, sampling=sampling, metadata=metadata)
    for ending in (".csv", "_mask.png"):
        labels = path.with_name(path.stem + ending)
        if labels.is_file():
            with io.atomic_path(target.with_name(target.stem + ending)) as temporary:
                shutil.copyfile(labels, temporary)
    return target


def match_files(
    paths: Sequence[Path],
    *,
    material: str | None = None,
    sampling: float | None = None,
    frame: int | None = None,
    sum_frames: bool = False,
) -> list[Match]:
    """Rank the weights of the zoo by how well they fit image files of one session.

    Parameters
    ----------
    paths : sequence of Path
        Image files.
    material, sampling
        As in `stemzoo.match`.
    frame, sum_frames
        As in `stemzoo.read_image`.

    Returns
    -------
    list of Match
        Best first.

    Raises
    ------
    ValueError, KeyError, OSError
        One clear line about what is wrong with a file or an option.
    """
    images = []
    for path in paths:
        images.append(io.read_image(path, frame=frame, sum_frames=sum_frames))
        io.check_image(images[-1].data, path)
    return match(images, material=material, sampling=sampling)
