"""What a training leaves behind: a state to go on from, and a log."""

import importlib.util
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from stemzoo import io
from stemzoo.io.json_files import Field, parse_json
from stemzoo.io.npz_files import npz_shapes
from stemzoo.training.fingerprint import find_differences

log = logging.getLogger(__name__)

STATE_FILE = "training_state.npz"
_NEXT_STEP = "Delete it to train anew, or choose another folder."


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
    run : dict, optional
        From `find_fingerprint`: a folder whose state has another one is not gone on in. States of
        older versions have none, and are.
    """

    def __init__(self, folder, *, writes: bool = True, run: dict[str, Any] | None = None):
        super().__init__()
        self.folder = Path(folder)
        self.writes, self.run = writes, run
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
            If the state is damaged, or belongs to another architecture or another run.
        """
        path = self.folder / STATE_FILE
        if not path.exists():
            return 0
        self.set_model(model)
        variables = self._variables()
        shapes = npz_shapes(path, "the state of a training", _NEXT_STEP)
        with np.load(path, allow_pickle=False) as state:
            arrays = shapes.keys() - {"log", "run"}
            if len(arrays) != len(variables) or any(
                shapes.get(f"v{i}") != tuple(v.shape) for i, v in enumerate(variables)
            ):
                raise ValueError(
                    f"{path} holds another network's training. Choose an empty folder or the same "
                    f"recipe. Received: {len(arrays)} variables for {len(variables)}"
                )
            self._check_run(shapes, state)
            rows = _read_rows(path, str(state["log"]) if "log" in shapes else "")
            values = [state[f"v{i}"] for i in range(len(variables))]
        for variable, value in zip(variables, values, strict=True):
            if value.dtype.kind == "U" or not np.isfinite(value).all():
                raise ValueError(
                    f"{path}: expected finite numbers. Received: others in {variable.path}. "
                    f"{_NEXT_STEP}"
                )
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        self.rows = rows
        # A run may have been killed between the writing of its state and of its log.
        if self.writes:
            write_log(self.folder, self.rows)
        log.info("resuming %s after epoch %d", self.folder, len(self.rows))
        return len(self.rows)

    def _check_run(self, shapes: Mapping[str, Any], state: Mapping[str, Any]) -> None:
        """See that the state is of the same recipe, data and first weights."""
        if self.run is None or "run" not in shapes:
            return
        try:
            known = parse_json(str(state["run"]), {})
        except ValueError as error:
            raise ValueError(
                f"{self.folder / STATE_FILE}: expected what the training is about. Received: a "
                f"damaged record ({error}). {_NEXT_STEP}"
            ) from error
        if differences := find_differences(known, self.run):
            raise ValueError(
                f"{self.folder} holds another training: choose another folder, or the same recipe "
                f"and data to go on. Received: {'; '.join(differences)}"
            )

    def on_epoch_end(self, epoch, logs=None):
        """Save the state and the log."""
        rate = float(keras.ops.convert_to_numpy(self._optimizers()[0].learning_rate))
        values = {key: float(value) for key, value in (logs or {}).items()}
        arrays = {f"v{i}": keras.ops.convert_to_numpy(v) for i, v in enumerate(self._variables())}
        if not all(np.isfinite(array).all() for array in arrays.values()):
            raise FloatingPointError(
                f"{self.folder}: the weights are not finite after epoch {epoch + 1}. The last "
                "saved epoch is kept; train in another folder with a lower learning rate. "
                "Received: NaN or Inf"
            )
        self.rows.append({"epoch": epoch + 1, "learning_rate": rate, **values})
        if not self.writes:
            return
        run = {} if self.run is None else {"run": json.dumps(self.run)}
        with io.atomic_path(self.folder / STATE_FILE) as temporary, open(temporary, "wb") as file:
            np.savez(file, log=json.dumps(self.rows), **run, **arrays)
        write_log(self.folder, self.rows)


def _read_rows(path: Path, text: str) -> list[dict[str, float]]:
    """Read the log of a state: one row an epoch, of finite numbers under the same names."""
    row = Field(dict, low=1, items=Field(float))
    try:
        content = parse_json(
            f'{{"rows": {text}}}', {"rows": Field(list, low=1, required=True, items=row)}
        )
        rows = content["rows"]
        for number, found in enumerate(rows, 1):
            if found.keys() != rows[0].keys() or found.get("epoch") != number:
                raise ValueError(f"row {number} is not of epoch {number}, or of other columns")
    except ValueError as error:
        raise ValueError(
            f"{path}: expected the log of a training. Received: a damaged one ({error}). "
            f"{_NEXT_STEP}"
        ) from error
    return rows


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
