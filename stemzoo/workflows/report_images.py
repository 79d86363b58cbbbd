"""Each image of a report: its picture, marks, outline, and what is measured while it is read."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from stemzoo import io
from stemzoo.analysis.cell import Lattice
from stemzoo.analysis.dose import detected_electrons
from stemzoo.analysis.valid_pixels import filled, find_valid_pixels
from stemzoo.metrics.spectrum import information_limit
from stemzoo.plotting import RING
from stemzoo.simulate.materials import find_material
from stemzoo.workflows.again import located
from stemzoo.workflows.report_charts import image_label, trend_chart
from stemzoo.workflows.result_files import read_detections
from stemzoo.workflows.run_record import RunRecord, expected_f1

# Of JPEG: a pixel of a noisy image takes a third of a byte.
_QUALITY = 75
# Edge of the middle of an image whose information limit and dose are measured [px].
_MIDDLE = 1024


@dataclass(frozen=True)
class ImageQuality:
    """What an image tells of how it was taken.

    Parameters
    ----------
    limit_pm : float or None
        Information limit [pm]; None where no reflection is seen.
    electrons : float or None
        Counted electrons per Å²; None where that cannot be told.
    """

    limit_pm: float | None = None
    electrons: float | None = None

    def describe(self) -> str:
        """Say it in words."""
        limit = "no information limit" if self.limit_pm is None else f"{self.limit_pm:.0f} pm"
        dose = (
            "dose not known (pixels share their noise, or it does not grow with brightness)"
            if self.electrons is None
            else f"about {self.electrons:.2g} counted electrons per Å², noise of the detector "
            "included"
        )
        return f"information limit {limit}; {dose}" if self.limit_pm else f"{limit}; {dose}"


@dataclass(eq=False)
class ReportImages:
    """The images of a folder, read and drawn one by one.

    Parameters
    ----------
    record : RunRecord
        Of the folder.
    names : sequence of str
        Classes, by whose number marks are told.
    edge : int
        Largest edge of the pictures [px].
    """

    record: RunRecord
    names: Sequence[str]
    edge: int
    _measured: list[ImageQuality] = field(default_factory=list)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield what the page shows of each image."""
        self._measured.clear()
        for one in self.record.images.values():
            picture, gone, view, quality = None, "", one["shape"], ImageQuality()
            try:
                data = _pixels(one, self.record.calls[one["call"]])
                picture, view = _picture(data, self.edge)
                quality = _quality(data, one)
            except (ValueError, OSError, MemoryError) as error:
                gone = f"no picture: {error}"
            self._measured.append(quality)
            yield self._shown(one, picture, gone, view, quality)

    def _shown(
        self,
        one: Mapping[str, Any],
        picture: str | None,
        gone: str,
        view: Sequence[int],
        quality: ImageQuality,
    ) -> dict[str, Any]:
        """Return what the page shows of an image."""
        table, names = self.record.folder / one["csv"], self.names
        try:
            marks = _marks(table, names, calibrated=one["calibrated"])
        except (ValueError, OSError) as error:
            marks, gone = [], f"{gone} no marks: {error}".strip()
        notes = [*one["notes"], *one["undone"], *([gone] if gone else [])]
        counts = [one["counts"].get(name, 0) for name in names]
        return {
            "label": image_label(one),
            "picture": picture,
            "gone": gone,
            "trusted": not one["doubts"],
            "summary": ", ".join(f"{n} {name}" for n, name in zip(counts, names, strict=True) if n)
            or "nothing found",
            "facts": {
                "label": image_label(one),
                "view": view,
                "nm": one["pixel_size_pm"] / 1000,
                "threshold": one["threshold"],
                "measure": "probability" if one["calibrated"] else "score",
                "classes": names,
                "counts": counts,
                "density": [one["density_per_nm2"].get(name) for name in names],
                "f1": [expected_f1(one, name) for name in names],
                "marks": marks,
                "outline": one.get("outline") or [],
                "ring": round(RING * 100 / one["pixel_size_pm"], 3),
                "doubts": one["doubts"],
                "notes": notes,
                "told": _told(one, quality),
            },
        }

    def trends(self) -> list[dict[str, Any]]:
        """Return drawings of what changes from image to image, once all have been read."""
        images = list(self.record.images.values())
        labels = [image_label(one) for one in images]
        lattices = [one.get("lattice") or {} for one in images]
        strains = [one.get("strain") for one in lattices]
        columns: dict[str, list[float | None]] = {
            "orientation of the lattice [degrees]": [one.get("rotation_deg") for one in lattices],
            "strain, drift of the scan included [%]": [
                None if one is None else 100 * one for one in strains
            ],
            "crystal [% of the image]": [100 * one["crystal_share"] for one in images],
            "information limit [pm]": [one.limit_pm for one in self._measured],
            "counted electrons per Å², noise of the detector included": [
                one.electrons for one in self._measured
            ],
            "fit to the training frames, p": [one["p_value"] for one in images],
        }
        charts = [trend_chart(title, labels, values) for title, values in columns.items()]
        return [chart for chart in charts if chart is not None]


