"""Images with somebody's labels: which file belongs to which, and both at one pixel size."""

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stemzoo import io
from stemzoo.analysis.identification import identify
from stemzoo.analysis.pixel_size import resolve
from stemzoo.io.images import Image
from stemzoo.io.label_files import SUFFIXES, Labels, read_labels
from stemzoo.simulate.materials import find_material
from stemzoo.workflows.label_classes import ClassMap, known_classes
from stemzoo.workflows.paths import visible

_PICTURES = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True)
class Pairing:
    """Image files and the files of their labels, which have the same stem.

    Parameters
    ----------
    pairs : tuple of (Path, Path)
        Image and labels.
    images, labels : tuple of Path
        Those without a partner.
    """

    pairs: tuple[tuple[Path, Path], ...]
    images: tuple[Path, ...] = ()
    labels: tuple[Path, ...] = ()

    def lone(self) -> str:
        """Name the files without a partner in one line; empty if there is none."""
        parts = []
        for paths, lacks in ((self.images, "labels"), (self.labels, "an image")):
            if paths:
                more = f" and {len(paths) - 5} more" if len(paths) > 5 else ""
                named = ", ".join(path.name for path in paths[:5])
                parts.append(f"left out, without {lacks} of the same name: {named}{more}")
        return "; ".join(parts)


