"""Image files in, translated image files out."""

import shutil
from collections.abc import Sequence
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
from stemzoo.workflows.outputs import OutputPlan, plan_outputs, written_whole
from stemzoo.workflows.paths import image_files

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
    """

    image: io.Image
    target: Path
    match: Match | None = None


def plan_translations(paths: Sequence[Path], out: Path, direction: str) -> list[OutputPlan]:
    """Name the files that translations go to: NAME_<direction>.tif, and copies of the labels.

    Parameters
    ----------
    paths : sequence of Path
        Image files of one call.
    out : Path
        Folder for the results.
    direction : str
        As in `stemzoo.translate`.

    Returns
    -------
    list of OutputPlan
        One for each path that may be an image, in their order.

    Raises
    ------
    ValueError
        If there is no such direction, or as in `plan_outputs`.

    Examples
    --------
    >>> paths = [Path("scan.tif")]
    >>> (plan,) = plan_translations(paths, Path("out"), "exp-to-sim")  # doctest: +SKIP
    >>> plan.files[0].name  # doctest: +SKIP
    'scan_exp-to-sim.tif'
    """
    if direction not in DIRECTIONS:
        raise ValueError(f"direction is {' or '.join(DIRECTIONS)}. Received: {direction!r}")
    results, inputs = [], list(paths)
    for path in image_files(paths):
        labels, start = _labels(path), f"{path.stem}_{direction}"
        endings = [found.name.removeprefix(path.stem) for found in labels]
        results.append((path, [start + ending for ending in (".tif", *endings)]))
        inputs += labels
    return plan_outputs(results, out, inputs=inputs)


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
    (plan,) = plan_translations([path], out, direction)
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
        for labels, copy in zip(_labels(path), copies, strict=True):
            shutil.copyfile(labels, folder / copy.name)
    return TranslatedFile(image, target, found)


def _labels(path: Path) -> list[Path]:
    """Return what stands beside a simulated frame: table, mask and JSON, as far as there are."""
    names = [path.with_name(path.stem + ending) for ending in LABEL_ENDINGS]
    return [name for name in names if name.is_file()]


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
