"""Image files in, renewed model folders out: what `stemzoo adapt` does."""

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stemzoo import io
from stemzoo.adaptation.run import RUN
from stemzoo.analysis.condition_features import MIN_DESCRIBED_SIDE
from stemzoo.analysis.conditions import MIN_FRAMES, TrainingConditions
from stemzoo.analysis.pixel_size import resolve
from stemzoo.inference.crystal_part import CrystalPart
from stemzoo.io.json_files import read_json
from stemzoo.workflows.datasets import write_training_data
from stemzoo.workflows.images import detect_file, plan_detections
from stemzoo.workflows.paths import find_files, read_each
from stemzoo.zoo.hub import save, sha256
from stemzoo.zoo.registry import list_weights

if TYPE_CHECKING:  # it starts Keras
    from stemzoo.training.recipes import AdaptRecipe, RenewalRecipe

# Folders of the renewed detector and of what it finds, in that of the CycleGAN.
DETECTOR, DETECTIONS = "detector", "detections"

_DETECTING = 2.0  # seconds kept for the table of an image


@dataclass(frozen=True)
class Renewed:
    """What `adapt_files` made.

    Parameters
    ----------
    translator : CycleGANSTEM
        With `adaptation`.
    detector : DefectFCN or None
        With `renewal`.
    """

    translator: Any
    detector: Any | None


def adapt_files(
    patterns: Sequence[Path],
    parent: Any,
    out: Path,
    *,
    minutes: float = 5.0,
    sampling: float | None = None,
    session: str | None = None,
    detector: Any | None = None,
    rivals: Sequence[Any] = (),
    seed: int = 0,
    recipe: "AdaptRecipe | None" = None,
    renewal: "RenewalRecipe | None" = None,
    report: Callable[[str], None] = lambda line: None,
) -> Renewed:
    """Adapt a CycleGAN, and perhaps a detector, to a few image files.

    Parameters
    ----------
    patterns : sequence of Path
        Files, or patterns such as ``today/*.tif``.
    parent : CycleGANSTEM
        Pretrained, with its discriminators.
    out : Path
        Model folder; the detector's is ``out/detector``, tables and overlays of what it finds go to
        ``out/detections``. A run that was killed goes on in it.
    minutes : float
        How long it may take in all; half of it is the detector's, if there is one, and more where
        the CycleGAN turns out to be of no use for it. In less than about two minutes with a
        detector, only that is trained.
    sampling : float, optional
        Pixel size [Å/px], for files that lack it.
    session : str, optional
        What to call the new conditions; the name of the folder where not given.
    detector : DefectFCN, optional
        To renew.
    rivals : sequence of DefectFCN
        Detectors that may be better than that.
    seed : int
        Seed of the run.
    recipe : AdaptRecipe, optional
        How to train the CycleGAN.
    renewal : RenewalRecipe, optional
        How to train the detector.
    report : callable
        Takes a line of text now and then.

    Returns
    -------
    Renewed

    Raises
    ------
    ValueError, OSError
        One clear line about what is wrong with a file or an option, before any time is spent.
    """
    from stemzoo import adaptation
    from stemzoo.training.folder_lock import folder_lock

    started = time.monotonic()
    detectors = [] if detector is None else [detector, *rivals]
    images = _checked_images(patterns, parent, out, detectors, minutes, sampling)
    with folder_lock(out):
        measured = adaptation.ExperimentalSession.of([image for _, image in images], parent)
        rng = np.random.default_rng(seed)
        files = _RunFiles(images, parent, session or out.resolve().name, minutes, seed)
        share = minutes if detector is None else minutes / 2
        translator = adaptation.fit_adapt(
            parent,
            measured,
            for_detector=detector is not None,
            minutes=_left(share, time.monotonic() - started),
            session=files.session,
            recipe=recipe,
            out=out,
            rng=rng,
            report=report,
        )
        files.save(translator, out, parent, translator.adaptation)
        report(str(translator.adaptation))
        if detector is None:
            return Renewed(translator, None)
        # A run that goes on has used time before.
        spent = max(time.monotonic() - started, translator.adaptation.seconds)
        renewed = adaptation.renew_detector(
            detector,
            translator,
            measured,
            rivals=rivals,
            minutes=_left(minutes, spent + _DETECTING * len(images)),
            recipe=renewal,
            out=out / DETECTOR,
            rng=rng,
        )
        files.save_detector(renewed, out / DETECTOR, detectors)
        report(str(renewed.renewal))
        files.detect(renewed, out / DETECTIONS, sampling, report)
        return Renewed(translator, renewed)


