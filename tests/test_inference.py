import warnings
from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy import ndimage

from stemzoo import inference
from stemzoo.inference import Detections, detect, find_defects, find_points, predict_tiled
from stemzoo.io import Image
from stemzoo.matching import check_conditions
from stemzoo.metrics.detection import DetectionScore, score_detections
from stemzoo.models import DefectFCN
from stemzoo.preprocessing import dihedral, rescale
from stemzoo.simulate.dataset import simulate_frame, simulate_session
from stemzoo.simulate.named_sessions import find_session
from stemzoo.simulate.noise_models import noise_free

ZOO_SAMPLING = 0.2074


@dataclass
class Brightness:
    """Stands for a network: the probability of a defect is the brightness above the mean."""

    stride: int = 4
    context: int = 8
    sampling: float = ZOO_SAMPLING
    classes: tuple = ("bright",)
    material: str | None = None
    name: str = "brightness"
    prepare = staticmethod(rescale)

    def predict_on_batch(self, batch):
        assert batch.dtype == np.float32
        assert batch.ndim == 4
        assert not any(n % self.stride for n in batch.shape[1:3])
        defect = np.clip(batch, 0, 1)
        return np.concatenate([1 - defect, defect], axis=-1)


class Blur(Brightness):
    """Sees exactly its context, and zeros outside of what it is given, as a network does."""

    def predict_on_batch(self, batch):
        self.windows = [*getattr(self, "windows", []), batch.shape[1:3]]
        size = 2 * self.context + 1
        mean = ndimage.uniform_filter(batch.astype(float), (1, size, size, 1), mode="constant")
        return np.concatenate([1 - mean, mean], axis=-1)


