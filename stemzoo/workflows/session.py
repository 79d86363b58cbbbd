"""Many images in one call: each looked at once, recorded, and skipped when it is done already."""

import hashlib
import json
import os
import platform
import time
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemzoo import __version__
from stemzoo.inference.bundled_detectors import BundledDetectors
from stemzoo.inference.reporting import DEFAULT_THRESHOLD
from stemzoo.workflows import images
from stemzoo.workflows.images import TABLE_MARKS, DetectedFile
from stemzoo.workflows.outputs import make_folder, plan_outputs
from stemzoo.workflows.paths import image_files
from stemzoo.workflows.result_files import result_names
from stemzoo.workflows.run_record import RECORD, REPORT, REPORT_MARK, SUMMARY, RunRecord
from stemzoo.workflows.sources import Source
from stemzoo.zoo.file_names import CARD, LOADED
from stemzoo.zoo.manifest import sha256
from stemzoo.zoo.provenance import PACKAGES
from stemzoo.zoo.registry import list_weights

if TYPE_CHECKING:
    from stemzoo.models.fcn import DefectFCN

# Stands in the first lines of run.json.
_RECORD_MARK = '"stemzoo": "'


@dataclass(frozen=True)
class DetectOptions:
    """What a call of detect is told beside images and weights.

    Parameters
    ----------
    sampling, threshold, tta, edges, force, as_is
        As in `stemzoo.detect`.
    frame, sum_frames
        As in `stemzoo.read_image`, for all images of the call.
    formats, header
        As in `stemzoo.workflows.images.detect_file`.
    """

    sampling: float | None = None
    threshold: float = DEFAULT_THRESHOLD
    tta: bool = False
    edges: bool = False
    force: bool = False
    as_is: bool = False
    frame: int | None = None
    sum_frames: bool = False
    formats: tuple[str, ...] = ("csv",)
    header: bool = False


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of an image.

    Parameters
    ----------
    source : Source
        The image.
    facts : mapping or None
        What the record of the folder holds of it; None if it failed.
    found : DetectedFile or None
        What was found; None if it failed, or was done before.
    error : Exception or None
        Why it failed.
    """

    source: Source
    facts: Mapping[str, Any] | None = None
    found: DetectedFile | None = None
    error: Exception | None = None

    @property
    def skipped(self) -> bool:
        """Whether an earlier call has done it."""
        return self.found is None and self.error is None


def plan_session(
    sources: Sequence[Source], out: Path, formats: Sequence[str] = ()
) -> tuple[Path, ...]:
    """Name all files of a call before any work begins, and see that they are nobody else's.

    Parameters
    ----------
    sources : sequence of Source
        Images.
    out : Path
        Folder for the results; need not exist.
    formats : sequence of str
        As in `stemzoo.workflows.images.detect_file`.

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
    >>> plan_session([], Path("out"))
    (PosixPath('out'),)
    """
    paths = list(dict.fromkeys(source.path for source in sources))
    there = set(image_files(paths))
    results = [
        (Path(str(source)), result_names(source.key, formats))
        for source in sources
        if source.path in there and not source.fault
    ]
    # The names of the record are taken, too: an image may be named summary.tif.
    own = [(Path(RECORD), (RECORD, SUMMARY)), (Path(REPORT), (REPORT,))]
    marks = (*TABLE_MARKS, _RECORD_MARK, REPORT_MARK)
    plan_outputs([*own, *results], out, inputs=paths, mark=marks)
    return tuple(dict.fromkeys([out, *(out / source.folder for source in sources)]))


@dataclass
class DetectSession:
    """One call of detect, whose results go into a folder with a record of how they were made.

    Parameters
    ----------
    out : Path
        Folder for the results; need not exist.
    model : DefectFCN or BundledDetectors
        As in `stemzoo.workflows.images.detect_file`.
    options : DetectOptions
        What else it was told.
    weights : str or None
        The weights as the call named them, for the record.
    record : RunRecord
        Of the folder; this call is entered into it.

    Examples
    --------
    >>> session = DetectSession(Path("out"), BundledDetectors())  # doctest: +SKIP
    >>> for outcome in session.run(find_sources(["day"]), resume=True):  # doctest: +SKIP
    ...     print(outcome.source, outcome.skipped, outcome.error)
    """

    out: Path
    model: "DefectFCN | BundledDetectors"
    options: DetectOptions = DetectOptions()
    weights: str | None = None
    record: RunRecord = field(default_factory=lambda: RunRecord(Path()))
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
            SHA-256 that files must have, by the key of the source.

        Yields
        ------
        Outcome
            One an image, in their order; none is kept here.
        """
        start = time.monotonic()
        for folder in plan_session(sources, self.out, self.options.formats):
            make_folder(folder)
        self.record.folder = self.out
        if self._call is None:
            self._call = self._call_facts()
        self._call["images"] += len(sources)
        call = self.record.begin(self._call)
        options = {k: v for k, v in asdict(self.options).items() if k != "formats"}
        told = json.dumps([__version__, options, weights_digests(self.model)])
        try:
            with ThreadPoolExecutor(1) as reader:
                hashes = _Hashes(reader)
                for source, following in zip(sources, [*sources[1:], None], strict=True):
                    hashes.ask(source.path)
                    if following is not None:
                        hashes.ask(following.path)
                    yield self._one(source, call, told, hashes, resume, expected or {})
                    self.record.save(now=False)
        finally:
            seconds = self._call["seconds"] + time.monotonic() - start
            self._call.update(
                finished=_now(),
                seconds=round(seconds, 3),
                weights_sha256=used_weights(self.model),
            )
            self.record.finish()

    def _one(
        self,
        source: Source,
        call: int,
        told: str,
        hashes: "_Hashes",
        resume: bool,
        expected: Mapping[str, str],
    ) -> Outcome:
        """Look at one image."""
        label, start = str(source), time.monotonic()
        try:
            if resume and (done := self.record.images.get(source.key)) is not None:
                key = _key(told, hashes.get(source.path), source.frame)
                names = {*done["files"], *result_names(source.key, self.options.formats)}
                if done["key"] == key and all((self.out / name).is_file() for name in names):
                    return Outcome(source, done)
            wanted, digest = expected.get(source.key), None
            if wanted is not None and (digest := hashes.get(source.path)) not in (None, wanted):
                raise ValueError(
                    f"{source}: expected the file that the record was made of (SHA-256 "
                    f"{wanted[:12]}...). Received: other bytes ({str(digest)[:12]}...). Put the "
                    "file of that time in its place, or run 'stemzoo detect' on this one."
                )
            found = self._detect(source)
        except Exception as error:
            self.record.fail(label, source.path, call, " ".join(str(error).split()))
            return Outcome(source, error=error)
        digest = hashes.get(source.path)
        files = [_relative(path, self.out) for path in (found.table, found.overlay, *found.others)]
        key = _key(told, digest, source.frame)
        files += self._earlier_files(source, key, files)
        facts = found.detections.to_dict()
        del facts["detections"], facts["format"]
        facts = {
            "call": call,
            "image": str(source.path),
            "frame": self.options.frame if source.frame is None else source.frame,
            "sha256": digest,
            "key": key,
            **facts,
            "seconds": round(time.monotonic() - start, 3),
            "csv": _relative(found.table, self.out),
            "overlay": _relative(found.overlay, self.out),
            "files": files,
        }
        self.record.add(source.key, facts, label)
        return Outcome(source, facts, found)

    def _earlier_files(self, source: Source, key: str, written: Sequence[str]) -> list[str]:
        """Return files of other formats that still hold; delete those of other detections."""
        done = self.record.images.get(source.key)
        if done is None:
            return []
        others = [name for name in done["files"] if name not in written]
        if done["key"] == key:
            return [name for name in others if (self.out / name).is_file()]
        for name in others:
            (self.out / name).unlink(missing_ok=True)
        return []

    def _detect(self, source: Source) -> DetectedFile:
        if source.fault:
            raise ValueError(source.fault)
        options = asdict(self.options)
        if source.frame is not None:
            options["frame"] = source.frame
        out = self.out / source.folder
        return images.detect_file(source.path, self.model, out, name=source.name, **options)

    def _call_facts(self) -> dict[str, Any]:
        """Say what does the work, and what it was told."""
        packages = {"stemzoo": __version__, "python": platform.python_version()}
        return {
            "verb": "detect",
            "packages": packages | {name: version(name) for name in PACKAGES},
            "device": device_name(),
            "folder": os.getcwd(),
            "images": 0,
            "weights": self.weights,
            "weights_sha256": {},
            "options": asdict(self.options),
            "started": _now(),
            "finished": None,
            "seconds": 0.0,
        }


