"""CycleGANSTEM: simulations that look like one microscope's images of one day, and back."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import keras

from stemzoo.io.json_files import Field
from stemzoo.models.arguments import CYCLEGAN_BOUNDS, CycleGANArguments, generators_least_weights
from stemzoo.models.cyclegan_losses import ROLES, PairedSupervision, cyclegan_losses
from stemzoo.models.layers import LogPowerSpectrum, NetworkGroup
from stemzoo.models.unet import patch_discriminator, unet_generator
from stemzoo.models.zoo_model import check_arguments


@keras.saving.register_keras_serializable(package="stemzoo")
class CycleGANSTEM(keras.Model):
    """CycleGAN between experimental and simulated images, with Fourier-space discriminators.

    Six networks: the generators `exp_to_sim` (the paper's G) and `sim_to_exp` (F), and for each
    domain a discriminator of images and one of log power spectra.

    Parameters
    ----------
    filters, depth : int
        Size of the generators, see `unet_generator`.
    discriminator_filters : int
        Size of the discriminators.
    patch_size : int
        Edge of the patches that it is trained on, and of the tiles of `translate` [px].
    lambda_cycle, lambda_identity : float
        Weights of the cycle and identity losses.
    fft_discriminators : bool
        Whether to use the Fourier-space discriminators.
    bottleneck_norm : bool
        See `unet_generator`.
    dropout : float
        See `unet_generator`.
    sampling : float
        Pixel size of the images [Å/px].
    material, session : str, optional
        What it is trained on.
    rotation : pair of float, optional
        Mean and standard deviation of the orientation of the lattices it is trained on [degrees],
        so that frames to translate can be simulated alike; any orientation where not given.
    name : str
        Name of the model.

    Attributes
    ----------
    card, provenance, conditions
        What is known of loaded weights, see `ZooModel`; None for others.
    adaptation : stemzoo.adaptation.best_weights.Adaptation or None
        Whether adapting helped; None unless `stemzoo.fit_adapt` returned the model.

    Raises
    ------
    ValueError
        If a size is out of range or the patch does not fit the depth.

    References
    ----------
    A. Khan, C.-H. Lee, P. Y. Huang, B. K. Clark, npj Comput. Mater. 9, 85 (2023);
    J.-Y. Zhu, T. Park, P. Isola, A. A. Efros, Unpaired Image-to-Image Translation using
    Cycle-Consistent Adversarial Networks, ICCV 2017.

    Examples
    --------
    >>> model = CycleGANSTEM(filters=4, depth=2, discriminator_filters=4, patch_size=32)
    >>> model.sim_to_exp.output_shape
    (None, None, None, 1)
    """

    task: ClassVar[str] = "translation"
    summary: ClassVar[str] = "makes simulations of {material} look like images of {session}"
    weight_groups: ClassVar[tuple[str, ...]] = ("model", "training")
    bounds: ClassVar[Mapping[str, Field]] = CYCLEGAN_BOUNDS
    card: str | None = None
    provenance: Any = None
    conditions: Any = None
    structure: Any = None
    adaptation: Any = None
    lambda_pair: float = 0.0
    pair_noise: float = 0.1

    def __init__(
        self,
        *,
        filters: int = CycleGANArguments.filters,
        depth: int = CycleGANArguments.depth,
        discriminator_filters: int = CycleGANArguments.discriminator_filters,
        patch_size: int = CycleGANArguments.patch_size,
        lambda_cycle: float = CycleGANArguments.lambda_cycle,
        lambda_identity: float = CycleGANArguments.lambda_identity,
        fft_discriminators: bool = CycleGANArguments.fft_discriminators,
        bottleneck_norm: bool = CycleGANArguments.bottleneck_norm,
        dropout: float = CycleGANArguments.dropout,
        sampling: float = CycleGANArguments.sampling,
        material: str | None = None,
        session: str | None = None,
        rotation: Sequence[float] | None = None,
        name: str = CycleGANArguments.name,
        **kwargs,
    ):
        super().__init__(name=name, **kwargs)
        # === Config ===
        self.filters = filters
        self.depth = depth
        self.discriminator_filters = discriminator_filters
        self.patch_size = patch_size
        self.lambda_cycle = lambda_cycle
        self.lambda_identity = lambda_identity
        self.fft_discriminators = fft_discriminators
        self.bottleneck_norm = bottleneck_norm
        self.dropout = dropout
        self.sampling = sampling
        self.material = material
        self.session = session
        self.rotation = None if rotation is None else tuple(float(angle) for angle in rotation)
        check_arguments(CycleGANSTEM, self.get_config())
        if patch_size % 2**depth:
            raise ValueError(
                f"expected a patch_size that is a multiple of 2^depth = {2**depth}. Received: "
                f"{patch_size}"
            )
        # === Networks ===
        sizes: dict[str, Any] = {"bottleneck_norm": bottleneck_norm, "dropout": dropout}
        self.exp_to_sim = unet_generator(filters, depth, **sizes, name="exp_to_sim")
        self.sim_to_exp = unet_generator(filters, depth, **sizes, name="sim_to_exp")
        size = discriminator_filters
        self.discriminator_exp = patch_discriminator(size, name="discriminator_exp")
        self.discriminator_sim = patch_discriminator(size, name="discriminator_sim")
        self.discriminator_exp_fft = self.discriminator_sim_fft = None
        if fft_discriminators:
            self.discriminator_exp_fft = patch_discriminator(size, name="discriminator_exp_fft")
            self.discriminator_sim_fft = patch_discriminator(size, name="discriminator_sim_fft")
        self.log_power_spectrum = LogPowerSpectrum(name="log_power_spectrum")
        self._trackers: dict[str, keras.metrics.Mean] = {}
        self.discriminator_roles = ROLES if fft_discriminators else ROLES[:2]
        self.built = True

    @classmethod
    def paper(cls, **changes) -> "CycleGANSTEM":
        """Build the paper's sizes: 54.4 million parameters a generator, 256² patches."""
        sizes = {
            "filters": 64,
            "depth": 8,
            "discriminator_filters": 64,
            "patch_size": 256,
            "bottleneck_norm": True,
            "dropout": 0.5,
        }
        return cls(**{**sizes, **changes})

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "filters": self.filters,
            "depth": self.depth,
            "discriminator_filters": self.discriminator_filters,
            "patch_size": self.patch_size,
            "lambda_cycle": self.lambda_cycle,
            "lambda_identity": self.lambda_identity,
            "fft_discriminators": self.fft_discriminators,
            "bottleneck_norm": self.bottleneck_norm,
            "dropout": self.dropout,
            "sampling": self.sampling,
            "material": self.material,
            "session": self.session,
            "rotation": None if self.rotation is None else list(self.rotation),
            "name": self.name,
        }

    @staticmethod
    def least_weights(arguments: Mapping) -> int:
        """Count the weights of the largest layers only: the generators have more than these.

        Examples
        --------
        >>> CycleGANSTEM.least_weights({"filters": 4, "depth": 2})
        2048
        """
        return generators_least_weights(arguments["filters"], arguments["depth"])

    @property
    def generators(self) -> tuple[keras.Model, keras.Model]:
        """The two generators, G and F."""
        return self.exp_to_sim, self.sim_to_exp

    @property
    def discriminators(self) -> tuple[keras.Model, ...]:
        """The discriminators in use, in the order of `discriminator_roles`."""
        images = self.discriminator_exp, self.discriminator_sim
        spectra = self.discriminator_exp_fft, self.discriminator_sim_fft
        return (*images, *spectra) if self.fft_discriminators else images

    def weight_networks(self) -> dict[str, keras.Model]:
        """Return the generators and the discriminators, each as a group."""
        return {
            "model": NetworkGroup(self.generators, name="generators"),
            "training": NetworkGroup(self.discriminators, name="discriminators"),
        }

    def golden_outputs(self, images: Any) -> dict[str, Any]:
        """Return the images translated both ways, by the generators' names."""
        return {network.name: network(images, training=False) for network in self.generators}

    @property
    def stride(self) -> int:
        """Images must be multiples of this many pixels."""
        return 2**self.depth

    def successor(self, **changes) -> "CycleGANSTEM":
        """Return a model with the same weights, to be trained for another session.

        Parameters
        ----------
        **changes
            Arguments of the constructor that differ, such as `session` or `sampling`.

        Returns
        -------
        CycleGANSTEM

        Raises
        ------
        ValueError
            If a change alters the shape of the weights.
        """
        other = type(self)(**{**self.get_config(), **changes})
        pairs = zip(
            (*self.generators, *self.discriminators),
            (*other.generators, *other.discriminators),
            strict=True,
        )
        for mine, its in pairs:
            its.set_weights(mine.get_weights())
        return other

    def fit_adapt(self, experimental_images: Sequence, **options) -> "CycleGANSTEM":
        """Fine-tune a copy on a handful of new images; see `stemzoo.fit_adapt`."""
        import stemzoo  # its front door: a model knows no room above its own

        return stemzoo.fit_adapt(self, experimental_images, **options)

    def compile(
        self,
        generator_optimizer: keras.optimizers.Optimizer | None = None,
        discriminator_optimizer: keras.optimizers.Optimizer | None = None,
        *,
        lambda_pair: float = 0.0,
        pair_noise: float = 0.1,
        **kwargs,
    ) -> None:
        """Set the optimizers of the generators and of the discriminators.

        Parameters
        ----------
        generator_optimizer, discriminator_optimizer : keras.optimizers.Optimizer, optional
            Adam with a learning rate of 2e-4 and β1 = 0.5 where not given.
        lambda_pair : float
            Weight of paired supervision: the squared error of what the way back, `exp_to_sim`,
            makes of a translated simulation, against the simulation; 0 for none.
        pair_noise : float
            Standard deviation of the noise that is added to the translation first, in [-1, 1].
        **kwargs
            For `keras.Model.compile`, such as ``run_eagerly``.
        """
        super().compile(optimizer=None, **kwargs)
        self.lambda_pair, self.pair_noise = lambda_pair, pair_noise
        self.generator_optimizer = generator_optimizer or keras.optimizers.Adam(2e-4, beta_1=0.5)
        self.discriminator_optimizer = discriminator_optimizer or keras.optimizers.Adam(
            2e-4, beta_1=0.5
        )
        self.generator_optimizer.build(self._variables_of(self.generators))
        self.discriminator_optimizer.build(self._variables_of(self.discriminators))
        self._trackers = {name: keras.metrics.Mean(name=name) for name in self.loss_names}

    @property
    def optimizers(self) -> tuple[keras.optimizers.Optimizer, ...]:
        """Optimizers of the generators and of the discriminators, once compiled."""
        return self.generator_optimizer, self.discriminator_optimizer

    @property
    def loss_names(self) -> tuple[str, ...]:
        """Names of the losses in the logs."""
        names = [role.name for role in self.discriminator_roles]
        adversarial = [f"adversarial_{name}" for name in names]
        pairs = [f"discriminator_{name}_{kind}" for name in names for kind in ("real", "fake")]
        supervised = ("cycle", "identity", *(["pair"] if self.lambda_pair else []))
        return (*adversarial, *supervised, "generators", *pairs, "discriminators")

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """Means of the losses over an epoch."""
        return list(self._trackers.values())

    @staticmethod
    def _variables_of(networks) -> list:
        return [v for network in networks for v in network.trainable_variables]

    def call(self, images: Any, training: bool = False) -> Any:
        """Translate simulations to experimental images."""
        return self.sim_to_exp(images, training=training)

    def losses_of(
        self, experimental: Any, simulated: Any, training: bool, clean: Any = None
    ) -> dict[str, Any]:
        """Compute every loss, each generated image and each score once.

        Parameters
        ----------
        experimental, simulated : tensor of shape (batch, M, N, 1)
            Images of the two domains in [-1, 1].
        training : bool
            Whether dropout is on.
        clean : tensor of shape (batch, M, N, 1), optional
            The simulated images without the noise that goes in, for paired supervision; the
            simulated ones themselves where not given.

        Returns
        -------
        dict of str to scalar tensor
            The keys are `loss_names`, see `cyclegan_losses`.
        """
        if not self.lambda_pair:
            return cyclegan_losses(self, experimental, simulated, training)
        import tensorflow as tf  # as for `train_step`

        # Of the step alone, so that a training goes on with the same noise.
        seed = tf.stack([0, tf.cast(self.generator_optimizer.iterations.value, tf.int32)])
        noise = self.pair_noise * tf.random.stateless_normal(tf.shape(simulated), seed)
        target = simulated if clean is None else clean
        paired = PairedSupervision(target, noise, self.lambda_pair)
        return cyclegan_losses(self, experimental, simulated, training, paired)

    def train_step(self, data: Any) -> dict[str, Any]:
        """Update all six networks from one batch of both domains.

        Parameters
        ----------
        data : tuple of tensor of shape (batch, M, N, 1)
            Experimental and simulated images, and perhaps the latter without noise, which paired
            supervision takes (see `compile`).

        Returns
        -------
        dict of str to float
            Means of the losses so far.
        """
        import tensorflow as tf  # the only backend that it is written for

        experimental, simulated, clean = keras.utils.unpack_x_y_sample_weight(data)
        generators = self._variables_of(self.generators)
        discriminators = self._variables_of(self.discriminators)
        # Optimizers add up the gradients of all replicas, and each sees its share of the batch.
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        with tf.GradientTape(persistent=True) as tape:
            losses = self.losses_of(experimental, simulated, training=True, clean=clean)
            of_generators = losses["generators"] / replicas
            of_discriminators = losses["discriminators"] / replicas
        # The loss of the discriminators reaches the generators' weights too, but only the
        # discriminators' gradients are taken of it, and the reverse.
        gradients = (
            tape.gradient(of_generators, generators),
            tape.gradient(of_discriminators, discriminators),
        )
        del tape
        self.generator_optimizer.apply(gradients[0], generators)
        self.discriminator_optimizer.apply(gradients[1], discriminators)
        return self._track(losses)

    def test_step(self, data: Any) -> dict[str, Any]:
        """Compute the losses of one batch."""
        experimental, simulated, clean = keras.utils.unpack_x_y_sample_weight(data)
        return self._track(self.losses_of(experimental, simulated, training=False, clean=clean))

    def _track(self, losses: dict) -> dict:
        for name, tracker in self._trackers.items():
            tracker.update_state(losses[name])
        return {name: tracker.result() for name, tracker in self._trackers.items()}
