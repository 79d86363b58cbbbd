"""Signals of HyperSpy and its relatives, told by what they have: pixels with their calibration."""

from typing import Any

import numpy as np

from stemzoo.io.pixel_size import square_sampling, to_angstrom


def is_signal(value: object) -> bool:
    """Whether something is a signal as HyperSpy has them: it is not imported for that.

    Examples
    --------
    >>> is_signal(np.eye(64))
    False
    """
    return hasattr(value, "axes_manager") and hasattr(value, "data")


def signal_pixels(signal: Any) -> tuple[np.ndarray, float | None]:
    """Return the pixels of a signal, and their size.

    Parameters
    ----------
    signal : hyperspy.signals.Signal2D or alike
        One image: `data` of shape (M, N), and `axes_manager` with the scale and units of its axes.

    Returns
    -------
    data : ndarray of shape (M, N)
        Its pixels; those of a lazy signal are computed.
    sampling : float or None
        Pixel size [Å/px]; None if the axes have no unit of length.

    Raises
    ------
    ValueError
        If it is a stack, or its pixels are not square.

    Examples
    --------
    >>> data, sampling = signal_pixels(hyperspy.api.load("scan.dm4"))  # doctest: +SKIP
    """
    data = np.asanyarray(signal.data)
    manager = signal.axes_manager
    axes = list(manager.signal_axes) or list(manager.navigation_axes)
    if data.ndim != 2 or len(axes) != 2:
        raise ValueError(
            f"signal: expected one image. Received: shape {data.shape}. Choose one, for example "
            "signal.inav[0]."
        )
    # HyperSpy names the axis along the columns, x, first.
    x, y = (to_angstrom(getattr(axis, "scale", None), axis.units) for axis in axes)
    return data, square_sampling(x, y, "signal")
