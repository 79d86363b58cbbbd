"""Images whose lines a disturbed scan has shifted."""

import numpy as np
from scipy import ndimage


def shifted(image, shifts):
    """Shift the content of lines towards larger columns."""
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]].astype(float)
    return ndimage.map_coordinates(image, [rows, columns - shifts[:, None]], order=3, mode="wrap")


def sway(rows, amplitude=4.0, period=26.0):
    return amplitude * np.sin(2 * np.pi * np.arange(rows) / period + 1)