def noise(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


# predict_tiled


@pytest.mark.parametrize(
    "shape", [(64, 64), (65, 131), (200, 77), (73, 300), (256, 256), (1, 50), (333, 334)]
)
@pytest.mark.parametrize("stride", [1, 4, 8])
def test_every_pixel_is_answered_by_a_window_that_sees_its_surroundings(shape, stride):
    model = Blur(stride=stride, context=11)
    image = noise(shape)
    tiled = predict_tiled(model, image, window=40)
    assert len(model.windows) > 1 or max(shape) < 70
    whole = predict_tiled(model, image, window=1000)
    assert tiled.shape == (*shape, 2)
    assert tiled.dtype == np.float32
    assert tiled == pytest.approx(whole, abs=1e-5)


def test_windows_are_no_larger_than_asked_for():
    model = Blur(stride=8, context=11)
    predict_tiled(model, noise((300, 500)), window=100)
    assert max(map(max, model.windows)) <= 100
    # Of one size, so that the network is compiled once.
    assert len(set(model.windows)) == 1


@pytest.mark.parametrize("stride", [2, 8, 16])
@pytest.mark.parametrize("margin", [0, 1, 3])
@pytest.mark.parametrize("extra", [0, 1, 5])
def test_seams_keep_their_distance_from_the_ends_of_windows(stride, margin, extra):
    margin = margin * stride
    window = max(3 * margin, stride) + extra * stride
    for length in range(stride, 12 * window, stride):
        windows = inference._windows(length, window, margin, stride)
        assert windows[0][1] == 0
        assert windows[-1][2] == length
        for (start, first, last), following in zip(windows, [*windows[1:], None], strict=True):
            end = min(start + window, length)
            assert start % stride == 0
            assert start + window <= length or len(windows) == 1
            assert first == 0 or first - start >= margin
            assert last == length or end - last >= margin
            assert following is None or following[1] == last


@pytest.mark.parametrize("shape", [(64, 64), (65, 131), (200, 77), (301, 222)])
def test_windows_do_not_change_what_a_network_says(tiny_model, shape):
    image = rescale(noise(shape))
    whole = predict_tiled(tiny_model, image, window=1000)
    assert whole.shape == (*shape, 3)
    assert whole.sum(-1) == pytest.approx(1, abs=1e-5)
    # 72 px is the smallest window for a context of 23 px.
    assert predict_tiled(tiny_model, image, window=1) == pytest.approx(whole, abs=1e-5)


def shifted_difference(model, image, window, shift):
    """Largest change when half a window is cut off, further from the cut than the context."""
    whole = predict_tiled(model, image, window=window)[shift:, shift:]
    cut = predict_tiled(model, image[shift:, shift:], window=window)
    return abs(whole - cut)[model.context :, model.context :].max()


def test_probabilities_do_not_depend_on_where_the_windows_fall(tiny_model):
    assert tiny_model.predict_on_batch(noise((1, 64, 64, 1))).std(axis=(1, 2)).min() > 1e-3
    assert shifted_difference(tiny_model, rescale(noise((250, 310))), 72, 36) < 1e-5


def test_probabilities_of_the_detector_do_not_depend_on_where_the_windows_fall(detector, frames):
    image = rescale(frames[0].image)
    assert shifted_difference(detector, image, 168, 80) < 1e-4


def test_a_perturbation_reaches_as_far_as_the_context_and_no_further(tiny_model):
    image = noise((160, 160)) * 0.1
    changed = image.copy()
    changed[80, 80] = 5.0
    moved = abs(predict_tiled(tiny_model, changed) - predict_tiled(tiny_model, image)).max(-1)
    rows, columns = np.nonzero(moved > 1e-7)
    reach = max(abs(rows - 80).max(), abs(columns - 80).max())
    assert tiny_model.context / 2 < reach <= tiny_model.context


def test_averaging_is_the_mean_over_eight_orientations(tiny_model):
    image = rescale(noise((66, 90)))
    # Turned and turned back with numpy's own functions.
    total = 0
    for turns in range(4):
        result = predict_tiled(tiny_model, np.rot90(image, turns).copy())
        total = total + np.rot90(result, -turns)
        result = predict_tiled(tiny_model, np.rot90(image.T, turns).copy())
        total = total + np.rot90(result, -turns).swapaxes(0, 1)
    averaged = predict_tiled(tiny_model, image, tta=True)
    assert averaged == pytest.approx(total / 8, abs=1e-5)
    assert abs(averaged - predict_tiled(tiny_model, image)).max() > 1e-3


@pytest.mark.parametrize("index", range(1, 8))
def test_averaged_probabilities_turn_with_the_image(tiny_model, index):
    image = rescale(noise((66, 90)))
    turned = predict_tiled(tiny_model, dihedral(image, index).copy(), tta=True)
    expected = dihedral(predict_tiled(tiny_model, image, tta=True), index)
    assert turned == pytest.approx(expected, abs=1e-5)


# find_points


def disc_map(centres, shape=(80, 90), radius=3.5, value=1.0):
    """Probabilities of discs with soft edges, as a trained network draws them: 3.5 px radius."""
    y, x = np.indices(shape)
    channels = np.zeros((*shape, 1 + len(centres)), np.float32)
    for k, points in enumerate(centres):
        for row, column in points:
            distance = np.hypot(y - row, x - column)
            disc = value * np.clip(radius + 0.5 - distance, 0, 1)
            channels[..., k + 1] = np.maximum(channels[..., k + 1], disc)
    channels[..., 0] = 1 - channels[..., 1:].sum(-1)
    return channels


def test_a_disc_is_found_at_its_centre_to_a_tenth_of_a_pixel():
    for row, column in np.random.default_rng(0).uniform(30, 50, (50, 2)):
        positions, classes, scores = find_points(disc_map([[(row, column)]]), ZOO_SAMPLING, 0.5)
        assert positions == pytest.approx(np.array([[row, column]]), abs=0.1)
        assert classes.tolist() == [0]
        assert scores[0] == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("at", [(0, 0), (79, 89), (0, 45), (40, 0)])
def test_a_disc_at_the_edge_is_found(at):
    positions, _, scores = find_points(disc_map([[at]]), ZOO_SAMPLING, 0.5)
    assert abs(positions - at).max() < 2.5
    assert scores == pytest.approx([1], abs=0.02)


@pytest.mark.parametrize("distance", [8.0, 9.2, 13.7])
@pytest.mark.parametrize("angle", [0, 30, 45])
def test_two_discs_that_do_not_overlap_are_two_points(distance, angle):
    step = distance * np.array([np.sin(np.radians(angle)), np.cos(np.radians(angle))])
    centres = np.array([(30.2, 30.4), (30.2, 30.4) + step])
    positions, _, _ = find_points(disc_map([centres]), ZOO_SAMPLING, 0.5)
    positions = positions[np.argsort(positions[:, 1])]
    assert positions == pytest.approx(centres, abs=0.25)


def test_maxima_closer_than_the_smallest_distance_are_one_point():
    # 1 Å is 4.8 px.
    ridge = disc_map([[(30, 30), (30, 34)]], radius=1.0)
    positions, _, _ = find_points(ridge, ZOO_SAMPLING, 0.2)
    assert positions == pytest.approx(np.array([[30, 32]]), abs=0.1)


def test_a_plateau_is_one_point_in_its_middle():
    flat = np.zeros((60, 60, 2), np.float32)
    flat[20:35, 20:35, 1] = 0.75
    flat[..., 0] = 1 - flat[..., 1]
    positions, _, scores = find_points(flat, ZOO_SAMPLING, 0.5)
    assert positions == pytest.approx(np.array([[27, 27]]), abs=0.1)
    assert scores == pytest.approx([0.75])


def test_scores_are_mean_probabilities_and_the_threshold_cuts_them():
    weak, strong = disc_map([[(20, 20)]], value=0.4), disc_map([[(60, 60)]], value=0.8)
    both = weak + strong - [1, 0]
    assert find_points(both, ZOO_SAMPLING, 0.9)[0].shape == (0, 2)
    positions, _, scores = find_points(both, ZOO_SAMPLING, 0.5)
    assert positions == pytest.approx(np.array([[60, 60]]))
    assert scores == pytest.approx([0.8])
    # The most certain first.
    positions, _, scores = find_points(both, ZOO_SAMPLING, 0.3)
    assert positions == pytest.approx(np.array([[60, 60], [20, 20]]))
    assert scores == pytest.approx([0.8, 0.4])


@pytest.mark.parametrize("threshold", [0.0, 0.5, 1.0])
def test_an_empty_map_has_no_points(threshold):
    positions, classes, scores = find_points(disc_map([[]]), ZOO_SAMPLING, threshold)
    assert positions.shape == (0, 2)
    assert len(classes) == len(scores) == 0


def test_a_threshold_of_zero_reports_only_what_is_there():
    positions, _, _ = find_points(disc_map([[(40, 40)]]), ZOO_SAMPLING, 0.0)
    assert positions == pytest.approx(np.array([[40, 40]]))


def test_the_most_probable_class_is_chosen():
    three = disc_map([[(20, 20)], [(20, 60)], [(60, 20)]])
    positions, classes, _ = find_points(three, ZOO_SAMPLING, 0.5)
    assert {tuple(np.rint(p)): k for p, k in zip(positions, classes.tolist(), strict=True)} == {
        (20, 20): 0,
        (20, 60): 1,
        (60, 20): 2,
    }
    mixed = disc_map([[(20, 20)], [(20, 20)]], value=0.5)
    mixed[..., 1] *= 0.6
    mixed[..., 0] = 1 - mixed[..., 1:].sum(-1)
    _, classes, scores = find_points(mixed, ZOO_SAMPLING, 0.4)
    assert classes.tolist() == [1]
    assert scores == pytest.approx([0.5])


def test_the_radius_follows_the_pixel_size():
    # A disc of 0.73 Å radius at half the pixel size.
    fine = disc_map([[(40.3, 40.6)]], radius=7.0)
    positions, _, scores = find_points(fine, ZOO_SAMPLING / 2, 0.5)
    assert positions == pytest.approx(np.array([[40.3, 40.6]]), abs=0.1)
    assert scores == pytest.approx([1], abs=0.01)


def test_scores_of_noise_lie_between_zero_and_one():
    random = np.random.default_rng(0).random((100, 100, 3)).astype(np.float32)
    random /= random.sum(-1, keepdims=True)
    positions, classes, scores = find_points(random, ZOO_SAMPLING, 0.0)
    assert len(positions) == len(classes) == len(scores) > 10
    assert ((scores >= 0) & (scores <= 1)).all()
    assert (np.diff(scores) <= 0).all()
    assert ((positions >= 0) & (positions <= 99)).all()


# detect

# Rows and columns [Å]; 6.2 Å from the edges and more.
SPOTS = np.array([(10.3, 6.2), (11.1, 30.7), (25.0, 18.4), (39.7, 33.3), (7.0, 39.9)])


def spots(sampling, edge=48.0):
    """Image of 48 x 48 Å² with bright spots of 0.3 Å standard deviation."""
    n = int(edge / sampling)
    y, x = np.indices((n, n)) * sampling
    image = np.zeros((n, n))
    for row, column in SPOTS:
        image += np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * 0.3**2))
    return image


