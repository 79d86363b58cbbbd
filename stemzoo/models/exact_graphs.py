"""Graphs of a network that do not depend on what it has seen before."""

from typing import Any

import keras
import numpy as np

_KEPT = 16  # the shapes of a call are few; a graph of the default detector takes 0.3 s to build


class ExactGraphs:
    """Graphs of one network, each for batches of one shape.

    Keras replaces the graph of the first shape by one for any shape as soon as a second shape
    comes. That one rounds in another way, so the answer for an image depended on the images before
    it.

    Parameters
    ----------
    network : keras.Model
        The network; its weights may change later.

    Examples
    --------
    >>> network = keras.Sequential([keras.Input((None, None, 1)), keras.layers.Conv2D(1, 3)])
    >>> ExactGraphs(network)(np.zeros((1, 8, 8, 1), np.float32)).shape
    (1, 6, 6, 1)
    """

    def __init__(self, network: keras.Model):
        self._network = network
        self._graphs: dict[tuple[int, ...], Any] = {}

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Return the answer of the network for a batch.

        Parameters
        ----------
        batch : ndarray of float32
            What the network takes.

        Returns
        -------
        ndarray
        """
        import tensorflow as tf  # which only this backend has

        graph = self._graphs.pop(batch.shape, None)
        if graph is None:
            # One function a shape: a function keeps all of its graphs for ever.
            function = tf.function(lambda x: self._network(x, training=False), autograph=False)
            graph = function.get_concrete_function(tf.TensorSpec(batch.shape, tf.float32))
        self._graphs[batch.shape] = graph  # now the last one
        if len(self._graphs) > _KEPT:
            del self._graphs[next(iter(self._graphs))]
        return graph(tf.constant(batch)).numpy()
