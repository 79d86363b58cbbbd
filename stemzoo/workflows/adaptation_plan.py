"""What `stemzoo adapt` starts from: the material of the images, and weights of the zoo for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stemzoo import io
from stemzoo.analysis.identification import ACCEPTED, Identification, identify_middle
from stemzoo.inference.bundled_detectors import (
    alike_candidates,
    detector_commands,
    shown_in_words,
)
from stemzoo.inference.matching import match, read_conditions
from stemzoo.simulate.materials import find_material
from stemzoo.workflows.paths import find_files
from stemzoo.zoo.registry import list_weights


@dataclass(frozen=True)
class AdaptationPlan:
    """What to adapt.

    Parameters
    ----------
    material : str
        Entry of `MATERIALS`.
    start : str or None
        CycleGAN to start from; None where it was named, or there is none.
    detectors : tuple of str
        Detectors: the one to start from, and others that may be better.
    reasons : tuple of str
        What was chosen, and why: a line each.
    """

    material: str
    start: str | None = None
    detectors: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


def plan_adaptation(
    patterns: Sequence[Path],
    *,
    known: str | None = None,
    material: str | None = None,
    detector: bool = False,
    detector_from: str | None = None,
    sampling: float | None = None,
    frame: int | None = None,
    sum_frames: bool = False,
) -> AdaptationPlan:
    """Choose what to adapt to images.

    Parameters
    ----------
    patterns : sequence of Path
        Image files, or patterns such as ``today/*.tif``.
    known : str, optional
        Material of the CycleGAN that was named; where none was, one is chosen.
    material : str, optional
        Entry of `MATERIALS`; else that which the images show.
    detector : bool
        Whether a detector is to be renewed.
    detector_from : str, optional
        The one to start from.
    sampling : float, optional
        Pixel size [Å/px], for files that lack it.
    frame, sum_frames
        As in `stemzoo.read_image`.

    Returns
    -------
    AdaptationPlan

    Raises
    ------
    ValueError, KeyError, OSError
        In one line: if the material is not told, or contradicts the CycleGAN; if there is nothing
        to adapt.

    Examples
    --------
    >>> plan_adaptation([], material="wse2", known="wse2", detector=True).detectors
    ('fcn-wse2',)
    """
    reasons = []
    asked = None if material is None else find_material(material).name
    if asked is not None and known not in (None, asked):
        raise ValueError(f"--material {asked}: expected weights of {known}. Received: {asked}")
    chosen = known or asked
    images = []
    if known is None:
        # The files are looked at only where they have to tell something.
        paths = find_files(patterns)
        translators = [] if chosen is None else find_translators(chosen)
        if chosen is None or len(translators) > 1:
            read = [io.read_image(path, frame=frame, sum_frames=sum_frames) for path in paths]
            images = [image.with_sampling(sampling) for image in read]
    if chosen is None:
        chosen, reason = identify_images(images)
        reasons.append(reason)
    start = None
    if known is None:
        start, reason = _nearest_translator(chosen, images)
        reasons.append(reason)
    detectors: tuple[str, ...] = ()
    if detector or detector_from is not None:
        detectors = _detectors(chosen, detector_from)
    elif known is None and start is None:
        raise ValueError(
            f"Expected a CycleGAN of {chosen}, or --detector, which needs none. Received: no "
            "CycleGAN in the zoo"
        )
    return AdaptationPlan(chosen, start, detectors, tuple(reasons))


def identify_images(images: Sequence[io.Image]) -> tuple[str, str]:
    """Tell which material images show, by the first that leaves no doubt.

    Parameters
    ----------
    images : sequence of Image
        One or more.

    Returns
    -------
    material, reason : str
        Entry of `MATERIALS`, and a line for people.

    Raises
    ------
    ValueError
        If none of them tells.
    """
    doubts = []
    for image in images:
        found = identify_middle(image)
        name = str(image.path or "image")
        if (material := shown_material(found)) is not None:
            return material, f"{name}: the image shows {shown_in_words(found)}"
        doubts.append(f"{name} may show {shown_in_words(found) or 'none of the known materials'}")
    raise ValueError(
        f"Expected images that tell their material; name it with --material. Received: {doubts[0]}"
    )


def shown_material(found: Identification) -> str | None:
    """Return the material of an image, where only those of one lattice are left.

    Parameters
    ----------
    found : Identification
        From `stemzoo.identify`.

    Returns
    -------
    str or None
        The one whose detector `detect` takes, see `alike_candidates`, if those that only the
        brightness of the columns tells apart are probable enough together.
    """
    alike = alike_candidates(found)
    return alike[0].material if sum(c.probability for c in alike) >= ACCEPTED else None


def find_translators(material: str) -> list[str]:
    """Name the CycleGANs that come with the package for a material.

    Examples
    --------
    >>> find_translators("graphene")
    ['cyclegan-graphene']
    """
    entries = list_weights(material=material, task="translation")
    return sorted(entry.name for entry in entries if entry.bundled)


def find_detectors(material: str) -> list[str]:
    """Name the detectors of the zoo for a material, the default first.

    Parameters
    ----------
    material : str
        Entry of `MATERIALS`.

    Returns
    -------
    list of str
        May be empty.
    """
    names = [entry.name for entry in list_weights(material=material, task="detection")]
    return sorted(names, key=lambda name: (name != f"fcn-{material}", name))


def _nearest_translator(material: str, images: Sequence[io.Image]) -> tuple[str | None, str]:
    """Name the CycleGAN whose conditions are nearest to the images, and say why."""
    names = find_translators(material)
    if not names:
        return None, f"no CycleGAN of {material}: frames are made from what the images tell"
    known = {name: one for name, one in read_conditions(material).items() if name in names}
    if len(names) == 1 or not known:
        return names[0], f"CycleGAN: {names[0]}, of {material}"
    nearest = match(images, material=material, conditions=known)[0].weights
    return nearest, f"CycleGAN: {nearest}, the nearest of {len(names)}"


def _detectors(material: str, start: str | None) -> tuple[str, ...]:
    """Name the detector to start from, and the default, which may be better."""
    default = find_detectors(material)[:1]
    if not default and start is None:
        raise ValueError(
            f"'adapt --detector' needs a detector of {material}: name one with --detector-from. "
            f"Received: none in the zoo. {detector_commands(material)}"
        )
    return tuple(dict.fromkeys([start, *default] if start is not None else default))
