"""Image files in, weights that fit them out."""

from collections.abc import Callable, Sequence
from functools import partial

from stemzoo import io
from stemzoo.analysis.valid_pixels import filled, find_valid_pixels
from stemzoo.inference.comparison import Match
from stemzoo.inference.matching import match_spread
from stemzoo.inference.spread import Here, Spread
from stemzoo.io.image_checks import check_shape
from stemzoo.workflows.paths import read_each
from stemzoo.workflows.sources import Source


def match_files(
    sources: Sequence[Source],
    *,
    material: str | None = None,
    sampling: float | None = None,
    frame: int | None = None,
    sum_frames: bool = False,
    failed: Callable[[Source, Exception], None] | None = None,
    spread: Spread | None = None,
) -> list[Match]:
    """Rank the weights of the zoo by how well they fit image files of one session.

    Parameters
    ----------
    sources : sequence of Source
        Images.
    material, sampling
        As in `stemzoo.match`.
    frame, sum_frames
        As in `stemzoo.read_image`.
    failed : callable, optional
        Takes an image that cannot be used, and why: the others are compared.
    spread : Spread, optional
        Who reads and measures the images; this process where not given.

    Returns
    -------
    list of Match
        Best first; none if no image can be used.

    Raises
    ------
    ValueError, KeyError, OSError
        One clear line about what is wrong with a file or an option.

    Examples
    --------
    >>> match_files([Source(Path("scan.tif"))])[0].weights  # doctest: +SKIP
    'fcn-wse2'
    """
    spread = spread or Here()
    read = spread.apply(partial(_read, frame=frame, sum_frames=sum_frames), sources)
    faults = dict(zip(sources, spread.gather(spread.apply(_fault, read)), strict=True))
    images = dict(zip(sources, read, strict=True))

    def usable(source: Source) -> object:
        if (fault := faults[source]) is not None:
            raise fault
        return images[source]

    found = [image for _, image in read_each(sources, usable, failed)]
    return match_spread(found, spread, material=material, sampling=sampling) if found else []


def _read(source: Source, *, frame: int | None, sum_frames: bool) -> io.Image | Exception:
    """Read an image; return why it cannot be used, if so."""
    try:
        if source.fault:
            raise ValueError(source.fault)
        chosen = frame if source.frame is None else source.frame
        image = io.read_image(source.path, frame=chosen, sum_frames=sum_frames)
        check_shape(image.data, source.path)
        io.check_image(filled(image.data, find_valid_pixels(image.data).mask), source.path)
    except (ValueError, OSError, MemoryError) as error:
        return error
    return image


def _fault(image: io.Image | Exception) -> Exception | None:
    return image if isinstance(image, Exception) else None