def by_row(points):
    return points[np.argsort(points[:, 0])]


@pytest.mark.parametrize("sampling", [0.05, 0.1, 0.15, 0.2, 0.2074, 0.20745, 0.3, 0.4])
def test_positions_are_in_pixels_of_the_input_and_in_nanometres(sampling):
    found = detect(spots(sampling), Brightness(), sampling=sampling, threshold=0.3)
    # A tenth of a pixel of the network.
    assert by_row(found.positions) == pytest.approx(by_row(SPOTS) / sampling, abs=0.02 / sampling)
    xy = by_row(SPOTS)[:, ::-1] / 10
    assert by_row(found.positions_nm[:, ::-1])[:, ::-1] == pytest.approx(xy, abs=0.002)
    assert found.sampling == sampling
    assert found.shape == spots(sampling).shape
    assert found.classes == ("bright",) * 5


def test_pixel_sizes_almost_those_of_the_network_do_not_shift_points_in_large_images():
    image = np.zeros((64, 2000))
    image[30:35, 1950:1955] = 1
    found = detect(image, Brightness(), sampling=ZOO_SAMPLING * 1.0005, threshold=0.1)
    assert found.positions == pytest.approx(np.array([[32, 1952]]), abs=0.2)


def test_detections_know_how_they_were_made():
    found = detect(spots(0.2), Brightness(), sampling=0.2, threshold=0.25, tta=True)
    assert found.details["model"] == "brightness"
    assert found.details["threshold"] == 0.25
    assert found.details["tta"] is True
    assert len(found) == 5
    assert found.counts() == {"bright": 5}
    row, column, x, y, name, score = found.rows()[0]
    assert (x, y) == pytest.approx((column * 0.02, row * 0.02), abs=1e-3)
    assert name == "bright"
    assert 0.25 <= score <= 1
    assert len(inference.COLUMNS) == 6


