"""Between layers of napari and what the package takes and returns: needs no napari."""

import re
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stemzoo.inference.detection import DEFAULT_THRESHOLD, find_defects
from stemzoo.inference.detections import COLUMNS, Detections
from stemzoo.io import Image, read_image, write_csv
from stemzoo.io.images import READERS, count_frames

# A layer of napari: data, options, kind.
Layer = tuple[Any, dict[str, Any], str]
# Those that napari itself opens as they are, without a pixel size.
OWN_SUFFIXES = (".png", ".jpg", ".jpeg", ".npy")
# Å in a unit of length, as napari spells it.
_ANGSTROM = {
    "angstrom": 1.0,
    "picometer": 0.01,
    "nanometer": 10.0,
    "micrometer": 1e4,
    "meter": 1e10,
}
# A point that was moved further than this [px] is no longer what was found.
_MOVED = 0.01


def get_reader(path: str | Sequence[str]) -> Callable[[Any], list[Layer]] | None:
    """Return what opens files as layers, or None if it cannot.

    Parameters
    ----------
    path : str or sequence of str
        What was dropped on the viewer.

    Returns
    -------
    callable or None

    Examples
    --------
    >>> get_reader("scan.dm4") is None, get_reader("notes.txt") is None
    (False, True)
    """
    paths = [path] if isinstance(path, str) else list(path)
    suffixes = {Path(one).suffix.lower() for one in paths}
    if not paths or not suffixes <= set(READERS) - set(OWN_SUFFIXES):
        return None
    return read_layers


def read_layers(path: str | Sequence[str]) -> list[Layer]:
    """Open files, each as a layer with its pixel size in nm; a stack with its frames.

    Parameters
    ----------
    path : str or sequence of str
        Image files.

    Returns
    -------
    list of Layer

    Raises
    ------
    ValueError, OSError
        As of `stemzoo.read_image`.
    """
    return [_image_layer(Path(one)) for one in ([path] if isinstance(path, str) else path)]


def _image_layer(path: Path) -> Layer:
    count = count_frames(path)
    frames = [read_image(path, frame=k if count > 1 else None) for k in range(count)]
    data = frames[0].data if count == 1 else np.stack([frame.data for frame in frames])
    options: dict[str, Any] = {"name": path.stem, "metadata": {"stemzoo_path": str(path)}}
    if (sampling := frames[0].sampling) is not None:
        # The frames of a stack are counted.
        options["scale"] = (*([1.0] * (data.ndim - 2)), sampling / 10, sampling / 10)
        options["units"] = (*(["pixel"] * (data.ndim - 2)), "nm", "nm")
    return data, options, "image"


def sampling_of(scale: Sequence[float], units: Sequence[Any]) -> float | None:
    """Return the pixel size that a layer states [Å/px].

    Parameters
    ----------
    scale : sequence of float
        Of its axes.
    units : sequence
        Of its axes, as text or as napari has them.

    Returns
    -------
    float or None
        None if it states none, or pixels are not square.

    Examples
    --------
    >>> sampling_of((0.02, 0.02), ("nanometer", "nanometer"))
    0.2
    >>> sampling_of((1.0, 1.0), ("pixel", "pixel")) is None
    True
    """
    factors = [_ANGSTROM.get(str(unit)) for unit in units[-2:]]
    if None in factors or len(factors) < 2:
        return None
    rows, columns = (float(s) * float(f or 0) for s, f in zip(scale[-2:], factors, strict=True))
    return rows if rows > 0 and abs(rows - columns) <= 0.01 * rows else None


