import numpy as np
import pytest

from stemzoo.metrics.distribution import frechet_distance
from stemzoo.metrics.features import FeatureSet, extract_features
from stemzoo.metrics.fid import fid, frechet_result
from stemzoo.simulate import find_session, simulate_session


def feature_set(values, images=None, extractor="inception-v3", protocol="standard", patch=256):
    images = np.arange(len(values)) if images is None else np.asarray(images)
    return FeatureSet(np.asarray(values, float), images, extractor, protocol, patch)


@pytest.mark.parametrize(
    ("extractor", "protocol", "name"),
    [
        ("inception-v3", "standard", "FID"),
        ("inception-v3", "khan2023", "FID (Khan 2023 protocol)"),
        ("efficientnet-lite0", "standard", "Fréchet distance (EfficientNet-Lite0)"),
        (
            "efficientnet-lite0",
            "khan2023",
            "Fréchet distance (EfficientNet-Lite0, Khan 2023 protocol)",
        ),
        ("moments", "standard", "Fréchet distance (moments)"),
    ],
)
def test_only_the_standard_fid_is_called_so(extractor, protocol, name):
    x = feature_set([[0.0], [2.0]], extractor=extractor, protocol=protocol)
    y = feature_set([[3.0], [5.0]], extractor=extractor, protocol=protocol)
    found = frechet_result(x, y)
    # Equal deviations, means 3 apart.
    assert found.value == pytest.approx(9)
    assert found.name == name


def test_both_sets_count_with_equally_many_patches_from_all_images():
    rng = np.random.default_rng(0)
    small, large = rng.normal(size=(4, 2)), rng.normal(size=(9, 2))
    # Images of 4, 2 and 3 patches: the first of each, then the second of the first.
    taken = large[[0, 4, 6, 1]]
    images = [5, 5, 5, 5, 7, 7, 8, 8, 8]
    found = frechet_result(feature_set(small), feature_set(large, images))
    assert found.value == pytest.approx(frechet_distance(small, taken))
    assert (found.n_patches, found.n_measured, found.n_generated) == (4, 4, 9)
    turned = frechet_result(feature_set(large, images), feature_set(small))
    assert turned.value == pytest.approx(found.value)
    assert (turned.n_patches, turned.n_measured, turned.n_generated) == (4, 9, 4)


@pytest.mark.parametrize(
    "other", [{"extractor": "efficientnet-lite0"}, {"protocol": "khan2023"}, {"patch": 128}]
)
def test_sets_made_in_different_ways_are_refused(other):
    x = np.arange(4.0)[:, None]
    with pytest.raises(ValueError, match="one extractor, protocol and patch size"):
        frechet_result(feature_set(x), feature_set(x, **other))


def test_fid_of_images_is_that_of_their_features():
    def moments(patches):
        return np.stack([patches.mean((1, 2, 3)), patches.std((1, 2, 3))], axis=1)

    rng = np.random.default_rng(0)
    x, y = ([rng.normal(size=(64, 64)) for _ in range(2)] for _ in range(2))
    options = {"protocol": "khan2023", "patch": 32}
    found = fid(x, y, extractor=moments, **options)
    parts = [extract_features(images, moments, **options) for images in (x, y)]
    assert found == frechet_result(*parts)
    assert found.n_patches == 8


def test_a_simulation_without_noise_is_further_from_a_session_than_the_session_from_itself():
    def images(name, seed):
        frames = simulate_session(find_session(name), 3, (256, 256), seed=seed)
        return extract_features((frame.image for frame in frames), patch=128)

    measured = images("wse2-dayB", 1)
    near = frechet_result(measured, images("wse2-dayB", 2))
    far = frechet_result(measured, images("wse2-noise-free", 2))
    assert far.n_patches == 12
    assert far.value > 2 * near.value
