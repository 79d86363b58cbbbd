"""Image files in, tables and overlays of all atom columns out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stemzoo import __version__, io
from stemzoo.inference.atom_columns import measure_columns
from stemzoo.inference.column_table import COLUMN_HEAD, Columns
from stemzoo.plotting import plot_columns
from stemzoo.simulate.materials import Material
from stemzoo.workflows.outputs import OutputPlan, plan_outputs, written_whole
from stemzoo.workflows.paths import image_files

# Tells a table of columns from others.
_MARK = " atom columns in "


def plan_columns(paths: Sequence[Path], out: Path) -> list[OutputPlan]:
    """Name the files that the columns of images go to: NAME_columns.csv and NAME_columns.png.

    Parameters
    ----------
    paths : sequence of Path
        Image files of one call.
    out : Path
        Folder for the results.

    Returns
    -------
    list of OutputPlan
        One for each path that may be an image, in their order.

    Raises
    ------
    ValueError
        As in `plan_outputs`.

    Examples
    --------
    >>> (plan,) = plan_columns([Path("a/scan.tif")], Path("out"))  # doctest: +SKIP
    >>> [path.name for path in plan.files]  # doctest: +SKIP
    ['scan_columns.csv', 'scan_columns.png']
    """
    names = [
        (path, (f"{path.stem}_columns.csv", f"{path.stem}_columns.png"))
        for path in image_files(paths)
    ]
    return plan_outputs(names, out, inputs=paths, mark=_MARK)


@dataclass(frozen=True, eq=False)
class ColumnsFile:
    """Atom columns found in an image file, and the files that they were written to.

    Parameters
    ----------
    path : Path
        The image file.
    columns : Columns
        The columns.
    table, overlay : Path
        The files.
    """

    path: Path
    columns: Columns
    table: Path
    overlay: Path

    def report(self) -> dict[str, Any]:
        """Return what was found, and how, as JSON holds it."""
        found = self.columns
        return {
            "image": str(self.path),
            "shape": list(found.shape),
            "material": found.material,
            "pixel_size_pm": round(found.sampling * 100, 4),
            "pixel_size_source": found.sampling_source,
            "trusted": found.trusted,
            "doubts": list(found.doubts),
            "notes": list(found.notes),
            "counts": found.counts(),
            "csv": str(self.table),
            "overlay": str(self.overlay),
            "columns": [dict(zip(COLUMN_HEAD, row, strict=True)) for row in found.rows()],
        }


def columns_file(
    path: Path,
    out: Path,
    *,
    material: str | Material | None = None,
    sampling: float | None = None,
    frame: int | None = None,
    sum_frames: bool = False,
) -> ColumnsFile:
    """Find all atom columns in an image file; write NAME_columns.csv and NAME_columns.png.

    Parameters
    ----------
    path : Path
        Image file.
    out : Path
        Existing folder for the results.
    material, sampling
        As in `stemzoo.find_columns`.
    frame, sum_frames
        As in `stemzoo.read_image`.

    Returns
    -------
    ColumnsFile

    Raises
    ------
    ValueError, KeyError, OSError
        One clear line about what is wrong with the file, or the name of the material.

    Examples
    --------
    >>> columns_file(Path("scan.tif"), Path("columns")).columns.counts()  # doctest: +SKIP
    {'W': 1022, 'Se2': 1019}
    """
    image = io.read_image(path, frame=frame, sum_frames=sum_frames).with_sampling(sampling)
    (plan,) = plan_columns([path], out)
    table, overlay = plan.files
    found = measure_columns(image, material)
    header = [
        f"stemzoo {__version__}{_MARK}{path.name}",
        f"material: {found.material}{'' if material else ' (identified)'}",
        f"pixel size: {found.sampling * 100:.4f} pm ({found.sampling_source})",
        f"image: {found.shape[0]} rows, {found.shape[1]} columns; row and column count from 0 at "
        "the centre of the top-left pixel",
        "intensity: relative to full columns of the same sublattice nearby; displacement: from the "
        "ideal site, along rows and columns",
        *(f"note: {note}" for note in found.notes),
        *(f"not to be trusted: {doubt}" for doubt in found.doubts),
    ]
    with written_whole(out) as folder:
        io.write_csv(folder / table.name, COLUMN_HEAD, found.rows(), header=header)
        plot_columns(image.data, found, folder / overlay.name)
    return ColumnsFile(path, found, table, overlay)
