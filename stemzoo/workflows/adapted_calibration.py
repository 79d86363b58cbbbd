"""Probabilities of adapted detectors: those of before, or fitted on frames like the images."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemzoo.analysis.calibration import Calibration
from stemzoo.analysis.calibration_fit import fit_calibration
from stemzoo.inference.reporting import find_calibration
from stemzoo.io import write_json
from stemzoo.io.json_files import read_json
from stemzoo.workflows.calibration import candidates_in, judge
from stemzoo.zoo.file_names import PROVENANCE, WEIGHTS
from stemzoo.zoo.hub import sha256

if TYPE_CHECKING:  # it starts Keras
    from stemzoo.adaptation import ExperimentalSession

log = logging.getLogger(__name__)

_SEED = 20_000_000  # of frames, beside that of the training


def keep_calibration(model: Any, folder: Path) -> None:
    """Enter the calibration of weights into the folder of a copy of them.

    Parameters
    ----------
    model : DefectFCN
        With the weights, calibrated or not.
    folder : Path
        Model folder of the copy.
    """
    calibration = find_calibration(model)
    if calibration is not None:
        _enter(calibration, folder)


def calibrate_on_frames(
    model: Any, session: "ExperimentalSession", folder: Path, seed: int, frames: int
) -> None:
    """Fit the probabilities of a renewed detector on frames that look like its images.

    Parameters
    ----------
    model : DefectFCN
        The renewed detector.
    session : ExperimentalSession
        The images.
    folder : Path
        Its model folder; left as it is where no image shows what frames need to look like it, or
        the frames lack a class.
    seed : int
        Seed of the run; the frames are others than those of the training.
    frames : int
        How many.
    """
    simulator = session.filtered_simulator(seed)
    if not simulator.appearances:
        return
    judged = []
    for frame in simulator.simulate(frames, seed + _SEED):
        try:
            candidates = candidates_in(frame, model)
        except ValueError as error:  # a frame in which no crystal is found
            log.info("a frame is left out: %s", error)
            continue
        judged.append(judge(frame, candidates, model.classes))
    try:
        calibration = fit_calibration(
            judged,
            model.classes,
            varying=[name for name in model.classes if not name.endswith("vacancy")],
            sessions=[str(session.material)],
        )
    except ValueError as error:  # a class that is in none of them
        log.info("%s is not calibrated: %s", folder, error)
        return
    _enter(calibration, folder)


def _enter(calibration: Calibration, folder: Path) -> None:
    """Write a calibration for the weights that a folder holds."""
    path = folder / PROVENANCE
    own = replace(calibration, weights_sha256=sha256(folder / WEIGHTS))
    write_json(path, {**read_json(path, {}), "calibration": own.to_record()})
