"""Trainings of a visit: adapt to its images, learn from its corrections, learn a crystal."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stemzoo.app.looking import AUTOMATIC, LookOptions
from stemzoo.app.trainings import Training
from stemzoo.app.visits import Visit
from stemzoo.inference.bundled_detectors import bundled_detectors
from stemzoo.io.json_files import read_json
from stemzoo.simulate.materials import MATERIALS
from stemzoo.workflows.adaptation import DETECTOR
from stemzoo.workflows.result_files import write_table
from stemzoo.zoo.registry import list_weights

ADAPTED, TAUGHT, OWN = "adapted to your images", "taught by your corrections", "for your crystal"
# Epochs a minute of a network of the zoo's size on two cores, of so many steps each.
_EPOCHS_A_MINUTE, _STEPS = 6.0, 25


@dataclass(frozen=True)
class Lesson:
    """A training that was begun, and what comes of it.

    Parameters
    ----------
    training : Training
        The process.
    name : str
        What the page calls the detector.
    folder : Path
        The detector, once it is done.
    translator : Path or None
        The CycleGAN beside it, if there is to be one.
    """

    training: Training
    name: str
    folder: Path
    translator: Path | None = None


def adapt(
    visit: Visit, minutes: float, options: LookOptions | None = None, *, force: bool = False
) -> Lesson:
    """Begin to adapt a detector to all images of a visit; see `stemzoo adapt`.

    Parameters
    ----------
    visit : Visit
        Whose images.
    minutes : float
        How long it may take.
    options : LookOptions, optional
        Pixel size and frame of the images, where they need them.
    force : bool
        Train though a detector masters the images already.

    Returns
    -------
    Lesson
    """
    if not visit.images:
        raise ValueError("Expected images to adapt to. Received: none. Drop one to ten first.")
    options = options or LookOptions()
    arguments = ["adapt", *(str(image.path) for image in visit.images)]
    arguments += ["--detector", "--minutes", f"{minutes:g}"]
    if options.weights != AUTOMATIC and options.weights not in visit.weights:
        arguments += ["--detector-from", options.weights]
    if options.pixel_pm:
        arguments += ["--pixel-size", f"{options.pixel_pm:g}"]
    if any(image.frames > 1 for image in visit.images):
        chosen = options.frame
        arguments += ["--sum-frames"] if chosen is None else ["--frame", str(chosen)]
    if force:
        arguments.append("--force")
    out, training = _begin(visit, "adapted", arguments, minutes)
    return Lesson(training, ADAPTED, out / DETECTOR, out)


def teach(visit: Visit, minutes: float) -> Lesson:
    """Begin to teach a detector by the corrected images of a visit.

    See `stemzoo.workflows.own_labels`.

    Parameters
    ----------
    visit : Visit
        Whose corrections.
    minutes : float
        About how long it may take.

    Returns
    -------
    Lesson
    """
    corrected = [image for image in visit.images if image.edits and image.found is not None]
    if not corrected:
        raise ValueError(
            "Expected corrections to learn from. Received: none. Click on marks that are wrong, "
            "and on defects that were missed."
        )
    detectors = {image.detector for image in corrected}
    if len(detectors) > 1:
        raise ValueError(
            "Expected images that one detector has looked at. Received: several. Detect again "
            "with one of them."
        )
    start = str(detectors.pop())
    start = str(visit.weights.get(start, start))
    images, labels = visit.folder / "taught-images", visit.folder / "taught-labels"
    for folder in (images, labels):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    for image in corrected:
        shutil.copyfile(image.path, images / image.path.name)
        write_table(image.corrected().detections, labels / f"{image.path.stem}.csv")
    epochs = max(1, round(_EPOCHS_A_MINUTE * minutes))
    arguments = ["train", "fcn", "--images", str(images), "--labels", str(labels)]
    arguments += ["--from", start, "--epochs", str(epochs), "--steps", str(_STEPS)]
    # Patches that fit into small images, too, at the coarse pixels of the zoo.
    arguments += ["--learning-rate", "0.0005", "--patch", "64"]
    out, training = _begin(visit, "taught", arguments, None)
    return Lesson(training, TAUGHT, out)


def learn_crystal(visit: Visit, structure: Path | str, minutes: float) -> Lesson:
    """Begin to train a detector for a crystal; see `stemzoo train fcn --structure`.

    Parameters
    ----------
    visit : Visit
        Whose crystal.
    structure : Path or str
        File of it, in the folder of the visit; or an entry of `MATERIALS`.
    minutes : float
        How long it may take.

    Returns
    -------
    Lesson
    """
    if isinstance(structure, Path):
        what = ["--structure", str(structure)]
    elif structure in MATERIALS:
        what = ["--material", structure]
    else:
        raise ValueError(f"Expected one of {', '.join(MATERIALS)}. Received: {structure!r}")
    arguments = ["train", "fcn", *what, "--minutes", f"{minutes:g}"]
    out, training = _begin(visit, "own", arguments, minutes)
    return Lesson(training, OWN, out)


@dataclass(frozen=True)
class Learnt:
    """What came of a training that is done.

    Parameters
    ----------
    name : str or None
        What the page calls the new detector; None if there is none.
    words : str
        What to do with it, or why there is none.
    """

    name: str | None
    words: str


def finish(visit: Visit, lesson: Lesson) -> Learnt:
    """Offer what a training has made to the visit.

    Parameters
    ----------
    visit : Visit
        Whose training.
    lesson : Lesson
        One that has ended.

    Returns
    -------
    Learnt
        Without a detector where the training failed, was stopped, or kept what there was.
    """
    if lesson.training.progress().state != "done" or not lesson.folder.is_dir():
        return Learnt(None, "")
    translator = lesson.translator
    if translator is not None and _told(translator).get("judgements"):
        visit.translators[lesson.name] = translator
    told = _told(lesson.folder)
    if told.get("chosen") in {entry.name for entry in list_weights(task="detection")}:
        return Learnt(None, f"No new detector: {told.get('result', 'the old one is as good')}")
    name = lesson.name
    if visit.weights.get(name) not in (None, lesson.folder):
        number = sum(known.startswith(name) for known in visit.weights) + 1
        name = f"{name} ({number})"
    visit.weights[name] = lesson.folder
    step = "detect again with it"
    if lesson.name == TAUGHT:
        step += "; how good it is only images tell that it was not taught"
    return Learnt(name, f"“{name}” is among the weights: {step}.")


def _told(folder: Path) -> dict[str, Any]:
    """Return what `adapt_files` tells of a model that it has adapted; nothing of others."""
    from stemzoo.adaptation.run import RUN

    path = folder / RUN
    return read_json(path, {}) if path.is_file() else {}


def materials_without_detector() -> list[str]:
    """Name the materials that the package has no detector for."""
    return [name for name in MATERIALS if not bundled_detectors(name)]


def _begin(
    visit: Visit, name: str, arguments: Sequence[str], minutes: float | None
) -> tuple[Path, Training]:
    """Start a training in a new folder, or go on with the one that was stopped."""
    before = visit.training
    if before is not None and before.progress().state == "running":
        raise ValueError("Expected one training at a time. Received: another. Stop that first.")
    if (
        before is not None
        and before.progress().state == "stopped"
        and (list(before.arguments[:-2]) == list(arguments))
    ):
        out = Path(before.arguments[-1])
    else:
        number = 1
        while (visit.folder / f"{name}-{number}").exists():
            number += 1
        out = visit.folder / f"{name}-{number}"
    training = Training([*arguments, "--out", str(out)], minutes, visit.folder, visit.program)
    visit.training = training
    training.start()
    return out, training