def files_in(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """Return the files of a folder that have one of some suffixes, sorted; none hidden.

    Raises
    ------
    ValueError
        If there is no such folder.
    """
    if not folder.is_dir():
        raise ValueError(f"Expected a folder. Received: {folder}. Check the path.")
    return [path for path in visible(folder, "*") if path.suffix.lower() in suffixes]


def label_files(arguments: Sequence[Path], images: Sequence[Path]) -> list[Path]:
    """Return files of labels: those that are named, and of a folder all that may be labels.

    Parameters
    ----------
    arguments : sequence of Path
        Files or folders.
    images : sequence of Path
        Image files, which are none.

    Returns
    -------
    list of Path
    """
    taken = {os.path.realpath(path) for path in images}
    found: list[Path] = []
    for path in arguments:
        inside = files_in(path, SUFFIXES) if path.is_dir() else [path]
        found += [one for one in inside if os.path.realpath(one) not in taken]
    return found


def pair_files(
    images: Sequence[Path], labels: Sequence[Path], *, any_name: bool = False
) -> Pairing:
    """Find the labels of each image: those of the same stem.

    Parameters
    ----------
    images, labels : sequence of Path
        Files. Of an image and a picture (PNG, JPEG) of the same stem the image counts, of a table
        and a JSON file the table.

    Returns
    -------
    Pairing

    Raises
    ------
    ValueError
        If two images, or two files of labels, have the same stem.

    Examples
    --------
    >>> pair_files([Path("a.tif"), Path("b.tif")], [Path("l/b.csv")]).pairs
    ((PosixPath('b.tif'), PosixPath('l/b.csv')),)
    """
    if any_name and len(images) == len(labels) == 1:
        return Pairing(((images[0], labels[0]),))
    shown, marked = _by_stem(images, _PICTURES), _by_stem(labels, (".json",))
    both = [stem for stem in shown if stem in marked]
    return Pairing(
        tuple((shown[stem], marked[stem]) for stem in both),
        tuple(path for stem, path in shown.items() if stem not in marked),
        tuple(path for stem, path in marked.items() if stem not in shown),
    )


def _by_stem(paths: Sequence[Path], second: Sequence[str]) -> dict[str, Path]:
    """Return files by stem; those of the suffixes `second` only where there is no other."""
    found: dict[str, Path] = {}
    for path in sorted(dict.fromkeys(paths), key=lambda path: path.suffix.lower() in second):
        other = found.setdefault(path.stem, path)
        if other != path and path.suffix.lower() not in second:
            raise ValueError(
                f"{path}: expected one file of its name. Received: {other}, too. Keep one of them, "
                "or rename it together with its partner."
            )
    return found


@dataclass(frozen=True, eq=False)
class LabelledFile:
    """An image and its labels, by the names of a detector's classes.

    Parameters
    ----------
    image : Image
        With its pixel size.
    labels : Labels
        Inside the image; ``"ignore"`` for marks that count neither way.
    """

    image: Image
    labels: Labels

    @property
    def sampling(self) -> float:
        """Pixel size [Å/px]."""
        assert self.image.sampling is not None  # what `read_pairs` sees to
        return self.image.sampling


def find_common_material(images: Sequence[Image]) -> str:
    """Tell the material of images by what they show.

    Parameters
    ----------
    images : sequence of Image
        Images of one material.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If none tells, or they show different ones.
    """
    found = [identify(image) for image in images]
    sure = {one.material: image for one, image in zip(found, images, strict=True) if one.material}
    if len(sure) > 1:
        named = ", ".join(f"{image.path} {name}" for name, image in sure.items())
        raise ValueError(f"Expected images of one material. Received: {named}. Give --material.")
    if sure:
        return next(str(name) for name in sure)
    first = found[0]
    likely = " or ".join(
        f"{one.material} ({one.probability:.2f})"
        for one in first.candidates
        if one.material in first.possible
    )
    raise ValueError(
        f"{images[0].path}: which crystal it shows is undecided: {likely or 'none of the table'}. "
        "Give it with --material."
    )


def read_pairs(
    pairs: Sequence[tuple[Path, Path]],
    classes: ClassMap,
    *,
    material: str | None = None,
    sampling: float | None = None,
) -> tuple[list[LabelledFile], str]:
    """Read images and their labels.

    Parameters
    ----------
    pairs : sequence of (Path, Path)
        Image and labels.
    classes : ClassMap
        What the classes of the files are called.
    material : str, optional
        Entry of `MATERIALS`; else what the images show.
    sampling : float, optional
        Pixel size [Å/px], for images that state none.

    Returns
    -------
    files : list of LabelledFile
    material : str

    Warns
    -----
    UserWarning
        If marks lie outside of their image: they are left out.

    Raises
    ------
    ValueError
        One line about the first file that cannot be used.
    """
    images = [_stated(io.read_image(path), sampling) for path, _ in pairs]
    for image in images:
        io.check_image(image.data, image.path or "image")
    name = find_material(material).name if material else find_common_material(images)
    known = known_classes(name)
    files = []
    for image, (_, path) in zip(images, pairs, strict=True):
        size = resolve(image, name)
        image = image.with_sampling(size.value, size.source)
        labels = labels_inside(path, image, classes, known)
        files.append(LabelledFile(image, labels))
    return files, name


def _stated(image: Image, sampling: float | None) -> Image:
    return image if image.sampling is not None else image.with_sampling(sampling)


def labels_inside(
    labels: Path | Labels, image: Image, classes: ClassMap, known: Sequence[str]
) -> Labels:
    """Read the labels that lie in an image, by the names of a detector's classes.

    Parameters
    ----------
    labels : Path or Labels
        A file, or what was read.
    image : Image
        With its pixel size.
    classes, known
        See `ClassMap.applied`.

    Returns
    -------
    Labels

    Warns
    -----
    UserWarning
        If some marks lie outside.

    Raises
    ------
    ValueError
        If the file cannot be read, all lie outside, or a class is not known.
    """
    rows, columns = image.data.shape
    path = labels if isinstance(labels, Path) else None
    found = read_labels(path, shape=(rows, columns), sampling=image.sampling) if path else labels
    assert isinstance(found, Labels)
    file, shown = path or "labels", image.path or "the image"
    kept = found.inside((rows, columns))
    if len(found) and not len(kept):
        far = found.points[np.argmax(found.points.max(axis=1))]
        raise ValueError(
            f"{file}: expected marks in {shown}, {rows} rows and {columns} columns. Received: "
            f"none of {len(found)} ({found.source}; one at row {far[0]:.1f}, column {far[1]:.1f}). "
            "Check the unit, and that rows and columns are not exchanged."
        )
    if outside := len(found) - len(kept):
        warnings.warn(
            f"{file}: {outside} of {len(found)} marks ({found.source}) lie outside of {shown} "
            f"({rows} rows, {columns} columns) and are left out. If the image is no crop from the "
            "top left of what was labelled, the others are at wrong places.",
            stacklevel=3,
        )
    return classes.applied(kept, path, known)
