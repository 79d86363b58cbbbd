"""Many images in one call: each looked at once, recorded, and skipped when it is done already."""

import json
import os
import platform
import time
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemzoo import __version__
from stemzoo.inference.bundled_detectors import BundledDetectors
from stemzoo.inference.reporting import DEFAULT_THRESHOLD
from stemzoo.workflows import images
from stemzoo.workflows.fingerprints import FileHashes, image_key, used_weights, weights_digests
from stemzoo.workflows.images import TABLE_MARKS, DetectedFile
from stemzoo.workflows.outputs import make_folder, plan_outputs
from stemzoo.workflows.paths import image_files
from stemzoo.workflows.result_files import result_names
from stemzoo.workflows.run_record import RECORD, REPORT, REPORT_MARK, SUMMARY, RunRecord
from stemzoo.workflows.sources import Source
from stemzoo.zoo.provenance import installed_versions

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
    sources: Sequence[Source],
    out: Path,
    formats: Sequence[str] = (),
    *,
    tables: Sequence[str] = (),
    table_marks: Sequence[str] = (),
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
    own += [(Path(name), (name,)) for name in tables]
    marks = (*TABLE_MARKS, _RECORD_MARK, REPORT_MARK, *table_marks)
    plan_outputs([*own, *results], out, inputs=paths, mark=marks)
    return tuple(dict.fromkeys([out, *(out / source.folder for source in sources)]))


@dataclass(frozen=True)
class _Told:
    """What a run is told of all images: all that decides about results, as one text."""

    words: str
    resume: bool
    expected: Mapping[str, str]


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
        words = json.dumps([__version__, options, weights_digests(self.model)])
        told = _Told(words, resume, expected or {})
        try:
            with ThreadPoolExecutor(1) as reader:
                hashes = FileHashes(reader)
                for source, following in zip(sources, [*sources[1:], None], strict=True):
                    hashes.ask(source.path)
                    if following is not None:
                        hashes.ask(following.path)
                    yield self._one(source, call, told, hashes)
        finally:
            seconds = self._call["seconds"] + time.monotonic() - start
            self._call.update(finished=_now(), seconds=round(seconds, 3))
            self.record.finish()

    def _one(self, source: Source, call: int, told: _Told, hashes: FileHashes) -> Outcome:
        """Look at one image, unless it is done."""
        start = time.monotonic()
        try:
            if told.resume and (done := self._done(source, told, hashes)) is not None:
                return Outcome(source, done)
            if (wanted := told.expected.get(source.key)) is not None:
                _check_bytes(source, wanted, hashes.get(source.path))
            found = self._detect(source)
        except Exception as error:
            self.record.fail(str(source), source.path, call, " ".join(str(error).split()))
            return Outcome(source, error=error)
        digest = hashes.get(source.path)
        key = image_key(told.words, digest, source.frame)
        files = [_relative(path, self.out) for path in (found.table, found.overlay, *found.others)]
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
            "files": [*files, *self._earlier_files(source, key, files)],
        }
        self.record.add(source.key, facts, str(source))
        self.record.calls[call]["weights_sha256"] = used_weights(self.model)
        self.record.save(now=False)
        return Outcome(source, facts, found)

    def _done(self, source: Source, told: _Told, hashes: FileHashes) -> dict[str, Any] | None:
        """Return what an earlier call recorded of an image, if that still holds."""
        done = self.record.images.get(source.key)
        if done is None:
            return None
        key = image_key(told.words, hashes.get(source.path), source.frame)
        names = {*done["files"], *result_names(source.key, self.options.formats)}
        whole = all((self.out / name).is_file() for name in names)
        return done if whole and done["key"] == key else None

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
            "packages": packages | installed_versions(),
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


def _check_bytes(source: Source, wanted: str, digest: str | None) -> None:
    """See that a file is the one that a record was made of; one that is gone, reading tells."""
    if digest not in (None, wanted):
        raise ValueError(
            f"{source}: expected the file that the record was made of (SHA-256 {wanted[:12]}...). "
            f"Received: other bytes ({str(digest)[:12]}...). Put the file of that time in its "
            "place, or run 'stemzoo detect' on this one."
        )


def _relative(path: Path, out: Path) -> str:
    return path.relative_to(out).as_posix()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def device_name() -> str:
    """Name the devices that networks are computed on, such as ``"cpu:0"``."""
    from stemzoo.models.start import choose_runtime, start_device

    if choose_runtime(None) == "onnx":
        return "cpu (ONNX Runtime)"
    start_device()
    import keras

    if keras.backend.backend() == "torch":  # of which Keras lists no devices
        import torch

        return "cuda" if torch.cuda.is_available() else "cpu"
    return ", ".join(keras.distribution.list_devices())
