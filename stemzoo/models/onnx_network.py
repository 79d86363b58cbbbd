"""One network that ONNX Runtime computes."""

from pathlib import Path

import numpy as np

# Entry of a network's metadata: SHA-256 of the file of weights that it was made of.
MADE_OF = "stemzoo_weights_sha256"


class OnnxNetwork:
    """One network, from images of any size to as many channels of the same size.

    Parameters
    ----------
    path : Path
        ONNX file that `stemzoo export` wrote.
    channels : int
        Channels of its output.

    Attributes
    ----------
    made_of : str or None
        SHA-256 of the file of weights that it was made of.

    Raises
    ------
    ValueError
        If the file holds no such network.
    ModuleNotFoundError
        If ONNX Runtime is not installed.

    Examples
    --------
    >>> network = OnnxNetwork(Path("model.onnx"), 5)  # doctest: +SKIP
    >>> network.predict_on_batch(np.zeros((1, 64, 64, 1), np.float32)).shape  # doctest: +SKIP
    (1, 64, 64, 5)
    """

    def __init__(self, path: Path, channels: int):
        try:
            import onnxruntime
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "expected ONNX Runtime. Received: none. Install it: pip install onnxruntime"
            ) from error
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # errors are raised, too
        try:
            self._session = onnxruntime.InferenceSession(
                path, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # of a class of its own for each kind of damage
            reason = " ".join(str(error).split())[:200]
            raise ValueError(f"{path}: expected a network. Received: {reason}") from error
        ends = (*self._session.get_inputs(), *self._session.get_outputs())
        found = [(end.type, len(end.shape), end.shape[-1:]) for end in ends]
        if found != [("tensor(float)", 4, [n]) for n in (1, channels)]:
            raise ValueError(
                f"{path}: expected a network from 1 channel to {channels}. Received: "
                f"{', '.join(f'{end.type} of shape {end.shape}' for end in ends)}"
            )
        self._input = ends[0].name
        self.made_of = self._session.get_modelmeta().custom_metadata_map.get(MADE_OF)

    def predict_on_batch(self, x: np.ndarray) -> np.ndarray:
        """Return what the network makes of images of shape (B, M, N, 1)."""
        return self._session.run(None, {self._input: np.asarray(x, dtype=np.float32)})[0]
