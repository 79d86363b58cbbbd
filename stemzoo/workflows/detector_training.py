"""A detector for a material, by itself: what to simulate, what to start from, when to stop."""

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from stemzoo import io
from stemzoo.analysis.conditions import TrainingConditions
from stemzoo.io.json_files import read_json
from stemzoo.preprocessing import ZOO_SAMPLING
from stemzoo.simulate.dataset import simulate_session
from stemzoo.simulate.material_files import open_material
from stemzoo.simulate.materials import Material, find_material, own_structure
from stemzoo.workflows.calibration import calibrate_trained
from stemzoo.workflows.datasets import TrainingSet, write_training_data
from stemzoo.workflows.detector_plan import DetectorPlan, narrow_to_image, plan_training
from stemzoo.workflows.simulated_scores import score_report, score_set
from stemzoo.workflows.weights import check_folder
from stemzoo.workflows.wide_frames import WideFrames, simulate_wide
from stemzoo.zoo.file_names import METRICS, TRAINING_DATA
from stemzoo.zoo.hub import load, save

if TYPE_CHECKING:
    from stemzoo.models import DefectFCN

# Part of the time for frames.
_FOR_FRAMES = 0.4
# Part of the time for calibration and test frames, and frames to calibrate on a minute of the time.
_FOR_CALIBRATION, _CALIBRATED_A_MINUTE = 0.2, 8
_LEAST_CALIBRATED, _MOST_CALIBRATED = 8, 160
_FRAME_SIZE = 512  # at 0.2074 Å/px
_TEST_SEED, _TEST_FRAMES = 9000, 2
# A brighter column than this many full ones of its kind, else adsorbates are reported.
_BRIGHT = 1.75


def train_detector(
    material: Material | str | Path,
    *,
    minutes: float = 10.0,
    out: str | Path | None = None,
    defects: Mapping[str, float] | None = None,
    like: str | Path | None = None,
    like_sampling: float | None = None,
    seed: int = 0,
    report: Callable[[str], None] = lambda line: None,
) -> "DefectFCN":
    """Train a detector of a material that holds on many microscopes, within a given time.

    Frames are drawn from four wide sessions of the material, coarse and fine ones; the network
    starts from the most similar detector of the package; its probabilities are calibrated, and it
    is scored on frames of other seeds.

    Parameters
    ----------
    material : Material or str or Path
        Entry of `MATERIALS`, its name, a crystal of your own (`Material.from_structure`), or a file
        of one, which is seen along its c axis.
    minutes : float
        How long it may take in all, on two cores.
    out : path-like, optional
        Model folder; a run that was killed goes on in it. Without, nothing is kept but the model.
    defects : mapping of str to float, optional
        Of a crystal of your own: names with probabilities, see `make_specimen`; those that
        `stemzoo structure` lists where not given.
    like : path-like, optional
        A measured image of the material: two thirds of the frames get conditions like its own.
    like_sampling : float, optional
        Its pixel size [Å/px], if the file lacks it.
    seed : int
        Seed of frames and training.
    report : callable
        Takes lines of text on what is done.

    Returns
    -------
    DefectFCN

    Raises
    ------
    KeyError
        For an unknown material.
    ValueError
        If no defects are known for it, the time is impossible, `out` holds another training, or
        `like` does not show the material.

    Examples
    --------
    >>> model = train_detector("mos2", minutes=10)  # doctest: +SKIP
    >>> stemzoo.detect(image, model)  # doctest: +SKIP
    """
    if out is None:
        with TemporaryDirectory() as folder:
            return train_detector(
                material,
                minutes=minutes,
                out=Path(folder) / "new",
                defects=defects,
                like=like,
                like_sampling=like_sampling,
                seed=seed,
                report=report,
            )
    if not 0 < minutes <= 24 * 60:
        raise ValueError(f"Expected minutes of more than 0, up to a day. Received: {minutes}")
    out = Path(out)
    check_folder(out, [])
    plan = plan_training(_material(material), minutes, defects)
    if like is not None:
        plan = narrow_to_image(plan, Path(like), like_sampling, seed)
        report(f"two thirds of the frames get conditions like those of {like}")
    _check_same(plan, out, seed)
    from stemzoo.training.budget import TimeBudget
    from stemzoo.training.folder_lock import folder_lock

    budget = TimeBudget(60 * minutes)
    budget.reserved = _FOR_CALIBRATION * budget.seconds
    with folder_lock(out):
        frames = simulate_wide(
            plan.sessions,
            plan.material,
            plan.frames,
            sampling=plan.sampling,
            size=_FRAME_SIZE,
            seed=seed,
            seconds=budget.seconds * _FOR_FRAMES,
        )
        report(f"{len(frames.labelled.images)} frames simulated in {budget.used / 60:.1f} minutes")
        write_training_data(out, _facts(plan, seed, frames=frames.each))
        model = _train(plan, frames.labelled, budget, out, seed, report)
        _finish(plan, model, frames, out, minutes, report)
    report(f"model folder {out}: try 'stemzoo detect IMAGE --weights {out}'")
    return load(out if out.is_absolute() else f"./{out}")


