"""Measured images with somebody's own labels in, a trained detector out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemzoo.analysis.conditions import TrainingConditions
from stemzoo.analysis.resampling import resample_image
from stemzoo.io.images import READERS
from stemzoo.preprocessing import ZOO_SAMPLING
from stemzoo.simulate.labels import LABEL_RADIUS, class_mask
from stemzoo.workflows.datasets import TrainingSet, write_training_data
from stemzoo.workflows.label_classes import IGNORE, ClassMap, counted, ordered
from stemzoo.workflows.labelled_images import (
    LabelledFile,
    Pairing,
    files_in,
    label_files,
    pair_files,
    read_pairs,
)
from stemzoo.workflows.weights import check_folder, load_kind
from stemzoo.zoo.hub import save, sha256

if TYPE_CHECKING:
    from stemzoo.models import DefectFCN
    from stemzoo.training import FCNRecipe

# So many labels of a class are learnt by heart, not from.
_FEW = 20


@dataclass(frozen=True)
class OwnLabelOptions:
    """What `stemzoo train fcn --images DIR --labels DIR` is told.

    Parameters
    ----------
    images, labels : Path or None
        Folders; a file of labels has the stem of its image.
    out : Path
        Model folder; a run that was killed goes on in it.
    recipe : FCNRecipe
        How to train.
    classes : str, optional
        As `ClassMap.read` takes it.
    material : str, optional
        Entry of `MATERIALS`; else that of `start`, else what the images show.
    start : str, optional
        Detector to start from: name of the zoo, or a model folder.
    sampling : float, optional
        Pixel size of images that state none [Å/px].
    simulated : bool
        Whether simulated frames are asked for, too, which is refused.
    """

    images: Path | None
    labels: Path | None
    out: Path
    recipe: "FCNRecipe"
    classes: str | None = None
    material: str | None = None
    start: str | None = None
    sampling: float | None = None
    simulated: bool = False

    def folders(self) -> tuple[Path, Path]:
        """Return the folders of images and of labels.

        Raises
        ------
        ValueError
            If one is missing, or simulated frames are asked for, too.
        """
        if self.images is None or self.labels is None:
            lacks = "--images" if self.images is None else "--labels"
            raise ValueError(
                "Own labels need both --images DIR and --labels DIR (which may be one folder). "
                f"Received: no {lacks}."
            )
        if self.simulated:
            raise ValueError(
                "--images trains on measured images alone. Received: --session, --data or "
                "--translate, too. Train on these first, and start from the result with --from."
            )
        return self.images, self.labels


def train_on_own_labels(
    options: OwnLabelOptions, *, report: Callable[[str], None] = lambda line: None
) -> "DefectFCN":
    """Train a detector on images with one's own labels; write its folder.

    Parameters
    ----------
    options : OwnLabelOptions
        What to train on, and how.
    report : callable
        Takes a line of text about what is trained on, after each epoch, and about the folder.

    Returns
    -------
    DefectFCN

    Raises
    ------
    ValueError, KeyError, OSError
        One clear line about what is wrong with an option or a file.
    """
    images, labels = options.folders()
    check_folder(options.out, [options.start, images, labels])
    classes = ClassMap.read(options.classes)
    found = find_pairs(images, labels)
    start = None
    if options.start is not None:
        start = load_kind(options.start, "DefectFCN", "train fcn --from")
    else:
        options.recipe.check_network()
    files, material = read_pairs(
        found.pairs,
        classes,
        material=options.material or (start and start.material),
        sampling=options.sampling,
    )
    sampling = start.sampling if start else ZOO_SAMPLING
    labelled = own_training_set(files, material, sampling, start and start.classes)
    report(described(files, labelled, found))
    from stemzoo.training import train_fcn
    from stemzoo.training.callbacks import TrainingProgress
    from stemzoo.training.folder_lock import folder_lock

    with folder_lock(options.out):
        model = train_fcn(
            labelled.images,
            labelled.masks,
            options.recipe,
            classes=labelled.classes,
            sampling=sampling,
            material=material,
            model=start,
            out=options.out,
            callbacks=[TrainingProgress(report)],
        )
        _write(model, labelled, options, images.resolve().name, found)
    report(
        f"model folder {options.out}: try 'stemzoo detect IMAGE --weights {options.out}'; how good "
        "it is tell other labelled images: 'stemzoo score IMAGE... --labels DIR --weights "
        f"{options.out}'"
    )
    return model


def find_pairs(images: Path, labels: Path) -> Pairing:
    """Find the images of a folder that have labels in another, or in the same.

    Raises
    ------
    ValueError
        If there is none.
    """
    shown = files_in(images, tuple(READERS))
    if not shown:
        raise ValueError(f"{images}: expected image files. Received: none. Check the path.")
    found = pair_files(shown, label_files([labels], shown))
    if not found.pairs:
        raise ValueError(
            f"{labels}: expected files of labels with the names of images in {images}, such as "
            f"{shown[0].stem}.csv for {shown[0].name}. Received: {found.lone() or 'none'}. Rename "
            "them."
        )
    return found


def own_training_set(
    files: Sequence[LabelledFile],
    material: str,
    sampling: float,
    classes: Sequence[str] | None = None,
) -> TrainingSet:
    """Draw the labels of images as class masks, at one pixel size.

    Parameters
    ----------
    files : sequence of LabelledFile
        Images and labels.
    material : str
        Entry of `MATERIALS`.
    sampling : float
        Pixel size of the set [Å/px].
    classes : sequence of str, optional
        Classes of the network that is trained on; else those of the labels.

    Returns
    -------
    TrainingSet

    Raises
    ------
    ValueError
        If there are no labels, or the network lacks a class.
    """
    labelled = ordered(counted(file.labels for file in files), material)
    if not labelled:
        raise ValueError(
            "Expected labels to learn from. Received: none in any image. Label some defects."
        )
    names = tuple(classes or labelled)
    if lacking := [name for name in labelled if name not in names]:
        raise ValueError(
            f"--from: expected a detector of all classes that are labelled. Received: one of "
            f"{', '.join(names)}, without {', '.join(lacking)}. Map these with --classes, or leave "
            "out --from."
        )
    images, masks = [], []
    for file in files:
        image = resample_image(file.image.data, file.sampling, sampling, file.image.path)
        drawn = [i for i, name in enumerate(file.labels.classes) if name != IGNORE]
        points = file.labels.points[drawn] * (file.sampling / sampling)
        values = [names.index(file.labels.classes[i]) + 1 for i in drawn]
        images.append(image)
        masks.append(class_mask(points, values, image.shape, LABEL_RADIUS / sampling))
    return TrainingSet(tuple(images), tuple(masks), names, sampling, material)


def described(files: Sequence[LabelledFile], labelled: TrainingSet, found: Pairing) -> str:
    """Say in one line what is trained on, and what of it is doubtful."""
    counts = counted(file.labels for file in files)
    shown = ", ".join(f"{counts.get(name, 0)} {name}" for name in labelled.classes)
    notes = [found.lone()] if found.lone() else []
    ignored = sum(file.labels.classes.count(IGNORE) for file in files)
    if ignored:
        notes.append(f"{ignored} marks to ignore are learnt as perfect crystal")
    if few := [name for name in labelled.classes if 0 < counts.get(name, 0) < _FEW]:
        notes.append(f"few to learn from (below {_FEW}): {', '.join(few)}")
    if unlabelled := [name for name in labelled.classes if name not in counts]:
        notes.append(f"without labels, so unlearnt: {', '.join(unlabelled)}")
    return " | ".join(
        [f"{len(files)} images of {labelled.material}: {shown}", *(f"note: {n}" for n in notes)]
    )


def _write(
    model: "DefectFCN",
    labelled: TrainingSet,
    options: OwnLabelOptions,
    name: str,
    found: Pairing,
) -> None:
    """Write the weights, and what they were trained on, into the folder of the training."""
    hashes = {path.name: sha256(path) for pair in found.pairs for path in pair}
    facts: dict[str, Any] = {
        "sampling": labelled.sampling,
        "from": options.start and Path(options.start).name,
        "session": [],
        "translate": [],
        "frames": len(labelled.images),
        "size": None,
        "seed": options.recipe.seed,
        "data": {name: hashes},
        "classes": options.classes,
    }
    write_training_data(options.out, facts)
    conditions = TrainingConditions.from_training(
        labelled.images, session=name, material=labelled.material, sampling=labelled.sampling
    )
    save(model, options.out, conditions=conditions)