def _checked_images(
    patterns: Sequence[Path],
    parent: Any,
    out: Path,
    detectors: Sequence[Any],
    minutes: float,
    sampling: float | None,
) -> list[tuple[Path, io.Image]]:
    """Read the files, when all options are known to be good."""
    from stemzoo.adaptation.cyclegan import check_parent
    from stemzoo.adaptation.fcn import vacancy_class

    if out.exists() and not out.is_dir():
        raise ValueError(f"--out expects a folder. Received: {out}, a file")
    check_parent(parent, minutes)
    if detectors:
        vacancy_class(detectors, parent)
    paths = find_files(patterns)
    plan_detections(paths, out / DETECTIONS)

    def read(path: Path) -> io.Image:
        image = io.read_image(path)
        # Margins, bars and vacuum are no conditions of the microscope.
        part = CrystalPart.of(image.data, image.sampling, path)
        image = replace(image, data=part.pixels)
        step = resolve(image.with_sampling(sampling), parent.material).value
        return replace(image, sampling=step)

    return read_each(paths, read)


def _left(minutes: float, spent: float) -> float:
    """Minutes that are left, a tenth at least, after some seconds."""
    return max(minutes - spent / 60, minutes / 10)


@dataclass(frozen=True)
class _RunFiles:
    """What a run writes, and what it says about the images that it is about.

    Parameters
    ----------
    images : list of (Path, Image)
        With their files.
    parent : CycleGANSTEM
        That is adapted.
    session : str
        Name of the new conditions.
    minutes, seed
        As in `adapt_files`.
    """

    images: list[tuple[Path, io.Image]]
    parent: Any
    session: str
    minutes: float
    seed: int

    @cached_property
    def conditions(self) -> TrainingConditions | None:
        """Conditions of the images, of tiles if they are few; None if too few for that."""
        images = [image for _, image in self.images]
        largest = min(min(image.data.shape) for image in images)
        for edge in (largest, *range(min(1024, largest - 1), 63, -32)):
            tiles = [tile for image in images for tile in _tiles(image, edge)]
            side = edge * images[0].sampling
            if len(tiles) < MIN_FRAMES or side < MIN_DESCRIBED_SIDE * self.parent.sampling:
                continue
            try:
                return TrainingConditions.from_frames(
                    tiles,
                    session=self.session,
                    material=self.parent.material,
                    sampling=self.parent.sampling,
                )
            except ValueError:  # too few of them show a lattice
                continue
        return None

    def save(self, model: Any, folder: Path, start: Any, report: Any, **entries: Any) -> None:
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
        io.write_json(run, {**known, **asdict(report), "result": str(report)})
        provenance = start.provenance
        save(model, folder, parent=provenance, conditions=self.conditions)
        if self.conditions is None:
            warnings.warn(
                f"{folder}: too few images to describe their conditions; 'detect' will not tell "
                "other ones from them",
                stacklevel=3,
            )

    def save_detector(self, model: Any, folder: Path, detectors: Sequence[Any]) -> None:
        """Write the folder of a renewed detector, which started from one of some."""
        model.conditions = self.conditions
        named = {other.name: other for other in (*detectors[1:], detectors[0])}
        start = named.get(model.renewal.chosen, detectors[0])
        self.save(model, folder, start, model.renewal, translate=[self.session])

    def detect(
        self, model: Any, folder: Path, sampling: float | None, report: Callable[[str], None]
    ) -> None:
        """Write tables and overlays of what a detector finds in the images."""
        folder.mkdir(exist_ok=True)
        for path, _ in self.images:
            found = detect_file(path, model, folder, sampling=sampling, header=True)
            counts = ", ".join(f"{n} {name}" for name, n in found.detections.counts().items())
            report(f"{path.name}: {counts} | {found.table}")


def find_detectors(material: str) -> list[str]:
    """Name the detectors of the zoo for a material, the default first.

    Parameters
    ----------
    material : str
        Entry of `MATERIALS`.

    Returns
    -------
    list of str
        May be empty.
    """
    names = [entry.name for entry in list_weights(material=material, task="detection")]
    return sorted(names, key=lambda name: (name != f"fcn-{material}", name))


def _tiles(image: io.Image, edge: int) -> list[io.Image]:
    rows, columns = (range(0, n - edge + 1, edge) for n in image.data.shape)
    return [
        replace(image, data=image.data[row : row + edge, column : column + edge])
        for row in rows
        for column in columns
    ]
