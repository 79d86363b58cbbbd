"""Random patches of images: with what belongs to each pixel, and of two unpaired domains."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from scipy import ndimage

from stemzoo.preprocessing import random_patch, rescale_group
from stemzoo.training.recipes import CycleGANRecipe, FCNRecipe


class PatchSequence(keras.utils.PyDataset):
    """Random patches of labelled images, the same for the same seed, epoch and step.

    Parameters
    ----------
    images : sequence of ndarray of shape (M, N)
        Images in [-1, 1].
    masks : sequence of ndarray of shape (M, N)
        Class masks.
    recipe : FCNRecipe
        Sizes, scales and seed.
    """

    def __init__(self, images, masks, recipe: FCNRecipe):
        super().__init__(workers=1, max_queue_size=4)
        self.recipe = recipe
        self.epoch = 0
        self.pairs = []
        for image, mask in zip(images, masks, strict=True):
            for scale in recipe.scales:
                pair = (image, mask)
                if scale != 1.0:
                    pair = (ndimage.zoom(image, scale, order=1), ndimage.zoom(mask, scale, order=0))
                if min(pair[0].shape) < recipe.patch:
                    raise ValueError(
                        f"Patches of {recipe.patch} px need larger images; choose a smaller patch. "
                        f"Received: an image of {image.shape[0]} x {image.shape[1]} px, scaled by "
                        f"{scale}"
                    )
                self.pairs.append(pair)

    def __len__(self):
        return self.recipe.steps_per_epoch

    def __getitem__(self, step):
        rng = np.random.default_rng([self.recipe.seed, self.epoch, step])
        chosen = rng.integers(len(self.pairs), size=self.recipe.batch_size)
        patches = [random_patch(self.pairs[i], self.recipe.patch, rng) for i in chosen]
        images, masks = (np.stack(part) for part in zip(*patches, strict=True))
        return images[..., None], masks

    def start_epoch(self, epoch: int) -> None:
        """Choose the epoch, from 0, whose patches are served."""
        self.epoch = epoch


def _stack(images: Sequence[np.ndarray], patch: int, domain: str):
    """Images of one domain as one array, scaled as a group, with the size of each."""
    for i, image in enumerate(images):
        if np.ndim(image) != 2 or min(np.shape(image)) < patch:
            raise ValueError(
                f"The {domain} image {i} must be 2-D and at least {patch} px on each side, the "
                f"size of a patch. Received: {np.shape(image)}"
            )
    scaled = rescale_group(images)
    shapes = np.array([image.shape for image in scaled])
    stack = np.zeros((len(scaled), *shapes.max(0)), np.float32)
    for i, image in enumerate(scaled):
        stack[i, : image.shape[0], : image.shape[1]] = image
    return tf.constant(stack), tf.constant(shapes, tf.int32)


def _random_patch(stack, shapes, recipe: CycleGANRecipe, seed):
    """Random square of a random image, flipped and perhaps rotated at random."""
    size = recipe.patch
    draws = tf.random.stateless_uniform((5,), seed)
    image = tf.cast(draws[0] * tf.cast(tf.shape(stack)[0], tf.float32), tf.int32)
    room = tf.cast(shapes[image] - size + 1, tf.float32)
    start = tf.cast(draws[1:3] * room, tf.int32)
    patch = tf.slice(stack, [image, start[0], start[1]], [1, size, size])[0][..., None]
    if recipe.rotations:
        patch = tf.image.rot90(patch, tf.cast(draws[3] * 4, tf.int32))
    return tf.cond(draws[4] < 0.5, lambda: patch[::-1], lambda: patch)


def patch_dataset(
    experimental: Sequence[np.ndarray],
    simulated: Sequence[np.ndarray],
    recipe: CycleGANRecipe,
    *,
    first_step: int = 0,
) -> tf.data.Dataset:
    """Random pairs of unpaired patches, one batch of both domains a step.

    The patches of a step depend on the recipe's seed and the step alone, so that a training goes on
    with the same data.

    Parameters
    ----------
    experimental, simulated : sequence of ndarray of shape (M, N)
        Raw images, each at least as large as a patch.
    recipe : CycleGANRecipe
        Sizes, noise and seed.
    first_step : int
        Step to start at.

    Returns
    -------
    tf.data.Dataset
        Pairs of float32 (batch, patch, patch, 1) in [-1, 1], simulated ones with noise; with paired
        supervision also these without noise.

    Raises
    ------
    ValueError
        If a domain is empty or an image smaller than a patch.
    """
    if not len(experimental) or not len(simulated):
        raise ValueError(
            "Expected at least one image of each domain. Received: "
            f"{len(experimental)} experimental, {len(simulated)} simulated"
        )
    size = recipe.patch
    domains = [
        _stack(experimental, size, "experimental"),
        _stack(simulated, size, "simulated"),
    ]

    def pair(index):
        seeds = tf.random.experimental.stateless_split([recipe.seed, index], 3)
        real, clean = (
            _random_patch(*domain, recipe, seed)
            for domain, seed in zip(domains, (seeds[0], seeds[1]), strict=True)
        )
        noise = recipe.noise * tf.random.stateless_normal((size, size, 1), seeds[2])
        # Paired supervision aims at what is without noise.
        target = [clean] if recipe.lambda_pair else []
        return (real, clean + noise, *target)

    first = first_step * recipe.batch_size
    last = recipe.epochs * recipe.steps_per_epoch * recipe.batch_size
    patches = tf.data.Dataset.range(first, last, output_type=tf.int32).map(
        pair, num_parallel_calls=tf.data.AUTOTUNE
    )
    return patches.batch(recipe.batch_size, drop_remainder=True).prefetch(2)


def check_pairs(images: Sequence[np.ndarray], others: Sequence[np.ndarray], what: str) -> None:
    """See that images can be learnt from together with what belongs to each.

    Parameters
    ----------
    images : sequence of ndarray of shape (M, N)
        Images.
    others : sequence of ndarray of shape (M, N)
        For instance their masks.
    what : str
        What one of these is called.

    Raises
    ------
    ValueError
        If there are none, or not as many; if two do not fit together, or hold NaN.

    Examples
    --------
    >>> check_pairs([np.eye(9)], [np.eye(9)], "mask")
    """
    if not len(images) or len(images) != len(others):
        raise ValueError(
            f"Expected as many {what}s as images, at least one. Received: {len(images)} images, "
            f"{len(others)} {what}s"
        )
    for i, (image, other) in enumerate(zip(images, others, strict=True)):
        if np.ndim(image) != 2 or np.shape(image) != np.shape(other):
            raise ValueError(
                f"Image {i} and its {what} must be 2-D and of one shape. Received: "
                f"{np.shape(image)}, {np.shape(other)}"
            )
        if not (np.isfinite(image).all() and np.isfinite(other).all()):
            raise ValueError(
                f"Image {i} and its {what} must be finite; leave them out or fill bad pixels. "
                "Received: NaN or Inf"
            )
