"""What to do with images that are not like those that weights were trained on."""

import glob
import logging
import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stemzoo.analysis.lattice import Lattice
from stemzoo.inference.comparison import (
    SIGNIFICANCE,
    Match,
    check_conditions,
    compare,
    read_conditions,
)
from stemzoo.inference.expectation import LEAST_F1
from stemzoo.io import Image
from stemzoo.zoo.registry import find_weights, list_weights

if TYPE_CHECKING:
    from stemzoo.models.cyclegan import CycleGANSTEM
    from stemzoo.models.denoiser import DenoisingUNet
    from stemzoo.models.fcn import DefectFCN

log = logging.getLogger(__name__)


def rank_zoo_weights(image: Image) -> list[Match]:
    """Rank the weights that come with the package by how like an image is to their frames.

    Parameters
    ----------
    image : Image
        An image; where it states no pixel size, that is measured for each material anew.

    Returns
    -------
    list of Match
        Best first.

    Raises
    ------
    ValueError
        If the image cannot be analysed.

    Examples
    --------
    >>> rank_zoo_weights(image)[0].weights  # doctest: +SKIP
    'cyclegan-wse2-dayB'
    """
    return compare([image], read_conditions())


@dataclass
class MisfitSummary:
    """How the images of one call compare with what the weights were trained on.

    Parameters
    ----------
    task : str
        What the weights are used for, as in the manifest.
    compared, misfits : int
        Number of images that were compared, and of those that do not fit.
    image : Image or None
        The one that fits least of those that do not.
    match : Match or None
        How it fits.
    paths : list of Path
        Files of those that do not fit.
    rank : callable
        Ranks weights by how well they fit an image; those of the zoo where not given.
    """

    task: str
    compared: int = 0
    misfits: int = 0
    image: Image | None = None
    match: Match | None = None
    paths: list[Path] = field(default_factory=list)
    rank: Callable[[Image], Sequence[Match]] = rank_zoo_weights

    def add(self, image: Image, match: Match | None) -> None:
        """Count an image.

        Parameters
        ----------
        image : Image
            An image.
        match : Match or None
            How it fits what the weights were trained on; None where it could not be compared.
        """
        self.compared += match is not None
        if match is None or match.fits:
            return
        self.misfits += 1
        if image.path is not None:
            self.paths.append(image.path)
        if self.match is None or match.distance > self.match.distance:
            self.image, self.match = image, match

    def warning(self) -> str | None:
        """Say in one line what does not fit, and what to do; None if all fit.

        Examples
        --------
        >>> MisfitSummary("detection").warning() is None
        True
        """
        if self.match is None or self.image is None:
            return None
        name = str(self.image.path or "image")
        unlike = f"unlike the frames that {self.match.weights} was trained on"
        facts = describe_match(self.match)
        step = self._better_weights(self.image, self.match)
        if self.compared == 1:
            return f"{name}: {unlike} ({facts}). {step}"
        return (
            f"{self.misfits} of {self.compared} images are {unlike} (p < {SIGNIFICANCE}), most of "
            f"all {name} ({facts}). {step}"
        )

    def _better_weights(self, image: Image, misfit: Match) -> str:
        """Name weights that fit better than those that do not, or what to adapt."""
        try:
            ranked = self.rank(image)
        except ValueError as error:
            log.info("no other weights to compare with: %s", error)
            return "Look at the result before you use it."
        if self.task == "denoising":
            return "Look at its uncertainty before you use the picture, and at the image itself."
        same = [one for one in ranked if one.material == misfit.material]
        better = _best_fitting(self.task, same) or _best_fitting(self.task, ranked)
        if better is not None and better.weights != misfit.weights:
            return f"{better.weights} fits: use these weights."
        best = ranked[0]
        if best.fits and best.material != misfit.material:
            return f"It looks like {best.session}, a session of {best.material}."
        return _next_training(same, self.paths)


def match_model(
    image: Image,
    model: "DefectFCN | CycleGANSTEM | DenoisingUNet",
    *,
    sampling: float | None = None,
    lattice: Lattice | None = None,
) -> Match | None:
    """Compare an image with what a model was trained on, if that is known.

    Parameters
    ----------
    image : Image
        An image.
    model : DefectFCN, CycleGANSTEM or DenoisingUNet
        Has `name` and `conditions`, as models of `stemzoo.load` do.
    sampling, lattice
        As in `check_conditions`.

    Returns
    -------
    Match or None
        None if the model does not know its conditions, or the image is too small.

    Examples
    --------
    >>> match_model(image, stemzoo.load("fcn-wse2")).fits  # doctest: +SKIP
    True
    """
    if model.conditions is None:
        return None
    try:
        return check_conditions(
            image, model.conditions, weights=model.name, sampling=sampling, lattice=lattice
        )
    except ValueError as error:
        log.info("%s: not compared with %s: %s", image.path or "image", model.name, error)
        return None


def describe_match(match: Match | None) -> str:
    """Say in words how an image fits.

    Examples
    --------
    >>> describe_match(None)
    'not compared'
    """
    if match is None:
        return "not compared"
    distance = f"distance {match.distance:.2f}, " if np.isfinite(match.distance) else ""
    return f"{distance}p {match.p_value:.2g}" + (f": {match.reason}" if match.reason else "")