def test_detections_are_selected_by_class_and_score():
    points, scores = np.arange(8.0).reshape(4, 2), np.array([0.9, 0.8, 0.6, 0.5])
    found = Detections(points, ("a", "b", "a", "b"), scores, 0.2, "given", (64, 64))
    assert found.select("a").positions.tolist() == [[0, 1], [4, 5]]
    assert found.select(threshold=0.7).classes == ("a", "b")
    assert found.select("b", 0.7).scores.tolist() == [0.8]
    assert len(found.select("c")) == 0
    assert found.select("c").positions.shape == (0, 2)
    assert found.counts() == {"a": 2, "b": 2}


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32, np.float64, ">u2"])
def test_any_data_type_gives_the_same_points_and_is_left_alone(dtype):
    image = (spots(ZOO_SAMPLING) * 200 + 20).astype(dtype)
    copy = image.copy()
    image.setflags(write=False)
    found = detect(image, Brightness(), sampling=ZOO_SAMPLING, threshold=0.3)
    assert by_row(found.positions) == pytest.approx(by_row(SPOTS) / ZOO_SAMPLING, abs=0.1)
    assert image.dtype == copy.dtype
    assert (image == copy).all()


def test_an_image_of_another_layout_gives_the_same_points():
    image = spots(0.2)
    expected = detect(image, Brightness(), sampling=0.2, threshold=0.3).positions
    for same in (np.asfortranarray(image), np.repeat(image, 2, 1)[:, ::2], image.tolist()):
        assert (detect(same, Brightness(), sampling=0.2, threshold=0.3).positions == expected).all()


