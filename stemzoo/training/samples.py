"""Pictures of what a CycleGAN makes, while it trains."""

from pathlib import Path

import keras
import numpy as np

from stemzoo import io
from stemzoo.plotting import plot_pictures


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
