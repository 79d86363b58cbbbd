"""Labelled frames or measured images in, a trained model folder out: what `stemzoo train` does."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemzoo.analysis.conditions import TrainingConditions
from stemzoo.analysis.lattice import find_rotation
from stemzoo.preprocessing import ZOO_SAMPLING
from stemzoo.simulate.domain import largest_shape, simulate_domain
from stemzoo.simulate.materials import own_structure
from stemzoo.simulate.sessions import AcquisitionSession
from stemzoo.workflows.datasets import TrainingSet, hash_frames, training_set, write_training_data
from stemzoo.workflows.experimental_images import ExperimentalSet, experimental_set
from stemzoo.workflows.weights import check_folder, load_kind
from stemzoo.zoo.hub import save

if TYPE_CHECKING:
    from stemzoo.models import CycleGANSTEM, DefectFCN
    from stemzoo.training import CycleGANRecipe, FCNRecipe


@dataclass(frozen=True)
class FCNOptions:
    """What `stemzoo train fcn` is told: at least one of `sessions`, `translators` and `folders`.

    Parameters
    ----------
    out : Path
        Model folder; a run that was killed goes on in it.
    recipe : FCNRecipe
        How to train; its seed is that of the simulated frames, too.
    sessions : tuple of str or AcquisitionSession
        Sessions to simulate, or their names.
    translators : tuple of str
        CycleGANs that make simulated frames realistic: names of the zoo, or model folders.
    folders : tuple of Path
        Folders of labelled frames, written by `stemzoo simulate`.
    start : str, optional
        Detector to start from: name of the zoo, or a model folder.
    frames : int
        Simulated frames a session, or a CycleGAN.
    size : int
        Edge of simulated frames at 0.2074 Å/px [px].
    sampling : float, optional
        Pixel size that a new network takes [Å/px]; the zoo's where not given.
    """

    out: Path
    recipe: "FCNRecipe"
    sessions: tuple[str | AcquisitionSession, ...] = ()
    translators: tuple[str, ...] = ()
    folders: tuple[Path, ...] = ()
    start: str | None = None
    frames: int = 200
    size: int = 512
    sampling: float | None = None


def train_fcn_files(
    options: FCNOptions, *, report: Callable[[str], None] = lambda line: None
) -> "DefectFCN":
    """Train a detector on labelled frames, simulated now or read from folders; write its folder.

    Parameters
    ----------
    options : FCNOptions
        What to train on, and how.
    report : callable
        Takes a line of text after each epoch, and one about the folder.

    Returns
    -------
    DefectFCN

    Raises
    ------
    ValueError, KeyError, OSError
        One clear line about what is wrong with an option or a file.
    """
    check_folder(options.out, [options.start, *options.translators, *options.folders])
    from stemzoo.training import train_fcn
    from stemzoo.training.callbacks import TrainingProgress
    from stemzoo.training.folder_lock import folder_lock

    translators = [
        load_kind(name, "CycleGANSTEM", "train fcn --translate") for name in options.translators
    ]
    start = None
    if options.start is not None:
        start = load_kind(options.start, "DefectFCN", "train fcn --from")
        if options.sampling not in (None, start.sampling):
            raise ValueError(
                f"{options.start} takes pixels of {start.sampling} Å; leave out --pixel-size, or "
                f"--from. Received: {options.sampling} Å"
            )
    else:
        options.recipe.check_network()  # before frames are simulated for it
    with folder_lock(options.out):
        labelled = training_set(
            options.sessions,
            options.folders,
            frames=options.frames,
            size=options.size,
            seed=options.recipe.seed,
            translators=translators,
            sampling=start.sampling if start else options.sampling or ZOO_SAMPLING,
        )
        model = train_fcn(
            labelled.images,
            labelled.masks,
            options.recipe,
            classes=labelled.classes,
            sampling=labelled.sampling,
            material=str(labelled.material),
            model=start,
            out=options.out,
            callbacks=[TrainingProgress(report)],
        )
        model.structure = own_structure(labelled.material) or model.structure
        _write_fcn(model, labelled, options)
    report(f"model folder {options.out}: try 'stemzoo detect IMAGE --weights {options.out}'")
    return model


def _write_fcn(model: "DefectFCN", labelled: TrainingSet, options: FCNOptions) -> None:
    """Write the weights, and what they were trained on, into the folder of the training."""
    simulated = bool(options.sessions or options.translators)
    facts: dict[str, Any] = {
        "sampling": labelled.sampling,
        "from": options.start and Path(options.start).name,
        "session": [s if isinstance(s, str) else s.name for s in options.sessions],
        "translate": [Path(weights).name for weights in options.translators],
        # Of each session, or CycleGAN; else those that the folders hold.
        "frames": options.frames if simulated else len(labelled.images),
        "size": options.size if simulated else None,
        "seed": options.recipe.seed,
        "data": {folder.name: hash_frames(folder) for folder in options.folders},
    }
    if defects := [dict(s.defects) for s in options.sessions if not isinstance(s, str)]:
        facts["defects"] = defects[0]
    write_training_data(options.out, facts)
    conditions = TrainingConditions.from_training(
        labelled.images,
        session="+".join([*facts["session"], *facts["translate"], *facts["data"]]),
        material=labelled.material,
        sampling=labelled.sampling,
    )
    save(model, options.out, conditions=conditions)


@dataclass(frozen=True)
class CycleGANOptions:
    """What `stemzoo train cyclegan` is told.

    Parameters
    ----------
    experimental : tuple of Path
        Measured images of one session: files, or patterns such as ``day/*.tif``.
    material : str
        Entry of `MATERIALS`, for the simulations.
    out : Path
        Model folder; a run that was killed goes on in it.
    sampling : float, optional
        Pixel size [Å/px], for files that lack it.
    session : str, optional
        What to call the images' conditions; the name of the folder where not given.
    simulated : int
        Number of simulated frames.
    size : str
        Recipe to start from, ``"zoo"`` or ``"paper"``.
    changes : mapping of str to object
        Fields of the `CycleGANRecipe` that differ from that recipe.
    start : str, optional
        CycleGAN to start from: name of the zoo, or a model folder.
    samples_every : int
        Number of epochs from one sample picture to the next.
    strategy : str, optional
        See `make_strategy`.
    tensorboard : bool
        Whether to write the losses to ``out/tensorboard``.
    seed : int
        Seed of the simulated frames and of the training.
    """

    experimental: tuple[Path, ...]
    material: str
    out: Path
    sampling: float | None = None
    session: str | None = None
    simulated: int = 20
    size: str = "zoo"
    changes: Mapping[str, object] = field(default_factory=dict)
    start: str | None = None
    samples_every: int = 5
    strategy: str | None = None
    tensorboard: bool = False
    seed: int = 0


def train_cyclegan_files(
    options: CycleGANOptions, *, report: Callable[[str], None] = lambda line: None
) -> "CycleGANSTEM":
    """Train a CycleGAN between measured images and simulations like them; write its folder.

    Parameters
    ----------
    options : CycleGANOptions
        What to train on, and how.
    report : callable
        Takes a line of text after each epoch, and one about the folder. Of several workers only the
        chief reports and writes.

    Returns
    -------
    CycleGANSTEM

    Raises
    ------
    ValueError, KeyError, OSError
        One clear line about what is wrong with an option or a file.
    """
    check_folder(options.out, [options.start])
    measured = experimental_set(options.experimental, options.material, options.sampling)
    if options.strategy == "multiworker":
        report("waiting for the other workers")
    from stemzoo.models.start import start_device
    from stemzoo.training import train_cyclegan
    from stemzoo.training.callbacks import TrainingProgress
    from stemzoo.training.folder_lock import folder_lock
    from stemzoo.training.several_hosts import wait_for_all
    from stemzoo.training.strategy import is_chief, make_strategy

    devices = make_strategy(options.strategy)  # which must come before the first variable
    start_device()
    start = None
    if options.start is not None:
        start = load_kind(options.start, "CycleGANSTEM", "train cyclegan --from", training=True)
    recipe = _cyclegan_recipe(options, start)
    if start is None:
        recipe.check_network()  # before frames are simulated for it
    with folder_lock(options.out if is_chief(devices) else None):
        domain: dict[str, Any] = {"material": measured.material, "sampling": measured.sampling}
        domain["rotation"] = find_rotation(measured.images, **domain)
        shape = largest_shape(measured.images)
        frames = simulate_domain(**domain, shape=shape, n=options.simulated, seed=options.seed)
        changes = {**domain, "session": options.session}
        model = train_cyclegan(
            measured.images,
            [frame.image for frame in frames],
            recipe,
            **changes,
            model=start and start.successor(**changes, patch_size=recipe.patch),
            out=options.out,
            samples_every=options.samples_every,
            callbacks=[TrainingProgress(report)] if is_chief(devices) else [],
            strategy=devices,
            tensorboard=options.out / "tensorboard" if options.tensorboard else None,
        )
        if is_chief(devices):
            _write_cyclegan(model, start, measured, options)
            example = f"'stemzoo translate IMAGE --weights {options.out}'"
            report(f"model folder {options.out}: try {example}")
    wait_for_all(devices)
    return model


def _cyclegan_recipe(options: CycleGANOptions, start: "CycleGANSTEM | None") -> "CycleGANRecipe":
    from stemzoo.training.recipes import recipe_from, recipe_of_size

    changes = {**options.changes, "seed": options.seed}
    if start is None:
        return recipe_of_size(options.size, **changes)
    return recipe_from(start.get_config(), options.size, **changes)


def _write_cyclegan(
    model: "CycleGANSTEM",
    start: "CycleGANSTEM | None",
    measured: ExperimentalSet,
    options: CycleGANOptions,
) -> None:
    """Write the weights, and what they were trained on, into the folder of the training."""
    facts = {
        "from": options.start and Path(options.start).name,
        "sampling": measured.sampling,
        "experimental": measured.hashes,
        "session": options.session,
        "simulated": options.simulated,
        "seed": options.seed,
    }
    write_training_data(options.out, facts)
    conditions = TrainingConditions.from_training(
        measured.images,
        session=options.session or options.out.resolve().name,
        material=measured.material,
        sampling=measured.sampling,
    )
    save(model, options.out, parent=start and start.provenance, conditions=conditions)
