"""Labelled images in, how good a detector is in them out."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stemzoo import __version__, io
from stemzoo.inference.detection import DEFAULT_THRESHOLD, find_defects
from stemzoo.io.any_image import as_image
from stemzoo.io.image_checks import check_shape
from stemzoo.io.images import Image
from stemzoo.io.label_files import Labels
from stemzoo.metrics.detection_report import DetectionReport
from stemzoo.metrics.image_score import ImageScore, score_image
from stemzoo.simulate.materials import MATERIALS
from stemzoo.workflows.label_classes import IGNORE, ClassMap, known_classes
from stemzoo.workflows.labelled_images import Pairing, label_files, labels_inside, pair_files
from stemzoo.workflows.paths import Failed
from stemzoo.zoo.file_names import METRICS_REAL
from stemzoo.zoo.hub import sha256

if TYPE_CHECKING:
    from stemzoo.models.fcn import DefectFCN

# Largest distance of a detection from its label, and width of the border that is left out [Å].
TOLERANCE, BORDER = 1.0, 2.0


def score(
    images: Sequence[np.ndarray | Image | str | Path],
    labels: Sequence[Labels | str | Path],
    model: "DefectFCN",
    *,
    classes: Mapping[str, str] | None = None,
    sampling: float | None = None,
    threshold: float = DEFAULT_THRESHOLD,
    tolerance: float = TOLERANCE,
    border: float = BORDER,
) -> DetectionReport:
    """Tell how good a detector is in labelled images: precision, recall and F1 by class.

    Parameters
    ----------
    images : sequence of ndarray of shape (M, N), Image or path-like
        Labelled images.
    labels : sequence of Labels or path-like
        Those of each image, in their order; see `stemzoo.io.label_files.read_labels`.
    model : DefectFCN
        A detector.
    classes : mapping of str to str, optional
        Class of the detector by what the labels call it; ``"ignore"`` (or the label "uncertain")
        for places that count neither way. The key "" is for labels without a name.
    sampling : float, optional
        Pixel size [Å/px]; else that of the images, else measured from the lattice.
    threshold : float
        As in `stemzoo.detect`.
    tolerance : float
        Largest distance of a detection from the label that it is paired with, one to one [Å].
    border : float
        Width of the border of the images that is left out [Å].

    Returns
    -------
    DetectionReport

    Raises
    ------
    ValueError
        If an image or its labels cannot be used.

    Examples
    --------
    >>> report = stemzoo.score(["scan.tif"], ["scan.csv"], model)  # doctest: +SKIP
    >>> report.estimate("recall", "se_vacancy")  # doctest: +SKIP
    Estimate(value=0.976, low=0.877, high=0.996)
    """
    if len(images) != len(labels) or not images:
        raise ValueError(
            f"Expected as many labels as images, at least one. Received: {len(images)} images, "
            f"{len(labels)} labels"
        )
    scorer = _Scorer(model, ClassMap(classes or {}), threshold, tolerance, border)
    for image, one in zip(images, labels, strict=True):
        read = io.read_image(image) if isinstance(image, str | Path) else as_image(image)
        scorer.add(read.with_sampling(sampling), Path(one) if isinstance(one, str | Path) else one)
    return scorer.report()


def score_files(
    pairing: Pairing,
    model: "DefectFCN",
    *,
    classes: ClassMap,
    sampling: float | None = None,
    threshold: float = DEFAULT_THRESHOLD,
    tolerance: float = TOLERANCE,
    border: float = BORDER,
    failed: Failed,
) -> DetectionReport:
    """Do as `score` with files.

    Parameters
    ----------
    pairing : Pairing
        Images and their labels.
    model, sampling, threshold, tolerance, border
        As in `score`.
    classes : ClassMap
        What the classes of the files are called.
    failed : callable
        Takes an image that cannot be scored, and why: the others are.

    Returns
    -------
    DetectionReport
    """
    scorer = _Scorer(model, classes, threshold, tolerance, border)
    for path, labels in pairing.pairs:
        try:
            scorer.add(io.read_image(path).with_sampling(sampling), labels)
        except (ValueError, OSError, MemoryError, ModuleNotFoundError) as error:
            failed(path, error)
    return scorer.report()


class _Scorer:
    """Compares images one after the other; classes that are labelled in any count in all."""

    def __init__(
        self,
        model: "DefectFCN",
        classes: ClassMap,
        threshold: float,
        tolerance: float,
        border: float,
    ) -> None:
        for name, value in (("tolerance", tolerance), ("border", border)):
            if not (np.isfinite(value) and value >= 0) or (name == "tolerance" and not value):
                raise ValueError(f"Expected a {name} above 0 Å (--{name}). Received: {value}")
        # A detector may be for no material, or for a crystal that is not of the table.
        named = model.material if model.material in MATERIALS else None
        own = known_classes(named) if named else ()
        self.known = tuple(dict.fromkeys([*model.classes, *own]))
        self.model, self.classes, self.threshold = model, classes, threshold
        self.tolerance, self.border = tolerance, border
        self.rows: list[tuple[Image, Mapping[str, np.ndarray], Labels, tuple[str, ...]]] = []
        data = getattr(model.provenance, "training_data", {})
        self.trained_on = set(_texts([data.get("data"), data.get("experimental")]))

    def add(self, image: Image, labels: Path | Labels) -> None:
        """Detect in an image, and read its labels."""
        check_shape(image.data, image.path or "image")
        detections = find_defects(image, self.model, threshold=self.threshold)
        image = image.with_sampling(detections.sampling, detections.sampling_source)
        marked = labels_inside(labels, image, self.classes, self.known)
        found = {name: detections.select(name).positions for name in self.model.classes}
        doubts = detections.doubts
        if image.path is not None and sha256(image.path) in self.trained_on:
            doubts = (*doubts, "the weights were trained on this image: score others")
        self.rows.append((image, found, marked, doubts))

    def report(self) -> DetectionReport:
        """Compare all, once it is known which classes are labelled."""
        names = {name for *_, marked, _ in self.rows for name in marked.classes} - {IGNORE}
        judged = [name for name in self.model.classes if name in names]
        unlabelled = [name for name in self.model.classes if name not in names]
        return DetectionReport(
            images=tuple(self._scored(i, judged) for i in range(len(self.rows))),
            model=_name(self.model),
            threshold=self.threshold,
            tolerance=self.tolerance,
            border=self.border,
            unlabelled={
                name: sum(len(found[name]) for _, found, _, _ in self.rows) for name in unlabelled
            },
            unknown={
                name: sum(marked.classes.count(name) for *_, marked, _ in self.rows)
                for name in sorted(names - set(judged))
            },
        )

    def _scored(self, number: int, judged: Sequence[str]) -> ImageScore:
        image, found, marked, doubts = self.rows[number]
        assert image.sampling is not None  # what `add` sees to
        rows, columns = image.data.shape
        return score_image(
            found,
            {name: marked.of(name) for name in judged},
            image=image.path.name if image.path else f"image {number}",
            sampling=image.sampling,
            shape=(rows, columns),
            tolerance=self.tolerance,
            border=self.border,
            ignore=marked.of(IGNORE),
            doubts=doubts,
        )


def _name(model: "DefectFCN") -> str:
    """Name of a detector; of one from a folder that of the folder, as it may bear its parent's."""
    provenance = model.provenance
    if provenance is None or provenance.origin != "folder":
        return str(model.name)
    return Path(provenance.folder).resolve().name


