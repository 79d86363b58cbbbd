import keras
import numpy as np
import pytest
from check_model import check_model

from stemzoo.models import DefectFCN
from stemzoo.preprocessing import rescale


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_each_pixel_gets_a_probability_for_each_class(make_model, depth):
    model = make_model(("a", "b", "c"), depth=depth)
    size = 4 * model.stride
    noise = np.random.default_rng(0).normal(size=(1, size, 2 * size, 1)).astype("float32")
    for image in (noise, 1000 * noise):
        output = model.predict_on_batch(image)
        assert output.shape == (1, size, 2 * size, 4)
        assert output.min() >= 0
        assert output.sum(-1) == pytest.approx(1, abs=1e-6)
    # It is no constant.
    assert model.predict_on_batch(noise).std(axis=(0, 1, 2)).min() > 1e-4


@pytest.mark.parametrize(
    "arguments",
    [
        {"classes": ("a", "b"), "filters": 4, "depth": 2},
        {"classes": 1, "filters": 3, "depth": 1, "dropout": 0.0, "ranked": True, "sampling": 0.1},
    ],
)
def test_it_is_a_model_of_the_zoo(tmp_path, arguments):
    keras.utils.set_random_seed(1)
    check_model(DefectFCN, {**arguments, "material": "wse2", "name": "tiny"}, tmp_path)


def test_an_image_is_prepared_by_its_intensities_or_by_their_ranks(make_model):
    image = np.random.default_rng(0).exponential(size=(50, 60)).astype("float32")
    plain, ranked = make_model(), make_model(ranked=True)
    assert (plain.get_config()["ranked"], ranked.get_config()["ranked"]) == (False, True)
    assert plain.prepare(image) == pytest.approx(rescale(image))
    assert abs(plain.prepare(image**3) - plain.prepare(image)).max() > 0.3
    seen = ranked.prepare(image)
    assert seen.dtype == np.float32
    # A normal distribution, ends at 3.5 standard deviations.
    assert np.quantile(seen, [0.1587, 0.5, 0.8413]) == pytest.approx(
        [-1 / 3.5, 0, 1 / 3.5], abs=0.01
    )
    assert np.array_equal(ranked.prepare(image**3), seen)
    assert not ranked.prepare(np.ones((8, 8))).any()


def test_a_successor_has_the_same_weights_and_sees_images_otherwise(make_model):
    model = make_model(1)
    other = model.successor(name="by_rank", ranked=True)
    assert (other.name, other.ranked, model.ranked) == ("by_rank", True, False)
    for mine, its in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(its, mine)
    other.set_weights([0 * w for w in other.get_weights()])
    assert any(w.any() for w in model.get_weights())
    with pytest.raises(ValueError, match="shape"):
        model.successor(filters=8)


def test_a_number_of_classes_names_them():
    assert DefectFCN(2, filters=2, depth=1).classes == ("class_1", "class_2")


def test_filters_double_at_each_level(tiny_model):
    widths = [tiny_model.get_layer(f"{n}_conv1").filters for n in ("down0", "down1", "bottom")]
    assert widths == [4, 8, 16]


def test_the_zoo_network_has_the_size_of_the_design():
    # 16 filters, 3 levels, four classes.
    assert 400_000 < DefectFCN(4).count_params() < 600_000


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_context_is_how_far_a_pixel_depends_on_its_surroundings(make_model, depth):
    model = make_model(("a",), depth=depth, filters=2, dropout=0.0)
    for variable in model.trainable_variables:
        # Positive weights let no change vanish behind a ReLU.
        variable.assign(abs(variable.numpy()) + 0.01 * ("kernel" in variable.path))
    size = -(-(2 * model.context + 1) // model.stride + 1) * model.stride
    maps = keras.Model(model.inputs, model.get_layer("up0_relu2").output)
    reach = 0
    middle = size // 2
    image = np.zeros((1, size, size, 1), "float32")
    before = maps.predict_on_batch(image)[0]
    # How far a pixel is seen depends on where it lies on the coarsest grid.
    for offset in range(model.stride):
        at = middle + offset
        image[0, at, at, 0] = 1e3
        rows = np.flatnonzero((maps.predict_on_batch(image)[0] != before).any(axis=(1, 2)))
        image[0, at, at, 0] = 0
        reach = max(reach, at - rows.min(), rows.max() - at)
    assert reach == model.context


def test_any_multiple_of_the_stride_is_accepted(tiny_model):
    assert tiny_model.stride == 4
    for rows, columns in ((4, 4), (36, 44)):
        image = np.zeros((1, rows, columns, 1), "float32")
        assert tiny_model.predict_on_batch(image).shape == (1, rows, columns, 3)


@pytest.mark.parametrize(
    "arguments",
    [
        {"classes": 0},
        {"classes": ()},
        {"classes": "vacancy"},
        {"filters": 0},
        {"depth": 0},
        {"dropout": 1.0},
        {"dropout": -0.1},
        {"sampling": 0.0},
        {"sampling": -0.2},
        {"sampling": float("nan")},
    ],
)
def test_bad_arguments_are_refused_in_one_line(arguments):
    with pytest.raises(ValueError, match=r"Received: .*") as caught:
        DefectFCN(**arguments)
    assert "\n" not in str(caught.value)


def test_an_heir_knows_classes_of_the_same_kind(make_model):
    parent = make_model(("se_vacancy", "metal_dark", "bright"))
    heir = parent.heir(["s_vacancy", "dark", "bright"], material="mos2", sampling=0.3)
    assert (heir.material, heir.sampling, heir.classes[0]) == ("mos2", 0.3, "s_vacancy")
    image = np.random.default_rng(2).normal(size=(1, 32, 32, 1)).astype("float32")
    old, new = (np.log(np.asarray(model(image, training=False))) for model in (parent, heir))
    # Logits of background, vacancy and bright are the same, but for a constant of the softmax.
    known = new[..., [0, 1, 3]] - old[..., [0, 1, 3]]
    np.testing.assert_allclose(known, known[..., :1].repeat(3, -1), atol=1e-4)
    assert not np.allclose(new[..., 2], old[..., 2])
