"""How close generated images are to measured ones: each figure with its floor and ceiling."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from stemzoo.analysis.lattice import find_lattice
from stemzoo.analysis.spectrum import radial_power_spectrum
from stemzoo.io import check_image
from stemzoo.io.tables import figure_rows
from stemzoo.metrics.distribution import counts_kl_divergence, intensity_counts, kid
from stemzoo.metrics.estimate import Estimate
from stemzoo.metrics.features import FeatureSet, extract_features, split_into_patches
from stemzoo.metrics.fid import frechet_result
from stemzoo.metrics.spectrum import information_limit, power_spectrum_bands
from stemzoo.metrics.two_sample import two_sample_test
from stemzoo.preprocessing import rescale
from stemzoo.simulate.materials import find_material

# Patches whose spectra are compared are of one size, so that images of any size can be [px].
_SPECTRUM_PATCH = 128
_SPECTRUM_BINS = 32
_RESAMPLES = 200
# Training steps of the two-sample test for each of its parts.
CLASSIFIER_STEPS = 400


@dataclass(frozen=True)
class Metric:
    """One figure with what it can be at best and at worst.

    Parameters
    ----------
    name, note : str
        What it is called and what it means.
    generated : Estimate
        Measured against generated images.
    floor : Estimate
        Measured against other measured images: nothing generated can be expected to be closer.
    ceiling : Estimate or None
        Measured against raw simulations, if given.
    """

    name: str
    note: str
    generated: Estimate
    floor: Estimate
    ceiling: Estimate | None


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found.

    Parameters
    ----------
    metrics : tuple of Metric
        One a figure.
    descriptions : dict of str to dict of str to float
        By set of images: medians of ``"low"``, ``"bragg"``, ``"rest"`` (`power_spectrum_bands`)
        and ``"information_limit"`` [Å], of the images that show a lattice.
    images : dict of str to int
        Number of images by set.
    sampling : float
        Pixel size [Å/px].
    material : str or None
        Entry of `MATERIALS`.
    patch : int
        Edge of the patches whose features are compared [px].
    """

    metrics: tuple[Metric, ...]
    descriptions: dict[str, dict[str, float]]
    images: dict[str, int]
    sampling: float
    material: str | None
    patch: int

    def to_dict(self) -> dict:
        """Return it as plain types, for JSON."""
        return asdict(self)

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Return name, generated, floor and ceiling of each figure as text."""
        return figure_rows(self.to_dict()["metrics"])

    def __getitem__(self, name: str) -> Metric:
        """Return a figure by its name."""
        return {metric.name: metric for metric in self.metrics}[name]


def evaluate(
    measured: Sequence[np.ndarray],
    generated: Sequence[np.ndarray],
    *,
    sampling: float,
    simulated: Sequence[np.ndarray] = (),
    material: str | None = None,
    extractor: str | Callable[[np.ndarray], np.ndarray] = "efficientnet-lite0",
    protocol: str = "standard",
    patch: int = 256,
    classifier_steps: int = CLASSIFIER_STEPS,
    rng: np.random.Generator,
) -> Evaluation:
    """Compare generated with measured images.

    The measured images are split in two at random. One half is what everything is compared with:
    the generated images, the other half (the floor) and the raw simulations (the ceiling), each
    with as many images as the smallest of these sets has.

    Parameters
    ----------
    measured, generated : sequence of ndarray of shape (M, N)
        At least six measured and three generated images of one pixel size, each at least as large
        as a patch.
    sampling : float
        Pixel size [Å/px].
    simulated : sequence of ndarray of shape (M, N)
        Raw simulations, for the ceiling; at least three if any.
    material : str, optional
        Entry of `MATERIALS`, for the figures that need a lattice.
    extractor, protocol : str
        As in `stemzoo.metrics.features.extract_features`.
    patch : int
        Edge of the patches whose features are compared [px].
    classifier_steps : int
        Training steps of the two-sample test for each of its three parts; 0 leaves the test out.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    Evaluation

    Raises
    ------
    ValueError
        If there are too few images, or one cannot be analysed.
    ModuleNotFoundError, ConnectionError
        If the weights of the network that describes patches cannot be had.

    Examples
    --------
    >>> found = evaluate(measured, generated, sampling=0.2074, rng=rng)  # doctest: +SKIP
    >>> found["two-sample accuracy"].generated.value  # doctest: +SKIP
    0.61
    """
    sets = _sets(measured, generated, simulated, rng)
    features = {
        name: extract_features(x, extractor, protocol=protocol, patch=patch)
        for name, x in sets.items()
    }
    figures = [*_feature_metrics(features, rng), *_texture_metrics(sets, sampling, rng)]
    if classifier_steps:
        figures.append(
            _metric(
                "two-sample accuracy",
                "of a small network that tells patches apart: 0.5 if it cannot",
                lambda a, b: two_sample_test(a, b, steps=classifier_steps, rng=rng).estimate,
                sets,
            )
        )
    everything = {"measured": measured, "generated": generated, "simulated": simulated}
    return Evaluation(
        tuple(figures),
        {} if material is None else _descriptions(everything, sampling, material),
        {name: len(images) for name, images in everything.items() if len(images)},
        sampling,
        material,
        patch,
    )


def _sets(
    measured: Sequence[np.ndarray],
    generated: Sequence[np.ndarray],
    simulated: Sequence[np.ndarray],
    rng: np.random.Generator,
) -> dict[str, list[np.ndarray]]:
    """Check the images and choose as many of each set: reference, floor, generated, ceiling."""
    for name, images in (
        ("measured", measured),
        ("generated", generated),
        ("simulated", simulated),
    ):
        for i, image in enumerate(images):
            check_image(image, f"{name} image {i}")
    if len(measured) < 6 or len(generated) < 3 or 0 < len(simulated) < 3:
        raise ValueError(
            "Expected at least 6 measured, 3 generated and 3 (or no) simulated images. Received: "
            f"{len(measured)}, {len(generated)}, {len(simulated)}"
        )
    order = rng.permutation(len(measured))
    half = len(measured) // 2
    chosen = {
        "reference": [measured[i] for i in order[:half]],
        "floor": [measured[i] for i in order[half:]],
        "generated": list(generated),
    }
    if len(simulated):
        chosen["ceiling"] = list(simulated)
    n = min(map(len, chosen.values()))
    return {name: images[:n] for name, images in chosen.items()}


def _metric(name: str, note: str, compare: Callable[..., Estimate], sets: dict[str, Any]) -> Metric:
    """Compare the reference with each other set."""
    found = {
        other: compare(sets["reference"], sets[other]) for other in sets if other != "reference"
    }
    return Metric(name, note, found["generated"], found["floor"], found.get("ceiling"))


def _feature_metrics(features: dict[str, FeatureSet], rng: np.random.Generator) -> list[Metric]:
    """Compare what a network sees in the patches of the sets."""

    def kernel(a: FeatureSet, b: FeatureSet) -> Estimate:
        return kid(a.values, b.values, measured_images=a.images, generated_images=b.images, rng=rng)

    return [
        _metric(
            frechet_result(features["reference"], features["floor"]).name,
            "distance of the distributions of features; biased upwards, by the floor at least",
            lambda a, b: Estimate(frechet_result(a, b).value),
            features,
        ),
        _metric("kernel distance", "unbiased distance of features, 0 if alike", kernel, features),
    ]


def _bootstrap(
    statistic: Callable[..., float], a: Sequence, b: Sequence, rng: np.random.Generator
) -> Estimate:
    """Value of a statistic of two lists, and its interval when their members are drawn anew."""
    values = []
    for _ in range(_RESAMPLES):
        drawn = [[x[i] for i in rng.integers(len(x), size=len(x))] for x in (a, b)]
        values.append(statistic(*drawn))
    return Estimate.from_bootstrap(statistic(a, b), values)


def _texture_metrics(
    sets: dict[str, list[np.ndarray]], sampling: float, rng: np.random.Generator
) -> list[Metric]:
    """Compare histograms and spectra; each is made once an image, a bootstrap adds them up."""
    # Every fourth pixel along both axes: the histogram is the same, and 16 times faster.
    counts = {name: [intensity_counts(rescale(x)[::4, ::4]) for x in sets[name]] for name in sets}

    def spectrum(image: np.ndarray) -> np.ndarray:
        patches = split_into_patches(rescale(image), _SPECTRUM_PATCH)
        bins = _SPECTRUM_BINS
        return np.mean([radial_power_spectrum(p, sampling, bins=bins)[1] for p in patches], 0)

    def distance(a: list[np.ndarray], b: list[np.ndarray]) -> float:
        return float(np.sqrt(np.mean((np.mean(a, 0) - np.mean(b, 0)) ** 2)))

    return [
        _metric(
            "intensity KL divergence",
            "of histograms with 64 bins, in nats",
            lambda a, b: _bootstrap(counts_kl_divergence, a, b, rng),
            counts,
        ),
        _metric(
            "log10 power spectrum, rms",
            "difference of the mean radial spectra up to the Nyquist frequency",
            lambda a, b: _bootstrap(distance, a, b, rng),
            {name: [spectrum(image) for image in images] for name, images in sets.items()},
        ),
    ]


def _descriptions(
    sets: dict[str, Sequence[np.ndarray]], sampling: float, material: str
) -> dict[str, dict[str, float]]:
    """Medians of what the spectra of the images of each set say."""
    crystal = find_material(material)
    found = {}
    for name, images in sets.items():
        rows = []
        for image in images:
            try:
                lattice = find_lattice(image, crystal, sampling=sampling)
                limit = information_limit(image, sampling, lattice=lattice)
            except ValueError:
                continue
            rows.append({**power_spectrum_bands(image, lattice), "information_limit": limit})
        if rows:
            found[name] = {key: float(np.median([row[key] for row in rows])) for key in rows[0]}
            found[name]["images_with_lattice"] = len(rows)
    return found
