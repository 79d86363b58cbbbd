"""Labels of defects in the files of many programs: one reader, rows and columns in pixels."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from stemzoo.io.grey import Refusal
from stemzoo.io.json_files import parse_json, read_small
from stemzoo.io.label_places import Places
from stemzoo.io.label_tables import LARGEST, TextTable, read_text_table
from stemzoo.io.npz_files import npz_shapes

# What can be read, for the message about what cannot.
FORMATS = (
    "Labels are read from: a table (.csv, .tsv, .txt) with the columns row,column or x,y (in px, "
    "or x_nm,y_nm; 0 is the centre of the first pixel) and, for several kinds, class; results of "
    "ImageJ (.csv, .tsv, .txt, .xls) and its points (.roi, .zip); points of napari (.csv); "
    "coordinates of AtomAI (.npy, .npz or .json: row, column, class); tables of stemzoo"
)

_UNITS = {"": None, "px": "px", "pix": "px", "pixel": "px", "pixels": "px", "pm": "pm", "a": "Å"}
_UNITS |= {"å": "Å", "angstrom": "Å", "nm": "nm", "um": "µm", "µm": "µm", "μm": "µm"}
_PLACE = re.compile(r"(row|col(?:umn)?|[xy]m?|axis-\d)s?[ _]*[\[(]?\s*([a-zåµμ]*)\s*[\])]?")
_CLASS = ("class", "type", "category", "kind", "label", "groupname", "group", "counter")
_FRAME = ("frame", "slice", "ch", "position", "t")
# What ImageJ's results hold beside X and Y.
_IMAGEJ = {"area", "mean", "min", "max", "stddev", "mode", "counter", "count", "slice", "intden"}


@dataclass(frozen=True, eq=False)
class Labels:
    """Marked defects of one image.

    Parameters
    ----------
    points : ndarray of shape (K, 2)
        Row and column of each, from the centre of the first pixel [px].
    classes : tuple of str
        What the file calls each; empty where it does not tell.
    source : str
        What the file was taken for.

    Examples
    --------
    >>> labels = Labels(np.array([[3.0, 4.0], [8.0, 90.0]]), ("v", "v"))
    >>> labels.inside((64, 64)).classes
    ('v',)
    """

    points: np.ndarray
    classes: tuple[str, ...]
    source: str = "given"

    def __len__(self) -> int:
        return len(self.classes)

    def of(self, name: str) -> np.ndarray:
        """Return rows and columns of the labels of a class; shape (K, 2)."""
        chosen = [number for number, one in enumerate(self.classes) if one == name]
        return self.points[chosen].reshape(-1, 2)

    def inside(self, shape: tuple[int, int]) -> "Labels":
        """Keep those that lie in an image of a shape."""
        keep = np.all((self.points >= -0.5) & (self.points < np.array(shape) - 0.5), axis=1)
        classes = tuple(name for name, kept in zip(self.classes, keep, strict=True) if kept)
        return replace(self, points=self.points[keep], classes=classes)


@dataclass(frozen=True, eq=False)
class _Marks:
    """What a file holds, before its unit is known."""

    places: Places
    classes: tuple[str, ...]
    source: str


def read_labels(
    path: str | Path,
    *,
    shape: tuple[int, int] | None = None,
    sampling: float | None = None,
) -> Labels:
    """Read the labels of one image.

    Parameters
    ----------
    path : str or Path
        A file of one of the `FORMATS`.
    shape : tuple of int, optional
        Shape of the image: it tells pixels from nm where the file does not.
    sampling : float, optional
        Pixel size of the image [Å/px], for places in nm.

    Returns
    -------
    Labels
        Those outside of the image included.

    Raises
    ------
    ValueError
        If the file cannot be read; says what can be.
    ModuleNotFoundError
        If a file of ImageJ's points needs the package roifile.

    Notes
    -----
    ImageJ counts points (``Area`` 0, and .roi files) from the centre of the first pixel, but the
    centroids of areas from its corner: half a pixel is taken off these. The first of AtomAI's
    coordinates is the row. Places in nm count from the centre of the first pixel.

    References
    ----------
    ImageJ, class ``ij.gui.Roi``: "Line and Point Rois: Integer coordinates refer to the center of a
    pixel", "Area ROIs: Integer coordinates refer to the top-left corner of the pixel".

    Examples
    --------
    >>> read_labels("scan.csv").points  # doctest: +SKIP
    array([[10.029, 156.902]])
    """
    path = Path(path)
    try:
        read = _READERS.get(path.suffix.lower())
        if read is None:
            raise Refusal("a file of labels", f"a name that ends in {path.suffix!r}", "Export them")
        if not path.is_file():
            raise Refusal("a file of labels", "no such file", "Check the path")
        marks = read(path)
        points, unit = marks.places.in_pixels(shape, sampling)
    except (Refusal, ValueError, OSError) as error:
        reason = error if isinstance(error, Refusal) else f"expected labels. Received: {error}"
        raise ValueError(f"{path}: {str(reason).rstrip('.')}. {FORMATS}.") from error
    return Labels(points, marks.classes, f"{marks.source}, in {unit}")


def _read_table(path: Path) -> _Marks:
    table = read_text_table(path)
    names = [name.casefold() for name in table.names]
    _check_one_frame(table, names)
    imagej = {"x", "y"} <= set(names) and bool(_IMAGEJ & set(names) or names[0] == "")
    rows, columns, unit = _place_columns(names)
    places = np.column_stack([table.numbers(rows), table.numbers(columns)])
    source, offset = "ImageJ results" if imagej else "table", 0.0
    if imagej and "area" in names and np.any(table.numbers(names.index("area")) > 0):
        source, offset = "ImageJ results, centroids of areas", 0.5
    # ImageJ's own label of a row is the name of the image.
    known = [name for name in _CLASS if name in names and not (imagej and name == "label")]
    classes = table.text(names.index(known[0])) if known else ("",) * len(table.rows)
    if known[:1] == ["counter"] and len(set(classes)) == 1:  # everything has this one
        classes = ("",) * len(classes)
    return _Marks(Places(places, unit, offset), classes, source)


def _place_columns(names: Sequence[str]) -> tuple[int, int, str | None]:
    """Return the numbers of the columns that hold rows and columns, and their unit."""
    found: dict[tuple[str, str | None], int] = {}
    for number, name in enumerate(names):
        if (match := _PLACE.fullmatch(name)) and match[2] in _UNITS:
            kind = "column" if match[1] == "col" else match[1]
            found.setdefault((kind, _UNITS[match[2]]), number)
    axes = sorted(kind for kind, _ in found if kind.startswith("axis"))
    pairs = [("row", "column"), *([(axes[-2], axes[-1])] if len(axes) > 1 else [])]
    pairs += [("y", "x"), ("ym", "xm")]
    units = ("px", None, "nm", "Å", "pm", "µm")
    for rows, columns in pairs:
        for unit in units:
            if (rows, unit) in found and (columns, unit) in found:
                stated = "px" if unit is None and rows not in ("y", "ym") else unit
                return found[rows, unit], found[columns, unit], stated
    raise Refusal(
        "columns that tell where: row,column or x,y",
        ",".join(names)[:200] or "no names",
        "Rename the columns",
    )


def _check_one_frame(table: TextTable, names: Sequence[str]) -> None:
    axes = [name for name in names if re.fullmatch(r"axis-\d", name)]
    for name in [*(n for n in _FRAME if n in names), *axes[:-2]]:
        different = sorted(set(table.text(names.index(name))))
        if len(different) > 1:
            raise Refusal(
                "the labels of one image",
                f"those of several: {name} {', '.join(different[:5])}",
                "Save a table for each",
            )


def _read_rois(path: Path) -> _Marks:
    try:
        import roifile
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            f"{path}: points of ImageJ need the package roifile. Install it with pip install "
            "'stemzoo[labels]', or save the results of Measure as a table."
        ) from None
    if path.stat().st_size > LARGEST:
        raise Refusal("regions of at most 50 MB", "a larger file", "Save the points alone")
    try:
        read = roifile.roiread(path)
    except Exception as error:  # whatever a damaged file makes of it
        raise Refusal("regions of ImageJ", f"{error!r}", "Save them once more") from error
    rois = read if isinstance(read, list) else [read]
    if not rois:
        raise Refusal("points of ImageJ", "an archive without regions", "Save them once more")
    points: list[np.ndarray] = []
    classes: list[str] = []
    for roi in rois:
        if roi.roitype != roifile.ROI_TYPE.POINT:
            raise Refusal(
                "points", f"a region of the type {roi.roitype.name}", "Use the multi-point tool"
            )
        places = np.asarray(roi.coordinates(), dtype=float).reshape(-1, 2)
        points.append(places[:, ::-1])
        counters = roi.counters if roi.counters is not None else np.zeros(len(places), int)
        named = len(rois) > 1 and not re.fullmatch(r"[\d-]*", roi.name or "")
        classes += [roi.name] * len(places) if named else map(str, counters)
    told = classes if len(set(classes)) > 1 or classes[:1] != ["0"] else [""] * len(classes)
    return _Marks(Places(np.concatenate(points)), tuple(told), "points of ImageJ")


def _read_array(path: Path) -> _Marks:
    try:
        # Of a header that promises more than the file holds, nothing is read.
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # of a damaged header, whatever Python makes of its text
        if "object" not in str(error).casefold():
            raise Refusal("an array", f"a damaged file ({error})", "Save it once more") from error
        raise Refusal(
            "an array of numbers",
            "pickled objects, which may run code and are never read",
            "Save the array of the frame: np.save('scan.npy', coordinates[0])",
        ) from error
    return _atomai(array)


def _read_arrays(path: Path) -> _Marks:
    step = "Save the coordinates once more with np.savez."
    npz_shapes(path, "coordinates by frame", step)
    with np.load(path, allow_pickle=False) as archive:
        return _one_frame({name: archive[name] for name in archive.files})


def _read_json(path: Path) -> _Marks:
    content = parse_json(read_small(path))
    return _one_frame(content if isinstance(content, Mapping) else {"0": content})


def _one_frame(frames: Mapping[str, object]) -> _Marks:
    if len(frames) != 1:
        raise Refusal(
            "the coordinates of one image",
            f"those of {len(frames)} frames",
            "Save a file for each",
        )
    (content,) = frames.values()
    try:
        return _atomai(np.asarray(content, dtype=float))
    except (TypeError, ValueError):
        raise Refusal("rows of row, column, class", "other content", "Save them so") from None


def _atomai(array: np.ndarray) -> _Marks:
    """Take an array of row, column and perhaps class, in this order, as AtomAI's Locator does."""
    if array.ndim != 2 or array.shape[1] not in (2, 3) or array.dtype.kind not in "iuf":
        raise Refusal(
            "an array of shape (N, 3): row, column, class",
            f"shape {array.shape}, dtype {array.dtype}",
            "Save one array of coordinates",
        )
    values = np.asarray(array, dtype=float)
    if not np.isfinite(values).all():
        raise Refusal("finite coordinates", "NaN or infinite ones", "Leave them out")
    classes = ("",) * len(values)
    if values.shape[1] == 3:
        classes = tuple(f"{number:g}" for number in values[:, 2])
    return _Marks(Places(values[:, :2]), classes, "coordinates of AtomAI")


_READERS: Mapping[str, Callable[[Path], _Marks]] = {
    **dict.fromkeys((".csv", ".tsv", ".txt", ".xls"), _read_table),
    **dict.fromkeys((".roi", ".zip"), _read_rois),
    ".npy": _read_array,
    ".npz": _read_arrays,
    ".json": _read_json,
}
SUFFIXES = tuple(_READERS)