def _texts(content: object) -> list[str]:
    """Return all texts in nested JSON."""
    if isinstance(content, str):
        return [content]
    parts: list[Any] = list(content.values()) if isinstance(content, Mapping) else []
    parts += content if isinstance(content, list) else []
    return [text for part in parts for text in _texts(part)]


def find_label_pairs(images: Sequence[Path], labels: Sequence[Path]) -> Pairing:
    """Find the labels of image files, in files or folders.

    Parameters
    ----------
    images : sequence of Path
        Image files.
    labels : sequence of Path
        Files of labels, or folders of such; of one image and one file the names may differ.

    Returns
    -------
    Pairing

    Raises
    ------
    ValueError
        If no image has labels.
    """
    named = len(labels) == 1 and os.path.isfile(labels[0])
    found = pair_files(images, label_files(labels, images), any_name=named)
    if not found.pairs:
        raise ValueError(
            f"--labels: expected files of labels with the names of the images, such as "
            f"{images[0].stem}.csv for {images[0].name}. Received: {found.lone() or 'none'}."
        )
    return found


def write_scores(report: DetectionReport, model: "DefectFCN") -> Path:
    """Write figures into a model folder, from which the card is made.

    Parameters
    ----------
    report : DetectionReport
        The figures.
    model : DefectFCN
        The detector, loaded from a folder of one's own.

    Returns
    -------
    Path
        The file: `metrics_real.json`.

    Raises
    ------
    ValueError
        If the weights are not in such a folder, or nothing was scored.
    """
    check_card_folder(model)
    if not report.classes:
        raise ValueError("--card needs figures. Received: no label of a class of the detector.")
    path = Path(model.provenance.folder) / METRICS_REAL
    io.write_json(path, {"stemzoo": __version__, **report.to_dict()})
    return path


def check_card_folder(model: "DefectFCN") -> None:
    """See that the figures of a detector can be written beside its weights.

    Raises
    ------
    ValueError
        If the weights come with the package or from the Hub.
    """
    provenance = model.provenance
    if provenance is None or provenance.origin != "folder":
        where = "no folder" if provenance is None else f"weights of origin {provenance.origin!r}"
        raise ValueError(
            f"--card writes into a model folder of your own. Received: {where}. Copy them first: "
            f"stemzoo save {model.name} FOLDER; then --weights FOLDER."
        )
