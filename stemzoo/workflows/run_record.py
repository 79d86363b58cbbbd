"""What a folder of results records of itself: run.json, and one line an image in summary.csv."""

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from stemzoo import __version__, io
from stemzoo.io.json_files import Field, parse_json
from stemzoo.workflows.outputs import written_whole

RECORD, SUMMARY, REPORT = "run.json", "summary.csv", "report.html"
# Stands in the first lines of a report.
REPORT_MARK = '<meta name="generator" content="stemzoo'
# Stands in the first lines of run.json.
RECORD_MARK = '"stemzoo": "'
FORMAT = 1
# Writing the record takes at most this share of the time, however long it grows; and images that
# take longer than this are recorded one by one [s].
_SHARE, _PAUSE = 0.02, 2.0
_HEAD = ("image", "frame", "error", "weights", "material", "pixel_size_pm", "pixel_size_source")
_TAIL = ("distance", "p_value", "differs", "trusted", "warnings", "seconds", "csv")
# Facts of each class.
_CLASS = ("count", "density_per_nm2", "density_low", "density_high", "expected_f1")
# What is said of an image.
_SAID = ("doubts", "notes", "undone")
_FIELDS = {
    "format": Field(int, low=1, high=FORMAT, required=True),
    "calls": Field(list, required=True, items=Field(dict)),
    "images": Field(dict, required=True, items=Field(dict)),
    "failures": Field(dict, required=True, items=Field(dict)),
}

_FAILED = ("image", "error")
_TEXTS = Field(list, items=Field(str))
_IMAGE_FIELDS = {
    "image": Field(str, low=1),
    "key": Field(str),
    "files": Field(list, items=Field(str, low=1)),
}
# Of an image in which defects were looked for, too.
_DETECT_FIELDS = {
    "csv": Field(str, low=1),
    "counts": Field(dict, items=Field(int)),
    "density_per_nm2": Field(dict, items=Field(dict)),
    "expected": Field(dict, items=Field(dict)),
    "doubts": _TEXTS,
    "notes": _TEXTS,
    "undone": _TEXTS,
}
# What records of earlier versions do not tell, or there is not of every image.
_LATER_FIELDS = {"lattice": Field(dict), "outline": Field(list, items=Field(list))}


@dataclass
class RunRecord:
    """What is known of the results in a folder; images of earlier calls stay in it.

    Parameters
    ----------
    folder : Path
        The folder.
    calls : list of dict
        Versions, options, weights and times of each call that results are left of.
    images : dict of str to dict
        What was found in each image, and which call did it, by the name of its results.
    failures : dict of str to dict
        Images that could not be looked at, and why.
    """

    folder: Path
    calls: list[dict[str, Any]] = field(default_factory=list)
    images: dict[str, dict[str, Any]] = field(default_factory=dict)
    failures: dict[str, dict[str, Any]] = field(default_factory=dict)
    _saved: float = -float("inf")
    _cost: float = 0.0

    @classmethod
    def read(cls, folder: Path, name: str = RECORD) -> "RunRecord":
        """Read the record of a folder; an empty one where there is none.

        Parameters
        ----------
        folder : Path
            Folder of results; need not exist.
        name : str
            Name of the file.

        Returns
        -------
        RunRecord

        Raises
        ------
        ValueError
            If the file is damaged, or of a later version.
        """
        path = folder / name
        if not path.is_file():
            return cls(folder)
        try:
            content = parse_json(path.read_bytes(), _FIELDS)
            _check(content)
        except ValueError as error:
            raise ValueError(
                f"{path}: expected the record of a folder of results, as 'stemzoo detect' writes "
                f"it. Received: {' '.join(str(error).split())[:200]}. Move that file, or choose "
                "another --out folder."
            ) from error
        return cls(folder, content["calls"], content["images"], content["failures"])

    def begin(self, facts: dict[str, Any]) -> int:
        """Enter a call, unless it is there already; return its number.

        Parameters
        ----------
        facts : dict
            What JSON can hold; it may change until the record is written.

        Returns
        -------
        int
        """
        # What failed and was taken away is no news any more.
        self.failures = {
            label: one for label, one in self.failures.items() if os.path.lexists(one["image"])
        }
        known = [number for number, call in enumerate(self.calls) if call is facts]
        if not known:
            self.calls.append(facts)
        return known[0] if known else len(self.calls) - 1

    def finish(self) -> None:
        """Forget calls of which no result is left, and write the record."""
        entries = [*self.images.values(), *self.failures.values()]
        used = sorted({entry["call"] for entry in entries})
        for entry in entries:
            entry["call"] = used.index(entry["call"])
        self.calls = [self.calls[number] for number in used]
        self.save()

    def add(self, key: str, facts: Mapping[str, Any], label: str) -> None:
        """Enter what was found in an image, which no longer counts as failed.

        Parameters
        ----------
        key : str
            Name of its results.
        facts : mapping
            What was found.
        label : str
            The image as messages name it.
        """
        self.failures.pop(label, None)
        self.images[key] = dict(facts)

    def fail(self, label: str, path: Path, call: int, error: str) -> None:
        """Enter why an image could not be looked at."""
        self.failures[label] = {"call": call, "image": str(path), "error": error}

    def detected(self) -> "RunRecord":
        """Return the record of the images in which defects were looked for."""
        images = {key: one for key, one in self.images.items() if "counts" in one}
        return RunRecord(self.folder, self.calls, images, self.failures)

    def written(self) -> list[Path]:
        """Return the files that calls wrote into the folder."""
        return [self.folder / name for one in self.images.values() for name in one["files"]]

    def save(self, *, now: bool = True) -> None:
        """Write run.json and summary.csv, whole.

        Parameters
        ----------
        now : bool
            If False, only where enough time has passed since they were written last.
        """
        start = time.monotonic()
        if not now and start - self._saved < max(_PAUSE, self._cost / _SHARE):
            return
        content = {
            "format": FORMAT,
            "stemzoo": __version__,
            "calls": self.calls,
            "images": self.images,
            "failures": self.failures,
        }
        columns, rows = summary_table(self.images.values(), self.failures)
        with written_whole(self.folder) as folder:
            io.write_json(folder / RECORD, content)
            io.write_csv(folder / SUMMARY, columns, rows)
        self._saved = time.monotonic()
        self._cost = self._saved - start


