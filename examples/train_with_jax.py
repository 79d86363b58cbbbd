"""Train a CycleGANSTEM with Keras on JAX, for GPUs that TensorFlow's wheels do not support.

Import this before Keras, with JAX installed beside TensorFlow, which then only serves the patches.
Losses and networks are the model's own; `CycleGANSTEM.train_step` is TensorFlow's way to their
gradients, `JaxTraining` is JAX's.
"""

import os

os.environ["KERAS_BACKEND"] = "jax"

import time
from collections.abc import Callable, Sequence

import jax
import keras
import numpy as np

from stemzoo.models import CycleGANSTEM
from stemzoo.training import CycleGANRecipe
from stemzoo.training.cyclegan import ConstantThenLinear
from stemzoo.training.patches import patch_dataset


class JaxTraining:
    """A compiled training step, and the state that it takes and returns.

    Parameters
    ----------
    model : CycleGANSTEM
        What is trained. Its weights are handed over, and come back by `finish`.
    learning_rate : float
        Of Adam (β1 = 0.5), see `ConstantThenLinear`.
    steps : int
        Length of the training.
    """

    def __init__(self, model: CycleGANSTEM, learning_rate: float, steps: int):
        self.model = model
        networks = (*model.generators, *model.discriminators)
        schedule = ConstantThenLinear(learning_rate, steps)
        self.optimizers = [keras.optimizers.Adam(schedule, beta_1=0.5) for _ in range(2)]
        weights = [
            [v for network in group for v in network.trainable_variables]
            for group in (model.generators, model.discriminators)
        ]
        for optimizer, variables in zip(self.optimizers, weights, strict=True):
            optimizer.build(variables)
        # The seeds of dropout, if there is any.
        others = [v for network in networks for v in network.non_trainable_variables]
        self._variables = [*weights, others, *(o.variables for o in self.optimizers)]
        self._state = [[v.value for v in part] for part in self._variables]
        self._compiled = jax.jit(self._step, donate_argnums=0)

    def step(self, experimental, simulated) -> dict:
        """Update all six networks from one batch of both domains.

        Parameters
        ----------
        experimental, simulated : array of shape (batch, M, N, 1)
            Patches in [-1, 1].

        Returns
        -------
        dict of str to scalar array
            See `CycleGANSTEM.losses_of`. JAX may still be computing them.
        """
        self._state, losses = self._compiled(self._state, experimental, simulated)
        return losses

    def finish(self) -> None:
        """Give the model the trained weights."""
        for variables, values in zip(self._variables, self._state, strict=True):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)

    def _step(self, state, experimental, simulated):
        generators, discriminators, others, of_generators, of_discriminators = state

        def losses_of(generators, discriminators):
            values = [*generators, *discriminators, *others]
            variables = [v for part in self._variables[:3] for v in part]
            pairs = list(zip(variables, values, strict=True))
            with keras.StatelessScope(state_mapping=pairs) as scope:
                losses = self.model.losses_of(experimental, simulated, training=True)
            changed = [scope.get_current_value(v) for v in self._variables[2]]
            return (losses["generators"], losses["discriminators"]), (losses, changed)

        # One pass forward and two back, as with a persistent gradient tape.
        _, back, (losses, others) = jax.vjp(losses_of, generators, discriminators, has_aux=True)
        one, zero = np.float32(1), np.float32(0)
        gradients = (back((one, zero))[0], back((zero, one))[1])
        generators, of_generators = self.optimizers[0].stateless_apply(
            of_generators, gradients[0], generators
        )
        discriminators, of_discriminators = self.optimizers[1].stateless_apply(
            of_discriminators, gradients[1], discriminators
        )
        return [generators, discriminators, others, of_generators, of_discriminators], losses


def train_on_jax(
    model: CycleGANSTEM,
    experimental: Sequence[np.ndarray],
    simulated: Sequence[np.ndarray],
    recipe: CycleGANRecipe,
    report: Callable[[str], None] = print,
) -> CycleGANSTEM:
    """Train a model as `stemzoo.training.train_cyclegan` does, without its folder and its average.

    Parameters
    ----------
    model : CycleGANSTEM
        A new one, or one to train on.
    experimental, simulated : sequence of ndarray of shape (M, N)
        Raw images of the two domains.
    recipe : CycleGANRecipe
        How to train; `ema` is not used.
    report : callable
        Gets a line every ten epochs and at the end.

    Returns
    -------
    CycleGANSTEM
        The same, trained.

    Raises
    ------
    FloatingPointError
        If a loss is not finite then; the weights of the model are lost.
    """
    keras.utils.set_random_seed(recipe.seed)
    steps = recipe.epochs * recipe.steps_per_epoch
    training = JaxTraining(model, recipe.learning_rate, steps)
    begun = time.monotonic()
    for done, (real, clean) in enumerate(patch_dataset(experimental, simulated, recipe), 1):
        losses = training.step(real.numpy(), clean.numpy())
        if done % (10 * recipe.steps_per_epoch) and done < steps:
            continue
        values = {name: float(value) for name, value in losses.items()}
        if not np.isfinite(list(values.values())).all():
            raise FloatingPointError(f"A loss is not finite after step {done}. Received: {values}")
        kept = {name: round(values[name], 3) for name in ("cycle", "generators", "discriminators")}
        report(f"{done} steps  {time.monotonic() - begun:.0f} s  {kept}")
    training.finish()
    return model
