"""Time of a training step of CycleGANSTEM, beside a plain implementation of the paper's step.

    python tests/benchmarks/cyclegan_speed.py [--batch 8] [--patch 128] [--scaling]

The plain step has two functions, as the paper's code: one for the discriminators and one for the
generators, each computing the generated images; and a backward pass of each generator's total loss
through both networks. Same networks, same batch, one run; times are the best of several.
"""

import argparse
import time

import keras
import numpy as np
import tensorflow as tf

from stemzoo.models import CycleGANSTEM


def l1(a, b):
    """Mean absolute difference."""
    return tf.reduce_mean(tf.abs(a - b))


def plain_step(model: CycleGANSTEM):
    """Compile the paper's step."""
    g, f = model.exp_to_sim, model.sim_to_exp
    optimizers = [keras.optimizers.Adam(2e-4, beta_1=0.5) for _ in range(6)]
    spectrum = model.log_power_spectrum

    def scores(domain, images):
        plain = getattr(model, f"discriminator_{domain}")(images, training=True)
        fourier = getattr(model, f"discriminator_{domain}_fft")(spectrum(images), training=True)
        return plain, fourier

    @tf.function
    def discriminators(experimental, simulated):
        fakes = {"sim": g(experimental, training=True), "exp": f(simulated, training=True)}
        real = {"sim": simulated, "exp": experimental}
        networks = zip(model.discriminator_roles, model.discriminators, strict=True)
        for k, (role, network) in enumerate(networks):
            domain = role.domain
            through = spectrum if role.space == "fft" else tf.identity
            with tf.GradientTape() as tape:
                of_real = network(through(real[domain]), training=True)
                of_fake = network(through(fakes[domain]), training=True)
                loss = 0.5 * (tf.reduce_mean((of_real - 1) ** 2) + tf.reduce_mean(of_fake**2))
            variables = network.trainable_variables
            optimizers[k].apply(tape.gradient(loss, variables), variables)

    @tf.function
    def generators(experimental, simulated):
        with tf.GradientTape(persistent=True) as tape:
            fake_sim, fake_exp = g(experimental, training=True), f(simulated, training=True)
            cycle = l1(experimental, f(fake_sim, training=True)) + l1(
                simulated, g(fake_exp, training=True)
            )
            totals = []
            for network, image, domain, fake in (
                (g, simulated, "sim", fake_sim),
                (f, experimental, "exp", fake_exp),
            ):
                adversarial = sum(tf.reduce_mean((s - 1) ** 2) for s in scores(domain, fake))
                identity = l1(image, network(image, training=True))
                totals.append(adversarial + 10 * cycle + 5 * identity)
        for k, (network, total) in enumerate(zip((g, f), totals, strict=True)):
            variables = network.trainable_variables
            optimizers[4 + k].apply(tape.gradient(total, variables), variables)

    def step(experimental, simulated):
        discriminators(experimental, simulated)
        generators(experimental, simulated)

    return step


def our_step(model: CycleGANSTEM):
    """Compile the package's step."""
    model.compile()
    return tf.function(lambda experimental, simulated: model.train_step((experimental, simulated)))


def seconds(step, batch: int, patch: int, repeats: int = 6) -> float:
    """Best time of a step [s]."""
    rng = np.random.default_rng(0)
    data = [
        tf.constant(rng.normal(0, 0.3, (batch, patch, patch, 1)).astype("float32"))
        for _ in range(2)
    ]
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        step(*data)
        times.append(time.perf_counter() - start)
    return min(times[1:])


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--patch", type=int, default=128)
    parser.add_argument("--scaling", action="store_true", help="only growth with batch and pixels")
    options = parser.parse_args()
    if options.scaling:
        step = our_step(CycleGANSTEM())
        for batch, patch in ((4, 128), (8, 128), (16, 128), (4, 256)):
            best = seconds(step, batch, patch, 3)
            per_pixel = best / batch / patch**2 * 1e6
            print(f"batch {batch:2}, {patch}²: {best:.2f} s, {per_pixel:.2f} µs/px")
        return
    ours = seconds(our_step(CycleGANSTEM()), options.batch, options.patch)
    plain = seconds(plain_step(CycleGANSTEM()), options.batch, options.patch)
    print(f"plain step   {options.batch / plain:6.2f} samples/s")
    print(f"stemzoo step {options.batch / ours:6.2f} samples/s, {plain / ours:.2f} times")


if __name__ == "__main__":
    main()
