"""Tables of defects that were followed through the images of a folder of results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stemzoo import io
from stemzoo.analysis.cell import Lattice
from stemzoo.analysis.lattice import find_lattice
from stemzoo.analysis.valid_pixels import filled, find_valid_pixels
from stemzoo.inference.tracking import Tracker, check_same
from stemzoo.inference.tracks import DRIFT_COLUMNS, POINT_COLUMNS, TRACK_COLUMNS, Tracks
from stemzoo.simulate.materials import find_material
from stemzoo.workflows.again import located
from stemzoo.workflows.outputs import written_whole
from stemzoo.workflows.result_files import read_detections
from stemzoo.workflows.run_record import RunRecord
from stemzoo.workflows.sources import Source

# Ends of the names of the tables, and how each begins.
ENDINGS = ("tracks.csv", "track_points.csv", "drift.csv")
TRACK_MARKS = tuple(",".join(names[:4]) for names in (TRACK_COLUMNS, POINT_COLUMNS, DRIFT_COLUMNS))


@dataclass(frozen=True)
class ImageSeries:
    """Images of one place, in the order of time.

    Parameters
    ----------
    name : str
        Before the names of its tables; none where there is one series only.
    sources : tuple of Source
        The images.
    """

    name: str
    sources: tuple[Source, ...]

    @property
    def files(self) -> tuple[str, ...]:
        """Names of its tables in the folder of results."""
        return tuple(f"{self.name}_{end}" if self.name else end for end in ENDINGS)


def find_series(sources: Sequence[Source]) -> list[ImageSeries]:
    """Tell the series among the images of a call: each stack is one, all single files are another.

    Parameters
    ----------
    sources : sequence of Source
        The images.

    Returns
    -------
    list of ImageSeries
        Those of at least two images.

    Raises
    ------
    ValueError
        If there is none.

    Examples
    --------
    >>> find_series([Source(Path("a.tif"), frame) for frame in range(3)])[0].files
    ('tracks.csv', 'track_points.csv', 'drift.csv')
    """
    groups: dict[str, list[Source]] = {}
    for source in sources:
        stack = "" if source.frame is None else (source.folder / source.path.stem).as_posix()
        groups.setdefault(stack, []).append(source)
    groups = {name: group for name, group in groups.items() if len(group) > 1}
    if not groups:
        raise ValueError(
            "--track expects the frames of a time series: a stack with --frames all, or several "
            f"files. Received: {len(sources)} images, none of them frames of one series."
        )
    names = {"": "files"} if len(groups) > 1 else dict.fromkeys(groups, "")
    return [ImageSeries(names.get(name, name), tuple(group)) for name, group in groups.items()]


def write_tracks(record: RunRecord, series: ImageSeries) -> Tracks:
    """Follow the defects that were found in the images of a series, and write the tables.

    Parameters
    ----------
    record : RunRecord
        Of the folder of results.
    series : ImageSeries
        Images, of which those that failed are missing frames.

    Returns
    -------
    Tracks

    Raises
    ------
    ValueError
        If fewer than two of the images were looked at, or they are not of one shape and pixel size.
    """
    tracker: Tracker | None = None
    for number, source in enumerate(series.sources):
        facts = record.images.get(source.key)
        if facts is None:
            continue
        image = _image(facts, record.calls[facts["call"]])
        sampling = facts["pixel_size_pm"] / 100
        if tracker is None:
            lattice = _lattice(image, facts["material"], sampling)
            tracker = Tracker((facts["shape"][0], facts["shape"][1]), sampling, lattice)
        number = number if source.frame is None else source.frame
        check_same(tracker, tuple(facts["shape"]), sampling, number)
        columns = read_detections(record.folder / facts["csv"])
        tracker.add(
            np.column_stack([columns["row"], columns["column"]]),
            [str(name) for name in columns["class"]],
            columns["probability" if facts["calibrated"] else "score"],
            image=image,
            number=number,
        )
    tracks = None if tracker is None else tracker.finish()
    if tracks is None or len(tracks.frames) < 2:
        raise ValueError(
            "--track expects at least two frames that were looked at. Received: "
            f"{0 if tracks is None else len(tracks.frames)} of {len(series.sources)}; summary.csv "
            "says why the others failed."
        )
    tables = (tracks.columns(), tracks.point_columns(), tracks.drift_columns())
    with written_whole((record.folder / series.files[0]).parent) as folder:
        for name, columns in zip(series.files, tables, strict=True):
            path = folder / Path(name).name
            io.write_csv(path, list(columns), list(zip(*columns.values(), strict=True)))
    return tracks


def _image(facts: Mapping[str, Any], call: Mapping[str, Any]) -> np.ndarray:
    """Return the image that detections are of, with finite values."""
    path = located(Path(facts["image"]), Path(call["folder"]))
    data = io.read_image(path, frame=facts["frame"], sum_frames=call["options"]["sum_frames"]).data
    return filled(data, find_valid_pixels(data).mask)


def _lattice(image: np.ndarray, material: str | None, sampling: float) -> Lattice | None:
    """Return the lattice of a frame, None where it is not found: defects tell the drift then."""
    if material is None:
        return None
    try:
        return find_lattice(image, find_material(material), sampling=sampling)
    except (ValueError, KeyError):
        return None
