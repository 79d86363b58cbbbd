"""Frames of one place as files: a stack, or images of their own, on each other and averaged."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stemzoo import __version__, io
from stemzoo.analysis.alignment import AlignedFrames, align_frames
from stemzoo.io.images import count_frames
from stemzoo.workflows.outputs import OutputPlan, plan_outputs, written_whole


@dataclass(frozen=True, eq=False)
class FrameFiles(Sequence[np.ndarray]):
    """Frames that are read when they are needed, so that one at a time is in memory.

    Parameters
    ----------
    sources : tuple of (Path, int or None)
        File and number of each frame.

    Examples
    --------
    >>> len(FrameFiles.of([Path("stack.tif")]))  # doctest: +SKIP
    10
    """

    sources: tuple[tuple[Path, int | None], ...]

    @classmethod
    def of(cls, paths: Sequence[Path]) -> "FrameFiles":
        """Name the frames of files, one after the other."""
        counts = [count_frames(path) for path in paths]
        return cls(
            tuple(
                (path, number if count > 1 else None)
                for path, count in zip(paths, counts, strict=True)
                for number in range(count)
            )
        )

    def __len__(self) -> int:
        return len(self.sources)

    def __getitem__(self, number):
        if isinstance(number, slice):
            return FrameFiles(self.sources[number])
        path, frame = self.sources[number]
        return io.read_image(path, frame=frame).data


@dataclass(frozen=True, eq=False)
class AlignedFile:
    """The mean of frames that lie on each other, and the files that hold it.

    Parameters
    ----------
    frames : FrameFiles
        The frames.
    found : AlignedFrames
        Mean and drift.
    sampling : float or None
        Pixel size [Å/px].
    image, drift : Path
        The files.
    """

    frames: FrameFiles
    found: AlignedFrames
    sampling: float | None
    image: Path
    drift: Path


def plan_aligned(paths: Sequence[Path], out: Path) -> list[tuple[list[Path], OutputPlan]]:
    """Tell which files belong together, and what is written: NAME_aligned.tif, NAME_drift.csv.

    Parameters
    ----------
    paths : sequence of Path
        Stacks, each of which is a series; files of one frame, which are one series together, named
        after the first.
    out : Path
        Folder for the results.

    Returns
    -------
    list of (list of Path, OutputPlan)
        Of each series.

    Raises
    ------
    ValueError, OSError
        If a file cannot be read, a series has one frame only, or as in `plan_outputs`.
    """
    stacks = [path for path in paths if count_frames(path) > 1]
    single = [path for path in paths if path not in stacks]
    if len(single) == 1:
        raise ValueError(f"{single[0]}: expected a stack, or several images. Received: one image")
    series = [*([path] for path in stacks), *([single] if single else [])]
    names = [
        (one[0], [one[0].stem + ending for ending in ("_aligned.tif", "_drift.csv")])
        for one in series
    ]
    return list(zip(series, plan_outputs(names, out, inputs=paths), strict=True))


def align_files(
    paths: Sequence[Path], plan: OutputPlan, *, sampling: float | None = None
) -> AlignedFile:
    """Align the frames of a series and average them; write the mean, and the drift of each frame.

    Parameters
    ----------
    paths : sequence of Path
        A stack, or images of their own.
    plan : OutputPlan
        Where to, see `plan_aligned`; the folder exists.
    sampling : float, optional
        Pixel size of the frames [Å/px], if the file lacks it.

    Returns
    -------
    AlignedFile

    Raises
    ------
    ValueError, OSError
        If a file cannot be read, or the frames cannot be aligned, see `align_frames`.
    """
    frames = FrameFiles.of(paths)
    path, number = frames.sources[0]
    own = io.read_image(path, frame=number).with_sampling(sampling).sampling
    try:
        found = align_frames(frames)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    image, drift = plan.files
    rows = [
        (k, round(float(row), 2), round(float(column), 2), int(used))
        for k, ((row, column), used) in enumerate(zip(found.shifts, found.used, strict=True))
    ]
    used = int(found.used.sum())
    facts = {"stemzoo": f"mean of {used} aligned frames, version {__version__}"}
    with written_whole(image.parent) as folder:
        io.write_csv(folder / drift.name, ("frame", "row", "column", "used"), rows)
        io.write_tiff(folder / image.name, found.image, sampling=own, metadata=facts)
    return AlignedFile(frames, found, own, image, drift)
