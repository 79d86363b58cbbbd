"""Tables of detections in formats that other programs read, each with its round trip tested."""

import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from stemzoo import __version__, io
from stemzoo.inference.detections import COLUMNS, Detections
from stemzoo.inference.exports import detection_facts
from stemzoo.simulate.defects import find_defect
from stemzoo.simulate.materials import Material, find_material

# The earliest date that a zip file knows: the same detections are the same bytes on any day.
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class ResultFormat:
    """A format of tables of detections.

    Parameters
    ----------
    ending : str
        What follows the image's name in that of the file.
    write : callable
        Takes detections and a path.
    package : str or None
        What has to be installed for it.
    """

    ending: str
    write: Callable[[Detections, Path], None]
    package: str | None = None


def write_table(found: Detections, path: Path, header: Sequence[str] = ()) -> None:
    """Write detections as CSV, which ``pandas.read_csv`` opens as it is where there is no header.

    Parameters
    ----------
    found : Detections
        The defects.
    path : Path
        The file.
    header : sequence of str
        Lines of comment above the names of the columns.
    """
    io.write_csv(path, COLUMNS, found.rows(), header=header)


def write_parquet(found: Detections, path: Path) -> None:
    """Write detections as Parquet; ``stemzoo`` in its metadata holds the facts as JSON."""
    import pyarrow
    from pyarrow import parquet

    columns = found.columns()
    types = [pyarrow.string() if name == "class" else pyarrow.float64() for name in columns]
    # What is not known is null, and so NaN in pandas.
    arrays = [
        pyarrow.array(values, type=kind, from_pandas=True)
        for values, kind in zip(columns.values(), types, strict=True)
    ]
    facts = json.dumps({"version": __version__, **detection_facts(found)})
    table = pyarrow.table(dict(zip(columns, arrays, strict=True)))
    with io.atomic_path(path) as temporary:
        parquet.write_table(table.replace_schema_metadata({"stemzoo": facts}), temporary)


def write_geojson(found: Detections, path: Path) -> None:
    """Write detections as GeoJSON, a point each with all columns of the table.

    A point lies at (column + 0.5, -(row + 0.5)), where QGIS shows that pixel of an image without
    coordinates of its own.
    """
    features = [
        {
            "type": "Feature",
            "geometry": {
                "type": "Point",
                "coordinates": [round(one["column"] + 0.5, 3), round(-one["row"] - 0.5, 3)],
            },
            "properties": one,
        }
        for one in found
    ]
    facts = {"version": __version__, **detection_facts(found)}
    content = {"type": "FeatureCollection", "stemzoo": facts, "features": features}
    io.write_json(path, content)


def write_rois(found: Detections, path: Path) -> None:
    """Write detections as ROIs of ImageJ: a zip file for its ROI Manager, multi-points by class.

    Points of ImageJ count from the centre of the first pixel, as the table does; see
    `stemzoo.io.label_files`, which reads them again.
    """
    import roifile

    labels = np.array(found.classes, dtype=object)
    points = np.reshape(found.positions, (-1, 2))[:, ::-1].astype(np.float32)
    with io.atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, count in found.counts().items():
            if not count:  # ROIs without a point are none
                continue
            roi = roifile.ImagejRoi.frompoints(points[labels == name], name=name)
            roi.roitype = roifile.ROI_TYPE.POINT
            archive.writestr(zipfile.ZipInfo(f"{name}.roi", _EPOCH), roi.tobytes())


def write_xyz(found: Detections, path: Path) -> None:
    """Write detections as extended XYZ [Å], which ASE and OVITO read.

    The symbol is the element that is missing or hosts the defect, X where that is not known. y
    counts upwards from the lowest row, so that viewers show the defects as in the image.
    """
    rows, columns = (n * found.sampling for n in found.shape)
    names = ("score", "intensity", "sigma", "probability")
    kinds = ":".join(f"{name}:R:1" for name in names)
    head = (
        f'Lattice="{columns:.6f} 0 0 0 {rows:.6f} 0 0 0 0" '
        f'Properties=species:S:1:pos:R:3:defect:S:1:{kinds} pbc="F F F" '
        f"stemzoo={__version__} weights={json.dumps(found.model)} sampling={found.sampling:.6g}"
    )
    symbols = {name: _symbol(found.material, name) for name in found.counts()}
    lines = [str(len(found)), head]
    for (row, column), one in zip(found.positions, found, strict=True):
        x, y = column * found.sampling, (found.shape[0] - 1 - row) * found.sampling
        values = " ".join("nan" if one[name] is None else str(one[name]) for name in names)
        lines.append(f"{symbols[one['class']]} {x:.4f} {y:.4f} 0 {one['class']} {values}")
    io.write_text(path, "\n".join([*lines, ""]))


