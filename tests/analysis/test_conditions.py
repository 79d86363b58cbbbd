import json

import numpy as np
import pytest

from stemzoo.analysis.condition_features import FEATURES, ConditionFeatures, find_condition_features
from stemzoo.analysis.conditions import TrainingConditions
from stemzoo.io import Image
from stemzoo.preprocessing import resample
from stemzoo.simulate import find_session, simulate_frame
from stemzoo.simulate.acquisition import afterglow

SAMPLING = 0.2074
NAMES = [feature.name for feature in FEATURES]


@pytest.fixture(scope="module")
def clean():
    """Return a perfect crystal without noise, of variance 1."""
    session = find_session("wse2-noise-free")
    rng = np.random.default_rng(3)
    image = simulate_frame(session, (384, 384), rng=rng, defects={}).image
    return (image - image.mean()) / image.std()


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(4).normal(size=(384, 384))


def described(image, **options):
    options = {"sampling": SAMPLING, **options}
    values = find_condition_features(image, "wse2", SAMPLING, **options).features
    return dict(zip(NAMES, values, strict=True))


def fake(values, area=16.0, scatter=0.0, rng=None):
    """Return a description of 7 x 7 tiles around given features."""
    tiles = np.broadcast_to(values, (7, 7, len(FEATURES)))
    if scatter:
        tiles = tiles + rng.normal(0, scatter, tiles.shape)
    return ConditionFeatures(tiles, area)


def gaussian_conditions(rng, n=50):
    """Return the conditions of correlated Gaussian features, and a function that draws more."""
    mixing = rng.normal(0, 1, (len(FEATURES),) * 2)

    def draw():
        return fake(mixing @ rng.normal(size=len(FEATURES)))

    facts = {"session": "test", "material": "wse2", "sampling": SAMPLING}
    return TrainingConditions.from_descriptions([draw() for _ in range(n)], **facts), draw


def test_brightness_and_contrast_have_no_effect(clean, noise):
    image = clean + 0.5 * noise
    expected, found = described(image), described(300 * image + 5000)
    assert list(found.values()) == pytest.approx(list(expected.values()), abs=1e-3)


def test_turning_an_image_swaps_rows_and_columns_only(clean, noise):
    image = clean + 0.5 * afterglow(noise, 0.5)
    expected, found = described(image), described(np.rot90(image))
    for name in ("second_shell", "fine_shells", "haze", "noise_high", "asymmetry"):
        assert found[name] == pytest.approx(expected[name], abs=0.05)
    assert found["smear_high"] == pytest.approx(-expected["smear_high"], abs=0.02)
    assert found["row_streaks"] == pytest.approx(expected["column_streaks"], abs=0.1)


def test_twice_the_noise_has_four_times_the_power(clean, noise):
    little, much = described(clean + 0.6 * noise), described(clean + 1.2 * noise)
    for name in ("noise_low", "noise_mid", "noise_high"):
        assert much[name] - little[name] == pytest.approx(np.log(4), abs=0.1)
    # White noise has no direction.
    for name in ("smear_mid", "smear_high", "row_streaks", "column_streaks", "jitter"):
        assert much[name] == pytest.approx(0, abs=0.15)


def test_a_slow_detector_smears_noise_along_rows(clean, noise):
    lagging = described(clean + 0.5 * afterglow(noise, 0.5))
    # At (kx, ky) the lag passes abs(1 - s + s (1 - d) / (exp(2πi kx) - d))²; s = d = 1/2: 0.11 to
    # 0.56 for the frequencies beyond 0.25 along x, 1 to 0.5 for those along y.
    assert 0.3 < lagging["smear_high"] < 0.9
    assert lagging["smear_mid"] > 0.2


def test_offset_rows_are_streaks_along_rows(clean, noise):
    offsets = np.random.default_rng(5).normal(0, 0.2, (384, 1))
    found = described(clean + 0.5 * noise + offsets)
    assert found["row_streaks"] > 0.5
    assert found["column_streaks"] == pytest.approx(0, abs=0.15)


