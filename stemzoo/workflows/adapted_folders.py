"""What `stemzoo adapt` writes: model folders, what was judged on the way, and what is found."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemzoo import io
from stemzoo.adaptation.run import RUN
from stemzoo.analysis.condition_features import MIN_DESCRIBED_SIDE
from stemzoo.analysis.conditions import MIN_FRAMES, TrainingConditions
from stemzoo.io.json_files import read_json
from stemzoo.workflows.adapted_calibration import calibrate_on_frames, keep_calibration
from stemzoo.workflows.datasets import write_training_data
from stemzoo.workflows.detect_task import DetectOptions, DetectTask
from stemzoo.workflows.run_record import RunRecord
from stemzoo.workflows.session import Session
from stemzoo.workflows.sources import Source
from stemzoo.zoo.hub import load, save, sha256

if TYPE_CHECKING:  # it starts Keras
    from stemzoo.adaptation import ExperimentalSession


@dataclass(frozen=True)
class AdaptedFolders:
    """What a run writes, and what it says about the images that it is about.

    Parameters
    ----------
    images : list of (Path, Image)
        With their files.
    measured : ExperimentalSession
        What is adapted to: what the scan did to the images is undone in it.
    session : str
        Name of the new conditions.
    minutes, seed
        As in `adapt_files`.
    """

    images: list[tuple[Path, io.Image]]
    measured: "ExperimentalSession"
    session: str
    minutes: float
    seed: int

    @cached_property
    def conditions(self) -> TrainingConditions | None:
        """Conditions of the images, of tiles if they are few; None if too few for that."""
        # As `detect` sees them, as it compares such images with these conditions.
        named = dict(zip(self.measured.names, self.measured.seen, strict=True))
        seen = [(named.get(str(path)), image) for path, image in self.images]
        images = [image if one is None else one.image for one, image in seen]
        largest = min(min(image.data.shape) for image in images)
        for edge in (largest, *range(min(1024, largest - 1), 63, -32)):
            tiles = [tile for image in images for tile in _tiles(image, edge)]
            side = edge * images[0].sampling
            if len(tiles) < MIN_FRAMES or side < MIN_DESCRIBED_SIDE * self.measured.sampling:
                continue
            try:
                return TrainingConditions.from_frames(
                    tiles,
                    session=self.session,
                    material=self.measured.material,
                    sampling=self.measured.sampling,
                )
            except ValueError:  # too few of them show a lattice
                continue
        return None

    def save(
        self,
        model: Any,
        folder: Path,
        start: Any,
        report: Any,
        *,
        conditions: TrainingConditions | None = None,
        **entries: Any,
    ) -> None:
        """Write a model folder of the zoo, and what was judged on the way."""
        training_data = {
            "from": start.name,
            "session": self.session,
            "sampling": model.sampling,
            "adapted_to": {path.name: sha256(path) for path, _ in self.images},
            "minutes": self.minutes,
            "seed": self.seed,
        }
        write_training_data(folder, training_data | entries)
        run = folder / RUN
        known = read_json(run, {}) if run.is_file() else {}
        undone = {Path(name).name: list(text) for name, text in self.measured.corrections.items()}
        record = {**asdict(report), "undone": undone, "result": str(report)}
        io.write_json(run, {**known, **record})
        conditions = conditions or self.conditions
        save(model, folder, parent=start.provenance, conditions=conditions)
        if conditions is None:
            warnings.warn(
                f"{folder}: too few images to describe their conditions; 'detect' will not tell "
                "other ones from them",
                stacklevel=3,
            )

    def save_detector(
        self,
        model: Any,
        folder: Path,
        detectors: Sequence[Any],
        *,
        through: Sequence[str],
        frames: int,
    ) -> Any:
        """Write the folder of a renewed detector, which started from one of some; load it.

        It was trained `through` translations, and is calibrated on so many frames.
        """
        named = {other.name: other for other in (*detectors[1:], detectors[0])}
        start = named.get(model.renewal.chosen, detectors[0])
        # One that was not trained is for the images that it was for.
        kept = model.renewal.chosen in named
        conditions = start.conditions if kept else None
        model.conditions = conditions or self.conditions
        translate = list(through)
        self.save(model, folder, start, model.renewal, conditions=conditions, translate=translate)
        if kept:
            keep_calibration(start, folder)
        elif model.renewal.helped:
            calibrate_on_frames(model, self.measured, folder, self.seed, frames)
        loaded = load(folder if folder.is_absolute() else f"./{folder}")
        loaded.renewal = model.renewal
        return loaded

    def detect(
        self, model: Any, folder: Path, report: Callable[[str], None], **options: Any
    ) -> None:
        """Write what a detector finds in the images, as `stemzoo detect` does, with run.json."""
        task = DetectTask(DetectOptions(**options), str(model.provenance.folder))
        session = Session(folder, task, model, RunRecord.read(folder))
        errors = []
        for outcome in session.run([Source(path) for path, _ in self.images]):
            if outcome.result is None:
                errors.append(outcome.error)
                continue
            counts = outcome.result.report["counts"]
            found = ", ".join(f"{n} {name}" for name, n in counts.items())
            report(f"{outcome.source.path.name}: {found} | {outcome.result.files[0]}")
        for error in errors:
            assert error is not None  # as nothing is skipped
            raise error


def _tiles(image: io.Image, edge: int) -> list[io.Image]:
    rows, columns = (range(0, n - edge + 1, edge) for n in image.data.shape)
    return [
        replace(image, data=image.data[row : row + edge, column : column + edge])
        for row in rows
        for column in columns
    ]
