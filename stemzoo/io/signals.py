"""Signals of HyperSpy and arrays of xarray, told by what they have: pixels and calibration."""

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


def is_data_array(value: object) -> bool:
    """Whether something is an array as xarray has them: it is not imported for that.

    Examples
    --------
    >>> is_data_array(np.eye(64))
    False
    """
    return all(hasattr(value, name) for name in ("dims", "coords", "values"))


def data_array_pixels(array: Any) -> tuple[np.ndarray, float | None]:
    """Return the pixels of an array of xarray, and their size.

    Parameters
    ----------
    array : xarray.DataArray
        One image of shape (M, N); evenly spaced coordinates of its dimensions, whose attribute
        ``units`` names a length, tell the size of its pixels.

    Returns
    -------
    data : ndarray of shape (M, N)
        Its pixels; those of a lazy array are computed.
    sampling : float or None
        Pixel size [Å/px]; None if there are no such coordinates.

    Raises
    ------
    ValueError
        If it is a stack, or its pixels are not square or not evenly spaced.

    Examples
    --------
    >>> data, sampling = data_array_pixels(xarray.open_dataarray("scan.nc"))  # doctest: +SKIP
    """
    data = np.asanyarray(array.values)
    if data.ndim != 2:
        raise ValueError(
            f"array: expected one image. Received: shape {data.shape} of {', '.join(array.dims)}. "
            f"Choose one, for example array.isel({array.dims[0]}=0)."
        )
    steps = [_step(array.coords[dim], dim) if dim in array.coords else None for dim in array.dims]
    y, x = steps
    return data, square_sampling(x, y, "array")


def _step(coordinate: Any, name: str) -> float | None:
    """Return the spacing of a coordinate [Å]; None if it has no unit of length."""
    values = np.asarray(coordinate.values)
    units = getattr(coordinate, "attrs", {}).get("units")
    if to_angstrom(1, units) is None or len(values) < 2 or values.dtype.kind not in "iuf":
        return None
    steps = np.diff(values.astype(float))
    mean = float(steps.mean())
    if not np.allclose(steps, mean, rtol=1e-3, atol=0):
        raise ValueError(
            f"array: expected evenly spaced coordinates. Received: steps of {steps.min():.4g} to "
            f"{steps.max():.4g} {units} along {name}. Interpolate it to an even grid first."
        )
    return to_angstrom(abs(mean), units)
