"""What is done to the images of a visit, each by the workflow that the command line has for it."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from stemzoo import io
from stemzoo.app.limits import Limits
from stemzoo.app.pictures import write_picture
from stemzoo.app.uploads import take_image
from stemzoo.app.visits import IMAGES, PICTURES, Visit, VisitImage
from stemzoo.inference.advice import MisfitSummary
from stemzoo.inference.bundled_detectors import BundledDetectors
from stemzoo.inference.detections import Detections
from stemzoo.inference.reporting import DEFAULT_THRESHOLD
from stemzoo.inference.translation import DIRECTIONS
from stemzoo.io.image_checks import check_shape
from stemzoo.io.images import count_frames
from stemzoo.io.label_files import Labels
from stemzoo.metrics.detection_report import DetectionReport
from stemzoo.workflows.denoising import denoise_file
from stemzoo.workflows.detect_task import DetectOptions, DetectTask
from stemzoo.workflows.engines import ThisProcess
from stemzoo.workflows.scoring import score
from stemzoo.workflows.session import Session
from stemzoo.workflows.sources import Source
from stemzoo.workflows.translation import MeasuredImages, translate_file
from stemzoo.workflows.weights import load_kind
from stemzoo.zoo.registry import list_weights

AUTOMATIC = "by the image"
MEASURED, DENOISED, REALISTIC = "measured", "denoised", "realistic"
_FORMATS = ("csv", "roi")


@dataclass(frozen=True)
class LookOptions:
    """What a visitor chooses for detecting.

    Parameters
    ----------
    weights : str
        `AUTOMATIC`, a detector of the zoo, or one of the visit.
    pixel_pm : float or None
        Pixel size [pm]; else that of the file, else measured.
    threshold : float
        Lowest probability to report.
    tta, force : bool
        As in `stemzoo.detect`.
    frame : int or None
        Frame of a stack; else their sum.
    """

    weights: str = AUTOMATIC
    pixel_pm: float | None = None
    threshold: float = DEFAULT_THRESHOLD
    tta: bool = False
    force: bool = False
    frame: int | None = None


@dataclass(eq=False)
class Bench:
    """What all visits share: the networks, which one image at a time goes through.

    Parameters
    ----------
    uploads : Path
        Folder that the server puts uploads into.
    limits : Limits
        What visitors may take.
    detectors : BundledDetectors
        Those of the package, each loaded when it is first needed.
    """

    uploads: Path
    limits: Limits = Limits()
    detectors: BundledDetectors = field(default_factory=BundledDetectors)
    # One image at a time takes memory, and Python's warnings are of the whole process.
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, visit: Visit, upload: Path) -> VisitImage:
        """Take an uploaded file into a visit, and see that it is an image.

        Parameters
        ----------
        visit : Visit
            Whose it is.
        upload : Path
            The file.

        Returns
        -------
        VisitImage
            The image, which is chosen from now on.

        Raises
        ------
        ValueError, OSError
            In one line: if it is none, is too large, or the visit has as many as it may.
        """
        if len(visit.images) >= self.limits.images:
            raise ValueError(
                f"Expected at most {self.limits.images} images. Received: one more. Remove one "
                "first."
            )
        largest = 1_000_000 * self.limits.upload_mb
        path = take_image(upload, visit.folder / IMAGES, root=self.uploads, largest=largest)
        try:
            with self._lock:
                frames = count_frames(path)
                data = io.read_image(path, sum_frames=frames > 1)
                check_shape(data.data, path)
                picture = visit.folder / PICTURES / f"{path.stem}.jpg"
                write_picture(picture, data.data)
        except Exception:
            path.unlink(missing_ok=True)
            raise
        rows, columns = data.data.shape
        stated = None if data.sampling is None else 100 * data.sampling
        image = VisitImage(path, (rows, columns), frames, stated, pictures={MEASURED: picture})
        visit.images.append(image)
        visit.chosen = len(visit.images) - 1
        return image

    def look(self, visit: Visit, image: VisitImage, options: LookOptions) -> None:
        """Find defects in an image, as `stemzoo detect` does, and write its files.

        Parameters
        ----------
        visit : Visit
            Whose it is.
        image : VisitImage
            The image; earlier detections and corrections are replaced.
        options : LookOptions
            What was chosen.

        Raises
        ------
        ValueError, OSError
            One clear line about what is wrong with the image.
        """
        frame, sums = _frames(image, options.frame)
        told = DetectOptions(
            sampling=_angstrom(options.pixel_pm),
            threshold=options.threshold,
            tta=options.tta,
            force=options.force,
            frame=frame,
            sum_frames=sums,
            formats=_FORMATS,
        )
        with self._quietly() as heard:
            chosen = None if options.weights == AUTOMATIC else options.weights
            model = self._detector(visit, chosen)
            task, here = DetectTask(told, chosen), ThisProcess(whole=True)
            session = Session(visit.results, task, model, visit.record, here)
            (outcome,) = session.run([Source(image.path)])
            if outcome.error is not None:
                raise outcome.error
            assert outcome.result is not None  # no earlier call is looked at
            detected = outcome.result.whole
            misfits = MisfitSummary("detection")
            misfits.add(detected.image, detected.detections.match)
            advice = misfits.warning()
            if frame != image.frame:
                write_picture(image.pictures[MEASURED], detected.image.data)
        if visit.ended:
            return
        found = detected.detections
        image.frame = frame
        seen = found.crystal
        image.outline = seen.outline() if seen is not None and seen.has_lattice else []
        image.found = _without_pixels(found)
        image.detector = chosen or found.model
        image.warnings = tuple(visit.words(text) for text in (*heard, advice) if text)
        image.edits.clear()

    def denoise(self, visit: Visit, image: VisitImage, weights: str = "denoise-wse2") -> None:
        """Take the noise out of an image, as `stemzoo denoise` does.

        Parameters
        ----------
        visit, image
            As in `look`.
        weights : str
            Name of the zoo.
        """
        frame, sums = _frames(image, image.frame)
        with self._quietly() as heard:
            model = load_kind(weights, "DenoisingUNet", "denoise")
            done = denoise_file(
                image.path,
                model,
                visit.results,
                sampling=_sampling(image),
                frame=frame,
                sum_frames=sums,
            )
            picture = visit.folder / PICTURES / f"{image.path.stem}_denoised.jpg"
            write_picture(picture, done.found.picture)
        said = (
            *(f"NOT TO BE TRUSTED: {doubt}" for doubt in done.found.doubts),
            f"A pixel is sure to {100 * done.relative_uncertainty:.0f} % of the contrast.",
            *done.found.notes,
            *done.found.undone,
            *heard,
        )
        image.pictures[DENOISED] = picture
        image.notes[DENOISED] = tuple(visit.words(text) for text in said)

    def translate(self, visit: Visit, image: VisitImage, weights: str) -> None:
        """Make a simulation look measured, as `stemzoo translate` does.

        Parameters
        ----------
        visit, image
            As in `look`.
        weights : str
            CycleGAN of the zoo, or of the visit.
        """
        frame, sums = _frames(image, image.frame)
        (direction, *_) = DIRECTIONS
        with self._quietly() as heard:
            source = str(visit.translators.get(weights, weights))
            model = load_kind(source, "CycleGANSTEM", "translate")
            done = translate_file(
                image.path,
                model,
                visit.results,
                direction=direction,
                sampling=_sampling(image),
                frame=frame,
                sum_frames=sums,
            )
            picture = visit.folder / PICTURES / f"{image.path.stem}_realistic.jpg"
            write_picture(picture, io.read_image(done.target).data)
        warning = MeasuredImages([image.path]).warning()
        image.pictures[REALISTIC] = picture
        image.notes[REALISTIC] = tuple(visit.words(t) for t in (warning, *heard) if t)

    def score(self, visit: Visit, image: VisitImage, threshold: float) -> DetectionReport:
        """Tell how good the detector is, if the corrections are right; as `stemzoo score` does.

        Parameters
        ----------
        visit, image
            As in `look`.
        threshold : float
            Lowest probability that counts as found.

        Returns
        -------
        DetectionReport
        """
        corrected = image.corrected().detections
        labels = Labels(corrected.positions, corrected.classes, "corrections")
        frame, sums = _frames(image, image.frame)
        with self._quietly():
            model = self._detector(visit, image.detector)
            data = io.read_image(image.path, frame=frame, sum_frames=sums)
            data = data.with_sampling(corrected.sampling, corrected.sampling_source)
            return score([data], [labels], model, threshold=threshold)

    def detector_names(self, visit: Visit) -> list[str]:
        """Name the detectors that a visit may choose from."""
        zoo = [entry.name for entry in list_weights(task="detection") if entry.bundled]
        return [AUTOMATIC, *visit.weights, *zoo]

    def _detector(self, visit: Visit, name: str | None) -> Any:
        """Return a detector of the zoo or of the visit, by a name that may come from anywhere."""
        if name is None:
            return self.detectors
        if name in visit.weights:
            return load_kind(str(visit.weights[name]), "DefectFCN", "detect")
        if name not in self.detector_names(visit):
            raise ValueError(f"Expected a detector of the page. Received: {name!r}")
        return self.detectors.load(name)

    @contextmanager
    def _quietly(self) -> Iterator[list[str]]:
        """Let one image at a time through; hear what is warned of."""
        heard: list[str] = []
        with self._lock, warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield heard
            heard += [str(w.message) for w in caught if issubclass(w.category, UserWarning)]


def _frames(image: VisitImage, frame: int | None) -> tuple[int | None, bool]:
    """Return which frame to read, and whether all are summed."""
    if image.frames == 1:
        return None, False
    return frame, frame is None


def _angstrom(picometres: float | None) -> float | None:
    return picometres / 100 if picometres else None


def _sampling(image: VisitImage) -> float | None:
    """Pixel size [Å/px] that was used for detecting, if it was given by hand."""
    found = image.found
    return found.sampling if found is not None and found.sampling_source == "given" else None


def _without_pixels(found: Detections) -> Detections:
    """Return detections that keep no image in memory, only its shape."""
    if found.crystal is None:
        return found
    nothing = np.broadcast_to(np.float32(0), found.shape)
    image = replace(found.crystal.image, data=nothing)
    return replace(found, crystal=replace(found.crystal, image=image))
