"""The task of `detect`: what is told, and what it makes of an image of a call."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from stemzoo.inference.bundled_detectors import BundledDetectors
from stemzoo.inference.reporting import DEFAULT_THRESHOLD
from stemzoo.workflows import images
from stemzoo.workflows.fingerprints import used_weights
from stemzoo.workflows.image_task import ImageResult
from stemzoo.workflows.images import TABLE_MARKS
from stemzoo.workflows.result_files import result_names
from stemzoo.workflows.sources import Source
from stemzoo.workflows.weights import load_kind

if TYPE_CHECKING:
    from stemzoo.models.fcn import DefectFCN

# What a report tells and the record of the folder does not, or in another way.
_NOT_RECORDED = ("format", "image", "frame", "csv", "overlay", "detections")


@dataclass(frozen=True)
class DetectOptions:
    """What a call of detect is told beside images and weights.

    Parameters
    ----------
    sampling, threshold, tta, edges, force, as_is
        As in `stemzoo.detect`.
    frame, sum_frames
        As in `stemzoo.read_image`, for all images of the call.
    formats, header
        As in `stemzoo.workflows.images.detect_file`.
    """

    sampling: float | None = None
    threshold: float = DEFAULT_THRESHOLD
    tta: bool = False
    edges: bool = False
    force: bool = False
    as_is: bool = False
    frame: int | None = None
    sum_frames: bool = False
    formats: tuple[str, ...] = ("csv",)
    header: bool = False


@dataclass(frozen=True)
class DetectTask:
    """Find the defects of an image, see `ImageTask`.

    Parameters
    ----------
    detect_options : DetectOptions
        What it is told.
    weights : str or None
        The detector as the call named it; those of the package where not given.

    Examples
    --------
    >>> DetectTask().names(Source(Path("day/series.tif"), 7))
    ('series_0007.csv', 'series_0007.png')
    """

    detect_options: DetectOptions = DetectOptions()
    weights: str | None = None
    verb: ClassVar[str] = "detect"
    marks: ClassVar[tuple[str, ...]] = TABLE_MARKS

    @staticmethod
    def load(weights: str | None) -> "DefectFCN | BundledDetectors":
        """Start what computes networks; load a detector, or those of the package to choose."""
        from stemzoo.models.start import start_networks

        start_networks()
        if weights is None:
            return BundledDetectors()
        return load_kind(weights, "DefectFCN", "detect")

    def options(self) -> dict[str, Any]:
        """Return what the call was told, for the record."""
        return asdict(self.detect_options)

    def told(self) -> dict[str, Any]:
        """Return those of the options that decide about results."""
        return {name: value for name, value in self.options().items() if name != "formats"}

    def key(self, source: Source) -> str:
        """Return the name by which the results of a call are told apart."""
        return source.key

    def names(self, source: Source) -> tuple[str, ...]:
        """Name the files of an image: table, overlay and those of other formats."""
        return result_names(source.name, self.detect_options.formats)

    def inputs(self, source: Source) -> tuple[Path, ...]:
        """Return the files that are read beside the image: none."""
        return ()

    def for_image(self, source: Source, model: Any) -> "DetectTask":
        """Return the task of an image: that of all."""
        return self

    def detect(
        self, source: Source, model: "DefectFCN | BundledDetectors", out: Path
    ) -> images.DetectedFile:
        """Find the defects of an image; write its files."""
        options = self.options()
        if source.frame is not None:
            options["frame"] = source.frame
        return images.detect_file(
            source.path, model, out / source.folder, name=source.name, **options
        )

    def work(self, source: Source, model: "DefectFCN | BundledDetectors", out: Path) -> ImageResult:
        """Find the defects of an image; write its files, and tell what there is."""
        found = self.detect(source, model, out)
        frame = self.detect_options.frame if source.frame is None else source.frame
        report = found.report() | {"frame": frame}
        facts = {name: fact for name, fact in report.items() if name not in _NOT_RECORDED}
        used, name = used_weights(model), found.detections.model
        return ImageResult(
            found.image,
            found.detections.match,
            facts,
            report,
            {"csv": found.table, "overlay": found.overlay},
            found.others,
            {name: used[name]} if name in used else {},
            whole=found,
        )
