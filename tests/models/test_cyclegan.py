import keras
import numpy as np
import pytest
import tensorflow as tf
from check_model import check_model

import stemzoo
from stemzoo.models import CycleGANSTEM

SMALL = {"filters": 4, "depth": 2, "discriminator_filters": 4, "patch_size": 32}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"fft_discriminators": False, "bottleneck_norm": True, "depth": 3},
        {"session": "dayA", "rotation": (1, 2.5), "sampling": 0.3, "lambda_cycle": 7.0},
    ],
)
def test_it_is_a_model_of_the_zoo(tmp_path, changes):
    keras.utils.set_random_seed(1)
    check_model(CycleGANSTEM, {**SMALL, "material": "wse2", **changes}, tmp_path)


def small(**changes) -> CycleGANSTEM:
    keras.utils.set_random_seed(1)
    model = CycleGANSTEM(**{**SMALL, **changes})
    model.compile()
    return model


def batch(seed: int = 0, count: int = 2):
    rng = np.random.default_rng(seed)
    real = rng.normal(0.2, 0.3, (count, 32, 32, 1)).clip(-1, 1).astype("float32")
    grid = np.sin(np.arange(32) / 2)
    simulated = np.broadcast_to(grid[:, None, None], (count, 32, 32, 1)).astype("float32")
    return tf.constant(real), tf.constant(simulated)


def values(networks):
    return [v.numpy().copy() for network in networks for v in network.trainable_variables]


def test_paper_sizes_are_those_of_the_paper():
    # Supplementary code of Khan et al. 2023 (pix2pix U-Net): 54.4 million parameters.
    model = CycleGANSTEM.paper()
    assert model.exp_to_sim.count_params() == 54_408_833
    assert model.sim_to_exp.count_params() == 54_408_833
    images = np.zeros((1, 256, 256, 1), "float32")
    for discriminator in model.discriminators:
        assert discriminator(images).shape == (1, 30, 30, 1)
    assert len(model.discriminators) == 4


def test_generator_step_leaves_the_discriminators_alone_and_the_reverse():
    frozen = keras.optimizers.SGD(0.0)
    for kept, optimizers in (
        ("discriminators", (keras.optimizers.SGD(0.1), frozen)),
        ("generators", (keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.1))),
    ):
        model = small()
        model.compile(*optimizers)
        moved = "generators" if kept == "discriminators" else "discriminators"
        before = values(getattr(model, kept)), values(getattr(model, moved))
        model.train_on_batch(*batch())
        for a, b in zip(before[0], values(getattr(model, kept)), strict=True):
            np.testing.assert_array_equal(a, b)
        changed = [
            not np.array_equal(a, b)
            for a, b in zip(before[1], values(getattr(model, moved)), strict=True)
        ]
        assert any(changed)


@pytest.mark.parametrize("joint", ["generators", "discriminators"])
def test_steps_lower_the_loss_of_a_toy_batch(joint):
    model = small()
    moving, still = keras.optimizers.Adam(1e-3), keras.optimizers.SGD(0.0)
    model.compile(*((moving, still) if joint == "generators" else (still, moving)))
    data = batch()
    first = {k: float(v) for k, v in model.losses_of(*data, training=False).items()}
    for _ in range(15):
        model.train_step(data)
    last = {k: float(v) for k, v in model.losses_of(*data, training=False).items()}
    names = {
        "generators": ("generators", "cycle", "identity"),
        "discriminators": ("discriminators",),
    }[joint]
    for name in names:
        assert last[name] < first[name], name


def test_joint_backward_pass_equals_one_per_generator():
    # Neither the adversarial nor the identity loss of one generator depends on the other's
    # weights, so the gradient of the joint loss is the gradient of each generator's total loss.
    model = small()
    experimental, simulated = batch()
    losses = keras.ops
    joint_variables = [v for g in model.generators for v in g.trainable_variables]
    with tf.GradientTape() as tape:
        joint = model.losses_of(experimental, simulated, training=True)["generators"]
    found = tape.gradient(joint, joint_variables)

    def total(own, other, source, target, names):
        fake = own(source)
        cycle = losses.mean(losses.abs(source - other(fake))) + losses.mean(
            losses.abs(target - own(other(target)))
        )
        identity = losses.mean(losses.abs(target - own(target)))
        scores = [
            getattr(model, names[0])(fake),
            getattr(model, names[1])(model.log_power_spectrum(fake)),
        ]
        adversarial = sum(losses.mean(losses.square(score - 1.0)) for score in scores)
        return adversarial + model.lambda_cycle * cycle + model.lambda_identity * identity

    expected = []
    for own, other, source, target, names in (
        (
            model.exp_to_sim,
            model.sim_to_exp,
            experimental,
            simulated,
            ("discriminator_sim", "discriminator_sim_fft"),
        ),
        (
            model.sim_to_exp,
            model.exp_to_sim,
            simulated,
            experimental,
            ("discriminator_exp", "discriminator_exp_fft"),
        ),
    ):
        with tf.GradientTape() as tape:
            loss = total(own, other, source, target, names)
        expected += tape.gradient(loss, own.trainable_variables)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5 * max(1.0, float(np.abs(b).max())))


def test_each_network_runs_as_often_as_needed_and_no_more():
    model = small()
    calls, networks = {}, model.discriminators
    for network in (*model.generators, *model.discriminators):
        name = network.name

        def counted(x, training=None, *, network=network, name=name):
            calls[name] = calls.get(name, 0) + x.shape[0]
            return type(network).__call__(network, x, training=training)

        object.__setattr__(model, name, counted)
    model.losses_of(*batch(count=2), training=False)
    # Per pair: each generator makes a fake, an identity and a cycled image; each discriminator
    # scores one real and one fake image.
    assert calls["exp_to_sim"] == calls["sim_to_exp"] == 3 * 2
    assert all(calls[network.name] == 2 * 2 for network in networks)