def find_layers(
    pixels: np.ndarray,
    sampling: float | None,
    model: Any,
    *,
    name: str = "image",
    threshold: float = DEFAULT_THRESHOLD,
    placed: dict[str, Any] | None = None,
) -> tuple[list[Layer], str, bool]:
    """Find the defects of an image as layers of points, and say what was found.

    Parameters
    ----------
    pixels : ndarray of shape (M, N)
        Image.
    sampling : float or None
        Pixel size [Å/px]; measured from the lattice where it is not known.
    model : DefectFCN, OnnxDetector or BundledDetectors
        A detector, or those of the package to choose from.
    name : str
        Of the image's layer.
    threshold : float
        As in `stemzoo.detect`.
    placed : dict, optional
        Options of the image's layer that place it: the points get them, too.

    Returns
    -------
    layers : list of Layer
        Points by class, their features the columns of the table.
    text : str
        What was found, and what is to be known of it.
    trusted : bool
        Whether nothing speaks against the result.

    Raises
    ------
    ValueError
        As of `stemzoo.detect`.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        image = Image(pixels, sampling, path=Path(name))
        found = find_defects(image, model, threshold=threshold)
    layers = []
    for data, options, kind in found.to_napari():
        own = {**options, **(placed or {}), "name": f"{options['name']} in {name}"}
        layers.append((data, {**own, "metadata": {"stemzoo_class": options["name"]}}, kind))
    said = [str(w.message) for w in caught if issubclass(w.category, UserWarning)]
    return layers, _words(found, said), found.trusted


def _words(found: Detections, warned: Sequence[str]) -> str:
    """Say what was found, the doubts before the notes."""
    counts = ", ".join(f"{count} {name}" for name, count in found.counts().items())
    misfit = found.match is not None and not found.match.fits
    return "\n".join(
        [
            counts,
            *(f"NOT TO BE TRUSTED: {doubt}" for doubt in found.doubts),
            f"weights {found.model}: {found.model_source}",
            f"pixel {found.sampling * 100:.2f} pm ({found.sampling_source})",
            *(f"warning: {text}" for text in warned),
            *(["unlike the frames that the weights were trained on"] if misfit else []),
            *(f"note: {note}" for note in found.notes),
            *found.undone,
        ]
    )


def write_points(path: str, layers: Sequence[Layer]) -> list[str]:
    """Write points as a table of `stemzoo detect`: what was corrected by hand are labels.

    Of points that were added or moved by hand, score and readings are not known: their cells
    are empty.

    Parameters
    ----------
    path : str
        CSV file.
    layers : sequence of Layer
        Points, a layer each class: that of the layer where it was found, else the layer's name.

    Returns
    -------
    list of str
        The file.

    Raises
    ------
    ValueError
        If the points do not lie in one image.
    """
    rows: list[list[Any]] = []
    for data, options, _ in layers:
        points = np.asarray(data, dtype=float)
        if points.ndim != 2 or points.shape[1] != 2:
            raise ValueError(
                f"{path}: expected points in one image (row, column). Received: layer "
                f"{options.get('name')!r} of shape {points.shape}. Mark one frame at a time."
            )
        sampling = sampling_of(options.get("scale", (1, 1)), options.get("units") or ())
        for k, point in enumerate(points):
            rows.append(_row(point, k, options, sampling))
    write_csv(path, COLUMNS, rows)
    return [path]


def _row(point: np.ndarray, k: int, options: dict[str, Any], sampling: float | None) -> list[Any]:
    """Cells of a point; what was read of another place is left out."""
    features = options.get("features")
    known = {}
    if features is not None and len(features) > k:
        known = {key: features[key].iloc[k] for key in features if key in COLUMNS}
    place = np.array([known.get("row", np.nan), known.get("column", np.nan)], dtype=float)
    if not (np.abs(place - point) <= _MOVED).all():
        known = {}
    named = re.sub(r" \[\d+\]$", "", str(options.get("name", "")))  # napari counts equal names
    kind = (options.get("metadata") or {}).get("stemzoo_class", named)
    row, column = (round(float(value), 3) for value in point)
    nm = [None, None] if sampling is None else [round(v * sampling / 10, 4) for v in (column, row)]
    rest = [known.get(key) for key in COLUMNS[5:]]
    return [row, column, *nm, kind, *(None if v is None or np.isnan(v) else float(v) for v in rest)]
