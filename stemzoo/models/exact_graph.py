"""A graph of a network that does not depend on what it has seen before."""

from typing import Any

import keras
import numpy as np


class ExactGraph:
    """One graph of a network, for batches of any shape from the first one on.

    Keras builds a graph for the first shape, and replaces it by one for any shape as soon as a
    second shape comes. The two round in another way, so the answer for an image depended on the
    images before it. The one for any shape is as quick, and windows of another shape cost nothing.

    Parameters
    ----------
    network : keras.Model
        The network, which takes images of one channel; its weights may change later.

    Examples
    --------
    >>> network = keras.Sequential([keras.Input((None, None, 1)), keras.layers.Conv2D(1, 3)])
    >>> ExactGraph(network)(np.zeros((1, 8, 8, 1), np.float32)).shape
    (1, 6, 6, 1)
    """

    def __init__(self, network: keras.Model):
        self._network = network
        self._graph: Any = None

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Return the answer of the network for a batch.

        Parameters
        ----------
        batch : ndarray of float32, shape (B, M, N, 1)
            What the network takes.

        Returns
        -------
        ndarray
        """
        import tensorflow as tf  # which only this backend has

        if self._graph is None:
            function = tf.function(lambda x: self._network(x, training=False), autograph=False)
            any_shape = tf.TensorSpec((None, None, None, 1), tf.float32)
            self._graph = function.get_concrete_function(any_shape)
        return self._graph(tf.constant(batch)).numpy()
