"""Image files in, renewed model folders out: what `stemzoo adapt` does."""

import json
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from stemzoo import io
from stemzoo.adaptation.run import RUN
from stemzoo.analysis.condition_features import MIN_DESCRIBED_SIDE
from stemzoo.analysis.conditions import MIN_FRAMES, TrainingConditions
from stemzoo.analysis.pixel_size import resolve
from stemzoo.workflows.datasets import find_files, write_training_data
from stemzoo.workflows.images import detect_file
from stemzoo.zoo.hub import save, sha256
from stemzoo.zoo.registry import list_weights

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

    translator: object
    detector: object | None


def adapt_files(
    patterns: Sequence[Path],
    parent,
    out: Path,
    *,
    minutes: float = 5.0,
    sampling: float | None = None,
    session: str | None = None,
    detector=None,
    rivals: Sequence = (),
    seed: int = 0,
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
    from stemzoo.adaptation import fit_adapt, renew_detector
    from stemzoo.adaptation.fcn import vacancy_class

    started = time.monotonic()
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out expects a folder. Received: {out}, a file")
    if detector is not None:
        vacancy_class((detector, *rivals), parent)
    paths = _find(patterns)
    images = [_read(path, parent.material, sampling) for path in paths]
    rng = np.random.default_rng(seed)
    session = session or out.resolve().name
    translator = fit_adapt(
        parent,
        images,
        for_detector=detector is not None,
        minutes=minutes if detector is None else minutes / 2,
        session=session,
        out=out,
        rng=rng,
        report=report,
    )
    facts = {
        "from": parent.name,
        "session": session,
        "sampling": parent.sampling,
        "adapted_to": {path.name: sha256(path) for path in paths},
        "minutes": minutes,
        "seed": seed,
    }
    conditions = _conditions(images, parent, session)
    _save(translator, out, parent, facts, conditions, translator.adaptation)
    report(str(translator.adaptation))
    if detector is None:
        return Renewed(translator, None)
    kept = _DETECTING * len(images)
    # A run that goes on has used time before.
    spent = max(time.monotonic() - started, translator.adaptation.seconds)
    renewed = renew_detector(
        detector,
        translator,
        images,
        rivals=rivals,
        minutes=max(minutes - (spent + kept) / 60, minutes / 10),
        out=out / DETECTOR,
        rng=rng,
    )
    renewed.conditions = conditions
    candidates = {model.name: model for model in (*rivals, detector)}
    start = candidates.get(renewed.renewal.chosen, detector)
    facts |= {"from": start.name, "translate": [session], "sampling": renewed.sampling}
    _save(renewed, out / DETECTOR, start, facts, conditions, renewed.renewal)
    report(str(renewed.renewal))
    (out / DETECTIONS).mkdir(exist_ok=True)
    for path in paths:
        found = detect_file(path, renewed, out / DETECTIONS, sampling=sampling)
        counts = ", ".join(f"{n} {name}" for name, n in found.detections.counts().items())
        report(f"{path.name}: {counts} | {found.table}")
    return Renewed(translator, renewed)


def _find(patterns: Sequence[Path]) -> list[Path]:
    paths = find_files(patterns)
    stems = [path.stem for path in paths]
    twice = next((stem for stem in stems if stems.count(stem) > 1), None)
    if twice is not None:
        raise ValueError(
            f"Expected files of different names, for their tables. Received: two named {twice}"
        )
    return paths


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


def _read(path: Path, material: str, sampling: float | None) -> io.Image:
    image = io.read_image(path)
    io.check_image(image.data, path)
    return replace(image, sampling=resolve(image.with_sampling(sampling), material).value)


def _conditions(images: Sequence[io.Image], parent, session: str) -> TrainingConditions | None:
    """Describe the images, in parts if they are few; None if they are too few for that."""
    largest = min(min(image.data.shape) for image in images)
    for edge in (largest, *range(min(1024, largest - 1), 63, -32)):
        parts = [part for image in images for part in _parts(image, edge)]
        if (
            len(parts) < MIN_FRAMES
            or edge * images[0].sampling < MIN_DESCRIBED_SIDE * parent.sampling
        ):
            continue
        try:
            return TrainingConditions.from_frames(
                parts, session=session, material=parent.material, sampling=parent.sampling
            )
        except ValueError:  # too few of them show a lattice
            continue
    return None


def _parts(image: io.Image, edge: int) -> list[io.Image]:
    rows, columns = (range(0, n - edge + 1, edge) for n in image.data.shape)
    return [
        replace(image, data=image.data[row : row + edge, column : column + edge])
        for row in rows
        for column in columns
    ]


def _save(model, folder: Path, parent, facts: dict, conditions, done) -> None:
    """Write a model folder of the zoo, and what was judged on the way."""
    write_training_data(folder, facts)
    known = folder / RUN
    kept = json.loads(known.read_text(encoding="utf-8")) if known.is_file() else {}
    content = {**kept, **asdict(done), "result": str(done)}
    io.write_json(known, content)
    save(model, folder, parent=getattr(parent, "provenance", None), conditions=conditions)
    if conditions is None:
        warnings.warn(
            f"{folder}: too few images to describe their conditions; 'detect' will not tell other "
            "ones from them",
            stacklevel=3,
        )