def test_every_loss_is_logged_by_name():
    model = small()
    logs = model.train_on_batch(*batch(), return_dict=True)
    assert set(logs) == set(model.loss_names)
    assert {"cycle", "identity", "adversarial_exp", "adversarial_exp_fft"} <= set(logs)
    assert {"discriminator_sim_real", "discriminator_sim_fft_fake"} <= set(logs)
    assert all(np.isfinite(float(value)) for value in logs.values())


def test_the_losses_are_sums_in_the_order_of_the_paper():
    model = small()
    found = {k: v.numpy() for k, v in model.losses_of(*batch(), training=False).items()}
    assert set(found) == set(model.loss_names)
    # Equations (1) to (7), added up in float32 in the order of the discriminators.
    names = [name.removeprefix("adversarial_") for name in model.loss_names[:4]]
    assert names == ["exp", "sim", "exp_fft", "sim_fft"]
    adversarial = scores = np.float32(0)
    for name in names:
        adversarial = adversarial + found[f"adversarial_{name}"]
        scores = scores + found[f"discriminator_{name}_real"] + found[f"discriminator_{name}_fake"]
    cycle, identity = np.float32(10) * found["cycle"], np.float32(5) * found["identity"]
    assert found["generators"] == adversarial + cycle + identity
    assert found["discriminators"] == np.float32(0.5) * scores


def test_without_fourier_discriminators_two_remain():
    model = small(fft_discriminators=False)
    names = [network.name for network in model.discriminators]
    assert names == ["discriminator_exp", "discriminator_sim"]
    assert model.discriminator_exp_fft is None
    assert not any("fft" in name for name in model.loss_names)
    model.train_on_batch(*batch())


def test_evaluation_changes_nothing():
    model = small()
    before = values(model.generators + model.discriminators)
    model.test_on_batch(*batch())
    for a, b in zip(before, values(model.generators + model.discriminators), strict=True):
        np.testing.assert_array_equal(a, b)


def test_mixed_precision_trains_with_the_spectrum_in_float32():
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = small()
        logs = model.train_on_batch(*batch(), return_dict=True)
        assert model.log_power_spectrum.compute_dtype == "float32"
        assert model.exp_to_sim.get_layer("down1").compute_dtype == "bfloat16"
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert all(np.isfinite(float(value)) for value in logs.values())


@pytest.mark.parametrize(
    "changes", [{"filters": 0}, {"patch_size": 30}, {"patch_size": 16}, {"sampling": 0.0}]
)
def test_impossible_sizes_are_refused(changes):
    with pytest.raises(ValueError, match="Received"):
        CycleGANSTEM(**{**SMALL, **changes})


def test_a_folder_without_discriminators_translates_the_same(tmp_path):
    model = small()
    stemzoo.save(model, tmp_path)
    (tmp_path / "training.weights.h5").unlink()
    twin = stemzoo.load(tmp_path)
    for a, b in zip(values(model.generators), values(twin.generators), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_successor_has_the_same_weights_and_another_session():
    model = small(session="dayA")
    other = model.successor(session="dayB", sampling=0.3)
    assert (other.session, other.sampling) == ("dayB", 0.3)
    for mine, its in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, its)
    other.exp_to_sim.trainable_variables[0].assign_add(other.exp_to_sim.trainable_variables[0])
    assert not np.array_equal(model.get_weights()[0], other.get_weights()[0])
    with pytest.raises(ValueError):  # noqa: PT011 - the words are Keras'
        model.successor(filters=8)


def trained(model, data, steps=2):
    for _ in range(steps):
        model.train_step(data)
    return values(model.generators + model.discriminators)


def test_without_paired_supervision_steps_are_the_same_to_the_bit():
    experimental, simulated = batch()
    expected = trained(small(), (experimental, simulated))
    model = small()
    model.compile(lambda_pair=0.0, pair_noise=3.0)
    # What supervision would aim at is there, and not looked at.
    found = trained(model, (experimental, simulated, 0 * simulated))
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_array_equal(a, b)
    assert "pair" not in model.loss_names


def test_paired_supervision_lowers_the_error_of_the_way_back():
    model = small()
    moving, still = keras.optimizers.Adam(5e-3), keras.optimizers.SGD(0.0)
    # Translations of new weights are faint: the usual noise would hide them.
    model.compile(moving, still, lambda_pair=100.0, pair_noise=0.02)
    experimental, clean = batch()
    noisy = clean + 0.1 * tf.random.stateless_normal(clean.shape, [1, 2])

    def error():
        losses = model.losses_of(experimental, noisy, training=False, clean=clean)
        return float(losses["pair"])

    first = error()
    trained(model, (experimental, noisy, clean), steps=16)
    assert error() < 0.8 * first
    assert set(model.train_step((experimental, noisy, clean))) == set(model.loss_names)


def test_paired_supervision_leaves_the_way_to_measured_images_alone():
    experimental, simulated = batch()
    found = []
    for weight in (0.0, 100.0):
        model = small()
        model.compile(lambda_pair=weight)
        with tf.GradientTape() as tape:
            losses = model.losses_of(experimental, simulated, training=True)
        found.append(tape.gradient(losses["generators"], model.sim_to_exp.trainable_variables))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
