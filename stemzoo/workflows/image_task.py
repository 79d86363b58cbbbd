"""What a verb does with each image of a call, apart from who does it and who keeps the record."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from stemzoo.inference.comparison import Match
from stemzoo.io import Image
from stemzoo.workflows.outputs import plan_outputs
from stemzoo.workflows.paths import image_files
from stemzoo.workflows.run_record import RECORD, RECORD_MARK, REPORT, REPORT_MARK, SUMMARY
from stemzoo.workflows.sources import Source


@dataclass(frozen=True, eq=False)
class ImageResult:
    """What was made of an image: little enough to come from another process.

    Parameters
    ----------
    image : Image
        The image; without its pixels if it fits what the weights were trained on.
    match : Match or None
        How it fits; None where that is not known.
    facts : mapping
        What the record of the folder holds of it, as JSON.
    report : mapping
        What is said of it, as JSON.
    named : mapping of str to Path
        Files that the record names; the first tells whose they are.
    others : tuple of Path
        Other files.
    weights : mapping of str to str
        SHA-256 of the weights that were used, by name.
    seconds : float
        How long it took.
    whole : object
        All that was made of it, such as a `DetectedFile`, where that was asked for; else None.
    """

    image: Image
    match: Match | None
    facts: Mapping[str, Any]
    report: Mapping[str, Any]
    named: Mapping[str, Path]
    others: tuple[Path, ...] = ()
    weights: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    whole: Any = None

    @property
    def files(self) -> tuple[Path, ...]:
        """All files."""
        return (*self.named.values(), *self.others)


class ImageTask(Protocol):
    """What a call does with each of its images; it can be sent to another process."""

    @property
    def verb(self) -> str:
        """Verb of the command line."""

    @property
    def weights(self) -> str | None:
        """Name or folder of the weights, as `load` takes it."""

    @property
    def marks(self) -> tuple[str, ...]:
        """What stands in the first 4 kB of files that an earlier call has written."""

    @staticmethod
    def load(weights: str | None) -> Any:
        """Start what computes networks, and load what does the work."""

    def options(self) -> dict[str, Any]:
        """Return what the call was told, for the record."""

    def told(self) -> dict[str, Any]:
        """Return those of the options that decide about results."""

    def key(self, source: Source) -> str:
        """Return the name by which the results of a call are told apart."""

    def names(self, source: Source) -> tuple[str, ...]:
        """Name the files of an image, in its folder; the first tells whose they are."""

    def inputs(self, source: Source) -> tuple[Path, ...]:
        """Return the files that are read beside the image."""

    def for_image(self, source: Source, model: Any) -> "ImageTask":
        """Return the task of an image of the call; called once for each, in their order."""

    def work(self, source: Source, model: Any, out: Path) -> ImageResult:
        """Do it; `out` is the folder for all results."""


def perform(
    task: ImageTask, source: Source, model: Any, out: Path, *, whole: bool = False
) -> ImageResult:
    """Do what a task does with an image; leave behind what nobody needs.

    Parameters
    ----------
    task : ImageTask
        The task.
    source : Source
        The image.
    model : object
        As `task.load` returns it.
    out : Path
        Existing folder for all results.
    whole : bool
        Whether all is kept: the pixels, and all that was made of them.

    Returns
    -------
    ImageResult

    Raises
    ------
    ValueError, OSError
        One clear line about what is wrong with the file.
    """
    start = time.monotonic()
    result = task.work(source, model, out)
    result = replace(result, seconds=round(time.monotonic() - start, 3))
    if whole:
        return result
    image = result.image
    if result.match is None or result.match.fits:
        image = replace(image, data=np.empty((0, 0)))
    return replace(result, image=image, whole=None)


def plan_session(
    task: ImageTask,
    sources: Sequence[Source],
    out: Path,
    *,
    tables: Sequence[str] = (),
    table_marks: Sequence[str] = (),
) -> tuple[Path, ...]:
    """Name all files of a call before any work begins, and see that they are nobody else's.

    Parameters
    ----------
    task : ImageTask
        What is done with the images.
    sources : sequence of Source
        Images.
    out : Path
        Folder for the results; need not exist.
    tables : sequence of str
        Tables about all images that are written beside the results.
    table_marks : sequence of str
        How they begin.

    Returns
    -------
    tuple of Path
        Folders that the files go to.

    Raises
    ------
    ValueError
        As in `plan_outputs`.

    Examples
    --------
    >>> from stemzoo.workflows.detect_task import DetectTask
    >>> plan_session(DetectTask(), [], Path("out"))
    (PosixPath('out'),)
    """
    paths = list(dict.fromkeys(source.path for source in sources))
    there = set(image_files(paths))
    images = [source for source in sources if source.path in there and not source.fault]
    results = [
        (Path(str(source)), [str(source.folder / name) for name in task.names(source)])
        for source in images
    ]
    inputs = [*paths, *(path for source in images for path in task.inputs(source))]
    # The names of the record are taken, too: an image may be named summary.tif.
    own = [(Path(RECORD), (RECORD, SUMMARY)), (Path(REPORT), (REPORT,))]
    own += [(Path(name), (name,)) for name in tables]
    marks = (*task.marks, RECORD_MARK, REPORT_MARK, *table_marks)
    plan_outputs([*own, *results], out, inputs=inputs, mark=marks)
    return tuple(dict.fromkeys([out, *(out / source.folder for source in sources)]))
