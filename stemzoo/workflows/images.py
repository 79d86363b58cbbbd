"""Image files in, tables and overlays of detections out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemzoo import __version__, io
from stemzoo.inference.advice import describe_match
from stemzoo.inference.bundled_detectors import BundledDetectors
from stemzoo.inference.detection import DEFAULT_THRESHOLD, find_defects
from stemzoo.inference.detections import Detections
from stemzoo.plotting import plot_detections
from stemzoo.workflows.outputs import plan_outputs, written_whole
from stemzoo.workflows.result_files import FORMATS, result_names, table_start, write_table

if TYPE_CHECKING:
    from stemzoo.models.fcn import DefectFCN

# Tells a table of detections from the labels of a frame.
_MARK = " detections in "
TABLE_MARKS = (_MARK, table_start())


@dataclass(frozen=True, eq=False)
class DetectedFile:
    """Defects found in an image file, and the files that they were written to.

    Parameters
    ----------
    image : Image
        The image, with the pixel size that was given or that its file states.
    detections : Detections
        The defects.
    table, overlay : Path
        The files.
    others : tuple of Path
        Files of other formats.
    """

    image: io.Image
    detections: Detections
    table: Path
    overlay: Path
    others: tuple[Path, ...] = ()

    def report(self) -> dict[str, Any]:
        """Return what was found, and how, as JSON holds it."""
        facts = self.detections.to_dict()
        detections = facts.pop("detections")
        return {
            "image": str(self.image.path),
            **facts,
            "csv": str(self.table),
            "overlay": str(self.overlay),
            "detections": detections,
        }


def detect_file(
    path: Path,
    model: "DefectFCN | BundledDetectors",
    out: Path,
    *,
    sampling: float | None = None,
    threshold: float = DEFAULT_THRESHOLD,
    tta: bool = False,
    edges: bool = False,
    force: bool = False,
    as_is: bool = False,
    frame: int | None = None,
    sum_frames: bool = False,
    name: str | None = None,
    formats: Sequence[str] = (),
    header: bool = False,
) -> DetectedFile:
    """Find defects in an image file; write NAME.csv and NAME.png.

    Parameters
    ----------
    path : Path
        Image file.
    model : DefectFCN or BundledDetectors
        A trained detector, or those of the package, of which one is chosen by the material.
    out : Path
        Existing folder for the results.
    sampling, threshold, tta, edges, force, as_is
        As in `stemzoo.detect`.
    frame, sum_frames
        As in `stemzoo.read_image`.
    name : str, optional
        NAME; that of the file where not given.
    formats : sequence of str
        Formats beside these, among `FORMATS`.
    header : bool
        Whether lines of comment in the table say how it was made.

    Returns
    -------
    DetectedFile

    Raises
    ------
    ValueError, OSError
        One clear line about what is wrong with the file.

    Examples
    --------
    >>> found = detect_file(Path("scan.tif"), model, Path("detections"))  # doctest: +SKIP
    >>> found.detections.counts()  # doctest: +SKIP
    {'se_vacancy': 12}
    """
    image = io.read_image(path, frame=frame, sum_frames=sum_frames).with_sampling(sampling)
    names = result_names(name or path.stem, formats)
    (plan,) = plan_outputs([(path, names)], out, inputs=[path], mark=TABLE_MARKS)
    table, overlay, *others = plan.files
    found = find_defects(
        image, model, threshold=threshold, tta=tta, edges=edges, force=force, as_is=as_is
    )
    with written_whole(out) as folder:
        write_table(found, folder / table.name, _header(found, path) if header else ())
        plot_detections(image.data, found, folder / overlay.name)
        kinds = [kind for kind in formats if kind != "csv"]
        for kind, other in zip(kinds, others, strict=True):
            FORMATS[kind].write(found, folder / other.name)
    return DetectedFile(image, found, table, overlay, tuple(others))


def _header(found: Detections, path: Path) -> list[str]:
    """Say in the table how it was made."""
    return [
        f"stemzoo {__version__}{_MARK}{path.name}",
        f"weights: {found.model}; threshold: {found.threshold}; tta: {found.tta}",
        *([f"chosen: {found.model_source}"] if found.model_source != "given" else []),
        f"pixel size: {found.sampling * 100:.4f} pm ({found.sampling_source})",
        f"image: {found.shape[0]} rows, {found.shape[1]} columns; row and column count from 0 at "
        "the centre of the top-left pixel",
        f"against the frames that the weights were trained on: {describe_match(found.match)}",
        f"searched: {found.area_nm2:.2f} nm²{_sites(found)}",
        *_expected(found),
        *(f"note: {note}" for note in found.notes),
        *(f"of the scan: {text}" for text in found.undone),
        *(f"not to be trusted: {doubt}" for doubt in found.doubts),
    ]


def _sites(found: Detections) -> str:
    """Columns of each sublattice in the area that was searched."""
    return "".join(f"; {count} {kind} columns" for kind, count in found.sites.items())


def _expected(found: Detections) -> list[str]:
    """Lines on how probable the detections are, and how many there are likely to be."""
    if found.probability is None:
        return [
            f"probability: not known, {found.model} is not calibrated (calibrate_folder of "
            "stemzoo.workflows.calibration does it)"
        ]
    lines = []
    for name in found.counts():
        expected, density = found.expectation(name), found.density(name)
        if expected is None:
            continue
        lines.append(
            f"{name}: {density.value:.4g} per nm² ({density.low:.4g} to {density.high:.4g}), "
            "corrected for expected misses and false ones; expected precision "
            f"{expected.precision.value:.2f}, recall {expected.recall.value:.2f}"
        )
    return lines
