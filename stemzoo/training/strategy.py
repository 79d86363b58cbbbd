"""Training on all devices of a host, or of several hosts, through `tf.distribute`."""

import json
import logging
import os
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from stemzoo.models.start import quiet_start
from stemzoo.training.several_hosts import fit_on_hosts

log = logging.getLogger(__name__)


def make_strategy(name: str | None) -> tf.distribute.Strategy | None:
    """Build a strategy by name, before anything else is computed with TensorFlow.

    Parameters
    ----------
    name : str, optional
        ``"mirrored"`` for all devices of this host; ``"multiworker"`` for several hosts
        (experimental), each of which runs the same program with its own environment variable
        TF_CONFIG; None for one device.

    Returns
    -------
    tf.distribute.Strategy or None
        With ``"multiworker"`` this waits until all hosts are there.

    Raises
    ------
    ValueError
        For an unknown name, or if TF_CONFIG is missing or incomplete.

    Examples
    --------
    >>> make_strategy("mirrored").num_replicas_in_sync  # doctest: +SKIP
    2
    """
    if name is None:
        return None
    if name == "mirrored":
        with quiet_start():
            return tf.distribute.MirroredStrategy()
    if name == "multiworker":
        _check_tf_config()
        with quiet_start():
            return tf.distribute.MultiWorkerMirroredStrategy()
    raise ValueError(f"strategy is mirrored or multiworker. Received: {name!r}")


def _check_tf_config() -> None:
    """Without TF_CONFIG, TensorFlow would train each host by itself and not say so."""
    text = os.environ.get("TF_CONFIG", "")
    try:
        config = json.loads(text)
        complete = bool(config["cluster"]) and {"type", "index"} <= set(config["task"])
    except (ValueError, TypeError, KeyError):
        complete = False
    if not complete:
        raise ValueError(
            "multiworker needs the environment variable TF_CONFIG on every host, such as "
            '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", '
            f'"index": 0}}}}. Received: {text or "nothing"}'
        )


def is_chief(strategy: tf.distribute.Strategy | None) -> bool:
    """Whether this process is the one that writes files; without a strategy it is.

    Parameters
    ----------
    strategy : tf.distribute.Strategy, optional
        From `make_strategy`.

    Returns
    -------
    bool
    """
    return strategy is None or strategy.extended.should_checkpoint


def on_replicas(
    model: keras.Model, strategy: tf.distribute.Strategy, batch_size: int
) -> keras.Model:
    """Copy a model to the devices of a strategy.

    Parameters
    ----------
    model : keras.Model
        Any model that its configuration describes.
    strategy : tf.distribute.Strategy
        From `make_strategy`.
    batch_size : int
        Patches of a step on all devices together.

    Returns
    -------
    keras.Model
        A copy with the same weights, not compiled.

    Raises
    ------
    ValueError
        If the batch cannot be split evenly.
    """
    replicas = strategy.num_replicas_in_sync
    if batch_size % replicas:
        raise ValueError(
            "The batch size counts the patches of all devices together and must be a multiple of "
            f"their number, {replicas}. Received: {batch_size}"
        )
    log.info("training on %d devices, %d patches on each", replicas, batch_size // replicas)
    with strategy.scope():
        copy = type(model).from_config(model.get_config())
    copy.set_weights(model.get_weights())
    return copy


def fit_on_replicas(
    model: keras.Model,
    data: tf.data.Dataset,
    strategy: tf.distribute.Strategy,
    *,
    epochs: int,
    initial_epoch: int,
    steps_per_epoch: int,
    callbacks: Sequence[keras.callbacks.Callback],
) -> None:
    """Train a model of `on_replicas`, as its `fit` does on one device.

    Parameters
    ----------
    model : keras.Model
        Compiled under the strategy; its `train_step` returns its metrics.
    data : tf.data.Dataset
        Batches for all devices together, the same in every process.
    strategy : tf.distribute.Strategy
        The one that the model was copied with.
    epochs, initial_epoch, steps_per_epoch : int
        As of `keras.Model.fit`.
    callbacks : sequence of keras.callbacks.Callback
        Each process calls its own; the losses that they see are those of the joint batches.

    Raises
    ------
    ConnectionError
        If another process has stopped.
    """
    length: dict[str, Any] = {
        "epochs": epochs,
        "initial_epoch": initial_epoch,
        "steps_per_epoch": steps_per_epoch,
        "callbacks": callbacks,
    }
    if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        fit_on_hosts(model, data, strategy, **length)
    else:
        model.fit(data, shuffle=False, verbose=0, **length)
