"""Whether a network can tell generated images from measured ones."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stemzoo.io import check_image
from stemzoo.metrics.estimate import Estimate
from stemzoo.metrics.features import split_into_patches
from stemzoo.preprocessing import random_patch, rescale

_BATCH = 32
_LEARNING_RATE = 3e-3
_RESAMPLES = 1000


@dataclass(frozen=True)
class TwoSampleResult:
    """How well measured and generated patches of unseen images can be told apart.

    Parameters
    ----------
    estimate : Estimate
        Mean of the fractions of measured and of generated patches that are recognised, with the
        interval of a bootstrap over images.
    n_images : int
        Images of both sets.
    n_patches : int
        Patches of them that were classified.
    """

    estimate: Estimate
    n_images: int
    n_patches: int

    @property
    def accuracy(self) -> float:
        """Part that is recognised: 0.5 if the sets cannot be told apart (by this network)."""
        return self.estimate.value

    @property
    def low(self) -> float | None:
        """Lower end of its 95 % interval."""
        return self.estimate.low

    @property
    def high(self) -> float | None:
        """Upper end of its 95 % interval."""
        return self.estimate.high


def two_sample_test(
    measured: Sequence[np.ndarray],
    generated: Sequence[np.ndarray],
    *,
    patch: int = 64,
    steps: int = 400,
    folds: int = 3,
    rng: np.random.Generator,
) -> TwoSampleResult:
    """Train a small network to tell generated patches from measured ones, and test it.

    Each whole image is saturated and scaled (`stemzoo.preprocessing.rescale`). Both sets are split
    into `folds` runs of consecutive images; a network is trained on random patches, turned and
    flipped, of all runs but one, and classifies all patches (`split_into_patches`) of that one: no
    image is trained on and tested. Consecutive images stay together, as they may show nearly the
    same place; and where both sets follow the same drift, images of one time are tested together,
    or the network would take the unseen image for one of the other set. Unlike distances of
    features the test looks for what this very microscope does, down to single pixels.

    Parameters
    ----------
    measured, generated : sequence of ndarray of shape (M, N)
        At least `folds` images each, in the order in which they were taken; shapes may differ.
    patch : int
        Edge of the patches [px], 16 or more.
    steps : int
        Training steps for each network, of 16 measured and 16 generated patches.
    folds : int
        Number of runs that each set is split into, 2 or more.
    rng : numpy.random.Generator
        Source of randomness; also starts the networks.

    Returns
    -------
    TwoSampleResult

    Raises
    ------
    ValueError
        If there are too few images, one is smaller than a patch or cannot be analysed, or a number
        is out of range.

    Notes
    -----
    The interval is that of the images; another training would move the accuracy a little, too. It
    is too narrow for fewer than some ten images, and has no width where every patch is recognised.
    Of 8 pairs of sets of 12 frames, all simulated alike, 7 had 0.5 in their interval.
    Images of one set must not be made from images of the other, which would show the same place
    twice. 12 + 12 images of 512 x 512 pixels take half a minute.

    References
    ----------
    D. Lopez-Paz, M. Oquab, Revisiting Classifier Two-Sample Tests, ICLR 2017.

    Examples
    --------
    >>> two_sample_test(measured, generated, rng=rng).estimate  # doctest: +SKIP
    Estimate(value=0.93, low=0.83, high=0.99)
    """
    _check(measured, generated, patch, steps, folds)
    sets = [[rescale(image) for image in images] for images in (measured, generated)]
    parts = [np.arange(len(images)) * folds // len(images) for images in sets]
    recognised, n_patches = [np.zeros(len(images)) for images in sets], 0
    model = _network(patch, steps, rng)
    # One network that starts anew for each fold spares TensorFlow's tracing.
    variables = [*model.variables, *model.optimizer.variables]
    start = [variable.numpy() for variable in variables]
    for fold in range(folds):
        for variable, value in zip(variables, start, strict=True):
            variable.assign(value)
        seen = [
            [image for image, part in zip(images, of, strict=True) if part != fold]
            for images, of in zip(sets, parts, strict=True)
        ]
        _train(model, seen, patch, steps, rng)
        for label, images in enumerate(sets):
            for i in np.flatnonzero(parts[label] == fold):
                called = _classify(model, split_into_patches(images[int(i)], patch))
                recognised[label][i] = np.mean(called == label)
                n_patches += len(called)
    accuracy = np.mean([np.mean(values) for values in recognised])
    estimate = Estimate.from_bootstrap(accuracy, _bootstrap(recognised, rng))
    return TwoSampleResult(estimate, len(measured) + len(generated), n_patches)


def _check(
    measured: Sequence[np.ndarray],
    generated: Sequence[np.ndarray],
    patch: int,
    steps: int,
    folds: int,
) -> None:
    """Raise a ValueError unless the sets can be compared so."""
    if patch < 16 or steps < 1 or folds < 2:
        raise ValueError(
            "Expected patch >= 16, steps >= 1 and folds >= 2. "
            f"Received: patch={patch}, steps={steps}, folds={folds}"
        )
    if min(len(measured), len(generated)) < folds:
        raise ValueError(
            f"Expected at least {folds} images in each set, one for each fold. Received: "
            f"{len(measured)} measured, {len(generated)} generated"
        )
    for name, images in (("Measured", measured), ("Generated", generated)):
        for i, image in enumerate(images):
            check_image(image, f"{name} image {i}")
            split_into_patches(np.asarray(image), patch)  # complains where it is too small


def _train(
    model,
    sets: Sequence[Sequence[np.ndarray]],
    patch: int,
    steps: int,
    rng: np.random.Generator,
) -> None:
    """Train a network on measured (label 0) and generated (label 1) images."""
    half = _BATCH // 2
    labels = np.repeat([0.0, 1.0], half)[:, None]
    for _ in range(steps):
        batch = [
            random_patch([images[int(rng.integers(len(images)))]], patch, rng)[0]
            for images in sets
            for _ in range(half)
        ]
        model.train_on_batch(np.stack(batch)[..., None], labels)


def _network(patch: int, steps: int, rng: np.random.Generator):
    """Four convolutions and the mean over the patch: it sees texture, not places."""
    import keras

    from stemzoo.models.layers import LAST

    layers = keras.layers

    def start():
        # Own seeds: Keras' global one belongs to the caller.
        return keras.initializers.HeNormal(seed=int(rng.integers(2**31)))

    inputs = keras.Input((patch, patch, 1))
    x = inputs
    for filters, stride in ((8, 1), (16, 2), (16, 2), (16, 2)):
        x = layers.Conv2D(
            filters, 3, stride, "same", activation="relu", kernel_initializer=start(), **LAST
        )(x)
    x = layers.GlobalAveragePooling2D(**LAST)(x)
    model = keras.Model(inputs, layers.Dense(1, kernel_initializer=start())(x))
    rate = keras.optimizers.schedules.CosineDecay(_LEARNING_RATE, steps)
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss, jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    return model


def _classify(model, patches: np.ndarray) -> np.ndarray:
    """Whether each of the patches (P, patch, patch) is called a generated one; shape (P,)."""
    logits = []
    for first in range(0, len(patches), _BATCH):
        batch = patches[first : first + _BATCH, ..., None]
        # One shape for all calls, so that TensorFlow traces once.
        missing = [(0, _BATCH - len(batch)), (0, 0), (0, 0), (0, 0)]
        logits.append(model.predict_on_batch(np.pad(batch, missing))[: len(batch), 0])
    return np.concatenate(logits) > 0


def _bootstrap(recognised: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Accuracies when images of each set are drawn with replacement."""
    draws = [
        values[rng.integers(len(values), size=(_RESAMPLES, len(values)))].mean(1)
        for values in recognised
    ]
    return np.mean(draws, axis=0)
