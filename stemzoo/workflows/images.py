"""Image files in, tables and overlays of detections out; and which weights fit the files."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemzoo import __version__, io
from stemzoo.analysis.valid_pixels import filled, find_valid_pixels
from stemzoo.inference.advice import describe_match, match_facts
from stemzoo.inference.bundled_detectors import BundledDetectors
from stemzoo.inference.detection import DEFAULT_THRESHOLD, find_defects
from stemzoo.inference.detections import COLUMNS, Detections
from stemzoo.inference.matching import Match, match
from stemzoo.io.images import check_shape
from stemzoo.plotting import plot_detections
from stemzoo.workflows.outputs import OutputPlan, plan_outputs, written_whole
from stemzoo.workflows.paths import Failed, image_files, read_each

if TYPE_CHECKING:
    from stemzoo.models.fcn import DefectFCN

# Tells a table of detections from the labels of a frame.
_MARK = " detections in "


def plan_detections(paths: Sequence[Path], out: Path) -> list[OutputPlan]:
    """Name the files that the detections in images go to: NAME.csv and NAME.png.

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
    >>> (plan,) = plan_detections([Path("a/scan.tif")], Path("out"))  # doctest: +SKIP
    >>> [path.name for path in plan.files]  # doctest: +SKIP
    ['scan.csv', 'scan.png']
    """
    names = [(path, (f"{path.stem}.csv", f"{path.stem}.png")) for path in image_files(paths)]
    return plan_outputs(names, out, inputs=paths, mark=_MARK)


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
    """

    image: io.Image
    detections: Detections
    table: Path
    overlay: Path

    def report(self) -> dict[str, Any]:
        """Return what was found, and how, as JSON holds it."""
        found = self.detections
        return {
            "image": str(self.image.path),
            "shape": list(found.shape),
            "weights": found.model,
            "weights_source": found.model_source,
            "pixel_size_pm": round(found.sampling * 100, 4),
            "pixel_size_source": found.sampling_source,
            "threshold": found.threshold,
            "tta": found.tta,
            **match_facts(found.match),
            "trusted": found.trusted,
            "doubts": list(found.doubts),
            "notes": list(found.notes),
            "undone": list(found.undone),
            "crystal_nm2": round(found.area_nm2, 3),
            "counts": found.counts(),
            "density_per_nm2": {name: asdict(found.density(name)) for name in found.counts()},
            "sites": found.sites,
            "density_per_site": {
                name: _known(asdict(found.density(name, per="site"))) for name in found.counts()
            },
            "calibrated": found.probability is not None,
            "expected": {
                name: _known(asdict(expected))
                for name in found.counts()
                if (expected := found.expectation(name)) is not None
            },
            "csv": str(self.table),
            "overlay": str(self.overlay),
            "detections": [dict(zip(COLUMNS, row, strict=True)) for row in found.rows()],
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
    (plan,) = plan_detections([path], out)
    table, overlay = plan.files
    found = find_defects(
        image, model, threshold=threshold, tta=tta, edges=edges, force=force, as_is=as_is
    )
    header = [
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
    with written_whole(out) as folder:
        io.write_csv(folder / table.name, COLUMNS, found.rows(), header=header)
        plot_detections(image.data, found, folder / overlay.name)
    return DetectedFile(image, found, table, overlay)


def _known(value: Any) -> Any:
    """Return figures with None for those that are not known (NaN)."""
    if isinstance(value, dict):
        return {key: _known(inner) for key, inner in value.items()}
    return None if isinstance(value, float) and value != value else value


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


def match_files(
    paths: Sequence[Path],
    *,
    material: str | None = None,
    sampling: float | None = None,
    frame: int | None = None,
    sum_frames: bool = False,
    failed: Failed | None = None,
) -> list[Match]:
    """Rank the weights of the zoo by how well they fit image files of one session.

    Parameters
    ----------
    paths : sequence of Path
        Image files.
    material, sampling
        As in `stemzoo.match`.
    frame, sum_frames
        As in `stemzoo.read_image`.
    failed : callable, optional
        Takes a file that cannot be used, and why: the others are compared.

    Returns
    -------
    list of Match
        Best first; none if no file can be used.

    Raises
    ------
    ValueError, KeyError, OSError
        One clear line about what is wrong with a file or an option.
    """

    def read(path: Path) -> io.Image:
        image = io.read_image(path, frame=frame, sum_frames=sum_frames)
        check_shape(image.data, path)
        io.check_image(filled(image.data, find_valid_pixels(image.data).mask), path)
        return image

    images = [image for _, image in read_each(paths, read, failed)]
    return match(images, material=material, sampling=sampling) if images else []
