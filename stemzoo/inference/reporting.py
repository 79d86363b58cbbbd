"""Which places of an image are reported as defects: by a network's score, or with the columns."""

import logging
from typing import TYPE_CHECKING

import numpy as np

from stemzoo.analysis.calibration import Calibration
from stemzoo.inference.candidates import Candidates, join_witnesses
from stemzoo.inference.detections import Detections
from stemzoo.inference.expectation import ExpectedCount
from stemzoo.inference.second_witness import ColumnReadings, measure_crystal, read_columns
from stemzoo.inference.seen_crystal import SeenCrystal, crystal_of
from stemzoo.simulate.materials import Material

if TYPE_CHECKING:
    from stemzoo.models.fcn import DefectFCN

log = logging.getLogger(__name__)

# Chosen on simulated frames of both WSe2 days, where F1 changes by less than 0.01 from 0.3 to 0.5.
DEFAULT_THRESHOLD = 0.35
# Class of what the network marks where the crystal ends: columns there lack neighbours.
EDGE_CLASS = "edge"
# Columns that are brighter than full ones are reported only where a column fit says so, too: on
# frames of two sessions that takes the right ones from 61 to 83 %, and loses 3 of 178.
BRIGHT_CLASS, BRIGHT_SIGMA = "bright", 3.0
# Marks of a lower score say nothing, also where a column is asked, too.
LOWEST_SCORE = 0.02
Marks = tuple[np.ndarray, np.ndarray, np.ndarray]


def report_by_score(
    marks: Marks, model: "DefectFCN", seen: SeenCrystal, *, edges: bool
) -> Detections:
    """Report what a network marks, and bright columns only if they are.

    Parameters
    ----------
    marks : tuple of ndarray
        Positions, classes and scores, as of `find_classes`.
    model : DefectFCN
        The detector.
    seen : SeenCrystal
        The image, and where its crystal is.
    edges : bool
        Whether marks where the crystal ends are reported, as class "edge".

    Returns
    -------
    Detections
        Those in the crystal.
    """
    positions, indices, scores = marks
    at_edge = seen.is_at_edge(positions)
    kept = np.flatnonzero(seen.contains(positions) & (edges | ~at_edge))
    readings = read_columns(seen, crystal_of(model), positions[kept])
    names = np.array([EDGE_CLASS if at_edge[i] else model.classes[indices[i]] for i in kept], str)
    told = np.flatnonzero(~((names == BRIGHT_CLASS) & (readings.sigma <= BRIGHT_SIGMA)))
    return Detections(
        positions[kept[told]],
        tuple(names[told].tolist()),
        scores[kept[told]],
        sampling=seen.pixel_size.value,
        sampling_source=seen.pixel_size.source,
        shape=seen.image.data.shape,
        readings=readings[told],
    )


def report_by_probability(
    marks: Marks,
    model: "DefectFCN",
    seen: SeenCrystal,
    calibration: Calibration,
    threshold: float,
    *,
    edges: bool,
) -> Detections:
    """Report what network and columns together make probable.

    Parameters
    ----------
    marks, model, seen, edges
        As in `report_by_score`; marks from `LOWEST_SCORE` on.
    calibration : Calibration
        Of the detector.
    threshold : float
        Lowest probability; of marks where the crystal ends, lowest score.

    Returns
    -------
    Detections
        The most probable first, with what to expect of the whole image.
    """
    candidates = find_candidates(marks, crystal_of(model), seen)
    p = calibration.probabilities(candidates.seen)
    allowed = np.where(calibration.reported(candidates.seen, p), p, 0)
    best = allowed.argmax(axis=1)
    likely = allowed[np.arange(len(p)), best]
    order = np.argsort(-likely, kind="stable")
    told = order[(likely[order] >= threshold) & (likely[order] > 0)]
    chosen, names = candidates[told], [model.classes[k] for k in best[told]]
    readings, scores, likely = chosen.readings, chosen.seen.scores, likely[told]
    positions = chosen.positions
    if edges:
        rim = np.flatnonzero(
            seen.contains(marks[0]) & seen.is_at_edge(marks[0]) & (marks[2] >= threshold)
        )
        positions = np.concatenate([positions, marks[0][rim]])
        names += [EDGE_CLASS] * len(rim)
        scores = np.concatenate([scores, marks[2][rim]])
        unknown = np.full(len(rim), np.nan)
        likely = np.concatenate([likely, unknown])
        readings = ColumnReadings(
            np.concatenate([readings.intensity, unknown]), np.concatenate([readings.sigma, unknown])
        )
    return Detections(
        positions,
        tuple(names),
        scores,
        sampling=seen.pixel_size.value,
        sampling_source=seen.pixel_size.source,
        shape=seen.image.data.shape,
        readings=readings,
        probability=likely,
        counted={
            name: ExpectedCount.of(allowed[:, k], one.spread)
            for k, (name, one) in enumerate(calibration.classes.items())
        },
    )


def find_candidates(marks: Marks, material: str | Material | None, seen: SeenCrystal) -> Candidates:
    """Gather all places in the crystal that may be defects, and what is seen there.

    Parameters
    ----------
    marks : tuple of ndarray
        Positions, classes and scores, as of `find_classes`, from `LOWEST_SCORE` on.
    material : str or Material or None
        Material of the crystal.
    seen : SeenCrystal
        The image, and where its crystal is.

    Returns
    -------
    Candidates
        Not where the crystal ends: columns there lack neighbours.
    """
    positions, classes, scores = marks
    inside = seen.contains(positions) & ~seen.is_at_edge(positions)
    positions, classes, scores = positions[inside], classes[inside], scores[inside]
    columns = measure_crystal(seen, material, positions[scores >= DEFAULT_THRESHOLD])
    if columns is not None:
        columns = columns[~seen.is_at_edge(columns.positions)]
    return join_witnesses(positions, classes, scores, columns)


def find_calibration(model: "DefectFCN") -> Calibration | None:
    """Return how probable what a loaded model says is.

    Parameters
    ----------
    model : DefectFCN
        A detector.

    Returns
    -------
    Calibration or None
        None for a model that was not loaded, or is not calibrated, or whose weights or classes
        are others than those that it was calibrated with.
    """
    provenance = getattr(model, "provenance", None)
    if provenance is None or "calibration" not in provenance.record:
        return None
    try:
        calibration = Calibration.from_record(provenance.record["calibration"])
    except ValueError as error:
        log.warning("%s: %s", model.name, error)
        return None
    same = calibration.weights_sha256 == provenance.sha256
    return calibration if same and tuple(calibration.classes) == tuple(model.classes) else None
