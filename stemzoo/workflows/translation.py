"""Image files in, translated image files out."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stemzoo import io
from stemzoo.analysis.pixel_size import resolve
from stemzoo.inference.advice import describe_match, match_model
from stemzoo.inference.matching import Match
from stemzoo.inference.translation import (
    DIRECTIONS,
    NO_EVIDENCE,
    training_noise,
    translate_quietly,
)
from stemzoo.workflows.frames import LABEL_ENDINGS, first_line
from stemzoo.workflows.outputs import plan_outputs, written_whole

if TYPE_CHECKING:
    from stemzoo.models.cyclegan import CycleGANSTEM


@dataclass(frozen=True, eq=False)
class TranslatedFile:
    """Translation of an image file.

    Parameters
    ----------
    image : Image
        The image.
    target : Path
        File of its translation.
    match : Match or None
        How a measured image fits what the model was trained on; None for simulations, and where
        that is not known.
    sampling : float or None
        Pixel size that was taken [Å/px].
    labels : tuple of Path
        Copies of the labels of a simulation.
    """

    image: io.Image
    target: Path
    match: Match | None = None
    sampling: float | None = None
    labels: tuple[Path, ...] = ()


def translation_names(path: Path, direction: str, name: str | None = None) -> tuple[str, ...]:
    """Name the files that a translation goes to: NAME_<direction>.tif, and copies of the labels.

    Parameters
    ----------
    path : Path
        Image file.
    direction : str
        As in `stemzoo.translate`.
    name : str, optional
        NAME; that of the file where not given.

    Returns
    -------
    tuple of str

    Raises
    ------
    ValueError
        If there is no such direction.

    Examples
    --------
    >>> translation_names(Path("scan.tif"), "exp-to-sim")
    ('scan_exp-to-sim.tif',)
    """
    check_direction(direction)
    start = f"{name or path.stem}_{direction}"
    endings = [labels.name.removeprefix(path.stem) for labels in labels_of(path, name)]
    return tuple(start + ending for ending in (".tif", *endings))


def check_direction(direction: str) -> None:
    """See that a direction is one of those of `stemzoo.translate`.

    Examples
    --------
    >>> check_direction("up")
    Traceback (most recent call last):
    ValueError: direction is sim-to-exp or exp-to-sim. Received: 'up'
    """
    if direction not in DIRECTIONS:
        raise ValueError(f"direction is {' or '.join(DIRECTIONS)}. Received: {direction!r}")


def labels_of(path: Path, name: str | None = None) -> list[Path]:
    """Return what stands beside a simulated frame: table, mask and JSON, as far as there are.

    Parameters
    ----------
    path : Path
        Image file.
    name : str, optional
        Stem of the names of its results; a frame of a stack has another than the file, and no
        labels.

    Returns
    -------
    list of Path

    Examples
    --------
    >>> labels_of(Path("nowhere.tif"))
    []
    """
    if name not in (None, path.stem):
        return []
    names = [path.with_name(path.stem + ending) for ending in LABEL_ENDINGS]
    return [name for name in names if name.is_file()]


def translate_file(
    path: Path,
    model: "CycleGANSTEM",
    out: Path,
    *,
    direction: str,
    sampling: float | None = None,
    frame: int | None = None,
    sum_frames: bool = False,
    noise: float | None = None,
    rng: np.random.Generator | None = None,
    name: str | None = None,
) -> TranslatedFile:
    """Translate an image file; write NAME_<direction>.tif with the same pixel size.

    The table, the mask and the JSON that `stemzoo simulate` wrote beside a frame are copied along:
    the labels of a simulation hold for its translation, too. The metadata of a denoised image say
    how it fits what the model was trained on, and that it is no evidence of any atom.

    Parameters
    ----------
    path : Path
        Image file.
    model : CycleGANSTEM
        A trained model.
    out : Path
        Existing folder for the result.
    direction
        As in `stemzoo.translate`.
    sampling : float, optional
        Pixel size [Å/px]; else the file's, else measured from the lattice.
    frame, sum_frames
        As in `stemzoo.read_image`.
    noise, rng
        As in `stemzoo.translate`.
    name : str, optional
        NAME; that of the file where not given.

    Returns
    -------
    TranslatedFile

    Raises
    ------
    ValueError, OSError
        One clear line about what is wrong with the file.

    Examples
    --------
    >>> options = {"direction": "exp-to-sim"}
    >>> translate_file(Path("scan.tif"), model, Path("out"), **options).target  # doctest: +SKIP
    PosixPath('out/scan_exp-to-sim.tif')
    """
    image = io.read_image(path, frame=frame, sum_frames=sum_frames)
    labels = labels_of(path, name)
    names = translation_names(path, direction, name)
    (plan,) = plan_outputs([(path, names)], out, inputs=[path, *labels])
    io.check_image(image.data, path)
    if sampling is None:
        sampling = resolve(image, model.material).value
    noise = training_noise(model) if noise is None else noise
    rng = np.random.default_rng(0) if rng is None else rng
    result = translate_quietly(
        image.data, model, direction, sampling=sampling, noise=noise, rng=rng, name=path
    )
    metadata, found = {}, None
    if direction == "exp-to-sim":
        found = match_model(image, model, sampling=sampling)
        metadata = {"against the training frames": describe_match(found), "warning": NO_EVIDENCE}
    target, *copies = plan.files
    with written_whole(out) as folder:
        io.write_tiff(folder / target.name, result, sampling=sampling, metadata=metadata)
        for own, copy in zip(labels, copies, strict=True):
            shutil.copyfile(own, folder / copy.name)
    return TranslatedFile(image, target, found, sampling, tuple(copies))


def is_simulated(path: Path) -> bool:
    """Whether an image file is a frame of `stemzoo simulate`, or the translation of one.

    Such a frame has its labels beside it: the mask NAME_mask.png, or the table NAME.csv, which says
    so in its first line.

    Parameters
    ----------
    path : Path
        Image file.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_simulated(Path("scan.tif"))
    False
    """
    mask = path.with_name(f"{path.stem}_mask.png")
    return mask.is_file() or "simulated frame" in first_line(path.with_suffix(".csv"))


@dataclass
class MeasuredImages:
    """Images of one call of sim-to-exp that `stemzoo simulate` has not written.

    Parameters
    ----------
    paths : list of Path
        Their files.
    """

    paths: list[Path] = field(default_factory=list)

    def add(self, image: io.Image, match: Match | None = None) -> None:
        """Count an image, if it is none of `stemzoo simulate`.

        Parameters
        ----------
        image : Image
            An image that was read from a file.
        match : Match or None
            Has no effect; here as for `MisfitSummary.add`, which counts denoised images.
        """
        if image.path is not None and not is_simulated(image.path):
            self.paths.append(image.path)

    def warning(self) -> str | None:
        """Say in one line what sim-to-exp is for; None if all images are simulations.

        Examples
        --------
        >>> print(MeasuredImages([Path("scan.tif")]).warning()[:44])
        scan.tif: not written by 'stemzoo simulate'.
        """
        if not self.paths:
            return None
        others = f" and {len(self.paths) - 1} more" if len(self.paths) > 1 else ""
        return (
            f"{self.paths[0]}{others}: not written by 'stemzoo simulate'. sim-to-exp is meant for "
            "simulations, to make them look measured; to take the noise out of a measured image: "
            "stemzoo denoise IMAGE"
        )
