"""Held-out strips of measured images, and how well generated patches agree with them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import fft

from stemzoo.adaptation.recipes import LIMITS, JudgementLimits
from stemzoo.analysis.spectrum import hann_window, tile_starts
from stemzoo.metrics.distribution import counts_kl_divergence, kid
from stemzoo.preprocessing import rescale_group

_RINGS = 12
_QUANTILES = np.linspace(0.02, 0.98, 9)
_BINS = 64
# Patches of each kind that are compared.
_PATCHES = 96


@dataclass(frozen=True)
class Agreement:
    """How well generated patches agree with held-out ones.

    Parameters
    ----------
    spectrum_rms : float
        Root mean square difference of the mean log10 power in rings along and across the scan.
    kernel_distance : float
        Kernel distance (that of KID) of power spectra and intensities, standardised.
    intensity_kl : float
        Kullback-Leibler divergence of the intensities, in nats.
    """

    spectrum_rms: float
    kernel_distance: float
    intensity_kl: float

    def is_chance(self, limits: JudgementLimits = LIMITS) -> bool:
        """Whether the kernel distance is no larger than between images of one session."""
        return self.kernel_distance < limits.chance_kernel_distance

    def relative_error(self, start: "Agreement", limits: JudgementLimits = LIMITS) -> float:
        """Return the mean ratio of the three figures to those at the start.

        All three count: nearer spectra and kernel distances alone let intensities drift away.

        Parameters
        ----------
        start : Agreement
            Of the pretrained model.
        limits : JudgementLimits, optional
            Figures that are chance.

        Returns
        -------
        float

        Examples
        --------
        >>> start = Agreement(0.4, 2e4, 0.1)
        >>> Agreement(0.2, 1e4, 0.1).relative_error(start)  # (0.5 + 0.5 + 1) / 3
        0.6666666666666666
        """
        spectrum = self.spectrum_rms / max(start.spectrum_rms, 1e-6)
        kernel = _ratio(self.kernel_distance, start.kernel_distance, limits.chance_kernel_distance)
        intensities = _ratio(self.intensity_kl, start.intensity_kl, limits.chance_intensity_kl)
        return (spectrum + kernel + intensities) / 3

    def clearly_better_than(self, other: "Agreement", limits: JudgementLimits = LIMITS) -> bool:
        """Whether these patches are clearly nearer to the held-out ones than others.

        Two can never be clearly better than each other. Intensities are not compared, as frames
        made without a network have the measured histogram by construction.

        Parameters
        ----------
        other : Agreement
            Of the others.
        limits : JudgementLimits, optional
            How many times nearer.

        Returns
        -------
        bool
        """
        spectrum = max(other.spectrum_rms, 1e-6) / max(self.spectrum_rms, 1e-6)
        kernel = _ratio(other.kernel_distance, self.kernel_distance, limits.chance_kernel_distance)
        nearer = np.sqrt(spectrum * kernel) > limits.nearer
        return bool(nearer and spectrum > limits.nearer_spectra)


@dataclass(frozen=True, eq=False)
class HoldOut:
    """What measured images leave to train on, and the patches that are kept to judge by.

    Parameters
    ----------
    training : tuple of ndarray of shape (M, N)
        In [-1, 1].
    patches : ndarray of shape (P, patch, patch)
        In [-1, 1], on one scale with `training`.
    """

    training: tuple[np.ndarray, ...]
    patches: np.ndarray

    @classmethod
    def split(cls, images: Sequence[np.ndarray], patch: int) -> "HoldOut":
        """Keep the lowest fifth of each image, a patch high at least, to judge by.

        Parameters
        ----------
        images : sequence of ndarray of shape (M, N)
            Measured images; scaled as a group here.
        patch : int
            Edge of a patch [px].

        Returns
        -------
        HoldOut

        Raises
        ------
        ValueError
            If no image is large enough to be divided.
        """
        training, patches = [], []
        for image in rescale_group(images):
            height = max(patch, image.shape[0] // 5)
            if image.shape[0] < height + patch:
                training.append(image)
                continue
            training.append(image[:-height])
            patches.append(overlapping_patches(image[-height:], patch))
        if sum(map(len, patches)) < 2:  # a distance needs a spread
            rows, columns = max(np.shape(image) for image in images)
            raise ValueError(
                f"Expected at least one image of {2 * patch} x {2 * patch} px or more, half of it "
                "to learn from and half to judge by; give a larger one. Received: "
                f"{rows} x {columns} px"
            )
        held_out = np.concatenate(patches)
        every = max(len(held_out) // _PATCHES, 1)
        return cls(tuple(training), held_out[::every])

    def agreement(self, generated: np.ndarray) -> Agreement:
        """Compare generated patches with the held-out ones.

        Parameters
        ----------
        generated : ndarray of shape (P, patch, patch)
            In [-1, 1].

        Returns
        -------
        Agreement
        """
        real, fake = patch_features(self.patches), patch_features(generated)
        spectra = 2 * _RINGS
        away = real[:, :spectra].mean(axis=0) - fake[:, :spectra].mean(axis=0)
        scale = np.maximum(real.std(axis=0), 0.02)
        real, fake = ((x - real.mean(axis=0)) / scale for x in (real.copy(), fake))
        distance = kid(real, fake, resamples=1, rng=np.random.default_rng(0)).value
        counts = [
            [np.histogram(patches, _BINS, (-1, 1))[0]] for patches in (self.patches, generated)
        ]
        rms = float(np.sqrt(np.mean(away**2)))
        return Agreement(rms, distance, counts_kl_divergence(*counts))


def _ratio(figure: float, other: float, chance: float) -> float:
    """Ratio of two figures, both clipped from below at the chance level."""
    return max(figure, chance) / max(other, chance)


def overlapping_patches(image: np.ndarray, patch: int) -> np.ndarray:
    """Cut patches that overlap by up to a half.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        At least one patch large.
    patch : int
        Edge [px].

    Returns
    -------
    ndarray of shape (P, patch, patch)

    Raises
    ------
    ValueError
        If the image is smaller.
    """
    if min(image.shape) < patch:
        raise ValueError(
            f"Expected images of at least {patch} px a side, the size of a patch. Received: "
            f"{image.shape[0]} x {image.shape[1]} px"
        )
    rows, columns = (tile_starts(n, patch, 2 * (n // patch) - 1) for n in image.shape)
    return np.stack([image[r : r + patch, c : c + patch] for r in rows for c in columns])


def random_patches(
    images: Sequence[np.ndarray], patch: int, count: int, rng: np.random.Generator
) -> np.ndarray:
    """Choose at random among the patches of `overlapping_patches` of several images.

    Parameters
    ----------
    images : sequence of ndarray of shape (M, N)
        Each at least one patch large.
    patch : int
        Edge [px].
    count : int
        How many at most.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of shape (P, patch, patch)
    """
    patches = np.concatenate([overlapping_patches(image, patch) for image in images])
    return patches[rng.permutation(len(patches))[:count]]


def patch_features(patches: np.ndarray) -> np.ndarray:
    """Describe patches by their power spectra and intensities.

    Parameters
    ----------
    patches : ndarray of shape (P, patch, patch)
        In [-1, 1].

    Returns
    -------
    ndarray of shape (P, 33)
        log10 of the mean power in 12 rings within 45° of the rows' direction, in 12 within 45° of
        the columns', and 9 quantiles of the intensities.
    """
    edge = patches.shape[-1]
    window = np.outer(*2 * [hann_window(edge)])
    flat = patches - patches.mean(axis=(1, 2), keepdims=True)
    power = abs(fft.rfft2(flat * window)) ** 2 / (window**2).sum()
    y, x = fft.fftfreq(edge)[:, None], fft.rfftfreq(edge)[None]
    ring = np.floor(2 * _RINGS * np.hypot(y, x)).astype(int)
    group = np.where(abs(y) <= x, ring, ring + _RINGS)
    group[(ring >= _RINGS) | (np.hypot(y, x) == 0)] = 2 * _RINGS
    group = group.ravel()
    count = np.bincount(group, minlength=2 * _RINGS + 1)[:-1]
    sums = np.stack(
        [np.bincount(group, patch.ravel(), minlength=2 * _RINGS + 1)[:-1] for patch in power]
    )
    quantiles = np.quantile(patches.reshape(len(patches), -1), _QUANTILES, axis=1).T
    return np.hstack([np.log10(np.maximum(sums / count, 1e-9)), quantiles])