def _check(content: Mapping[str, Any]) -> None:
    """See that a record holds what is read from it, and names no file outside of its folder."""
    for entry in (*content["images"].values(), *content["failures"].values()):
        call = entry.get("call")
        if type(call) is not int or not 0 <= call < len(content["calls"]):
            raise ValueError(f"call={call!r}, where the number of one of the calls is meant")
    if not all(
        isinstance(one.get(k), str) for one in content["failures"].values() for k in _FAILED
    ):
        raise ValueError("failures without image or error")
    for image in content["images"].values():
        detected = content["calls"][image["call"]].get("verb") != "translate"
        for name, what in (_IMAGE_FIELDS | (_DETECT_FIELDS if detected else {})).items():
            if fault := what.fault(name, image.get(name)):
                raise ValueError(fault)
        for name, what in _LATER_FIELDS.items():
            if (value := image.get(name)) is not None and (fault := what.fault(name, value)):
                raise ValueError(fault)
        for name in (*image["files"], *([image["csv"]] if detected else [])):
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in path.parts[0]:
                raise ValueError(f"the file {name!r}, where one in the folder is meant")


def summary_table(
    images: Iterable[Mapping[str, Any]], failures: Mapping[str, Mapping[str, Any]]
) -> tuple[list[str], list[list[Any]]]:
    """Make the table of one line an image.

    Parameters
    ----------
    images : iterable of mapping
        As `RunRecord` holds them.
    failures : mapping of str to mapping
        Images that failed, and why.

    Returns
    -------
    columns : list of str
        Names; those of a class are ``<class>_count`` and so on.
    rows : list of list
        None for what is not known.

    Examples
    --------
    >>> columns, rows = summary_table([], {"a.tif": {"error": "a.tif: empty"}})
    >>> rows[0][:3]
    ['a.tif', None, 'a.tif: empty']
    """
    images = list(images)
    classes = list(dict.fromkeys(name for one in images for name in one.get("counts", ())))
    columns = [
        *_HEAD,
        *("crystal_share", "crystal_nm2"),
        *(f"{name}_{fact}" for name in classes for fact in _CLASS),
        *_TAIL,
    ]
    rows = []
    for one in images:
        warnings = "; ".join(text for kind in _SAID for text in one.get(kind, ()))
        facts: dict[str, Any] = {**one, "warnings": warnings or None, "error": None}
        for name, count in one.get("counts", {}).items():
            density = one["density_per_nm2"][name]
            f1 = expected_f1(one, name)
            values = (count, density["value"], density["low"], density["high"], f1)
            facts.update({f"{name}_{fact}": v for fact, v in zip(_CLASS, values, strict=True)})
        rows.append([_writable(facts.get(column)) for column in columns])
    for label, failure in failures.items():
        known = {"image": label, "error": failure["error"]}
        rows.append([_writable(known.get(column)) for column in columns])
    return columns, rows


def expected_f1(image: Mapping[str, Any], name: str) -> float | None:
    """Return the F1 to expect of a class in an image.

    Parameters
    ----------
    image : mapping
        As `RunRecord` holds it.
    name : str
        The class.

    Returns
    -------
    float or None
        None where it is not known, or there is nothing to find.

    Examples
    --------
    >>> f1 = {"value": 0.9, "low": 0.8, "high": 1.0}
    >>> expected_f1({"expected": {"a": {"reported": 5, "expected": 5.2, "f1": f1}}}, "a")
    0.9
    """
    known = image["expected"].get(name)
    if known is None or not (known["reported"] or (known["expected"] or 0) >= 1):
        return None
    return known["f1"]["value"]


def _writable(cell: Any) -> Any:
    """Return a cell with the bytes of a file's name that are no UTF-8 written out."""
    return cell.encode("utf-8", "backslashreplace").decode() if isinstance(cell, str) else cell