def test_shifted_rows_are_jitter(clean, noise):
    shifts = np.random.default_rng(6).normal(0, 1, 384)
    columns = np.arange(384)
    moved = np.array(
        [np.interp(columns - s, columns, row) for s, row in zip(shifts, clean, strict=True)]
    )
    assert described(moved + 0.1 * noise)["jitter"] > 0.5


def test_a_wrong_pixel_size_shows_in_the_spacing(clean, noise):
    found = described(clean + 0.3 * noise, sampling=SAMPLING / 1.04)
    assert found["spacing"] == pytest.approx(np.log(1.04), abs=0.003)
    assert described(clean + 0.3 * noise, sampling=None)["spacing"] == 0


def test_images_are_described_at_one_pixel_size():
    session = find_session("wse2-dayA")
    image = simulate_frame(session, (512, 512), rng=np.random.default_rng(7)).image
    finer = resample(image, SAMPLING, SAMPLING / 1.6)
    expected, found = described(image), described(finer, sampling=SAMPLING / 1.6)
    for name in ("second_shell", "haze", "clumps", "noise_low", "asymmetry", "smear_mid"):
        assert found[name] == pytest.approx(expected[name], abs=0.15)


def test_parts_of_a_frame_have_its_features_on_average():
    session = find_session("wse2-dayB")
    image = simulate_frame(session, (512, 512), rng=np.random.default_rng(8)).image
    whole = find_condition_features(image, "wse2", SAMPLING, sampling=SAMPLING)
    parts = [
        find_condition_features(
            image[r : r + 256, c : c + 256], "wse2", SAMPLING, sampling=SAMPLING
        )
        for r in (0, 256)
        for c in (0, 256)
    ]
    assert whole.area == pytest.approx(4)
    assert [part.area for part in parts] == pytest.approx([1] * 4)
    mean = np.mean([part.features for part in parts], axis=0)
    tolerances = np.array([feature.tolerance for feature in FEATURES])
    assert (abs(mean - whole.features) < 1.5 * tolerances).all()


def test_an_image_without_the_lattice_is_infinitely_far(noise):
    found = find_condition_features(noise, "wse2", SAMPLING, sampling=SAMPLING)
    assert not found.has_lattice
    conditions, _ = gaussian_conditions(np.random.default_rng(0))
    assert conditions.distance(found) == (np.inf, 0.0)
    assert conditions.log_density(found) == -np.inf


def test_too_small_an_image_and_an_absurd_pixel_size_are_refused(clean):
    with pytest.raises(ValueError, match="at least 128 px a side"):
        described(clean[:120, :120])
    with pytest.raises(ValueError, match="sampling above 0"):
        described(clean, sampling=-1.0)
    with pytest.raises(KeyError, match="Unknown material"):
        find_condition_features(clean, "wse3", SAMPLING)


def test_p_values_of_unseen_frames_are_uniform():
    rng = np.random.default_rng(1)
    shares = []
    for _ in range(4):
        conditions, draw = gaussian_conditions(rng)
        p = np.array([conditions.distance(draw())[1] for _ in range(250)])
        shares.append([np.mean(p < limit) for limit in (0.01, 0.1, 0.5)])
    # Of 1000 frames, 3.6 and 10 standard deviations.
    small, tenth, half = np.mean(shares, axis=0)
    assert small <= 0.02
    assert tenth == pytest.approx(0.1, abs=0.04)
    assert half == pytest.approx(0.5, abs=0.1)


def test_a_typical_frame_has_distance_one_and_one_far_off_a_small_p():
    rng = np.random.default_rng(2)
    conditions, draw = gaussian_conditions(rng)
    distances = [conditions.distance(draw())[0] for _ in range(100)]
    assert np.median(distances) == pytest.approx(1, abs=0.15)
    distance, p = conditions.distance(fake(conditions.mean + 30))
    assert distance > 5
    assert p < 1e-4


