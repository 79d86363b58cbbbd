"""Change the pixel size of an image that may be of any size, and state any pixel size."""

import numpy as np

from stemzoo.io.memory import check_memory
from stemzoo.preprocessing import resample, resampled_shape, resampling_memory


def resample_image(
    image: np.ndarray, sampling: float, target: float, name: object = "image"
) -> np.ndarray:
    """Change the pixel size of an image, if there is memory for that.

    Parameters
    ----------
    image : ndarray of shape (M, N)
        Image.
    sampling, target : float
        Pixel size before and after [Å/px].
    name : path or str
        The image, for messages.

    Returns
    -------
    ndarray
        As of `stemzoo.preprocessing.resample`.

    Raises
    ------
    ValueError
        If it would take more memory than `stemzoo.io.memory.BUDGET`.

    Examples
    --------
    >>> resample_image(np.ones((64, 64)), 0.2, 0.4).shape
    (32, 32)
    """
    if resampled_shape(image.shape, sampling, target) != image.shape:
        needed = resampling_memory(image.shape, sampling, target)
        check_resampling(name, image.shape, sampling, target, needed)
    return resample(image, sampling, target)


def check_resampling(
    name: object, shape: tuple[int, int], sampling: float, target: float, needed: int
) -> None:
    """Refuse work on an image of another pixel size that would take more memory than the budget.

    Parameters
    ----------
    name : path or str
        The image, for messages.
    shape : tuple of int
        Shape of the image (M, N).
    sampling, target : float
        Pixel size of the image, and of what is made of it [Å/px].
    needed : int
        Peak of the arrays that the work takes [bytes].

    Raises
    ------
    ValueError
        If that is more than `stemzoo.io.memory.BUDGET`.

    Examples
    --------
    >>> check_resampling("scan.tif", (4096, 4096), 0.2, 0.2, needed=2**30)
    """
    rows, columns = resampled_shape(shape, sampling, target)
    what, step = f"{rows} x {columns} px", "Crop the image"
    if (rows, columns) != shape:
        what += f", once its pixels of {sampling:.4g} Å are of {target:.4g} Å"
        step = "Check the pixel size, or crop the image"
    check_memory(name, needed, what, step)