@pytest.fixture(scope="module")
def crystal():
    """Clean WSe2 at the pixel size of the network, 53 Å wide."""
    session = replace(noise_free(find_session("wse2-randomised")), sampling=ZOO_SAMPLING)
    return simulate_frame(session, (256, 256), rng=np.random.default_rng(0)).image


CRYSTAL_MODEL = Brightness(material="wse2")


def test_the_pixel_size_is_measured_from_the_lattice_when_none_is_stated(crystal):
    found = detect(crystal, CRYSTAL_MODEL)
    assert found.sampling == pytest.approx(ZOO_SAMPLING, rel=0.01)
    assert found.sampling_source.startswith("lattice (confidence ")


def test_the_metadata_come_before_the_lattice_and_a_given_size_before_both(crystal):
    found = detect(Image(crystal, 0.21, "ImageJ"), CRYSTAL_MODEL)
    assert (found.sampling, found.sampling_source) == (0.21, "ImageJ")
    found = detect(Image(crystal, 0.21, "ImageJ"), CRYSTAL_MODEL, sampling=0.2)
    assert (found.sampling, found.sampling_source) == (0.2, "given")


@pytest.mark.parametrize("stated", [ZOO_SAMPLING * 0.85, ZOO_SAMPLING * 1.3])
def test_a_stated_pixel_size_that_the_lattice_contradicts_is_used_with_a_warning(crystal, stated):
    with pytest.warns(UserWarning, match="disagree by .* The stated one is used") as caught:
        found = detect(Image(crystal, stated), CRYSTAL_MODEL)
    assert found.sampling == stated
    # The warning points at the caller, and names both sizes.
    assert caught[0].filename == __file__
    assert f"{stated * 100:.2f} pm" in str(caught[0].message)
    assert "20.7" in str(caught[0].message)


def test_a_small_contradiction_is_no_matter(crystal):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for factor in (0.93, 1.07):
            detect(crystal, CRYSTAL_MODEL, sampling=ZOO_SAMPLING * factor)


def test_without_a_lattice_the_stated_pixel_size_is_used():
    found = detect(Image(noise((100, 100)), 0.2), CRYSTAL_MODEL)
    assert (found.sampling, found.sampling_source) == (0.2, "stated")


@pytest.mark.parametrize("model", [CRYSTAL_MODEL, Brightness()])
def test_a_pixel_size_that_cannot_be_known_is_asked_for(model):
    with pytest.raises(ValueError, match=r"states no pixel size .* --pixel-size PM or sampling="):
        detect(noise((100, 100)), model)


