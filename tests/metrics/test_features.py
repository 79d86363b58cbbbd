import numpy as np
import pytest

from stemzoo.metrics import efficientnet, features
from stemzoo.metrics.features import extract_features, split_into_patches
from stemzoo.preprocessing import rescale


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(5, 2, shape)


def means(patches):
    return patches.mean((1, 2))


def test_patches_do_not_overlap_and_go_row_by_row():
    image = np.arange(7 * 9).reshape(7, 9)
    found = split_into_patches(image, 3)
    assert found.shape == (6, 3, 3)
    np.testing.assert_array_equal(found[1], image[:3, 3:6])
    np.testing.assert_array_equal(found[3], image[3:6, :3])


def test_patches_know_their_image_and_batches_are_small():
    sizes = []

    def count(patches):
        sizes.append(len(patches))
        return patches[:, 0, 0]

    images = [noise(64, 64), noise(96, 200), noise(160, 160)]
    found = extract_features(iter(images), count, patch=32)
    # 2 x 2, 3 x 6 and 5 x 5 patches.
    assert np.bincount(found.images).tolist() == [4, 18, 25]
    assert sizes == [16, 16, 15]
    assert found.values.dtype == np.float64
    expected = split_into_patches(rescale(images[1]), 32)[:, 0, 0]
    np.testing.assert_array_equal(found.values[4:22, 1], expected)
    assert (found.extractor, found.protocol, found.patch) == ("count", "standard", 32)


def test_the_whole_image_is_scaled_not_each_patch():
    image = noise(64, 128)
    image[:, 64:] += 3
    found = extract_features([image], means, patch=64).values
    np.testing.assert_allclose(found, found[:, :1] * np.ones(3))
    assert found[1, 0] - found[0, 0] == pytest.approx(3 / (3.5 * image.std()), abs=0.03)


def test_brightness_and_contrast_do_not_matter():
    image = noise(64, 64)
    one, other = (extract_features([x], means, patch=64).values for x in (image, 7 * image - 20))
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_the_protocol_of_the_paper_has_image_spectrum_and_zeros():
    def keep(patches):
        return patches.reshape(len(patches), -1)

    # One period in 8 px: power in the middle row, 8 bins left and right of the middle.
    image = np.tile(np.sin(2 * np.pi * np.arange(64) / 8), (64, 1))
    found = extract_features([image], keep, protocol="khan2023", patch=64)
    grey, spectrum, zero = np.moveaxis(found.values.reshape(64, 64, 3), -1, 0)
    np.testing.assert_allclose(grey, rescale(image))
    amplitude = 1 / (3.5 * np.sqrt(0.5))
    # abs(FT)² of a sine without normalisation: (amplitude · 64² / 2)².
    peak = 2 * np.log10(amplitude * 64**2 / 2)
    assert spectrum[32, [24, 40]] == pytest.approx([peak, peak], abs=1e-5)
    assert (np.delete(spectrum.ravel(), [32 * 64 + 24, 32 * 64 + 40]) < -5).all()
    assert spectrum.min() == -12
    assert not zero.any()


def test_efficientnet_sees_intensities_from_0_to_255_in_its_own_size(monkeypatch):
    seen = []

    class Network:
        def predict_on_batch(self, inputs):
            seen.append(inputs)
            return inputs.mean((1, 2))

    monkeypatch.setattr(features, "_load", {"efficientnet-lite0": Network()}.get)
    image = noise(128, 128)
    found = extract_features([image], patch=64)
    assert seen[0].shape == (16, 224, 224, 3)  # filled up
    assert found.values.shape == (4, 3)
    # (127.5 (x + 1) - 127) / 128, and the mean survives the change of size.
    expected = (127.5 * (split_into_patches(rescale(image), 64).mean((1, 2)) + 1) - 127) / 128
    np.testing.assert_allclose(found.values[:, 0], expected, atol=2e-3)


@pytest.mark.parametrize(
    ("protocol", "size", "expected"),
    [
        ("standard", 299, lambda x: x),  # 127.5 (x + 1) / 127.5 - 1
        ("khan2023", 96, lambda x: x / 127.5 - 1),  # as it is
    ],
)
def test_inception_sees_what_the_protocol_says(monkeypatch, protocol, size, expected):
    seen = []

    class Network:
        def predict_on_batch(self, inputs):
            seen.append(inputs)
            return inputs.mean((1, 2))

    monkeypatch.setattr(features, "_load", {"inception-v3": Network()}.get)
    image = noise(96, 96)
    found = extract_features([image], "inception-v3", protocol=protocol, patch=96)
    assert seen[0].shape == (16, size, size, 3)
    assert found.values[0, 0] == pytest.approx(expected(rescale(image).mean()), abs=1e-3)


def test_inception_is_scaled_as_keras_does():
    from keras.applications.inception_v3 import preprocess_input

    x = np.linspace(0, 255, 12).reshape(1, 2, 2, 3)
    np.testing.assert_allclose(preprocess_input(x.copy()), x / 127.5 - 1)


def test_without_network_inception_names_the_other_extractor(monkeypatch):
    import keras

    def unreachable(**options):
        assert options == {"include_top": False, "pooling": "avg", "weights": "imagenet"}
        raise Exception("URL fetch failure on https://...:\nNone")

    monkeypatch.setattr(keras.applications, "InceptionV3", unreachable)
    message = r'extractor="efficientnet-lite0"\. Received: URL fetch failure on .* None$'
    with pytest.raises(ConnectionError, match=message):
        extract_features([noise(96, 96)], "inception-v3", patch=96)


@pytest.mark.usefixtures("channels_first")
def test_inception_says_which_order_of_axes_it_needs():
    with pytest.raises(ValueError, match="channels_last in keras.json. Received: channels_first"):
        extract_features([noise(96, 96)], "inception-v3", patch=96)


def test_efficientnet_features_are_the_same_alone_and_in_company():
    images = [noise(64, 64, seed=seed) for seed in range(3)]
    together = extract_features(images, patch=64)
    assert together.values.shape == (3, 1280)
    alone = extract_features(images[2:], patch=64)
    np.testing.assert_allclose(alone.values[0], together.values[2], atol=1e-4)


def test_the_networks_are_not_asked_before_the_names_are_checked(monkeypatch):
    monkeypatch.setattr(efficientnet, "efficientnet_lite0", pytest.fail)
    with pytest.raises(ValueError, match="protocol of .*khan2023.*Received: 'paper'"):
        extract_features([noise(64, 64)], protocol="paper")
    with pytest.raises(ValueError, match="extractor of .*inception-v3.*Received: 'vgg'"):
        extract_features([noise(64, 64)], "vgg")
    with pytest.raises(ValueError, match="at least 75 px. Received: patch=64"):
        extract_features([noise(64, 64)], "inception-v3", protocol="khan2023", patch=64)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([noise(64, 300)], "at least 96 x 96 px; choose a smaller patch. .* 64 x 300 px"),
        ([], "at least one image. Received: none"),
        (noise(96, 96), "Image 0: expected a 2-D image"),
        ([noise(96, 96), np.full((96, 96), np.nan)], "Image 1: expected finite"),
    ],
)
def test_unusable_images_are_refused(images, message):
    with pytest.raises(ValueError, match=message):
        extract_features(images, means, patch=96)


def test_an_extractor_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"shape \(1, F\) of mean. Received: \(\)"):
        extract_features([noise(64, 64)], np.mean, patch=64)