def test_smaller_images_may_scatter_more():
    rng = np.random.default_rng(3)
    frames = [fake(rng.normal(size=len(FEATURES)), scatter=2.0, rng=rng) for _ in range(30)]
    conditions = TrainingConditions.from_descriptions(
        frames, session="test", material="wse2", sampling=SAMPLING
    )
    odd = conditions.mean + 4
    (far, small_p), (near, large_p) = (
        conditions.distance(fake(odd, area=area)) for area in (16.0, 1.0)
    )
    assert near < far
    assert large_p > small_p
    assert conditions.distance(fake(odd, area=64.0)) == (far, small_p)


def test_frames_may_state_their_own_pixel_size():
    session = find_session("wse2-dayA")
    drawn = [simulate_frame(session, (192, 192), rng=np.random.default_rng(i)) for i in range(13)]
    frames = [Image(frame.image, frame.sampling) for frame in drawn]
    conditions = TrainingConditions.from_frames(
        frames, session="wse2-dayA", material="WSe2", sampling=SAMPLING
    )
    assert (conditions.material, conditions.frames) == ("wse2", 13)
    assert conditions.mean[0] == pytest.approx(0, abs=0.01)
    with pytest.raises(ValueError, match="12 or more frames .* Received: 3"):
        TrainingConditions.from_frames(
            frames[:3], session="wse2-dayA", material="wse2", sampling=SAMPLING
        )


def test_json_keeps_distances_and_one_line_a_row():
    conditions, draw = gaussian_conditions(np.random.default_rng(5))
    text = conditions.to_json()
    again = TrainingConditions.from_json(text)
    one = draw()
    assert again.distance(one) == pytest.approx(conditions.distance(one), rel=1e-3)
    assert again.to_json() == text
    assert list(json.loads(text)["mean"]) == NAMES
    # Facts, means, and one line a row of two matrices.
    assert len(text.splitlines()) < 20 + 3 * len(FEATURES)


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.update(format=99),
        lambda content: content["mean"].pop("haze"),
        lambda content: content["covariance"].pop(),
        lambda content: content.pop("session"),
        lambda content: content.update(session="red \x1b[31m"),
        lambda content: content.update(session=["wse2-dayA"]),
        lambda content: content.update(material="unobtainium"),
        lambda content: content.update(frames=3, leave_one_out=[1, 2, 3]),
        lambda content: content.update(frames="50"),
        lambda content: content.update(frames=50.0),
        lambda content: content.update(area=0.0),
        lambda content: content.update(sampling=float("nan")),
        lambda content: content["mean"].update(haze=float("inf")),
        lambda content: content["mean"].update(haze="much"),
        lambda content: content["covariance"][0].__setitem__(1, 5.0),
        lambda content: content["covariance"][0].__setitem__(0, -1.0),
        lambda content: content["within"][3].__setitem__(3, -1.0),
        lambda content: content.update(leave_one_out=[1.0] * 50),
        lambda content: content["leave_one_out"].__setitem__(0, 0.0),
        lambda content: content.update(more=1),
    ],
)
def test_other_or_damaged_json_is_refused(change):
    conditions, _ = gaussian_conditions(np.random.default_rng(6))
    content = json.loads(conditions.to_json())
    change(content)
    with pytest.raises(ValueError, match="Expected the conditions of weights in format 1"):
        TrainingConditions.from_json(json.dumps(content))


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b" " * (1 << 20) + b"{}"]
)
def test_a_file_that_holds_something_else_is_one_line(tmp_path, text):
    path = tmp_path / "conditions.json"
    path.write_bytes(text)
    with pytest.raises(ValueError, match="conditions.json: ") as caught:
        TrainingConditions.read(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_conditions_of_a_training_are_none_for_too_few_frames():
    frames = [np.zeros((128, 128), dtype=np.float32)] * 3
    found = TrainingConditions.from_training(frames, session="x", material="wse2", sampling=0.2074)
    assert found is None
