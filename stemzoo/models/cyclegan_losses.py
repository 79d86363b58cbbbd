"""The losses of a CycleGAN with image and Fourier-space discriminators."""

from dataclasses import dataclass
from typing import Any

import keras


@dataclass(frozen=True)
class DiscriminatorRole:
    """What a discriminator tells from what.

    Parameters
    ----------
    domain : str
        Whose images it knows: ``"exp"`` or ``"sim"``.
    space : str
        What it sees of them: ``"image"``, or ``"fft"`` for the log power spectrum.
    """

    domain: str
    space: str

    @property
    def name(self) -> str:
        """Name in the logs: the domain, and the space where it is not the image itself."""
        return self.domain if self.space == "image" else f"{self.domain}_{self.space}"


ROLES = (
    DiscriminatorRole("exp", "image"),
    DiscriminatorRole("sim", "image"),
    DiscriminatorRole("exp", "fft"),
    DiscriminatorRole("sim", "fft"),
)


@dataclass(frozen=True)
class PairedSupervision:
    """What the way back should make of translated simulations.

    Parameters
    ----------
    clean : tensor of shape (batch, M, N, 1)
        The simulations without noise.
    noise : tensor of shape (batch, M, N, 1)
        Added to their translations first, so that nothing which a translation hides for the way
        back comes through.
    weight : float
        Weight of the loss in that of the generators.
    """

    clean: Any
    noise: Any
    weight: float


def cyclegan_losses(
    model: Any,
    experimental: Any,
    simulated: Any,
    training: bool,
    paired: PairedSupervision | None = None,
) -> dict[str, Any]:
    """Compute every loss, each generated image and each score once.

    Parameters
    ----------
    model : CycleGANSTEM
        The networks, and the weights of the losses.
    experimental, simulated : tensor of shape (batch, M, N, 1)
        Images of the two domains in [-1, 1].
    training : bool
        Whether dropout is on.
    paired : PairedSupervision, optional
        Also the squared error of G(F(y) + noise) against y, of the simulations y.

    Returns
    -------
    dict of str to scalar tensor
        The keys are the model's `loss_names`.

    References
    ----------
    Equations (1) to (7) of A. Khan et al., npj Comput. Mater. 9, 85 (2023), with the least squares
    of X. Mao et al., Least Squares Generative Adversarial Networks, ICCV 2017. Noise before the way
    back: D. Bashkirova, B. Usman, K. Saenko, Adversarial Self-Defense for Cycle-Consistent GANs,
    NeurIPS 2019.
    """
    ops = keras.ops
    count = ops.shape(experimental)[0]
    both = ops.concatenate([experimental, simulated])
    # Instance normalisation acts on each image by itself, so images can share a call.
    to_sim = model.exp_to_sim(both, training=training)
    to_exp = model.sim_to_exp(both, training=training)
    fake_sim, same_sim = to_sim[:count], to_sim[count:]
    same_exp, fake_exp = to_exp[:count], to_exp[count:]
    cycled_exp = model.sim_to_exp(fake_sim, training=training)
    cycled_sim = model.exp_to_sim(fake_exp, training=training)
    losses = {
        "cycle": _l1(experimental, cycled_exp) + _l1(simulated, cycled_sim),
        "identity": _l1(experimental, same_exp) + _l1(simulated, same_sim),
    }
    pairs = {"exp": (experimental, fake_exp), "sim": (simulated, fake_sim)}
    adversarial = discriminators = 0.0
    for role, network in zip(model.discriminator_roles, model.discriminators, strict=True):
        real, fake = pairs[role.domain]
        if role.space == "fft":
            real, fake = model.log_power_spectrum(real), model.log_power_spectrum(fake)
        # Two calls: in a shared one the generators' gradient would pass the real half too.
        of_real, of_fake = network(real, training=training), network(fake, training=training)
        fooled = ops.mean(ops.square(of_fake - 1.0))
        missed = ops.mean(ops.square(of_real - 1.0))
        believed = ops.mean(ops.square(of_fake))
        losses[f"adversarial_{role.name}"] = fooled
        losses[f"discriminator_{role.name}_real"] = missed
        losses[f"discriminator_{role.name}_fake"] = believed
        adversarial = adversarial + fooled
        discriminators = discriminators + missed + believed
    losses["generators"] = (
        adversarial
        + model.lambda_cycle * losses["cycle"]
        + model.lambda_identity * losses["identity"]
    )
    if paired is not None:
        # Not through F: it makes images look measured, and should not make them easy to undo.
        shown = ops.stop_gradient(fake_exp)
        back = model.exp_to_sim(shown + ops.cast(paired.noise, shown.dtype), training=training)
        losses["pair"] = ops.mean(ops.square(ops.cast(back, paired.clean.dtype) - paired.clean))
        losses["generators"] = losses["generators"] + paired.weight * losses["pair"]
    losses["discriminators"] = 0.5 * discriminators
    return losses


def _l1(a, b):
    return keras.ops.mean(keras.ops.abs(a - b))
