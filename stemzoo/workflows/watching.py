"""Images that arrive in a folder: looked at when they are whole, and how a session develops."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from stemzoo.inference.comparison import SIGNIFICANCE
from stemzoo.workflows.run_record import expected_f1
from stemzoo.workflows.sources import Source, find_sources, folder_images

# So many images in a row that are unlike the training frames are no accident: at p < 0.01 each,
# three by chance are one in a million.
UNLIKE = 3
_BARS = "▁▂▃▄▅▆▇█"


@dataclass
class Arrivals:
    """Image files of a folder, each told when it is whole.

    A file counts as whole when neither its size nor its time of change has moved for a while; one
    that changes later is told again.

    Parameters
    ----------
    folder : Path
        The folder that a microscope writes to.
    recursive : bool
        Whether to look into folders of it, too.
    out : Path, optional
        Folder of the results, which is not looked into.
    settle : float
        How long a file must stay as it is [s].
    now : callable
        The clock [s].
    changed : float
        When something in the folder moved last, by that clock.

    Examples
    --------
    >>> Arrivals(Path("nowhere")).poll()
    []
    """

    folder: Path
    recursive: bool = False
    out: Path | None = None
    settle: float = 2.0
    now: Callable[[], float] = time.monotonic
    _seen: dict[Path, tuple[tuple[int, int], float]] = field(default_factory=dict)
    _told: dict[Path, tuple[int, int]] = field(default_factory=dict)
    changed: float = -float("inf")

    def poll(self) -> list[Path]:
        """Return the files that have become whole since the last time, the oldest first."""
        out = None if self.out is None else Path(os.path.abspath(self.out))
        whole: list[tuple[int, Path]] = []
        there = {}
        for path in folder_images(self.folder, recursive=self.recursive, leave_out=out):
            try:
                found = path.stat()
            except OSError:  # moved away meanwhile
                continue
            state = (found.st_size, found.st_mtime_ns)
            known, since = self._seen.get(path, (None, 0.0))
            there[path] = (state, since)
            if state != known:
                self.changed = self.now()
                there[path] = (state, self.changed)
            elif self.now() - since >= self.settle and found.st_size:
                if self._told.get(path) != state:
                    self._told[path] = state
                    whole.append((found.st_mtime_ns, path))
        self._seen = there
        return [path for _, path in sorted(whole)]

    @property
    def waiting(self) -> int:
        """How many files are there that are not whole yet."""
        return sum(self._told.get(path) != state for path, (state, _) in self._seen.items())


def arriving(
    arrivals: Arrivals,
    *,
    frames: str | None = None,
    written: Callable[[], Sequence[Path]] = tuple,
    idle: float | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[list[Source]]:
    """Yield images as they arrive, without end.

    Parameters
    ----------
    arrivals : Arrivals
        The folder.
    frames : str, optional
        As in `find_sources`.
    written : callable
        Returns files that are results.
    idle : float, optional
        End when nothing has arrived for so long [s].
    sleep : callable
        Waits some seconds.

    Yields
    ------
    list of Source
        Images that are whole; none while nothing is new, so that the caller can show that it waits.
    """
    last, taken = arrivals.now(), dict[str, Path]()
    while True:
        results = {Path(os.path.abspath(path)) for path in written()}
        paths = [path for path in arrivals.poll() if Path(os.path.abspath(path)) not in results]
        if paths:
            yield [
                _unless_taken(replace(one, folder=path.parent.relative_to(arrivals.folder)), taken)
                for path in paths
                for one in find_sources([path], frames=frames)
            ]
            last = arrivals.now()
            continue
        since = max(last, arrivals.changed + arrivals.settle)
        if idle is not None and arrivals.now() - since >= idle:
            return
        yield []
        sleep(min(0.5, max(arrivals.settle / 2, 0.01)))


def _unless_taken(source: Source, taken: dict[str, Path]) -> Source:
    """Return an image, with a fault if another file's results have the same name."""
    other = taken.setdefault(source.key, source.path)
    if other == source.path:
        return source
    fault = (
        f"{source.path}: its results would overwrite those of {other}, which has the same name. "
        "Give the files different names."
    )
    return replace(source, fault=fault)


@dataclass
class Course:
    """How a session develops: density and expected F1 of each class, image by image.

    Parameters
    ----------
    images : list of mapping
        Facts of images, as `stemzoo.workflows.run_record` holds them, in their order.

    Examples
    --------
    >>> course = Course()
    >>> for p in (0.5, 0.001, 0.002, 0.0001):
    ...     course.add({"image": "a.tif", "p_value": p})
    >>> course.unlike()
    3
    """

    images: list[Mapping[str, Any]] = field(default_factory=list)

    def add(self, facts: Mapping[str, Any]) -> None:
        """Add an image."""
        self.images.append(facts)

    def unlike(self) -> int:
        """Return how many images in a row, up to the last, are unlike the training frames."""
        count = 0
        for one in reversed(self.images):
            if one["p_value"] is None or one["p_value"] >= SIGNIFICANCE:
                break
            count += 1
        return count

    def advice(self) -> str | None:
        """Say when it is time for other weights; None while it is not."""
        count = self.unlike()
        if count < UNLIKE:
            return None
        last = self.images[-1]
        return (
            f"the last {count} images are unlike the frames that {last['weights']} was trained on "
            f"(p < {SIGNIFICANCE}): stop and run 'stemzoo match {last['image']}', which names the "
            "weights that fit, or how to adapt"
        )

    def classes(self) -> list[str]:
        """Return the classes of which something was found, the most frequent first."""
        total: Counter[str] = Counter()
        for one in self.images:
            total.update(one["counts"])
        return [name for name, count in total.most_common() if count]

    def densities(self, name: str) -> list[float | None]:
        """Return the density of a class in each image [1/nm²]."""
        return [one["density_per_nm2"].get(name, {}).get("value") for one in self.images]

    def expected_f1(self, name: str) -> list[float | None]:
        """Return the expected F1 of a class in each image; None where that is not known."""
        return [expected_f1(one, name) for one in self.images]


def sparkline(values: Sequence[float | None], low: float, high: float, width: int = 60) -> str:
    """Draw the last figures as a row of bars.

    Parameters
    ----------
    values : sequence of float or None
        Figures; a blank where one is not known.
    low, high : float
        Ends of the scale.
    width : int
        How many fit.

    Returns
    -------
    str

    Examples
    --------
    >>> sparkline([0.0, 0.5, None, 1.0], 0.0, 1.0)
    '▁▅ █'
    """
    span = (high - low) or 1.0

    def bar(value: float | None) -> str:
        if value is None:
            return " "
        share = min(max((value - low) / span, 0.0), 1.0)
        return _BARS[min(int(share * len(_BARS)), len(_BARS) - 1)]

    return "".join(bar(value) for value in values[-width:])
