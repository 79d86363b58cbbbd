"""How the conditions of an image compare with those that weights were trained on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from stemzoo.analysis.condition_features import (
    FEATURES,
    NO_LATTICE,
    ConditionFeatures,
    Feature,
    find_condition_features,
    middle_lattice,
)
from stemzoo.analysis.conditions import TrainingConditions
from stemzoo.analysis.lattice import Lattice
from stemzoo.inference.bundled_detectors import DEFAULT_MATERIAL, detector_commands
from stemzoo.inference.crystal_part import CrystalPart
from stemzoo.inference.expectation import Expectation
from stemzoo.inference.material_check import have_one_lattice
from stemzoo.inference.spread import Here, Spread
from stemzoo.io import Image
from stemzoo.io.any_image import as_image
from stemzoo.simulate.materials import find_material
from stemzoo.zoo.file_names import CONDITIONS
from stemzoo.zoo.manifest import difference
from stemzoo.zoo.registry import list_weights

# An image lies outside of the conditions of weights when fewer of their frames were this far off.
SIGNIFICANCE = 0.01

# Differences above this many standard deviations are named each; the three largest at most.
_NOTABLE = 2.0
_NAMED = 3


@dataclass(frozen=True)
class Match:
    """How well an image, or several of a session, fit what weights were trained on.

    Parameters
    ----------
    weights : str
        Name of the weights.
    session, material : str
        What they were trained on.
    distance : float
        1 for a typical training frame; infinite without a lattice of the material. The median of
        several images.
    p_value : float
        Chance of training frames this far off.
    log_density : float
        Log of the density of the training frames at the image, up to a constant: of weights that
        fit, the more specific have the higher one. The median of several images.
    reason : str
        What differs most, in words; may be empty if it fits.
    expected : Expectation or None
        Precision, recall and F1 that the images let expect of a detector, all classes together;
        None where nothing tells, as of weights that are not calibrated.
    """

    weights: str
    session: str
    material: str
    distance: float
    p_value: float
    log_density: float
    reason: str
    expected: Expectation | None = None

    @property
    def fits(self) -> bool:
        """Whether p is 0.01 or more."""
        return self.p_value >= SIGNIFICANCE


def compare(
    images: Sequence[np.ndarray | Image],
    known: Mapping[str, TrainingConditions],
    *,
    material: str | None = None,
    sampling: float | None = None,
    spread: Spread | None = None,
) -> list[Match]:
    """Rank weights by how well images fit what they were trained on.

    Parameters
    ----------
    images : sequence of ndarray of shape (M, N) or Image
        Of one session.
    known : mapping of str to TrainingConditions
        Conditions by name of the weights.
    material, sampling
        As in `stemzoo.match`.
    spread : Spread, optional
        Who measures the images, of which `images` may hold its handles; this process where not
        given.

    Returns
    -------
    list of Match
        Best first: those that fit, by `log_density`; then the others, by distance.

    Raises
    ------
    ValueError, KeyError
        As `stemzoo.match`.

    Examples
    --------
    >>> compare([image], read_conditions("wse2"))[0].weights  # doctest: +SKIP
    'cyclegan-wse2-dayA'
    """
    if material is not None:
        name = find_material(material).name
        known = {key: value for key, value in known.items() if value.material == name}
    if not known:
        raise ValueError(
            f"Expected weights with a {CONDITIONS} to compare with; 'stemzoo list' shows the "
            f"weights. Received: none for {material or 'any material'}"
        )
    spread = spread or Here()
    shown = spread.apply(partial(_shown, sampling=sampling), images)
    if material is None:
        known = _of_one_material(known, spread.gather(spread.apply(_materials, shown)))
    wanted = frozenset((one.material, one.sampling) for one in known.values())
    features = spread.gather(spread.apply(partial(_all_features, wanted=wanted), shown))
    matches = [
        _match_features(name, one, [of_image[one.material, one.sampling] for of_image in features])
        for name, one in known.items()
    ]
    return sorted(matches, key=lambda m: (not m.fits, -m.log_density if m.fits else m.distance))


def check_conditions(
    image: np.ndarray | Image,
    conditions: TrainingConditions,
    *,
    weights: str = "",
    sampling: float | None = None,
    lattice: Lattice | None = None,
) -> Match:
    """Compare an image with what weights were trained on.

    Parameters
    ----------
    image : ndarray of shape (M, N) or Image
        At least 128 px a side at the pixel size of the weights.
    conditions : TrainingConditions
        Of the weights.
    weights : str
        Their name.
    sampling : float, optional
        Pixel size of the image [Å/px]. Else that of the `Image`, else measured from the lattice.
    lattice : Lattice, optional
        Lattice of the material in the image, if it was found before.

    Returns
    -------
    Match

    Raises
    ------
    ValueError
        If the image cannot be analysed or is too small.

    Examples
    --------
    >>> check_conditions(image, conditions, sampling=0.2).reason  # doctest: +SKIP
    'noise of 2 to 4 px 2.1 x stronger'
    """
    data, sampling = _data_and_sampling(image, sampling)
    features = find_condition_features(
        data, conditions.crystal, conditions.sampling, sampling=sampling, lattice=lattice
    )
    return _match_features(weights, conditions, [features])


def read_conditions(material: str | None = None) -> dict[str, TrainingConditions]:
    """Read the conditions of the package's weights that detect or translate.

    Denoisers, which look at an image before anything else is done with it, compare it themselves.

    Parameters
    ----------
    material : str, optional
        Only weights for this material.

    Returns
    -------
    dict of str to TrainingConditions
        By name; weights without conditions are left out.

    Raises
    ------
    KeyError
        For an unknown material.
    ValueError
        If a file is damaged.
    """
    name = None if material is None else find_material(material).name
    found = {}
    for entry in list_weights(material=name):
        file = next((file for file in entry.files if file.name == CONDITIONS), None)
        if file is None or not entry.bundled or getattr(entry, "task", "") == "denoising":
            continue
        path = entry.folder / CONDITIONS
        if reason := difference(path, file):
            raise ValueError(f"{path}: {reason} Install stemzoo again.")
        found[entry.name] = TrainingConditions.read(path)
    return found


def _shown(image: np.ndarray | Image, *, sampling: float | None) -> CrystalPart:
    return CrystalPart.of(*_data_and_sampling(image, sampling))


def _materials(image: CrystalPart) -> tuple[str | None, tuple[str, ...]]:
    return image.material, image.possible


def _of_one_material(
    known: Mapping[str, TrainingConditions],
    shown: Sequence[tuple[str | None, tuple[str, ...]]],
) -> dict[str, TrainingConditions]:
    """Keep weights for the material that all images show, or may show; all if that is open."""
    materials = {material for material, _ in shown}
    name = materials.pop() if len(materials) == 1 else None
    if name is None:
        may_be = set.intersection(*(set(possible) for _, possible in shown))
        of_these = {key: one for key, one in known.items() if one.material in may_be}
        default = {key: one for key, one in of_these.items() if one.material == DEFAULT_MATERIAL}
        # Materials that only the brightness of columns tells apart need not all be tried.
        if default and all(have_one_lattice(one, DEFAULT_MATERIAL) for one in may_be):
            return default
        return of_these or dict(known)
    if own := {key: one for key, one in known.items() if one.material == name}:
        return own
    alike = {key: one for key, one in known.items() if have_one_lattice(one.material, name)}
    if not alike:
        names = " or ".join(sorted({one.material for one in known.values()}))
        raise ValueError(
            f"Expected images of {names}, for which there are weights. Received: images of {name}. "
            f"{detector_commands(name)} If it is another material, give --material (material=)"
        )
    return alike


def _all_features(
    image: CrystalPart, *, wanted: frozenset[tuple[str, float]]
) -> dict[tuple[str, float], ConditionFeatures]:
    """Describe an image once for each material and pixel size; find each lattice once."""
    pixels, sampling = image.pixels, image.sampling
    lattices = {
        material: middle_lattice(pixels, material, sampling) for material in {m for m, _ in wanted}
    }
    return {
        (material, target): NO_LATTICE
        if lattices[material] is None
        else find_condition_features(
            pixels, material, target, sampling=sampling, lattice=lattices[material]
        )
        for material, target in wanted
    }


def _data_and_sampling(
    image: np.ndarray | Image, sampling: float | None
) -> tuple[np.ndarray, float | None]:
    image = as_image(image)
    return np.asanyarray(image.data), sampling or image.sampling


def _match_features(
    weights: str, conditions: TrainingConditions, features: Sequence[ConditionFeatures]
) -> Match:
    """Compare the features of one image, or of several of a session, with the training frames."""
    distances, p_values = np.transpose([conditions.distance(one) for one in features])
    half = (len(features) + 1) // 2
    p_value = min(np.sort(p_values)[half - 1] * len(features) / half, 1.0)
    return Match(
        weights=weights,
        session=conditions.session,
        material=conditions.material,
        distance=float(np.median(distances)),
        p_value=float(p_value),
        log_density=float(np.median([conditions.log_density(one) for one in features])),
        reason=_largest_differences(conditions, features, p_value >= SIGNIFICANCE),
    )


def _largest_differences(
    conditions: TrainingConditions, features: Sequence[ConditionFeatures], fits: bool
) -> str:
    """Name the features that differ most from the mean frame, by the median of the images."""
    seen = [one for one in features if one.has_lattice]
    if 2 * len(seen) <= len(features):
        return f"no lattice of {conditions.material}"
    difference = np.median([one.features for one in seen], axis=0) - conditions.mean
    area = float(np.median([one.area for one in seen]))
    # In standard deviations of training frames of this area.
    scores = abs(difference) / np.sqrt(np.diag(conditions.spread(area)))
    largest = np.argsort(-scores)[:_NAMED]
    notable = [i for i in largest if scores[i] > _NOTABLE]
    if notable or fits:
        return ", ".join(_in_words(FEATURES[i], difference[i]) for i in notable)
    return "together: " + ", ".join(_in_words(FEATURES[i], difference[i]) for i in largest)


def _in_words(feature: Feature, difference: float) -> str:
    """Say how a feature differs; differences are those of logarithms of power, or of length."""
    text = feature.more if difference > 0 else feature.less
    size = min(abs(difference), 20)  # more would print as many digits
    return text.format(ratio=np.exp(size / 2), part=np.expm1(size))