class _Hashes:
    """SHA-256 of files, read by another thread: the system then has their bytes at hand."""

    def __init__(self, reader: ThreadPoolExecutor):
        self._reader = reader
        self._asked: dict[Path, Future[str]] = {}

    def ask(self, path: Path) -> None:
        """Have a file read; others than images, such as a pipe, are not touched."""
        if path not in self._asked and image_files([path]):
            self._asked[path] = self._reader.submit(sha256, path)

    def get(self, path: Path) -> str | None:
        """Return the hash of a file; None if it cannot be read."""
        try:
            return self._asked[path].result() if path in self._asked else None
        except OSError:
            return None


def _key(told: str, digest: str | None, frame: int | None) -> str:
    """Return what is the same only for the same bytes, options, weights and version."""
    return hashlib.sha256(json.dumps([told, digest, frame]).encode()).hexdigest()


def weights_digests(model: "DefectFCN | BundledDetectors") -> dict[str, str]:
    """Return a hash of each detector that a call may use: of all that decides what it says.

    Parameters
    ----------
    model : DefectFCN or BundledDetectors
        A detector, or those of the package.

    Returns
    -------
    dict of str to str
        By name.
    """
    if isinstance(model, BundledDetectors):
        entries = [entry for entry in list_weights(task="detection") if entry.bundled]
        return {
            entry.name: _joined([(file.name, str(file.sha256)) for file in entry.files])
            for entry in entries
        }
    provenance = getattr(model, "provenance", None)
    if provenance is None:  # made in this process
        weights = [(w.path, hashlib.sha256(w.numpy().tobytes()).hexdigest()) for w in model.weights]
        return {model.name: _joined(weights)}
    names = [name for name in LOADED if name != CARD and (provenance.folder / name).is_file()]
    return {model.name: _joined([(name, sha256(provenance.folder / name)) for name in names])}


def _joined(hashes: Sequence[tuple[str, str]]) -> str:
    return hashlib.sha256(json.dumps(sorted(hashes)).encode()).hexdigest()


def used_weights(model: "DefectFCN | BundledDetectors") -> dict[str, str]:
    """Return the SHA-256 of ``model.weights.h5`` of each detector that was used, by name."""
    used = model.loaded.values() if isinstance(model, BundledDetectors) else [model]
    return {
        one.name: one.provenance.sha256
        for one in used
        if getattr(one, "provenance", None) is not None
    }


def device_name() -> str:
    """Name the devices that Keras computes on, such as ``"cpu:0"``."""
    from stemzoo.models.start import start_device

    start_device()
    import keras

    return ", ".join(keras.distribution.list_devices())


def _relative(path: Path, out: Path) -> str:
    return path.relative_to(out).as_posix()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
