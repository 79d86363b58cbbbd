"""Training on several hosts, experimental: tried with two processes of one host, no others."""

from collections.abc import Sequence

import keras
import tensorflow as tf


def values_of_workers(strategy: tf.distribute.Strategy, value: int) -> list[int]:
    """Exchange one number between all processes; each waits for all others.

    Parameters
    ----------
    strategy : tf.distribute.Strategy
        From `make_strategy`.
    value : int
        This process' number.

    Returns
    -------
    list of int
        The numbers of all replicas.
    """
    own = strategy.experimental_distribute_values_from_function(lambda _: tf.constant([value]))
    return strategy.gather(own, axis=0).numpy().tolist()


def wait_for_all(strategy: tf.distribute.Strategy | None) -> None:
    """Wait until every process has come here.

    A worker that ends while the chief still writes would look crashed to it, so all wait at the
    end of their work.

    Parameters
    ----------
    strategy : tf.distribute.Strategy, optional
        From `make_strategy`; None waits for nobody.
    """
    if strategy is not None:
        values_of_workers(strategy, 0)


def check_same_epoch(strategy: tf.distribute.Strategy, done: int, folder) -> None:
    """Check that all processes go on from the same epoch.

    Parameters
    ----------
    strategy : tf.distribute.Strategy
        From `make_strategy`.
    done : int
        Epochs that this process found in the folder.
    folder : path-like
        Where it looked, for the message.

    Raises
    ------
    ValueError
        In every process, if one of them sees another state of the folder.
    """
    seen = values_of_workers(strategy, done)
    if len(set(seen)) > 1:
        raise ValueError(
            f"All workers must see the same folder {folder}, for instance on a network drive, to "
            f"go on from the same epoch. Received: {seen} finished epochs, by device"
        )


def fit_on_hosts(
    model: keras.Model,
    data: tf.data.Dataset,
    strategy: tf.distribute.Strategy,
    *,
    epochs: int,
    initial_epoch: int,
    steps_per_epoch: int,
    callbacks: Sequence[keras.callbacks.Callback],
) -> None:
    """Train a model on the devices of several hosts; takes what `fit_on_replicas` takes.

    Keras 3.15 cannot `fit` under `tf.distribute.MultiWorkerMirroredStrategy`: before the first step
    it reduces a tuple of batches as if it were one tensor, and after it scalar losses along an
    axis.
    """
    batches = iter(data)
    step = _joint_step(model, strategy)
    names = [metric.name for metric in model.metrics]
    calls = keras.callbacks.CallbackList(
        callbacks, model=model, epochs=epochs, steps=steps_per_epoch
    )
    model.stop_training = False
    try:
        calls.on_train_begin()
        for epoch in range(initial_epoch, epochs):
            model.reset_metrics()
            calls.on_epoch_begin(epoch)
            for index in range(steps_per_epoch):
                calls.on_train_batch_begin(index)
                losses = step(_shares(next(batches), strategy)).numpy().tolist()
                calls.on_train_batch_end(index, dict(zip(names, losses, strict=True)))
            joint = {name: float(value) for name, value in model.get_metrics_result().items()}
            calls.on_epoch_end(epoch, joint)
            if model.stop_training:
                break
        calls.on_train_end()
    except (tf.errors.UnavailableError, tf.errors.AbortedError) as error:
        raise ConnectionError(
            "Another worker of this training has stopped. The last saved epoch is kept; start all "
            f"workers again to go on from it. Received: {type(error).__name__}"
        ) from error


def _shares(batch, strategy: tf.distribute.Strategy):
    """Give each replica its patches of a batch, of which every process has drawn all."""
    replicas = strategy.num_replicas_in_sync

    def share(context):
        return tuple(part[context.replica_id_in_sync_group :: replicas] for part in batch)

    # Not a distributed dataset: with several devices, deleting its iterator waits for minutes.
    return strategy.experimental_distribute_values_from_function(share)


def _joint_step(model: keras.Model, strategy: tf.distribute.Strategy):
    """Step of all replicas that returns the means of their metrics, (metrics,), in one tensor."""
    names = [metric.name for metric in model.metrics]

    def replica_step(batch):
        losses = model.train_step(batch)
        return tf.stack([losses[name] for name in names])

    @tf.function(autograph=False)
    def step(batch):
        return strategy.reduce("MEAN", strategy.run(replica_step, args=(batch,)), axis=None)

    return step
