import warnings
from dataclasses import dataclass, replace

import numpy as np
import pytest

import stemzoo
from stemzoo.inference.comparison import check_conditions
from stemzoo.inference.detection import detect, find_classes, find_defects
from stemzoo.inference.detections import COLUMNS, Detections
from stemzoo.io import Image
from stemzoo.metrics.detection import DetectionScore, score_detections
from stemzoo.preprocessing import rescale
from stemzoo.simulate.dataset import simulate_frame, simulate_session
from stemzoo.simulate.named_sessions import find_session
from stemzoo.simulate.noise_models import noise_free
from stemzoo.zoo.hub import load

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
    conditions: None = None
    prepare = staticmethod(rescale)

    def predict_on_batch(self, batch):
        assert batch.dtype == np.float32
        assert batch.ndim == 4
        assert not any(n % self.stride for n in batch.shape[1:3])
        defect = np.clip(batch, 0, 1)
        return np.concatenate([1 - defect, defect], axis=-1)


def noise(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


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
    assert (found.model, found.threshold, found.tta) == ("brightness", 0.25, True)
    assert found.details == {
        "model": "brightness",
        "classes": ("bright",),
        "threshold": 0.25,
        "tta": True,
        "match": None,
    }
    assert found.select(threshold=1.0).details == found.details
    assert len(found) == 5
    assert found.counts() == {"bright": 5}
    row, column, x, y, name, score, *measured = found.rows()[0]
    assert (x, y) == pytest.approx((column * 0.02, row * 0.02), abs=1e-3)
    assert name == "bright"
    assert 0.25 <= score <= 1
    assert measured == [None, None, None]  # no lattice, no calibration
    assert len(COLUMNS) == 9


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


@pytest.mark.filterwarnings("ignore:.*not to be trusted")
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
        for factor in (0.98, 1.02):  # by 5 % more, the crystal may be NbSe2
            detect(crystal, CRYSTAL_MODEL, sampling=ZOO_SAMPLING * factor)


def test_without_a_lattice_the_stated_pixel_size_is_used():
    with pytest.warns(UserWarning, match="not to be trusted: no wse2 lattice was found"):
        found = detect(Image(noise((100, 100)), 0.2), CRYSTAL_MODEL)
    assert (found.sampling, found.sampling_source) == (0.2, "stated")
    assert not found.trusted


@pytest.mark.parametrize("model", [CRYSTAL_MODEL, Brightness()])
def test_a_pixel_size_that_cannot_be_known_is_asked_for(model):
    with pytest.raises(ValueError, match=r"states no pixel size .* --pixel-size PM or sampling="):
        detect(noise((100, 100)), model)


@pytest.mark.parametrize(
    ("image", "reason"),
    [
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


def test_by_rank_the_response_of_the_microscopes_detector_does_not_matter():
    """'expanding' of the sessions that are adapted to: the fifth power."""
    detector = load("fcn-wse2-dayA")
    ranked = detector.successor(ranked=True)
    (frame,) = simulate_session(find_session("wse2-dayA"), 1, (512, 512), seed=7)
    image = frame.image.astype(float)
    expanded = (image / image.max()) ** 5
    straight, bent = (find_defects(Image(x, frame.sampling), ranked) for x in (image, expanded))
    assert len(straight) > 10
    # Equal, as the pixels of the session are those of the network, so that nothing is interpolated.
    assert bent.positions == pytest.approx(straight.positions, abs=0.01)
    as_it_is = find_defects(Image(expanded, frame.sampling), detector, as_is=True)
    assert len(as_it_is) != len(straight)


@pytest.mark.parametrize("stated", [True, False])
def test_an_image_unlike_the_training_frames_is_one_warning(day_conditions, frames, stated):
    model = Brightness()
    model.conditions, model.material = day_conditions, "wse2"
    sampling = frames[0].sampling if stated else None
    with pytest.warns(UserWarning, match="frames that|not to be trusted") as caught:
        found = detect(frames[0].image, model, sampling=sampling)
    words = "unlike the frames that brightness was"
    unlike = [warning for warning in caught if words in str(warning.message)]
    assert [warning.filename for warning in unlike] == [__file__]
    assert "fcn-wse2 fits: use these weights" in str(unlike[0].message)
    # Without a pixel size these intensities leave the material open, too.
    assert stated or not found.trusted
    assert found.match.p_value < 0.01
    # The lattice that tells the pixel size is the one that is compared with.
    expected = check_conditions(frames[0].image, day_conditions, sampling=sampling)
    assert found.match.distance == pytest.approx(expected.distance, rel=1e-3)


def test_an_image_that_cannot_be_compared_is_no_matter(day_conditions, frames):
    model = Brightness()
    assert detect(frames[0].image, model, sampling=0.2).match is None
    model.conditions = day_conditions
    small = frames[0].image[:100, :100]
    assert detect(small, model, sampling=0.2074).match is None


def test_an_image_gives_the_same_bytes_whatever_came_before(frames):
    image = Image(frames[0].image[:256, :256], frames[0].sampling)
    alone = find_defects(image, load("fcn-wse2"))
    model = load("fcn-wse2")
    for rows, columns in ((200, 200), (128, 160), (300, 256), (200, 200)):
        find_defects(Image(frames[0].image[:rows, :columns], frames[0].sampling), model)
    found = find_defects(image, model)
    assert len(alone) > 3
    assert found.positions.tobytes() == alone.positions.tobytes()
    assert found.scores.tobytes() == alone.scores.tobytes()


@pytest.mark.parametrize("sampling", [0.006, 50.0, float("nan")])
def test_weights_for_no_plausible_pixel_size_are_refused(frames, sampling):
    with pytest.raises(ValueError, match="weights for a pixel size between 0.01 and 1.0 Å"):
        find_classes(frames[0].image, Brightness(sampling=sampling), 0.2)


def test_a_path_and_the_name_of_weights_are_what_people_type(frames, tiny_folder, tmp_path):
    path, frame = tmp_path / "scan.tif", frames[0]
    stemzoo.io.write_tiff(path, frame.image[:100, :100], sampling=frame.sampling)
    found = stemzoo.detect(path, str(tiny_folder), threshold=0.0)
    assert (found.model, found.sampling_source) == ("tiny", "ImageJ")
    model = stemzoo.load(tiny_folder)
    assert found.rows() == stemzoo.detect(str(path), model, threshold=0.0).rows()


def test_weights_that_are_no_detectors_are_refused(tmp_path):
    small = {"filters": 2, "depth": 2, "discriminator_filters": 2, "patch_size": 32}
    stemzoo.save(stemzoo.CycleGANSTEM(**small), tmp_path / "gan")
    with pytest.raises(ValueError, match="expected weights of a detector.* a CycleGANSTEM for"):
        stemzoo.detect(np.eye(64), tmp_path / "gan")
    with pytest.raises(KeyError, match="Did you mean fcn-wse2"):
        stemzoo.detect(np.eye(64), "fcn-wse3")
