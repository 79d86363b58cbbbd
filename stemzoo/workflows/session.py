"""Many images in one call: each looked at once, recorded, and skipped when it is done already."""

import json
import os
import platform
import time
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stemzoo import __version__
from stemzoo.workflows.engines import Engine, ThisProcess, Waiting
from stemzoo.workflows.fingerprints import FileHashes, image_key, weights_digests
from stemzoo.workflows.image_task import ImageResult, ImageTask, plan_session
from stemzoo.workflows.outputs import make_folder
from stemzoo.workflows.run_record import RunRecord
from stemzoo.workflows.sources import Source
from stemzoo.zoo.provenance import installed_versions


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of an image.

    Parameters
    ----------
    source : Source
        The image.
    facts : mapping or None
        What the record of the folder holds of it; None if it failed.
    result : ImageResult or None
        What was made of it; None if it failed, or was done before.
    error : Exception or None
        Why it failed.
    """

    source: Source
    facts: Mapping[str, Any] | None = None
    result: ImageResult | None = None
    error: Exception | None = None

    @property
    def skipped(self) -> bool:
        """Whether an earlier call has done it."""
        return self.result is None and self.error is None


@dataclass(frozen=True)
class _Told:
    """What a run is told of all images: all that decides about results but the task itself."""

    digests: Mapping[str, str]
    resume: bool
    expected: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class _Begun:
    """An image that is being looked at, was done before, or could not be begun."""

    source: Source
    words: str
    waiting: Waiting | None = None
    done: Mapping[str, Any] | None = None
    error: Exception | None = None


@dataclass
class Session:
    """One call of a verb, whose results go into a folder with a record of how they were made.

    Parameters
    ----------
    out : Path
        Folder for the results; need not exist.
    task : ImageTask
        What is done with each image.
    model : object
        As `task.load` returns it.
    record : RunRecord
        Of the folder; this call is entered into it.
    engine : Engine
        Who does the work: this process, or a cluster.

    Examples
    --------
    >>> from stemzoo.workflows.detect_task import DetectTask
    >>> session = Session(Path("out"), DetectTask(), BundledDetectors())  # doctest: +SKIP
    >>> for outcome in session.run(find_sources(["day"]), resume=True):  # doctest: +SKIP
    ...     print(outcome.source, outcome.skipped, outcome.error)
    """

    out: Path
    task: ImageTask
    model: Any
    record: RunRecord = field(default_factory=lambda: RunRecord(Path()))
    engine: Engine = field(default_factory=ThisProcess)
    _call: dict[str, Any] | None = None

    def run(
        self,
        sources: Sequence[Source],
        *,
        resume: bool = False,
        expected: Mapping[str, str] | None = None,
    ) -> Generator[Outcome, None, None]:
        """Look at images in turn; whatever happens to one, the next is looked at.

        Images that come later are looked at by another run of the same session, which is one call
        in the record.

        The bytes of the next file are read while this one is computed. What was done is recorded
        even if the caller stops, or the process is killed, up to the last seconds.

        Parameters
        ----------
        sources : sequence of Source
            Images, of which the files are planned (`plan_session`).
        resume : bool
            Skip images that an earlier call has done: the same bytes, weights, options and version,
            and all files there.
        expected : mapping of str to str, optional
            SHA-256 that files must have, by `task.key` of the source.

        Yields
        ------
        Outcome
            One an image, in their order; none is kept here.
        """
        start = time.monotonic()
        for folder in plan_session(self.task, sources, self.out):
            make_folder(folder)
        self.record.folder = self.out
        if self._call is None:
            self._call = self._call_facts()
        self._call["images"] += len(sources)
        call = self.record.begin(self._call)
        told = _Told(weights_digests(self.model), resume, expected or {})
        begun: deque[_Begun] = deque()
        try:
            with ThreadPoolExecutor(1) as reader:
                hashes = FileHashes(reader)
                for source, following in zip(sources, [*sources[1:], None], strict=True):
                    hashes.ask(source.path)
                    if following is not None:
                        hashes.ask(following.path)
                    begun.append(self._begin(source, told, hashes))
                    while len(begun) > self.engine.ahead():
                        yield self._end(begun.popleft(), call, hashes)
                while begun:
                    yield self._end(begun.popleft(), call, hashes)
        finally:
            seconds = self._call["seconds"] + time.monotonic() - start
            self._call.update(finished=_now(), seconds=round(seconds, 3))
            self.record.finish()

    def _begin(self, source: Source, told: _Told, hashes: FileHashes) -> _Begun:
        """Have an image looked at, unless it is done."""
        task = self.task.for_image(source, self.model)
        words = json.dumps([__version__, task.told(), told.digests])
        try:
            if told.resume and (done := self._done(source, words, hashes)) is not None:
                return _Begun(source, words, done=done)
            if (wanted := told.expected.get(task.key(source))) is not None:
                _check_bytes(source, wanted, hashes.get(source.path))
            if source.fault:
                raise ValueError(source.fault)
            waiting = self.engine.submit(task, source, self.model, self.out, told.digests)
            return _Begun(source, words, waiting)
        except Exception as error:
            return _Begun(source, words, error=error)

    def _end(self, begun: _Begun, call: int, hashes: FileHashes) -> Outcome:
        """Wait for what was made of an image, and record it."""
        source = begun.source
        if begun.done is not None:
            return Outcome(source, begun.done)
        try:
            if begun.waiting is None:
                assert begun.error is not None  # as it was not begun
                raise begun.error
            result = begun.waiting()
        except Exception as error:
            self.record.fail(str(source), source.path, call, " ".join(str(error).split()))
            return Outcome(source, error=error)
        digest = hashes.get(source.path)
        key = image_key(begun.words, digest, source.frame)
        files = [self._relative(path) for path in result.files]
        facts = {
            "call": call,
            "image": str(source.path),
            "frame": result.report["frame"],
            "sha256": digest,
            "key": key,
            **result.facts,
            "seconds": result.seconds,
            **{name: self._relative(path) for name, path in result.named.items()},
            "files": [*files, *self._earlier_files(source, key, files)],
        }
        self.record.add(self.task.key(source), facts, str(source))
        self.record.calls[call]["weights_sha256"].update(result.weights)
        self.record.save(now=False)
        return Outcome(source, facts, result)

    def _done(self, source: Source, words: str, hashes: FileHashes) -> dict[str, Any] | None:
        """Return what an earlier call recorded of an image, if that still holds."""
        done = self.record.images.get(self.task.key(source))
        if done is None:
            return None
        key = image_key(words, hashes.get(source.path), source.frame)
        own = (str(source.folder / name) for name in self.task.names(source))
        whole = all((self.out / name).is_file() for name in {*done["files"], *own})
        return done if whole and done["key"] == key else None

    def _earlier_files(self, source: Source, key: str, written: Sequence[str]) -> list[str]:
        """Return files of other formats that still hold; delete those of other detections."""
        done = self.record.images.get(self.task.key(source))
        if done is None:
            return []
        others = [name for name in done["files"] if name not in written]
        if done["key"] == key:
            return [name for name in others if (self.out / name).is_file()]
        for name in others:
            (self.out / name).unlink(missing_ok=True)
        return []

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.out).as_posix()

    def _call_facts(self) -> dict[str, Any]:
        """Say what does the work, and what it was told."""
        packages = {"stemzoo": __version__, "python": platform.python_version()}
        return {
            "verb": self.task.verb,
            "packages": packages | installed_versions(),
            "device": self.engine.device(),
            "folder": os.getcwd(),
            "images": 0,
            "weights": self.task.weights,
            "weights_sha256": {},
            "options": self.task.options(),
            "started": _now(),
            "finished": None,
            "seconds": 0.0,
        }


def _check_bytes(source: Source, wanted: str, digest: str | None) -> None:
    """See that a file is the one that a record was made of; one that is gone, reading tells."""
    if digest not in (None, wanted):
        raise ValueError(
            f"{source}: expected the file that the record was made of (SHA-256 {wanted[:12]}...). "
            f"Received: other bytes ({str(digest)[:12]}...). Put the file of that time in its "
            "place, or run 'stemzoo detect' on this one."
        )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
