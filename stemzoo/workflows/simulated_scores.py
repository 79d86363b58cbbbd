"""How a detector does on simulated frames that it was not trained on: the figures of its card."""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from stemzoo.inference.detection import DEFAULT_THRESHOLD, detect
from stemzoo.metrics.detection import DetectionScore, score_detections
from stemzoo.preprocessing import ZOO_SAMPLING
from stemzoo.simulate.labels import LabelledImage

if TYPE_CHECKING:
    from stemzoo.models.fcn import DefectFCN

# As in the paper, in physical units: 7.5 px and 32 px of its 0.2074 Å pixels [Å].
RADIUS = 7.5 * ZOO_SAMPLING
BORDER = 32 * ZOO_SAMPLING


def score_frame(
    frame: LabelledImage,
    model: "DefectFCN",
    *,
    threshold: float = DEFAULT_THRESHOLD,
    tta: bool = False,
) -> dict[str, DetectionScore]:
    """Score each class of a detector in one labelled frame.

    Parameters
    ----------
    frame : LabelledImage
        A simulated frame of the detector's material.
    model : DefectFCN
        The detector.
    threshold : float
        Least probability of a detection.
    tta : bool
        Whether it averages over rotations and flips.

    Returns
    -------
    dict of str to DetectionScore
        By class: matches within 1.56 Å, a border of 6.6 Å ignored.
    """
    with warnings.catch_warnings():
        # Nobody uses what is found here: a frame in which little is seen counts as it is.
        warnings.simplefilter("ignore", UserWarning)
        found = detect(frame.image, model, sampling=frame.sampling, threshold=threshold, tta=tta)
    labels = np.array(frame.labels(), dtype=str)
    return {
        name: score_detections(
            found.select(name).positions,
            frame.points[labels == name],
            RADIUS / frame.sampling,
            shape=frame.image.shape,
            border=BORDER / frame.sampling,
        )
        for name in model.classes
    }


def score_set(
    session: str, seed: int, frames: Sequence[LabelledImage], model: "DefectFCN", **options: Any
) -> dict[str, Any]:
    """Score the classes of a detector on a set of frames, as ``metrics.json`` holds it.

    Parameters
    ----------
    session, seed
        What the frames were simulated with.
    frames : sequence of LabelledImage
        The set.
    model : DefectFCN
        The detector.
    **options
        As for `score_frame`.

    Returns
    -------
    dict
        An entry of ``test_sets``; classes that no frame shows are left out.
    """
    each = [score_frame(frame, model, **options) for frame in frames]
    totals = {
        name: sum((one[name] for one in each), DetectionScore(0, 0, 0)) for name in model.classes
    }
    classes = {
        name: {
            "labelled": total.hits + total.misses,
            "hits": total.hits,
            "false_alarms": total.false_alarms,
            "misses": total.misses,
            "precision": round(total.precision, 4) if total.hits + total.false_alarms else None,
            "recall": round(total.recall, 4),
            "f1": round(total.f1, 4),
        }
        for name, total in totals.items()
        if total.hits + total.misses
    }
    return {"session": session, "frames": len(frames), "seed": seed, "classes": classes}


def score_report(
    model: "DefectFCN",
    test_sets: Sequence[dict[str, Any]],
    *,
    threshold: float = DEFAULT_THRESHOLD,
    tta: bool = False,
) -> dict[str, Any]:
    """Return the content of ``metrics.json``.

    Parameters
    ----------
    model : DefectFCN
        The detector.
    test_sets : sequence of dict
        From `score_set`.
    threshold, tta
        What they were scored with.

    Returns
    -------
    dict
    """
    return {
        "weights": model.name,
        "threshold": threshold,
        "tta": tta,
        "matching_radius_angstrom": round(RADIUS, 4),
        "border_angstrom": round(BORDER, 4),
        "test_sets": list(test_sets),
    }
