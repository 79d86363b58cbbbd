"""What watches a training: its progress, losses that are not finite, pictures of what it makes."""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import keras
import numpy as np

from stemzoo import io
from stemzoo.plotting import plot_pictures
from stemzoo.training.budget import TimeBudget


class TrainingProgress(keras.callbacks.Callback):
    """Report each epoch's losses and the remaining time through a function.

    Parameters
    ----------
    report : callable
        Takes one line of text.
    budget : TimeBudget, optional
        What the training lasts as long as, where it does not end with its last epoch.
    """

    def __init__(self, report: Callable[[str], None], budget: TimeBudget | None = None):
        super().__init__()
        self.report, self.budget = report, budget
        self._times: list[float] = []

    def on_train_begin(self, logs=None):
        """Start the clock."""
        self._times = [time.monotonic()]

    def on_train_end(self, logs=None):
        """Say so, if there was nothing left to train."""
        if len(self._times) == 1:
            epochs = f"all {self.params['epochs']} epochs are done already"
            self.report("no time is left to train in" if self.budget else epochs)

    def on_epoch_end(self, epoch, logs=None):
        """Report."""
        self._times.append(time.monotonic())
        # The first epoch holds the compilation: the last three say more about what is left.
        recent = self._times[-4:]
        pace = (recent[-1] - recent[0]) / (len(recent) - 1)
        left = pace * (self.params["epochs"] - epoch - 1)
        of_all = f"/{self.params['epochs']}"
        if self.budget is not None:
            left, of_all = max(self.budget.left, 0.0), ""
        values = "  ".join(f"{key} {float(value):.5f}" for key, value in (logs or {}).items())
        self.report(
            f"epoch {epoch + 1}{of_all}  {values}  {pace:.1f} s/epoch  "
            f"remaining {timedelta(seconds=round(left))}"
        )


class SamplePictures(keras.callbacks.Callback):
    """Draw simulation, generated, cycled and experimental patches with their power spectra.

    Parameters
    ----------
    experimental, simulated : ndarray of shape (patch, patch)
        One patch of each domain in [-1, 1].
    folder : path-like
        Receives ``samples/epoch_NNNN.png``.
    every : int
        Number of epochs from one picture to the next.
    """

    def __init__(self, experimental: np.ndarray, simulated: np.ndarray, folder, every: int = 5):
        super().__init__()
        self.experimental, self.simulated = experimental, simulated
        self.folder = Path(folder) / "samples"
        self.every = every

    def on_epoch_end(self, epoch, logs=None):
        """Draw, if it is time."""
        if (epoch + 1) % self.every and epoch + 1 != self.params["epochs"]:
            return
        generated = self._apply(self.model.sim_to_exp, self.simulated)
        pictures = {
            "simulation": self.simulated,
            "generated": generated,
            "cycled": self._apply(self.model.exp_to_sim, generated),
            "experimental": self.experimental,
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        with io.atomic_path(self.folder / f"epoch_{epoch + 1:04d}.png") as temporary:
            plot_pictures(pictures, temporary)

    @staticmethod
    def _apply(network, image: np.ndarray) -> np.ndarray:
        # Not `predict`: of several workers only the chief draws, and it would wait for the others.
        generated = network(image[None, ..., None], training=False)
        return keras.ops.convert_to_numpy(generated)[0, ..., 0]


class StopOnNaN(keras.callbacks.Callback):
    """Stop a training whose loss is not finite; the last saved state stays.

    Raises
    ------
    FloatingPointError
        Names the loss and the step.
    """

    def on_train_batch_end(self, batch, logs=None):
        """Look at every loss of the step."""
        for name, value in (logs or {}).items():
            if not np.isfinite(float(value)):
                raise FloatingPointError(
                    f"The loss {name!r} is not finite after step {batch + 1} of this epoch. The "
                    "last saved epoch is kept; go on from it with a lower learning rate. "
                    f"Received: {float(value)}"
                )
