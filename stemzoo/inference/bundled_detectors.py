"""Which of the detectors that come with the package an image gets, by the crystal that it shows."""

import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from stemzoo.analysis.identification import ACCEPTED, Candidate, Identification
from stemzoo.inference.material_check import have_one_lattice
from stemzoo.zoo.hub import load
from stemzoo.zoo.registry import WeightsEntry, list_weights

if TYPE_CHECKING:
    from stemzoo.models.fcn import DefectFCN

# What an image gets in which no crystal is found; of materials that only the brightness of columns
# tells apart, and does not, its own comes first: it is the most widely trained.
DEFAULT_DETECTOR, DEFAULT_MATERIAL = "fcn-wse2", "wse2"


@dataclass(frozen=True)
class DetectorChoice:
    """The detector for an image.

    Parameters
    ----------
    weights : str
        Its name.
    reason : str
        Why, in words.
    doubt : str or None
        Why its result is doubtful: the image leaves open which crystal it shows.
    """

    weights: str
    reason: str
    doubt: str | None = None


@dataclass
class BundledDetectors:
    """Detectors that come with the package, each loaded when it is first needed.

    Parameters
    ----------
    loaded : dict of str to DefectFCN
        Those that were, by name.
    runtime : str, optional
        As of `stemzoo.load`.
    """

    loaded: dict[str, "DefectFCN"] = field(default_factory=dict)
    runtime: str | None = None

    def load(self, name: str) -> "DefectFCN":
        """Return a detector by its name."""
        if name not in self.loaded:
            self.loaded[name] = load(name, runtime=self.runtime)
        return self.loaded[name]


def alike_candidates(found: Identification) -> list[Candidate]:
    """Return the candidates that only the brightness of the columns tells from the best one.

    Parameters
    ----------
    found : Identification
        From `stemzoo.identify`.

    Returns
    -------
    list of Candidate
        The one to take first: the most probable or, where brightness leaves it open,
        `DEFAULT_MATERIAL`.
    """
    if not found.candidates:
        return []
    best = found.candidates[0].material
    alike = [c for c in found.candidates if have_one_lattice(c.material, best)]
    if found.material is None and DEFAULT_MATERIAL in found.possible:
        alike.sort(key=lambda candidate: candidate.material != DEFAULT_MATERIAL)
    return alike


def shown_in_words(found: Identification) -> str:
    """Return the materials that an image may show, with their probabilities; empty if none."""
    return " or ".join(
        f"{c.material} ({c.probability:.2f})"
        for c in found.candidates
        if c.material in found.possible
    )


def choose_detector(
    found: Identification, path: Path | None = None, *, force: bool = False
) -> DetectorChoice:
    """Choose the detector for an image, by the crystal that it shows.

    Parameters
    ----------
    found : Identification
        From `stemzoo.identify`.
    path : Path, optional
        File of the image, for the message.
    force : bool
        Take the default where there is none for the crystal, instead of an error.

    Returns
    -------
    DetectorChoice
        That of its material, or of one with the same lattice, which no image surely tells from it;
        where the material is undecided that of the most probable one that there is a detector for.

    Raises
    ------
    ValueError
        If there is none for the crystal; names the commands that make one.

    Examples
    --------
    >>> choose_detector(stemzoo.identify(image, 0.2)).weights  # doctest: +SKIP
    'fcn-wse2'
    """
    if not found.candidates:
        return DetectorChoice(DEFAULT_DETECTOR, "the default, as no lattice was found")
    alike = alike_candidates(found)
    shown = shown_in_words(found)
    decided = sum(c.probability for c in alike) >= ACCEPTED
    for candidate in alike if decided else found.candidates:
        if entries := bundled_detectors(candidate.material):
            if decided:
                return DetectorChoice(entries[0].name, f"the image shows {shown}")
            may_be = shown or "no known material"
            doubt = (
                f"the detector for {candidate.material} was taken, but which crystal the image "
                f"shows is open: {may_be}; a calibrated pixel size (--pixel-size PM, sampling=) or "
                "--weights (model=) would decide"
            )
            return DetectorChoice(
                entries[0].name,
                f"{candidate.material} of what it may show: {may_be}",
                doubt if len(found.possible) > 1 else None,
            )
    if not decided:
        return DetectorChoice(DEFAULT_DETECTOR, f"the default, as it is undecided: {shown}")
    if force:
        return DetectorChoice(DEFAULT_DETECTOR, f"the default, as none is for {shown}")
    step = detector_commands(found.candidates[0].material, path)
    raise ValueError(
        f"{path or 'image'}: expected a material that a detector of the zoo is for. Received: the "
        f"image shows {shown}. {step} If it is another material, give "
        "--weights (model=)"
    )


def bundled_detectors(material: str) -> list[WeightsEntry]:
    """Return the detectors of the package for a material, the most widely trained first."""
    entries = [e for e in list_weights(material=material, task="detection") if e.bundled]
    return sorted(entries, key=lambda entry: (not entry.wide, entry.name))


def detector_commands(material: str, path: Path | None = None) -> str:
    """Name the commands that find the defects of a material.

    Parameters
    ----------
    material : str
        Entry of `MATERIALS`.
    path : Path, optional
        File of the image.

    Returns
    -------
    str
        One or two sentences; training takes what it takes on two cores.

    Examples
    --------
    >>> detector_commands("wse2")
    'Next: stemzoo detect IMAGE --weights fcn-wse2.'
    """
    image = "IMAGE" if path is None else shlex.quote(str(path))
    if entries := bundled_detectors(material):
        return f"Next: stemzoo detect {image} --weights {entries[0].name}."
    out = f"{material}-detector"
    return (
        f"No detector of the zoo is for {material}. Train one (ten minutes on two cores): stemzoo "
        f"train fcn --material {material} --out {out}; then: stemzoo detect {image} --weights "
        f"./{out}."
    )
