import numpy as np
import pytest

from stemzoo.metrics import two_sample
from stemzoo.metrics.two_sample import two_sample_test
from stemzoo.simulate import find_session, simulate_session


def session(name, seed):
    frames = simulate_session(find_session(name), 6, (128, 128), seed=seed)
    return [frame.image for frame in frames]


@pytest.fixture(scope="module")
def day_b():
    return session("wse2-dayB", 1)


def test_simulations_without_noise_are_told_from_a_session(day_b):
    rng = np.random.default_rng(0)
    clean = session("wse2-noise-free", 1)
    found = two_sample_test(day_b, clean, steps=60, folds=2, rng=rng)
    assert found.accuracy > 0.95
    assert found.low > 0.9
    assert (found.n_images, found.n_patches) == (12, 48)


def test_a_session_is_not_told_from_itself(day_b):
    rng = np.random.default_rng(0)
    found = two_sample_test(day_b, session("wse2-dayB", 2), steps=60, folds=2, rng=rng)
    assert found.low <= 0.5 <= found.high


def test_the_same_rng_gives_the_same_result():
    images = list(np.random.default_rng(0).normal(size=(8, 64, 64)))
    results = [
        two_sample_test(
            images[:4], images[4:], patch=16, steps=3, folds=2, rng=np.random.default_rng(seed)
        )
        for seed in (0, 0, 1)
    ]
    assert results[0] == results[1] != results[2]


def test_the_order_of_axes_in_keras_json_changes_nothing(request):
    images = list(np.random.default_rng(0).normal(size=(8, 64, 64)))

    def test():
        options = {"patch": 16, "steps": 3, "folds": 2, "rng": np.random.default_rng(0)}
        return two_sample_test(images[:4], images[4:], **options)

    usual = test()
    request.getfixturevalue("channels_first")
    assert test() == usual


def test_no_image_is_both_trained_on_and_tested_and_neighbours_stay_together(monkeypatch):
    # Images are known by their width.
    rng = np.random.default_rng(0)
    images = [rng.normal(size=(64, 64 + k)) for k in range(10)]
    trained, tested = [], []

    def train(model, sets, patch, steps, rng):
        trained.append([image.shape[1] - 64 for images in sets for image in images])
        tested.append([])

    def classify(model, patches):
        tested[-1].append(patches.shape[2] - 64)
        return np.ones(len(patches))

    monkeypatch.setattr(two_sample, "_train", train)
    monkeypatch.setattr(two_sample, "_classify", classify)
    monkeypatch.setattr(two_sample, "split_into_patches", lambda image, patch: image[None])
    found = two_sample_test(images[:6], images[6:], folds=2, rng=rng)
    assert trained == [[3, 4, 5, 8, 9], [0, 1, 2, 6, 7]]
    assert tested == trained[::-1]
    # All called generated: half of the answers are right whatever the images.
    assert (found.accuracy, found.low, found.high) == (0.5, 0.5, 0.5)


def test_the_interval_is_over_images():
    # Three images always recognised, three never: accuracies of resampled images are binomial,
    # k / 6 with a standard deviation of 0.2; the other set, always recognised, halves it.
    recognised = [np.array([1.0, 1, 1, 0, 0, 0]), np.ones(4)]
    found = two_sample._bootstrap(recognised, np.random.default_rng(0))
    assert found.mean() == pytest.approx(0.75, abs=0.01)
    assert found.std() == pytest.approx(np.sqrt(0.25 / 6) / 2, rel=0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patch": 8}, "Received: patch=8, steps=1, folds=2"),
        ({"steps": 0}, "Received: patch=64, steps=0, folds=2"),
        ({"folds": 1}, "Received: patch=64, steps=1, folds=1"),
        ({"folds": 4}, "at least 4 images in each set.*3 measured, 3 generated"),
        ({"patch": 128}, "Patches of 128 px need images of at least"),
    ],
)
def test_impossible_settings_are_refused(options, message):
    images = list(np.random.default_rng(0).normal(size=(3, 64, 64)))
    options = {"steps": 1, "folds": 2, **options}
    with pytest.raises(ValueError, match=message):
        two_sample_test(images, images, rng=np.random.default_rng(0), **options)


def test_an_unusable_image_is_named():
    images = list(np.random.default_rng(0).normal(size=(3, 64, 64)))
    with pytest.raises(ValueError, match="Generated image 1: expected an image with contrast"):
        two_sample_test(
            images, [images[0], np.ones((64, 64)), images[2]], rng=np.random.default_rng(0)
        )