def with_nan():
    image = noise((80, 80))
    image[3, 4] = np.nan
    return image


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (with_nan(), "1 of 6400 pixels NaN or Inf"),
        (np.full((80, 80), 7), "7 in every pixel"),
        (noise((63, 80)), "63 x 80 px"),
        (noise((80,)), r"shape \(80,\)"),
        (noise((2, 80, 80)), r"shape \(2, 80, 80\)"),
        (np.zeros((0, 80)), "0 x 80 px"),
    ],
)
def test_what_is_no_image_is_refused_in_one_line(image, reason):
    with pytest.raises(ValueError, match=f"image: expected .* Received: {reason}") as caught:
        detect(image, Brightness(), sampling=0.2)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, 50, float("nan")])
def test_an_impossible_threshold_is_refused(threshold):
    with pytest.raises(ValueError, match="threshold lies between 0 and 1"):
        detect(spots(0.2), Brightness(), sampling=0.2, threshold=threshold)


@pytest.mark.parametrize("sampling", [0, -0.2, 20.0, 1.5, 0.002, float("nan"), float("inf")])
def test_an_absurd_pixel_size_is_refused_wherever_it_comes_from(sampling):
    with pytest.raises(ValueError, match=r"between 0.01 and 1.0 Å .*Received: .*\(given\)"):
        detect(spots(0.2), Brightness(), sampling=sampling)
    with pytest.raises(ValueError, match=r"--pixel-size PM .*Received: .*\(DM3\)"):
        detect(Image(spots(0.2), sampling, "DM3"), Brightness())


def test_the_bundled_detector_finds_the_vacancies_of_simulated_frames(detector, frames):
    total = DetectionScore(0, 0, 0)
    for frame in frames:
        found = detect(frame.image, detector, sampling=frame.sampling)
        labels = np.array(frame.labels()) == "se_vacancy"
        total += score_detections(
            found.select("se_vacancy").positions,
            frame.points[labels],
            5.0,
            shape=frame.image.shape,
            border=8,
        )
    assert total.hits + total.misses > 20
    assert total.f1 > 0.75


def test_by_rank_the_response_of_the_microscopes_detector_does_not_matter(detector):
    """'expanding' of the sessions that are adapted to: the fifth power."""
    ranked = DefectFCN(**{**detector.get_config(), "ranked": True})
    ranked.set_weights(detector.get_weights())
    (frame,) = simulate_session(find_session("wse2-dayA"), 1, (512, 512), seed=7)
    image = frame.image.astype(float)
    expanded = (image / image.max()) ** 5
    straight, bent = (find_defects(Image(x, frame.sampling), ranked) for x in (image, expanded))
    assert len(straight) > 10
    # Equal, as the pixels of the session are those of the network, so that nothing is interpolated.
    assert bent.positions == pytest.approx(straight.positions, abs=0.01)
    as_it_is = find_defects(Image(expanded, frame.sampling), detector)
    assert len(as_it_is) != len(straight)


@pytest.mark.parametrize("stated", [True, False])
def test_an_image_unlike_the_training_frames_is_one_warning(day_conditions, frames, stated):
    model = Brightness()
    model.conditions, model.material = day_conditions, "wse2"
    sampling = frames[0].sampling if stated else None
    with pytest.warns(UserWarning, match="unlike the frames that brightness was") as caught:
        found = detect(frames[0].image, model, sampling=sampling)
    assert [warning.filename for warning in caught] == [__file__]
    assert "fcn-wse2 fits: use these weights" in str(caught[0].message)
    assert found.details["match"].p_value < 0.01
    # The lattice that tells the pixel size is the one that is compared with.
    expected = check_conditions(frames[0].image, day_conditions, sampling=sampling)
    assert found.details["match"].distance == pytest.approx(expected.distance, rel=1e-3)


def test_an_image_that_cannot_be_compared_is_no_matter(day_conditions, frames):
    model = Brightness()
    assert detect(frames[0].image, model, sampling=0.2).details["match"] is None
    model.conditions = day_conditions
    small = frames[0].image[:100, :100]
    assert detect(small, model, sampling=0.2074).details["match"] is None
