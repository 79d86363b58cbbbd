"""Pictures of images for a browser: grey JPEG, and where the crystal ends."""

from pathlib import Path

import numpy as np

from stemzoo.inference.seen_crystal import SeenCrystal

# A page shows no more [px], however large the image is.
_EDGE, _QUALITY = 2048, 88
# Pixels of a mask whose outline is drawn, along an edge; and points of all outlines together.
_MASK_EDGE, _POINTS = 384, 6000


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


def crystal_outline(seen: SeenCrystal | None) -> tuple[np.ndarray, ...]:
    """Return lines along the edge of the crystal; none where all of the image is crystal.

    Parameters
    ----------
    seen : SeenCrystal or None
        Where the crystal is.

    Returns
    -------
    tuple of ndarray of shape (K, 2)
        Row and column [px of the image].
    """
    if seen is None or seen.mask.is_whole or not seen.has_lattice:
        return ()
    from skimage.measure import approximate_polygon, find_contours

    mask = seen.mask.crystal
    step = max(1, -(-max(mask.shape) // _MASK_EDGE))
    coarse = np.pad(mask[::step, ::step].astype(np.float32), 1)
    lines: list[np.ndarray] = []
    for line in sorted(find_contours(coarse, 0.5), key=len, reverse=True):
        points = approximate_polygon(line, 0.6)
        if sum(map(len, lines)) + len(points) > _POINTS:
            break
        lines.append(((points - 1) * step + 0.5) * seen.block - 0.5)
    return tuple(lines)
