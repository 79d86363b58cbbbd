"""Image files in, renewed model folders out: what `stemzoo adapt` does."""

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stemzoo import io
from stemzoo.analysis.pixel_size import resolve
from stemzoo.inference.crystal_part import CrystalPart
from stemzoo.workflows.adapted_folders import AdaptedFolders
from stemzoo.workflows.detect_task import DetectTask
from stemzoo.workflows.image_task import plan_session
from stemzoo.workflows.paths import find_files, read_each
from stemzoo.workflows.sources import Source

if TYPE_CHECKING:  # they start Keras
    from stemzoo.adaptation import ExperimentalSession
    from stemzoo.adaptation.recipes import AdaptRecipe, JudgementLimits, RenewalRecipe

# Folders of the renewed detector and of what it finds, in that of the CycleGAN.
DETECTOR, DETECTIONS = "detector", "detections"

# Seconds kept for the table of an image, and for a frame that probabilities are fitted on; and such
# frames in a minute of time.
_DETECTING, _CALIBRATING, _CALIBRATED = 2.0, 1.0, 6


@dataclass(frozen=True)
class Renewed:
    """What `adapt_files` made.

    Parameters
    ----------
    translator : CycleGANSTEM or None
        With `adaptation`; None where there was none to start from.
    detector : DefectFCN or None
        With `renewal`.
    """

    translator: Any | None
    detector: Any | None


