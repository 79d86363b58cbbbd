"""What a training leaves behind: a state to go on from, and a log."""

import importlib.util
import json
import logging
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from stemzoo import io

log = logging.getLogger(__name__)

STATE_FILE = "training_state.npz"


class TrainingState(keras.callbacks.Callback):
    """Save all that a run needs to go on, after each epoch and in one step.

    One file holds the model's and the optimizers' variables, the epoch and the log, so that a
    process that is killed at any moment leaves either the old state or the new one.

    Parameters
    ----------
    folder : path-like
        Where `training_state.npz`, `training_log.csv` and `training_log.png` go; made if it does
        not exist.
    writes : bool
        Whether this process writes. Of several workers only the chief does, but all must have this
        callback: they read the state of their metrics together.
    """

    def __init__(self, folder, *, writes: bool = True):
        super().__init__()
        self.folder = Path(folder)
        self.writes = writes
        if writes:
            self.folder.mkdir(parents=True, exist_ok=True)
        self.rows: list[dict[str, float]] = []

    def _optimizers(self) -> tuple[keras.optimizers.Optimizer, ...]:
        return getattr(self.model, "optimizers", None) or (self.model.optimizer,)

    def _variables(self):
        return [*self.model.variables, *(v for o in self._optimizers() for v in o.variables)]

    def restore(self, model) -> int:
        """Load the last state, if there is one.

        Parameters
        ----------
        model : keras.Model
            A model of the same architecture, compiled, with built optimizers.

        Returns
        -------
        int
            Epochs already done.

        Raises
        ------
        ValueError
            If the state belongs to another architecture.
        """
        path = self.folder / STATE_FILE
        if not path.exists():
            return 0
        self.set_model(model)
        with np.load(path, allow_pickle=False) as state:
            variables = self._variables()
            if len(state.files) != len(variables) + 1 or any(
                state[f"v{i}"].shape != tuple(v.shape) for i, v in enumerate(variables)
            ):
                raise ValueError(
                    f"{path} holds another network's training. Choose an empty folder or the same "
                    f"recipe. Received: {len(state.files) - 1} variables for {len(variables)}"
                )
            for i, variable in enumerate(variables):
                variable.assign(state[f"v{i}"])
            self.rows = json.loads(str(state["log"]))
        # A run may have been killed between the writing of its state and of its log.
        if self.writes:
            write_log(self.folder, self.rows)
        log.info("resuming %s after epoch %d", self.folder, len(self.rows))
        return len(self.rows)

    def on_epoch_end(self, epoch, logs=None):
        """Save the state and the log."""
        rate = float(keras.ops.convert_to_numpy(self._optimizers()[0].learning_rate))
        values = {key: float(value) for key, value in (logs or {}).items()}
        self.rows.append({"epoch": epoch + 1, "learning_rate": rate, **values})
        arrays = {f"v{i}": keras.ops.convert_to_numpy(v) for i, v in enumerate(self._variables())}
        if not self.writes:
            return
        with io.atomic_path(self.folder / STATE_FILE) as temporary, open(temporary, "wb") as file:
            np.savez(file, log=json.dumps(self.rows), **arrays)
        write_log(self.folder, self.rows)


def tensorboard_log(folder) -> keras.callbacks.TensorBoard:
    """Write the losses of each epoch for TensorBoard.

    Parameters
    ----------
    folder : path-like
        What `tensorboard --logdir` is to be given.

    Returns
    -------
    keras.callbacks.TensorBoard

    Raises
    ------
    ModuleNotFoundError
        If TensorBoard is not installed.
    """
    # TensorFlow would say so only at the end of the first epoch.
    if importlib.util.find_spec("tensorboard") is None:
        raise ModuleNotFoundError(
            "Logs for TensorBoard need its package; run: pip install tensorboard. Received: no "
            "module named 'tensorboard'"
        )
    return keras.callbacks.TensorBoard(folder, write_graph=False)


def write_log(folder: Path, rows: Sequence[dict[str, float]]) -> None:
    """Write the log of a training as CSV and as a plot.

    Parameters
    ----------
    folder : Path
        Receives `training_log.csv` and `training_log.png`.
    rows : sequence of dict
        One an epoch, all with the same keys.
    """
    from stemzoo.plotting import plot_training_log

    columns = list(rows[0])
    io.write_csv(folder / "training_log.csv", columns, [[row[c] for c in columns] for row in rows])
    with io.atomic_path(folder / "training_log.png") as temporary:
        plot_training_log(rows, temporary)