def _symbol(material: str | Material | None, name: str) -> str:
    """Element that a class of defects is about; X, which stands for any, where it is not known."""
    if material is None:
        return "X"
    try:
        return find_defect(find_material(material), name).element or "X"
    except ValueError:  # a class of several defects
        return "X"


FORMATS = {
    "csv": ResultFormat(".csv", write_table),
    "parquet": ResultFormat(".parquet", write_parquet, "pyarrow"),
    "geojson": ResultFormat(".geojson", write_geojson),
    "roi": ResultFormat("_rois.zip", write_rois, "roifile"),
    "xyz": ResultFormat(".xyz", write_xyz),
}


def check_formats(names: Sequence[str]) -> tuple[str, ...]:
    """See that formats are known and their packages are there, before any work begins.

    Parameters
    ----------
    names : sequence of str
        Among `FORMATS`.

    Returns
    -------
    tuple of str
        Each once, ``"csv"`` first: the table is always written.

    Raises
    ------
    ValueError
        If there is no such format.
    ModuleNotFoundError
        If what writes it is not installed.

    Examples
    --------
    >>> check_formats(["xyz", "xyz"])
    ('csv', 'xyz')
    >>> check_formats(["xls"])
    Traceback (most recent call last):
    ValueError: --format is one of csv, parquet, geojson, roi, xyz. Received: 'xls'
    """
    for name in names:
        if name not in FORMATS:
            raise ValueError(f"--format is one of {', '.join(FORMATS)}. Received: {name!r}")
        package = FORMATS[name].package
        if package is not None and find_spec(package) is None:
            raise ModuleNotFoundError(
                f"--format {name} expects the package {package}. Received: it is not installed. "
                "Run: pip install 'stemzoo[results]'.",
                name=package,
            )
    return tuple(dict.fromkeys(["csv", *names]))


def result_names(stem: str, formats: Sequence[str]) -> tuple[str, ...]:
    """Name the files of an image: the table first, then the overlay and other formats.

    Examples
    --------
    >>> result_names("scan", ["csv", "roi"])
    ('scan.csv', 'scan.png', 'scan_rois.zip')
    """
    others = [f"{stem}{FORMATS[name].ending}" for name in formats if name != "csv"]
    return (f"{stem}.csv", f"{stem}.png", *others)


def table_start() -> str:
    """Return the first line of a table of detections without a header, which tells it from others.

    Examples
    --------
    >>> table_start()[:17]
    'row,column,x_nm,y'
    """
    return ",".join(COLUMNS)


def read_detections(path: str | Path) -> dict[str, Any]:
    """Read a table of detections by columns, with or without a header.

    Parameters
    ----------
    path : path-like
        The table.

    Returns
    -------
    dict of str to ndarray
        As `Detections.columns`.

    Raises
    ------
    ValueError, OSError
        If it is no table of detections.

    Examples
    --------
    >>> read_detections("detections/scan.csv")["class"]  # doctest: +SKIP
    """
    _, columns = io.read_csv(path)
    if missing := [name for name in COLUMNS if name not in columns]:
        raise ValueError(
            f"{path}: expected a table that 'stemzoo detect' wrote. Received: no "
            f"{', '.join(missing)}. Run 'stemzoo detect' on the image once more."
        )
    # Columns without any number are read as text.
    return {
        name: columns[name].astype(object)
        if name == "class"
        else np.array([float(cell) if str(cell) else np.nan for cell in columns[name]])
        for name in COLUMNS
    }


def read_defects(path: str | Path) -> list[dict[str, Any]]:
    """Read a table of detections by rows, as `Detections.to_dict` has them.

    Parameters
    ----------
    path : path-like
        The table.

    Returns
    -------
    list of dict
        None for what is not known.

    Examples
    --------
    >>> read_defects("detections/scan.csv")[0]["class"]  # doctest: +SKIP
    'se_vacancy'
    """
    columns = read_detections(path)
    lists = [[_none_if_nan(cell) for cell in values.tolist()] for values in columns.values()]
    return [dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True)]


def _none_if_nan(cell: Any) -> Any:
    return None if isinstance(cell, float) and cell != cell else cell
