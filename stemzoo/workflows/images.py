"""Image files in, tables and overlays of detections out; and which weights fit the files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemzoo import __version__, io
from stemzoo.inference.advice import describe_match, match_facts
from stemzoo.inference.detection import COLUMNS, DEFAULT_THRESHOLD, Detections, find_defects
from stemzoo.inference.matching import Match, match
from stemzoo.plotting import plot_detections

if TYPE_CHECKING:
    from stemzoo.models.fcn import DefectFCN


@dataclass(frozen=True)
class OutputPlan:
    """Files that the detections in an image go to.

    Parameters
    ----------
    image : Path
        Image file.
    table, overlay : Path
        NAME.csv and NAME.png.
    refusal : str or None
        Why they must not be written; None if they may.
    """

    image: Path
    table: Path
    overlay: Path
    refusal: str | None = None

    def check(self) -> None:
        """Raise a ValueError if the files must not be written."""
        if self.refusal is not None:
            raise ValueError(self.refusal)


def plan_outputs(paths: Sequence[Path], out: Path) -> list[OutputPlan]:
    """Name the files that the detections in images go to, none of them twice and no input.

    Parameters
    ----------
    paths : sequence of Path
        Image files of one call.
    out : Path
        Folder for the results.

    Returns
    -------
    list of OutputPlan
        One for each path, in their order.

    Examples
    --------
    >>> first, second = plan_outputs([Path("a/scan.tif"), Path("b/scan.tif")], Path("out"))
    >>> first.table.name, first.refusal
    ('scan.csv', None)
    >>> print(second.refusal[:56])
    b/scan.tif: its results would overwrite those of a/scan.
    """
    inputs: dict[Path, Path] = {}
    for path in paths:
        inputs.setdefault(path.resolve(), path)
    plans: list[OutputPlan] = []
    taken: dict[Path, Path] = {}
    for path in paths:
        table, overlay = out / f"{path.stem}.csv", out / f"{path.stem}.png"
        written = (table.resolve(), overlay.resolve())
        overwritten = path if path.resolve() in written else None
        overwritten = overwritten or next((inputs[w] for w in written if w in inputs), None)
        refusal = None
        if table in taken:
            refusal = (
                f"{path}: its results would overwrite those of {taken[table]}, which has the same "
                "name. Analyse it with another --out folder."
            )
        elif overwritten is not None:
            what = "itself" if overwritten == path else overwritten
            refusal = (
                f"{path}: its results would overwrite the image {what}. Choose another --out "
                "folder."
            )
        else:
            taken[table] = path
        plans.append(OutputPlan(path, table, overlay, refusal))
    return plans


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
            "pixel_size_pm": round(found.sampling * 100, 4),
            "pixel_size_source": found.sampling_source,
            "threshold": found.threshold,
            "tta": found.tta,
            **match_facts(found.match),
            "counts": found.counts(),
            "csv": str(self.table),
            "overlay": str(self.overlay),
            "detections": [dict(zip(COLUMNS, row, strict=True)) for row in found.rows()],
        }


def detect_file(
    path: Path,
    model: "DefectFCN",
    out: Path,
    *,
    sampling: float | None = None,
    threshold: float = DEFAULT_THRESHOLD,
    tta: bool = False,
    frame: int | None = None,
    sum_frames: bool = False,
) -> DetectedFile:
    """Find defects in an image file; write NAME.csv and NAME.png.

    Parameters
    ----------
    path : Path
        Image file.
    model : DefectFCN
        A trained detector.
    out : Path
        Existing folder for the results.
    sampling, threshold, tta
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
    (plan,) = plan_outputs([path], out)
    plan.check()
    image = io.read_image(path, frame=frame, sum_frames=sum_frames).with_sampling(sampling)
    found = find_defects(image, model, threshold=threshold, tta=tta)
    header = [
        f"stemzoo {__version__} detections in {path.name}",
        f"weights: {found.model}; threshold: {found.threshold}; tta: {found.tta}",
        f"pixel size: {found.sampling * 100:.4f} pm ({found.sampling_source})",
        f"image: {found.shape[0]} rows, {found.shape[1]} columns; row and column count from 0 at "
        "the centre of the top-left pixel",
        f"against the frames that the weights were trained on: {describe_match(found.match)}",
    ]
    io.write_csv(plan.table, COLUMNS, found.rows(), header=header)
    with io.atomic_path(plan.overlay) as temporary:
        plot_detections(image.data, found, temporary)
    return DetectedFile(image, found, plan.table, plan.overlay)


def match_files(
    paths: Sequence[Path],
    *,
    material: str | None = None,
    sampling: float | None = None,
    frame: int | None = None,
    sum_frames: bool = False,
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

    Returns
    -------
    list of Match
        Best first.

    Raises
    ------
    ValueError, KeyError, OSError
        One clear line about what is wrong with a file or an option.
    """
    images = []
    for path in paths:
        images.append(io.read_image(path, frame=frame, sum_frames=sum_frames))
        io.check_image(images[-1].data, path)
    return match(images, material=material, sampling=sampling)