def adapt_files(
    patterns: Sequence[Path],
    parent: Any | None,
    out: Path,
    *,
    minutes: float = 5.0,
    sampling: float | None = None,
    frame: int | None = None,
    sum_frames: bool = False,
    session: str | None = None,
    detector: Any | None = None,
    rivals: Sequence[Any] = (),
    force: bool = False,
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
    parent : CycleGANSTEM or None
        Pretrained, with its discriminators. Without one, a detector is renewed on frames that are
        made from what is measured on the images.
    out : Path
        Model folder; the detector's is ``out/detector``, tables and overlays of what it finds go to
        ``out/detections``. A run that was killed goes on in it.
    minutes : float
        How long it may take in all; half of it is the CycleGAN's, if there are both, and the
        detector's where that turns out to be of no use for it. In less than about two minutes with
        a detector, only that is trained.
    sampling : float, optional
        Pixel size [Å/px], for files that lack it.
    frame, sum_frames
        As in `stemzoo.read_image`, for files that are stacks.
    session : str, optional
        What to call the new conditions; the name of the folder where not given.
    detector : DefectFCN, optional
        To renew.
    rivals : sequence of DefectFCN
        Detectors that may be better than that.
    force : bool
        Train though a detector masters the images already, by the expected F1 that `detect` tells.
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
    from stemzoo.adaptation.recipes import RenewalRecipe
    from stemzoo.training.folder_lock import folder_lock

    started = time.monotonic()
    detectors = [] if detector is None else [detector, *rivals]
    check_weights(parent, out, detectors, minutes)
    paths = find_files(patterns)
    plan_session(DetectTask(), [Source(path) for path in paths], out / DETECTIONS)
    stacks = {"frame": frame, "sum_frames": sum_frames}
    material = parent.material if parent is not None else detectors[0].material
    images = read_each(paths, lambda path: _read(path, material, sampling, stacks))
    renewal = renewal or RenewalRecipe()
    # In little time the probabilities are fitted on few frames, or are not known.
    frames = min(renewal.calibrated, round(_CALIBRATED * minutes))
    after = _DETECTING * len(images) + _CALIBRATING * frames
    with folder_lock(out):
        measured = adaptation.ExperimentalSession.of([one for _, one in images], parent or detector)
        if detector is not None:
            measured = measured.showing(detector.classes)
        files = AdaptedFolders(images, measured, session or out.resolve().name, minutes, seed)
        for name, undone in measured.corrections.items():
            report(f"{name}: {', '.join(undone)}")
        # A run that was begun goes on, whatever the images.
        force = force or is_begun(out)
        master = None if force else _find_master(measured, detectors, renewal.limits, report)
        shared: dict[str, Any] = {"force": force, "rng": np.random.default_rng(seed)}
        translator = None
        spent = time.monotonic() - started
        with _silence(master):
            if parent is not None:
                translator = adaptation.fit_adapt(
                    parent,
                    measured,
                    for_detector=master or detector is not None,
                    minutes=_left(minutes if detector is None else minutes / 2, spent),
                    session=files.session,
                    recipe=recipe,
                    out=out,
                    report=report,
                    **shared,
                )
                files.save(translator, out, parent, translator.adaptation)
                report(str(translator.adaptation))
                # One that goes on has used time before.
                spent = max(time.monotonic() - started, translator.adaptation.seconds)
            if detector is None:
                return Renewed(translator, None)
            renewed = adaptation.renew_detector(
                detector,
                translator,
                measured,
                rivals=rivals,
                minutes=_left(minutes, spent + after),
                recipe=renewal,
                out=out / DETECTOR,
                **shared,
            )
        through = [] if translator is None else [files.session]
        renewed = files.save_detector(
            renewed, out / DETECTOR, detectors, through=through, frames=frames
        )
        report(str(renewed.renewal))
        files.detect(renewed, out / DETECTIONS, report, sampling=sampling, **stacks)
        return Renewed(translator, renewed)


def is_begun(out: Path) -> bool:
    """Whether a folder holds the state of a training of `adapt_files`.

    Examples
    --------
    >>> is_begun(Path("nowhere"))
    False
    """
    from stemzoo.adaptation import renewal
    from stemzoo.adaptation.best_weights import BEST_FILE

    return (out / BEST_FILE).is_file() or renewal.is_begun(out / DETECTOR)


def _find_master(
    measured: "ExperimentalSession",
    detectors: Sequence[Any],
    limits: "JudgementLimits",
    report: Callable[[str], None],
) -> Any | None:
    """Say what to expect of detectors in the images; return the first that masters them."""
    from stemzoo.adaptation.mastery import masters
    from stemzoo.adaptation.renewal import judged_class

    for model in detectors:
        expected, label = measured.expected(model), judged_class(detectors, measured.material)
        if label not in expected:
            continue
        if masters(expected, label, limits):
            return model
        f1 = expected[label].f1
        report(
            f"{model.name} in these images: expected F1 of {label} {f1.value:.2f} ({f1.low:.2f} to "
            f"{f1.high:.2f})"
        )
    return None


@contextmanager
def _silence(master: Any | None) -> Iterator[None]:
    """Warn of nothing where a detector masters the images: that nothing is trained is reported."""
    with warnings.catch_warnings():
        if master is not None:
            warnings.simplefilter("ignore", UserWarning)
        yield


def check_weights(parent: Any | None, out: Path, detectors: Sequence[Any], minutes: float) -> None:
    """See that weights can be adapted to a folder, before a file is read.

    Parameters
    ----------
    parent : CycleGANSTEM or None
        To adapt.
    out : Path
        Model folder.
    detectors : sequence of DefectFCN
        To renew, and others that may be better.
    minutes : float
        How long it may take.

    Raises
    ------
    ValueError
        If they are of different materials, there is none or no time, or the folder is a file.
    """
    from stemzoo.adaptation.cyclegan import check_minutes, check_parent
    from stemzoo.adaptation.renewal import judged_class

    if out.exists() and not out.is_dir():
        raise ValueError(f"--out expects a folder. Received: {out}, a file")
    check_minutes(minutes)
    if parent is not None:
        check_parent(parent, minutes)
    if parent is None and not detectors:
        raise ValueError("Expected a CycleGAN or a detector to adapt. Received: neither")
    if detectors:
        judged_class(detectors, (parent or detectors[0]).material)


def _read(path: Path, material: str, sampling: float | None, stacks: Mapping) -> io.Image:
    image = io.read_image(path, **stacks)
    # Margins, bars and vacuum are no conditions of the microscope.
    part = CrystalPart.of(image.data, image.sampling, path)
    image = replace(image, data=part.pixels)
    step = resolve(image.with_sampling(sampling), material).value
    return replace(image, sampling=step)


def _left(minutes: float, spent: float) -> float:
    """Minutes that are left, a tenth at least, after some seconds."""
    return max(minutes - spent / 60, minutes / 10)
