"""Who is on the page: each visit with a folder, images and trainings of its own."""

import logging
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from stemzoo.app.corrections import Corrected, Edit, correct
from stemzoo.app.limits import Limits
from stemzoo.app.trainings import COMMAND_LINE, Training
from stemzoo.inference.detections import Detections
from stemzoo.workflows.run_record import RunRecord

log = logging.getLogger(__name__)

IMAGES, RESULTS, PICTURES = "images", "results", "pictures"


@dataclass(eq=False)
class VisitImage:
    """An image that a visitor has dropped.

    Parameters
    ----------
    path : Path
        Its file.
    shape : tuple of int
        Rows and columns [px].
    frames : int
        Frames of the file; of several, the sum is looked at.
    sampling_pm : float or None
        Pixel size that the file states [pm].
    frame : int or None
        The frame that was chosen.
    found : Detections or None
        What was found in it; without its pixels.
    detector : str or None
        Which detector has looked at it, as the page calls it.
    warnings : tuple of str
        What else was said.
    outline : tuple of ndarray
        Where the crystal ends: lines of row, column [px].
    edits : list of Edit
        Corrections.
    pictures : dict of str to Path
        JPEG files of the image, and of what was made of it.
    notes : dict of str to tuple of str
        What was said of each of these.
    """

    path: Path
    shape: tuple[int, int]
    frames: int = 1
    sampling_pm: float | None = None
    frame: int | None = None
    found: Detections | None = None
    detector: str | None = None
    warnings: tuple[str, ...] = ()
    outline: tuple[np.ndarray, ...] = ()
    edits: list[Edit] = field(default_factory=list)
    pictures: dict[str, Path] = field(default_factory=dict)
    notes: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def corrected(self) -> Corrected:
        """Return what was found, as it was corrected.

        Raises
        ------
        ValueError
            If nothing was looked for yet.
        """
        if self.found is None:
            raise ValueError("Expected an image in which defects were looked for. Received: none.")
        return correct(self.found, self.edits)


@dataclass(eq=False)
class Visit:
    """One visitor: nobody else's images or results are ever in it.

    Parameters
    ----------
    folder : Path
        All files of it; deleted at its end.
    token : str
        What its results are asked for by; nobody can guess it.
    images : list of VisitImage
        In the order in which they were dropped.
    chosen : int
        The image that is looked at.
    weights : dict of str to Path
        Detectors that were trained here, by what the page calls them.
    translators : dict of str to Path
        CycleGANs that were adapted here.
    record : RunRecord
        How the results were made.
    crystal : Path or None
        File of a crystal to train for.
    training : Training or None
        The latest.
    program : sequence of str
        What trains; see `Training`.
    calls : int
        What is being done for it now, see `at_work`.
    """

    folder: Path
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    images: list[VisitImage] = field(default_factory=list)
    chosen: int = 0
    weights: dict[str, Path] = field(default_factory=dict)
    translators: dict[str, Path] = field(default_factory=dict)
    record: RunRecord = field(default_factory=lambda: RunRecord(Path()))
    crystal: Path | None = None
    training: Training | None = None
    program: Sequence[str] = COMMAND_LINE
    used: float = field(default_factory=time.monotonic)
    ended: bool = False
    calls: int = 0

    def __post_init__(self) -> None:
        for name in (IMAGES, RESULTS, PICTURES):
            (self.folder / name).mkdir(parents=True)
        self.record = RunRecord(self.results)

    @property
    def results(self) -> Path:
        """Folder of tables."""
        return self.folder / RESULTS

    @property
    def image(self) -> VisitImage:
        """The image that is looked at.

        Raises
        ------
        ValueError
            If there is none.
        """
        if not self.images:
            raise ValueError("Expected an image. Received: none. Drop one first.")
        return self.images[self.chosen]

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Keep the visit from being ended by `Visits.leave` while something is done for it."""
        self.calls += 1
        try:
            yield
        finally:
            self.calls -= 1

    def words(self, text: object) -> str:
        """Return a message without the places of files, which are nobody's business."""
        folders = (self.results, self.folder / IMAGES, self.folder / PICTURES, self.folder)
        said = " ".join(str(text).split())
        for folder in folders:
            said = said.replace(f"{folder}/", "").replace(str(folder), "the visit")
        return said

    def end(self) -> None:
        """Stop what runs, and delete all files."""
        self.ended = True
        if self.training is not None:
            self.training.stop()
        self.images.clear()
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(eq=False)
class Visits:
    """All visits, each found by the name of its session or by its token.

    Parameters
    ----------
    root : Path
        Folder for theirs.
    limits : Limits
        How many there may be, and how long.
    clock : callable
        Returns seconds.

    Examples
    --------
    >>> visits = Visits(Path("visits"))
    >>> visits.of("anna") is visits.of("anna"), visits.of("anna") is visits.of("ben")
    (True, False)
    """

    root: Path
    limits: Limits = Limits()
    clock: Callable[[], float] = time.monotonic
    _known: dict[str, Visit] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, session: str | None) -> Visit:
        """Return the visit of a session, a new one where there is none.

        Raises
        ------
        ValueError
            If the session has no name.
        """
        if not session:
            raise ValueError("Expected a session of the page. Received: none. Load it once more.")
        now = self.clock()
        with self._lock:
            visit = self._known.get(session)
            if visit is None:
                ended = self._make_room(now)
                visit = Visit(self.root / secrets.token_hex(16))
                self._known[session] = visit
            else:
                ended = []
            visit.used = now
        for other in ended:
            other.end()
        return visit

    def by_token(self, token: str) -> Visit | None:
        """Return the visit of a token; None if there is none."""
        with self._lock:
            for visit in self._known.values():
                if secrets.compare_digest(visit.token.encode(), token.encode()):
                    return visit
        return None

    def leave(self, session: str | None) -> None:
        """End the visit of a session soon, unless it comes back: phones lose their connection.

        So do browsers that wait for a busy server: what is being done for the visit comes first.
        """
        left = self.clock()

        def end() -> None:
            visit = self._known.get(session or "")
            if visit is None or visit.used > left:
                return
            if visit.calls:
                later()
            else:
                self.end(session)

        def later() -> None:
            timer = threading.Timer(self.limits.return_seconds or 1.0, end)
            timer.daemon = True
            timer.start()

        if self.limits.return_seconds <= 0:
            end()
        else:
            later()

    def end(self, session: str | None) -> None:
        """End the visit of a session, if there is one."""
        with self._lock:
            visit = self._known.pop(session or "", None)
        if visit is not None:
            visit.end()

    def end_all(self) -> None:
        """End all visits."""
        for session in list(self._known):
            self.end(session)

    def _make_room(self, now: float) -> list[Visit]:
        """Take out visits that are idle for long, and the longest idle where there are too many."""
        by_age = sorted(self._known.items(), key=lambda item: item[1].used)
        excess = len(by_age) + 1 - self.limits.visits
        idle = 60 * self.limits.idle_minutes
        gone = [name for k, (name, v) in enumerate(by_age) if k < excess or now - v.used > idle]
        return [self._known.pop(name) for name in gone]
