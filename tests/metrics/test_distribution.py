import numpy as np
import pytest
from scipy.linalg import sqrtm

from stemzoo.metrics.distribution import frechet_distance, intensity_kl_divergence, kid


def features(n, seed, shift=0.0, scale=1.0, width=6):
    rng = np.random.default_rng(seed)
    mix = np.random.default_rng(99).normal(0, 1, (width, width))
    return shift + scale * rng.normal(0, 1, (n, width)) @ mix


def test_frechet_distance_of_gaussians_in_one_dimension():
    # (m1 - m2)² + (s1 - s2)²: means 1 and 4, standard deviations sqrt(2) and sqrt(8).
    x, y = np.array([[0.0], [2.0]]), np.array([[2.0], [6.0]])
    assert frechet_distance(x, y) == pytest.approx(9 + (np.sqrt(8) - np.sqrt(2)) ** 2)


def test_frechet_distance_agrees_with_the_matrix_square_root():
    x, y = features(300, 1), features(200, 2, shift=0.5, scale=1.5)
    c1, c2 = np.cov(x.T), np.cov(y.T)
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(c1 + c2 - 2 * sqrtm(c1 @ c2).real)
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("n", "m"), [(4, 5), (4, 300), (300, 5)])
def test_frechet_distance_with_fewer_samples_than_features(n, m):
    # A rotation and zeros appended change nothing, whichever way the covariance is factored.
    x, y = features(n, 1, width=6), features(m, 2, shift=1.0, width=6)
    wide = [np.pad(a, ((0, 0), (0, 400))) for a in (x, y)]
    assert frechet_distance(*wide) == pytest.approx(frechet_distance(x, y), rel=1e-9)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)


def test_kid_agrees_with_its_definition():
    # Binkowski et al. 2018, eq. (4), for 3 and 4 samples, summed by hand in loops.
    x, y = features(3, 1, width=2), features(4, 2, width=2)

    def k(a, b):
        return (a @ b / 2 + 1) ** 3

    same = sum(k(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j) / 6
    other = sum(k(a, b) for i, a in enumerate(y) for j, b in enumerate(y) if i != j) / 12
    cross = sum(k(a, b) for a in x for b in y) / 12
    found = kid(x, y, rng=np.random.default_rng(0), resamples=10)
    assert found.value == pytest.approx(same + other - 2 * cross)


def test_kid_interval_covers_zero_for_equal_distributions_and_not_for_others():
    x, y, z = features(200, 1), features(200, 2), features(200, 3, shift=1.0)
    rng = np.random.default_rng(0)
    equal, apart = kid(x, y, rng=rng, resamples=200), kid(x, z, rng=rng, resamples=200)
    assert equal.low < 0 < equal.high
    assert 0 < apart.low < apart.value < apart.high


def test_kid_interval_is_over_images_not_patches():
    # Ten patches of an image that are nearly copies tell no more than one: intervals over images
    # are wider than those that take every patch for an image.
    base = features(20, 1)
    noise = 0.01 * np.random.default_rng(5).normal(0, 1, (200, 6))
    x = np.repeat(base, 10, axis=0) + noise
    y = np.repeat(features(20, 2), 10, axis=0) + noise
    images = np.repeat(np.arange(20), 10)
    rng = np.random.default_rng(0)
    naive = kid(x, y, rng=rng, resamples=200)
    honest = kid(x, y, measured_images=images, generated_images=images, rng=rng, resamples=200)
    assert honest.high - honest.low > 2 * (naive.high - naive.low)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (np.zeros((1, 3)), np.zeros((5, 3))),
        (np.zeros((5, 3)), np.zeros((5, 4))),
        (np.zeros(5), np.zeros(5)),
        (np.full((5, 3), np.nan), np.zeros((5, 3))),
    ],
)
def test_features_that_do_not_fit_are_refused(x, y):
    with pytest.raises(ValueError, match="Received"):
        frechet_distance(x, y)


def test_patches_of_one_image_have_no_interval():
    x = features(6, 1)
    with pytest.raises(ValueError, match="at least 2 images"):
        kid(x, x, measured_images=[0] * 6, rng=np.random.default_rng(0))


def test_kl_divergence_of_two_known_histograms():
    # Two bins: half the pixels low and half high, against one quarter and three quarters; 64
    # pixels with one count added to each bin: P = (33, 33)/66, Q = (17, 49)/66.
    even = np.repeat([0.0, 1.0], 32).reshape(8, 8)
    odd = np.repeat([0.0, 1.0, 1.0, 1.0], 16).reshape(8, 8)
    p, q = np.array([33, 33]) / 66, np.array([17, 49]) / 66
    assert intensity_kl_divergence([even], [odd], bins=2) == pytest.approx(
        np.sum(p * np.log(p / q))
    )


def test_kl_divergence_ignores_brightness_and_contrast():
    image = np.random.default_rng(0).normal(0, 1, (32, 32))
    assert intensity_kl_divergence([image], [5 * image + 3]) == pytest.approx(0, abs=1e-3)


def test_kl_divergence_needs_images():
    with pytest.raises(ValueError, match="at least one image"):
        intensity_kl_divergence([], [np.eye(4)])