def _told(one: Mapping[str, Any], quality: ImageQuality) -> str:
    """Say what an image is, and how it was looked at."""
    fit = "not compared" if one["p_value"] is None else f"p = {one['p_value']:.2g}"
    crystal = f"crystal on {one['crystal_share']:.0%} of the image"
    if (lattice := one.get("lattice")) is not None:
        crystal += (
            f", turned by {lattice['rotation_deg']:.1f}°, strain {lattice['strain']:.1%} (drift of "
            "the scan included)"
        )
    return (
        f"{one['shape'][0]} x {one['shape'][1]} pixels of {one['pixel_size_pm']:.2f} pm "
        f"({one['pixel_size_source']}); {crystal}; {quality.describe()}; {one['weights']} "
        f"({one['weights_source']}); fit to its training frames: {fit}"
    )


def _pixels(image: Mapping[str, Any], call: Mapping[str, Any]) -> np.ndarray:
    path = located(Path(image["image"]), Path(call["folder"]))
    frame, options = image["frame"], call["options"]
    return io.read_image(path, frame=frame, sum_frames=options["sum_frames"]).data


def _picture(data: np.ndarray, edge: int) -> tuple[str, list[int]]:
    """Return an image as the data address of a grey JPEG, and the rows and columns it shows."""
    from imagecodecs import jpeg8_encode

    step = max(1, -(-max(data.shape) // edge))
    rows, columns = (n // step * step for n in data.shape)
    small = np.ma.filled(np.ma.asarray(data[:rows, :columns]).astype(np.float32), np.nan)
    small = small.reshape(rows // step, step, columns // step, step).mean(axis=(1, 3))
    known = small[np.isfinite(small)]
    # From the 0.5 % to the 99.5 % quantile, as the overlay shows it.
    low, high = np.percentile(known, [0.5, 99.5]) if known.size else (0.0, 1.0)
    scaled = np.nan_to_num((small - low) / ((high - low) or 1.0))
    encoded = jpeg8_encode((np.clip(scaled, 0, 1) * 255).astype(np.uint8), level=_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(encoded).decode(), [rows, columns]


def _quality(data: np.ndarray, one: Mapping[str, Any]) -> ImageQuality:
    """Measure the middle of an image."""
    start = [max(n - _MIDDLE, 0) // 2 for n in data.shape]
    part = data[tuple(slice(k, k + _MIDDLE) for k in start)]
    part = filled(part, find_valid_pixels(part).mask)
    sampling = one["pixel_size_pm"] / 100
    electrons = detected_electrons(part)
    return ImageQuality(
        _limit(part, one, sampling), None if electrons is None else electrons / sampling**2
    )


def _limit(part: np.ndarray, one: Mapping[str, Any], sampling: float) -> float | None:
    """Return the information limit [pm], by the lattice that was found."""
    found = one.get("lattice")
    if found is None or one["material"] is None:
        return None
    try:
        symmetry = find_material(one["material"]).symmetry
        if symmetry not in (4, 6):  # whose reflections need the structure
            return None
        vectors = np.array(found["vectors"])
        lattice = Lattice(
            sampling=sampling,
            vectors=vectors,
            reciprocal=np.linalg.inv(vectors).T,
            symmetry=symmetry,
            rotation=found["rotation_deg"],
            strain=found["strain"],
            confidence=found["confidence"],
            spots_found=0,
            spots_expected=0,
        )
        return 100 * information_limit(part, sampling, lattice=lattice)
    except (ValueError, KeyError):
        return None


def _marks(table: Path, names: Sequence[str], *, calibrated: bool) -> list[list[Any]]:
    """Return column, row, number of the class and probability (or score) of each detection."""
    columns = read_detections(table)
    values = columns["probability" if calibrated else "score"]
    return [
        [round(float(x), 1), round(float(y), 1), names.index(str(kind)), _known(value)]
        for x, y, kind, value in zip(
            columns["column"], columns["row"], columns["class"], values, strict=True
        )
        if str(kind) in names
    ]


def _known(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 3)
