"""The calls that a record tells of, to be made once more."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from stemzoo import __version__
from stemzoo.models.start import choose_runtime, runtime_of
from stemzoo.workflows.detect_task import DetectOptions, DetectTask
from stemzoo.workflows.run_record import RunRecord
from stemzoo.workflows.sources import Source


@dataclass(frozen=True)
class RecordedCall:
    """A call of detect, as its record tells of it.

    Parameters
    ----------
    weights : str or None
        The weights as they were named.
    weights_sha256 : mapping of str to str
        SHA-256 of the weights that were used, by name.
    options : DetectOptions
        What else it was told.
    sources : tuple of Source
        Images of which the results are left.
    expected : mapping of str to str
        SHA-256 of their files, by the key of the source.
    version : str
        Of stemzoo.
    runtime : str
        What computed the networks, one of `RUNTIMES`.
    """

    weights: str | None
    weights_sha256: Mapping[str, str]
    options: DetectOptions
    sources: tuple[Source, ...]
    expected: Mapping[str, str]
    version: str
    runtime: str = "keras"

    def check_weights(self, used: Mapping[str, str]) -> None:
        """See that weights are those of the record.

        Parameters
        ----------
        used : mapping of str to str
            SHA-256 by name.

        Raises
        ------
        ValueError
            If those of a name are others.
        """
        for name, digest in used.items():
            if self.weights_sha256.get(name, digest) != digest:
                raise ValueError(
                    f"{name}: expected the weights of the record (SHA-256 "
                    f"{self.weights_sha256[name][:12]}...). Received: others ({digest[:12]}...). "
                    "Give the weights of that time, or run 'stemzoo detect' without --again."
                )

    def warning(self) -> str | None:
        """Say that another version, or runtime, may find others; None if they are the same."""
        if self.version != __version__:
            return (
                f"the record is of stemzoo {self.version}, this is {__version__}: results may "
                f"differ; for the same bytes, pip install stemzoo=={self.version}"
            )
        if self.runtime != choose_runtime(None):
            return (
                f"networks of the record were computed by {self.runtime}: last digits may differ; "
                f"for the same bytes, add --runtime {self.runtime}"
            )
        return None


def read_calls(path: Path) -> list[RecordedCall]:
    """Read the calls of a record, of which results are left.

    Parameters
    ----------
    path : Path
        ``run.json``.

    Returns
    -------
    list of RecordedCall
        In their order.

    Raises
    ------
    ValueError, OSError
        If it is no record, or a damaged one, or holds no image.

    Examples
    --------
    >>> read_calls(Path("detections/run.json"))[0].options.threshold  # doctest: +SKIP
    0.35
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: expected the run.json of a folder of results. Received: no such file. Check "
            "the path."
        )
    record = RunRecord.read(path.parent, path.name)
    found = []
    for number, call in enumerate(record.calls):
        images = {key: one for key, one in record.images.items() if one["call"] == number}
        if images and call.get("verb") == DetectTask.verb:
            try:
                found.append(_recorded(call, images))
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(
                    f"{path}: expected options and images of each call. Received: {error!s} of "
                    f"call {number}. Take an unchanged copy of the file."
                ) from error
    if not found:
        raise ValueError(
            f"{path}: expected images that were looked at. Received: none. Run 'stemzoo detect' "
            "on them."
        )
    return found


def _recorded(call: Mapping[str, Any], images: Mapping[str, Mapping[str, Any]]) -> RecordedCall:
    known = {one.name for one in fields(DetectOptions)}
    said = dict(call["options"])
    if unknown := set(said) - known:
        raise ValueError(f"options that this version does not know ({', '.join(sorted(unknown))})")
    options = DetectOptions(**{**said, "formats": tuple(said["formats"])})
    sources = tuple(
        Source(
            located(Path(one["image"]), Path(call["folder"])),
            None if options.frame is not None else one["frame"],
            Path(key).parent,
        )
        for key, one in images.items()
    )
    expected = {key: one["sha256"] for key, one in images.items() if one["sha256"] is not None}
    packages = call["packages"]
    digests = call["weights_sha256"]
    runtime = runtime_of(str(call.get("device")))
    version = str(packages["stemzoo"])
    return RecordedCall(call["weights"], digests, options, sources, expected, version, runtime)


def located(path: Path, folder: Path) -> Path:
    """Return a path of a record, which was relative to the folder of its call.

    Parameters
    ----------
    path : Path
        As the call named it.
    folder : Path
        Where the call was made.

    Returns
    -------
    Path
        The path itself where there is such a file, or it is absolute.

    Examples
    --------
    >>> located(Path("a.tif"), Path("/day"))
    PosixPath('/day/a.tif')
    """
    return path if path.is_absolute() or path.exists() else folder / path
