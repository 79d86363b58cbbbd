"""Calibrate a detector's folder: simulated frames in, probabilities that can be trusted out."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from stemzoo.analysis.calibration import Calibration
from stemzoo.analysis.calibration_fit import JudgedFrame, fit_calibration
from stemzoo.inference.candidates import Candidates
from stemzoo.inference.detection import LOWEST_SCORE, find_classes, undo_scan
from stemzoo.inference.reporting import find_candidates
from stemzoo.inference.seen_crystal import crystal_of, find_crystal
from stemzoo.io import Image, write_json
from stemzoo.io.json_files import read_json
from stemzoo.simulate.dataset import simulate_frame
from stemzoo.simulate.defects import EDGE
from stemzoo.simulate.distributions import LogUniform, Uniform, draw
from stemzoo.simulate.labels import LabelledImage, session_classes
from stemzoo.simulate.materials import find_material
from stemzoo.simulate.named_sessions import SESSIONS, choose_session
from stemzoo.simulate.sessions import AcquisitionSession
from stemzoo.simulate.wide_sessions import structure_sessions
from stemzoo.zoo.file_names import PROVENANCE
from stemzoo.zoo.hub import load

if TYPE_CHECKING:
    from stemzoo.models.fcn import DefectFCN

log = logging.getLogger(__name__)

# A place is at a defect that is nearer: half of the distance between neighbouring columns [Å].
NEAR = 1.0
# So many times as many defects as the session has: single vacancies vary less than rare defects.
_VACANCIES, _OTHERS = Uniform(0.4, 1.5), LogUniform(0.05, 1.5)
# Of columns that are nearer, a probe of more than 1.4 Å shows nothing [Å].
_NEAREST = 1.6
# Frames show so many lattice constants, in no more pixels.
_SIDE, _MOST_PIXELS = 32, 640
# Beside those that training drew its frames from.
SEED = 20_000_000
# Wide sessions that a material has, as the names end.
_WIDE = ("-randomised", "-randomised-fine", "-any", "-any-fine")
# Frames after a training: about a minute.
_FEW = 48


def widened(session: AcquisitionSession) -> AcquisitionSession:
    """Return a session with conditions beyond those of another one.

    Parameters
    ----------
    session : AcquisitionSession
        The other one.

    Returns
    -------
    AcquisitionSession
        With blur up to 2 Å (1.4 Å where columns are near to each other), twofold astigmatism up to
        6 nm, a quarter of the dose and less, line jitter up to 0.9 px, and contamination from none
        to three times the signal of the crystal, of any patchiness and grain.

    Examples
    --------
    >>> from stemzoo.simulate import find_session
    >>> widened(find_session("wse2-dayA")).name
    'wse2-dayA-widened'
    """
    efficiency = session.efficiency
    spacing = find_material(session.material).column_spacing
    most = 1.0 if isinstance(efficiency, float | int) and efficiency == 1 else 0.3
    return replace(
        session,
        name=f"{session.name}-widened",
        source_size=Uniform(0.6, 2.0) if spacing > _NEAREST else Uniform(0.4, 1.4),
        C12=Uniform(0, 60),
        efficiency=LogUniform(most / 4, most),
        line_jitter=Uniform(0, 0.9),
        contamination=Uniform(0, 3, power=2),
        patchiness=Uniform(0.2, 1.0),
        granularity=Uniform(0, 0.4),
    )


def calibrate_folder(
    folder: str | Path,
    *,
    sessions: Sequence[str] = (),
    frames: int = 160,
    seed: int = SEED,
    least_intensity: dict[str, float] | None = None,
) -> Calibration:
    """Fit the probabilities of a detector, and enter them into its folder.

    Parameters
    ----------
    folder : path-like
        Model folder of a `DefectFCN`; its ``provenance.json`` gets the entry ``calibration``.
    sessions : sequence of str
        Names of simulated sessions; those that the detector was trained on where not given, else
        the randomised ones of its material. Half of the frames are of these, half of wider
        conditions.
    frames : int
        Number of frames.
    seed : int
        Seed of the frames; other ones than those of a training.
    least_intensity : dict, optional
        By class, the least intensity of a column that is reported.

    Returns
    -------
    Calibration

    Raises
    ------
    ValueError, KeyError
        If the folder holds no detector of a known material, a session is unknown or of another
        material, or no session shows a class of the detector.

    Examples
    --------
    >>> calibrate_folder("my-detector").frames  # doctest: +SKIP
    160
    """
    folder = Path(folder)
    model = load(folder if folder.is_absolute() else f"./{folder}")
    if getattr(model, "task", None) != "detection" or model.material is None:
        raise ValueError(
            f"{folder}: expected a detector of a known material. Received: {type(model).__name__} "
            f"of {model.material}"
        )
    if unknown := set(least_intensity or {}) - set(model.classes):
        raise KeyError(f"Expected one of {', '.join(model.classes)}. Received: {unknown.pop()!r}")
    chosen = [choose_session(name, model.material) for name in sessions] or _own_sessions(model)
    shown = {EDGE}.union(*(session_classes(session) for session in chosen))
    if missing := [name for name in model.classes if name not in shown]:
        raise ValueError(
            f"{folder}: expected sessions with defects of each class; name others. Received: no "
            f"{', '.join(missing)} in {', '.join(session.name for session in chosen)}"
        )
    judged = list(judged_frames(model, chosen, frames, seed))
    fitted = fit_calibration(
        judged,
        model.classes,
        # Dopants and adsorbates depend on the sample, vacancies less.
        varying=[name for name in model.classes if not name.endswith("vacancy")],
        unjudged=(EDGE,),
        sessions=[session.name for session in chosen],
        weights_sha256=model.provenance.sha256,
    )
    for name, least in (least_intensity or {}).items():
        one = replace(fitted.classes[name], least_intensity=least)
        fitted = replace(fitted, classes={**fitted.classes, name: one})
    path = folder / PROVENANCE
    record = read_json(path, {}) if path.is_file() else {}
    write_json(path, {**record, "calibration": fitted.to_record()})
    return fitted


def calibrate_trained(
    folder: str | Path,
    *,
    frames: int = _FEW,
    least_intensity: dict[str, float] | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> Calibration | None:
    """Do as `calibrate_folder` in about a minute, and go on where that cannot be.

    Parameters
    ----------
    folder : path-like
        Model folder of a detector that was just trained.
    frames : int
        Number of frames; a second each.
    least_intensity : dict, optional
        As for `calibrate_folder`.
    report : callable
        Takes a line about what was done, or why it was not.

    Returns
    -------
    Calibration or None
        None where no probabilities could be fitted; then `detect` reports by score.

    Examples
    --------
    >>> calibrate_trained("my-detector", report=print)  # doctest: +SKIP
    probabilities: fitted on 48 frames of mos2-randomised, mos2-any
    """
    try:
        fitted = calibrate_folder(folder, frames=frames, least_intensity=least_intensity)
    except (ValueError, KeyError) as error:
        report(f"probabilities: not fitted, detections are reported by score ({error.args[0]})")
        return None
    names = ", ".join(fitted.sessions)
    report(f"probabilities: fitted on {fitted.frames} frames of {names}")
    return fitted


def judged_frames(
    model: "DefectFCN", sessions: Sequence[AcquisitionSession], frames: int, seed: int
) -> Iterator[JudgedFrame]:
    """Simulate frames, and say at which places of each there is a defect.

    Parameters
    ----------
    model : DefectFCN
        The detector.
    sessions : sequence of AcquisitionSession
        Half of the frames are of these, half of wider conditions.
    frames : int
        How many, in all.
    seed : int
        Their seed.

    Yields
    ------
    JudgedFrame
        Frames in which the crystal is not found are left out.
    """
    sources = [each for session in sessions for each in (session, widened(session))]
    for k in range(frames):
        session = sources[k % len(sources)]
        rng = np.random.default_rng([seed, k])
        defects = {
            name: part * draw(_VACANCIES if name.endswith("_vacancy") else _OTHERS, rng)
            for name, part in session.defects.items()
        }
        conditions = session.draw(rng)
        crystal = find_material(session.material)
        # Of an oblong cell, as wide a field as of a square one of its area.
        constant = crystal.lattice_constant
        if crystal.symmetry == 2:
            constant = float(abs(np.linalg.det(crystal.edges)) ** 0.5)
        side = min(round(_SIDE * constant / float(conditions.sampling)), _MOST_PIXELS)
        frame = simulate_frame(conditions, (side, side), rng=rng, defects=defects)
        try:
            candidates = candidates_in(frame, model)
        except ValueError as error:
            log.warning("frame %d of %s is left out: %s", k, session.name, error)
            continue
        yield judge(frame, candidates, model.classes)


def candidates_in(frame: LabelledImage, model: "DefectFCN") -> Candidates:
    """Return the places of a frame that may be defects.

    Parameters
    ----------
    frame : LabelledImage
        A simulated frame.
    model : DefectFCN
        A detector.

    Returns
    -------
    Candidates

    Raises
    ------
    ValueError
        If the image cannot be analysed.
    """
    seen = find_crystal(Image(frame.image, frame.sampling), crystal_of(model))
    seen, corrections = undo_scan(seen, crystal_of(model))
    sampling = seen.pixel_size.value
    marks = find_classes(seen.image.data, model, sampling, threshold=LOWEST_SCORE, seen=seen)
    found = find_candidates(marks, crystal_of(model), seen)
    return replace(found, positions=corrections.move(found.positions))


def judge(frame: LabelledImage, candidates: Candidates, classes: Sequence[str]) -> JudgedFrame:
    """Say which places of a frame are at a defect.

    Parameters
    ----------
    frame : LabelledImage
        The frame.
    candidates : Candidates
        Places in it.
    classes : sequence of str
        Names of the detector's classes.

    Returns
    -------
    JudgedFrame
    """
    truth = np.full(len(candidates.positions), -1)
    labels = np.array(frame.labels(), dtype=str)
    if len(truth) and len(labels):
        distance, nearest = cKDTree(candidates.positions).query(frame.points)
        for k, name in enumerate(classes):
            truth[nearest[(labels == name) & (distance < NEAR / frame.sampling)]] = k
    return JudgedFrame(candidates.seen, truth)


def _own_sessions(model: "DefectFCN") -> list[AcquisitionSession]:
    """Sessions that a detector was trained on, as far as they have names; else wide ones."""
    if model.structure is not None:
        return list(
            structure_sessions(model.structure, model.provenance.training_data.get("defects"))
        )
    named = model.provenance.training_data.get("session") or []
    names = [named] if isinstance(named, str) else list(named)
    for wanted in (names, [f"{model.material}{end}" for end in _WIDE]):
        known = [SESSIONS[name] for name in wanted if name in SESSIONS]
        if found := [session for session in known if session.material == model.material]:
            return found
    return [choose_session(None, model.material)]