def _material(material: Material | str | Path) -> Material:
    if isinstance(material, Material):
        return material
    is_file = isinstance(material, Path) or Path(material).is_file()
    return open_material(material) if is_file else find_material(str(material))


def _facts(plan: DetectorPlan, seed: int, *, frames: int) -> dict[str, Any]:
    own = own_structure(plan.material) is not None
    return {
        **({"defects": dict(plan.sessions[0].defects)} if own else {}),
        "sampling": plan.sampling,
        "from": plan.start,
        "session": [session.name for session in plan.sessions],
        "translate": [],
        "frames": frames,
        "size": _FRAME_SIZE,
        "seed": seed,
        "data": {},
    }


def _check_same(plan: DetectorPlan, out: Path, seed: int) -> None:
    """See that a folder with a training in it holds this one."""
    path = out / TRAINING_DATA
    if not path.is_file():
        return
    before, now = read_json(path, {}), _facts(plan, seed, frames=plan.frames)
    for key in ("sampling", "from", "session", "seed", "defects"):
        if before.get(key) != now.get(key):
            raise ValueError(
                f"{out} holds another training, with {key} {before.get(key)}; choose an empty "
                f"folder. Received: {key} {now.get(key)}"
            )


def _train(
    plan: DetectorPlan,
    labelled: TrainingSet,
    budget: Any,
    out: Path,
    seed: int,
    report: Callable[[str], None],
) -> "DefectFCN":
    from stemzoo.training import FCNRecipe, train_fcn
    from stemzoo.training.callbacks import TrainingProgress

    recipe = FCNRecipe(
        epochs=10_000,
        steps_per_epoch=50,
        batch_size=8,
        patch=96,
        learning_rate=2e-3,
        filters=24,
        depth=2,
        seed=seed,
    )
    start = None
    if plan.start is not None:
        parent = load(plan.start)
        start = parent.heir(
            labelled.classes,
            material=str(plan.material),
            sampling=plan.sampling,
            name=f"fcn_{plan.material}",
        )
        start.provenance = parent.provenance
    return train_fcn(
        labelled.images,
        labelled.masks,
        recipe,
        classes=labelled.classes,
        sampling=plan.sampling,
        material=str(plan.material),
        model=start,
        out=out,
        budget=budget,
        callbacks=[TrainingProgress(report, budget)],
    )


def _finish(
    plan: DetectorPlan,
    model: "DefectFCN",
    frames: WideFrames,
    out: Path,
    minutes: float,
    report: Callable[[str], None],
) -> None:
    """Save a trained detector, calibrate its probabilities as far as time allows, and score it."""
    conditions = TrainingConditions.from_training(
        frames.described,
        session="+".join(session.name for session in plan.sessions),
        material=plan.material,
        sampling=min(plan.sampling, ZOO_SAMPLING),
    )
    model.structure = own_structure(plan.material)
    save(model, out, conditions=conditions)
    calibrated = min(max(_CALIBRATED_A_MINUTE * minutes, _LEAST_CALIBRATED), _MOST_CALIBRATED)
    # Of columns of several cells, a heavier atom changes but a part.
    limited = "bright" in model.classes and find_material(plan.material).layered
    calibrate_trained(
        out,
        frames=round(calibrated),
        least_intensity={"bright": _BRIGHT} if limited else None,
        report=report,
    )
    _score(plan, out, report)


def _score(plan: DetectorPlan, out: Path, report: Callable[[str], None]) -> None:
    """Score the detector on frames of other seeds, tell, and write ``metrics.json``."""
    model = load(out if out.is_absolute() else f"./{out}")
    sets = []
    for session in (plan.sessions[0], plan.sessions[2]):
        shape = (_FRAME_SIZE, _FRAME_SIZE)
        frames = list(simulate_session(session, _TEST_FRAMES, shape, seed=_TEST_SEED))
        sets.append(score_set(session.name, _TEST_SEED, frames, model))
        scores = ", ".join(f"{n} {s['f1']:.2f}" for n, s in sets[-1]["classes"].items())
        report(f"F1 on {_TEST_FRAMES} new frames of {session.name}: {scores or 'no defects there'}")
    io.write_json(out / METRICS, score_report(model, sets))
