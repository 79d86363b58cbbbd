"""What a visitor takes along: tables, regions of ImageJ, the report, pictures and weights."""

import html
import io as streams
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from stemzoo.app.looking import DENOISED, REALISTIC
from stemzoo.app.visits import PICTURES, Visit, VisitImage
from stemzoo.inference.detections import Detections
from stemzoo.inference.exports import detection_facts
from stemzoo.workflows.report import write_report
from stemzoo.workflows.result_files import FORMATS, ResultFormat
from stemzoo.workflows.run_record import RunRecord


@dataclass(frozen=True)
class Result:
    """A file to take along.

    Parameters
    ----------
    name : str
        What it is called.
    kind : str
        Its media type.
    content : bytes
        What it holds.
    """

    name: str
    kind: str
    content: bytes


def table(visit: Visit, image: VisitImage, least: float) -> Result:
    """Return the table of an image as CSV, corrected, from a probability on.

    Corrections are labels: `stemzoo score` and `stemzoo train fcn` read this file.
    """
    return _written(visit, image, FORMATS["csv"], "text/csv", least)


def rois(visit: Visit, image: VisitImage, least: float) -> Result:
    """Return the marks of an image for the ROI manager of ImageJ."""
    return _written(visit, image, FORMATS["roi"], "application/zip", least)


def report(visit: Visit, image: VisitImage, least: float) -> Result:
    """Return the report on all images of a visit, as they were corrected."""
    with tempfile.TemporaryDirectory(dir=visit.folder) as folder:
        record = RunRecord(Path(folder) / "these images")
        record.folder.mkdir()
        for one in visit.images:
            facts = visit.record.images.get(one.path.stem)
            if facts is None or one.found is None:
                continue
            found = one.corrected().detections
            told = {k: v for k, v in detection_facts(found).items() if k != "format"}
            record.images[one.path.stem] = {**facts, **told, "call": len(record.calls)}
            # Of the page, where its files lie is nobody's business.
            record.calls.append({**visit.record.calls[facts["call"]], "folder": "."})
            FORMATS["csv"].write(found, record.folder / facts["csv"])
        if not record.images:
            raise ValueError("Expected an image that was looked at. Received: none.")
        page = write_report(record).read_text(encoding="utf-8")
    places = [f"{image.path.parent}/", f"{visit.folder}/"]
    for place in [*places, *map(html.escape, places)]:
        page = page.replace(place, "")
    return Result("report.html", "text/html", page.encode())


def denoised(visit: Visit, image: VisitImage, least: float) -> Result:
    """Return the image without noise, as TIFF in its own grey levels."""
    return _file(visit.results / f"{image.path.stem}_denoised.tif", "image/tiff")


def realistic(visit: Visit, image: VisitImage, least: float) -> Result:
    """Return the simulation that looks measured, as TIFF."""
    return _file(visit.results / f"{image.path.stem}_sim-to-exp.tif", "image/tiff")


def weights(visit: Visit, image: VisitImage | None, least: float) -> Result:
    """Return the detector that was trained last, as a zip file of its folder."""
    if not visit.weights:
        raise ValueError("Expected a detector that was trained here. Received: none.")
    folder = list(visit.weights.values())[-1]
    packed = streams.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink() and not path.name.startswith("."):
                archive.write(path, Path("detector") / path.relative_to(folder))
    return Result("detector.zip", "application/zip", packed.getvalue())


def picture(visit: Visit, image: VisitImage, name: str) -> Result:
    """Return a picture of an image for the page."""
    if name not in image.pictures:
        raise ValueError("Expected a picture of the image. Received: another name.")
    return _file(image.pictures[name], "image/jpeg")


RESULTS: Mapping[str, Callable[[Visit, VisitImage, float], Result]] = {
    "table": table,
    "rois": rois,
    "report": report,
    "denoised": denoised,
    "realistic": realistic,
    "weights": weights,
}
TIFFS = {DENOISED: "denoised", REALISTIC: "realistic"}


def shown(image: VisitImage, least: float) -> Detections:
    """Return what the page shows of an image: corrected, from a probability on."""
    return image.corrected().detections.select(threshold=least)


def _written(
    visit: Visit, image: VisitImage, written: ResultFormat, kind: str, least: float
) -> Result:
    found = shown(image, least)
    stem = f"{image.path.stem}_corrected" if image.edits else image.path.stem
    with tempfile.TemporaryDirectory(dir=visit.folder / PICTURES) as folder:
        path = Path(folder) / f"{stem}{written.ending}"
        written.write(found, path)
        return _file(path, kind)


def _file(path: Path, kind: str) -> Result:
    if not path.is_file():
        raise ValueError("Expected a result that was made. Received: none yet.")
    return Result(path.name, kind, path.read_bytes())
