import numpy as np
import pytest
from quick_gan import (
    assert_same,
    differ,
    quick_gan,
    quick_recipe,
)

from stemzoo.adaptation import cyclegan
from stemzoo.preprocessing import rescale_group
from stemzoo.simulate import simulate_session
from stemzoo.simulate.domain import domain_session


def layers_that_changed(networks, others):
    return {
        (network.name, layer.name)
        for network, other in zip(networks, others, strict=True)
        for layer, its in zip(network.layers, other.layers, strict=True)
        if layer.weights and differ(layer.get_weights(), its.get_weights())
    }


def all_layers(networks):
    return {(n.name, layer.name) for n in networks for layer in n.layers if layer.weights}


def test_everything_learns_where_nothing_is_frozen(adapt):
    parent = quick_gan(depth=2)
    adapted, _ = adapt(parent=parent, recipe=quick_recipe(frozen="nothing"))
    for networks, others in (
        (adapted.generators, parent.generators),
        (adapted.discriminators, parent.discriminators),
    ):
        assert layers_that_changed(networks, others) == all_layers(networks)


def test_discriminators_keep_their_lower_half_unless_told_otherwise(adapt):
    parent = quick_gan(depth=2)
    adapted, _ = adapt(parent=parent)
    changed = layers_that_changed(adapted.discriminators, parent.discriminators)
    kept = all_layers(adapted.discriminators) - changed
    assert {layer for _, layer in kept} == {"down0", "down1", "down1_norm"}
    assert len(kept) == 3 * len(adapted.discriminators)
    assert layers_that_changed(adapted.generators, parent.generators) == all_layers(
        adapted.generators
    )


def test_frozen_inner_layers_leave_normalisations_and_the_ends(adapt):
    parent = quick_gan(depth=2)
    adapted, _ = adapt(parent=parent, recipe=quick_recipe(frozen="inner layers"))
    changed = {name for _, name in layers_that_changed(adapted.generators, parent.generators)}
    assert {"down0", "last"} <= changed
    assert all("norm" in name for name in changed - {"down0", "last"})
    assert any("norm" in name for name in changed)
    assert len(changed) < len({name for _, name in all_layers(adapted.generators)})


@pytest.mark.parametrize("frozen", ["discriminators", "inner layers"])
def test_what_was_frozen_can_be_trained_again(adapt, frozen):
    parent = quick_gan()
    adapted, _ = adapt(parent=parent, recipe=quick_recipe(frozen=frozen))
    for network, other in zip(
        (*adapted.generators, *adapted.discriminators),
        (*parent.generators, *parent.discriminators),
        strict=True,
    ):
        assert len(network.trainable_variables) == len(other.trainable_variables)
        assert all(layer.trainable for layer in network.layers)


@pytest.fixture
def seen(monkeypatch):
    """Note which images a training is given."""
    found = []

    def note(experimental, simulated, *arguments, **options):
        found.append((list(experimental), list(simulated)))
        return original(experimental, simulated, *arguments, **options)

    original = cyclegan.patch_dataset
    monkeypatch.setattr(cyclegan, "patch_dataset", note)
    return found


@pytest.mark.parametrize(("replay", "count"), [(0.0, 2), (0.5, 4), (0.75, 8)])
def test_replay_adds_its_part_of_translations(adapt, seen, replay, count):
    adapt(recipe=quick_recipe(replay=replay))
    ((measured, _),) = seen
    assert len(measured) == count
    assert all(image.shape == (128, 128) for image in measured[2:])
    assert all(abs(image).max() <= 1 for image in measured[2:])


def test_what_is_judged_by_is_not_learnt_from(adapt, seen, day_b):
    adapt()
    ((measured, _),) = seen
    whole = rescale_group([frame.image for frame in day_b[:2]])
    for part, image in zip(measured, whole, strict=True):
        np.testing.assert_allclose(part, image[: 256 - 256 // 5], atol=1e-6)


def test_simulations_that_are_given_are_used(adapt, seen):
    (frame,) = simulate_session(domain_session("wse2", 0.2074), 1, (100, 120), seed=8)
    adapt(simulated=[frame.image])
    ((_, simulated),) = seen
    assert [image.shape for image in simulated] == [(100, 120)]


def test_its_own_simulations_are_turned_like_the_images(adapt, monkeypatch):
    drawn = []

    def note(session, *arguments, **options):
        drawn.append(session)
        return simulate_session(session, *arguments, **options)

    monkeypatch.setattr(cyclegan, "simulate_session", note)
    adapted, _ = adapt()
    (session,) = drawn
    assert (session.material, session.sampling) == ("wse2", 0.2074)
    assert (session.rotation.mean, session.rotation.std) == adapted.rotation


def test_averaged_weights_are_judged_and_returned_but_not_trained(adapt, monkeypatch):
    # Judged after each step, so that every weight on the way is known.
    monkeypatch.setattr(cyclegan, "_BLOCK", 1)
    often = {"judgements": 1000}
    rng = {"minutes": 0.8}
    _, raw = adapt(recipe=quick_recipe(**often), **rng)
    adapted, averaged = adapt(recipe=quick_recipe(ema=0.8, **often), **rng)
    assert raw.calls == averaged.calls > 4
    number = sum(len(network.weights) for network in adapted.generators)
    expected = raw.weights[0]
    for new, judged in zip(raw.weights[1:], averaged.weights[1:], strict=True):
        expected = [0.8 * a + 0.2 * b for a, b in zip(expected, new, strict=True)]
        for a, b in zip(expected[:number], judged[:number], strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)
        # Discriminators are not averaged; that they are the same tells that training is.
        for b, c in zip(judged[number:], new[number:], strict=True):
            np.testing.assert_allclose(b, c, atol=1e-5)
    assert_same(adapted.get_weights(), averaged.weights[-1])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"frozen": "all"}, "nothing or discriminators or inner layers. Received: 'all'"),
        ({"replay": 1.0}, "replay and ema are at least 0 and below 1. Received: 1.0, 0"),
        ({"ema": -0.1}, "replay and ema are at least 0 and below 1"),
    ],
)
def test_a_recipe_that_cannot_be_is_one_line(options, words):
    with pytest.raises(ValueError, match=words):
        quick_recipe(**options)