def match_facts(match: Match | None) -> dict[str, float | str | None]:
    """Return how an image fits, as JSON holds it: None for what is not known or not finite.

    Examples
    --------
    >>> match_facts(None)
    {'distance': None, 'p_value': None, 'differs': None}
    """
    if match is None:
        return dict.fromkeys(("distance", "p_value", "differs"))
    distance = round(match.distance, 4) if np.isfinite(match.distance) else None
    return {
        "distance": distance,
        "p_value": float(f"{match.p_value:.4g}"),
        "differs": match.reason,
    }


def advise(ranked: Sequence[Match], paths: Sequence[Path] = ()) -> str:
    """Say in one line what to do with images, from how the weights of the zoo fit them.

    Parameters
    ----------
    ranked : sequence of Match
        As `match` returns them, of weights of the zoo.
    paths : sequence of Path
        Files of the images.

    Returns
    -------
    str
    """
    materials = sorted({one.material for one in ranked if one.fits})
    if len(materials) > 1:
        # Lattices of one symmetry differ in size alone.
        return f"Weights of {' and '.join(materials)} fit: give --material or --pixel-size."
    told = next((one for one in ranked if one.expected is not None), None)
    if told is not None:
        return _by_expected_errors(told, ranked, paths)
    best, detector = ranked[0], _best_fitting("detection", ranked)
    if detector is None and best.fits:
        return (
            f"{best.weights} fits; no detector does. Next, half an hour on two cores: stemzoo "
            f"train fcn --translate {best.weights} --out DIR"
        )
    if detector is None:
        return f"Nothing fits. {_next_training(ranked, paths)}"
    name = detector.weights
    step = f"stemzoo detect {_as_arguments(paths)} --weights {name}"
    if not find_weights(name).wide:
        return f"{name} fits. Next: {step}"
    wide = f"{name} was trained on widely randomised conditions, which include these"
    if not detector.reason:
        return f"{wide}: no adapting is needed. Next: {step}"
    return (
        f"{wide}, at their edge ({detector.reason}). Try it first: {step}. If it misses defects: "
        f"{_next_training(ranked, paths).removeprefix('Next: ')}"
    )


def _by_expected_errors(detector: Match, ranked: Sequence[Match], paths: Sequence[Path]) -> str:
    """Say what to do from the errors that are to be expected of a detector."""
    assert detector.expected is not None
    f1 = detector.expected.f1
    facts = f"F1 {f1.value:.2f} ({f1.low:.2f} to {f1.high:.2f}) is to be expected in these images"
    step = f"stemzoo detect {_as_arguments(paths)} --weights {detector.weights}"
    training = _next_training(ranked, paths).removeprefix("Next: ")
    if f1.value < LEAST_F1:
        return (
            f"{detector.weights}: {facts}, so many errors. Take better images if you can (more "
            f"dose, several frames averaged by stemzoo align). Else: {training}. As it is: {step}"
        )
    if detector.fits:
        return f"{detector.weights}: {facts}: no adapting is needed. Next: {step}"
    return (
        f"{detector.weights}: {facts}, though they are unlike its frames ({detector.reason}). Try "
        f"it first and look at the overlay: {step}. If it misses defects: {training}"
    )


def _next_training(ranked: Sequence[Match], paths: Sequence[Path]) -> str:
    """Name the command that adapts the nearest CycleGAN, or what stands in its way."""
    with_lattice = [one for one in ranked if np.isfinite(one.distance)]
    if not with_lattice:
        materials = ", ".join(sorted({one.material for one in ranked}))
        return (
            f"There is no lattice of {materials or 'a material of the zoo'}: check the material, "
            "and give the pixel size."
        )
    names = {entry.name for entry in list_weights(task="translation")}
    cyclegans = [one for one in with_lattice if one.weights in names]
    if not cyclegans:
        material = with_lattice[0].material
        if list_weights(material=material, task="detection"):
            # Frames are made from what is measured on the images.
            files = _as_arguments(paths)
            return f"Next: stemzoo adapt {files} --material {material} --detector --out DIR"
        return "Train new weights: stemzoo train cyclegan --help"
    nearest = min(cyclegans, key=lambda one: one.distance).weights
    step = f"Next: stemzoo adapt {_as_arguments(paths)} --from {nearest} --out DIR"
    if list_weights(material=find_weights(nearest).material, task="detection"):
        return step
    return (
        f"{step}; then, as there is no detector to renew, half an hour on two cores: stemzoo train "
        "fcn --translate DIR --out DETECTOR"
    )


def _best_fitting(task: str, ranked: Sequence[Match]) -> Match | None:
    """Return the weights that fit: those of wide conditions, else the most specific."""
    wide = {entry.name: entry.wide for entry in list_weights(task=task)}
    fitting = [one for one in ranked if one.fits and one.weights in wide]
    return min(fitting, key=lambda one: not wide[one.weights], default=None)


def _as_arguments(paths: Sequence[Path]) -> str:
    """Name files for a shell: those of a folder and suffix by what their names begin with."""
    groups: dict[tuple[Path, str], list[str]] = {}
    for path in paths:
        # A name that begins with a dash would be taken for an option.
        name = f"./{path}" if str(path).startswith("-") else str(path)
        groups.setdefault((path.parent, path.suffix), []).append(name)
    patterns = [
        names[0] if len(names) == 1 else f"{glob.escape(os.path.commonprefix(names))}*{suffix}"
        for (_, suffix), names in groups.items()
    ]
    return " ".join(map(shlex.quote, patterns)) or "IMAGE..."
