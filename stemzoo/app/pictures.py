"""Pictures of images for a browser: grey JPEG."""

from pathlib import Path

import numpy as np

# A page shows no more [px], however large the image is.
_EDGE, _QUALITY = 2048, 88


def write_picture(path: Path, image: np.ndarray, *, edge: int = _EDGE) -> None:
    """Draw an image in grey, from its 0.5 % to its 99.5 % quantile, as overlays show it.

    Parameters
    ----------
    path : Path
        JPEG file.
    image : ndarray or masked array of shape (M, N)
        NaN and masked pixels are black.
    edge : int
        Largest edge of the picture [px]; of larger images pixels are averaged.
    """
    from imagecodecs import jpeg8_encode

    step = max(1, -(-max(image.shape) // edge))
    rows, columns = (n // step for n in image.shape)
    small = np.empty((rows, columns), np.float32)
    # A row of the picture at a time, so that it takes no copy of the image.
    for row in range(rows):
        part = np.ma.asarray(image[row * step : (row + 1) * step, : columns * step])
        values = np.ma.filled(part.astype(np.float32), np.nan)
        small[row] = values.reshape(step, columns, step).mean(axis=(0, 2))
    known = small[np.isfinite(small)]
    low, high = np.percentile(known, [0.5, 99.5]) if known.size else (0.0, 1.0)
    scaled = np.nan_to_num((small - low) / ((high - low) or 1.0))
    levels = (np.clip(scaled, 0, 1) * 255).astype(np.uint8)
    path.write_bytes(jpeg8_encode(levels, level=_QUALITY))
