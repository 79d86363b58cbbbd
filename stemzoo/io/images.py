"""Read microscope images of any format."""

import logging
import operator
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from stemzoo.io.arrays import open_npy, open_npz
from stemzoo.io.grey import Refusal, add_frames
from stemzoo.io.hdf5_images import open_hdf5
from stemzoo.io.memory import check_stack
from stemzoo.io.microscope import open_microscope_file
from stemzoo.io.pictures import open_jpeg, open_png
from stemzoo.io.pixel_size import square_sampling
from stemzoo.io.stacks import Stack, choose_frames
from stemzoo.io.tiff import open_tiff

_LOG = logging.getLogger(__name__)
T = TypeVar("T")

# What a file of each suffix is opened with. What a reader refuses on purpose it raises as a
# Refusal; whatever else it lets through means a damaged file.
Reader = Callable[[Path], AbstractContextManager[list[Stack]]]
READERS: Mapping[str, Reader] = {
    **dict.fromkeys((".tif", ".tiff"), open_tiff),
    ".png": open_png,
    **dict.fromkeys((".jpg", ".jpeg"), open_jpeg),
    ".npy": open_npy,
    ".npz": open_npz,
    **dict.fromkeys((".emd", ".hspy"), open_hdf5),
    **dict.fromkeys((".dm3", ".dm4", ".ser", ".mrc"), open_microscope_file),
}


@dataclass(frozen=True, eq=False)
class Image:
    """One image and what its file says about it.

    Attributes
    ----------
    data : ndarray of shape (M, N)
        Grey levels in the file's data type; a sum of frames is int64 or float64.
    sampling : float or None
        Pixel size [Å/px]; None if the file holds none that is plausible at atomic resolution.
    sampling_source : str or None
        Where the pixel size was found: "OME-XML", "ImageJ", "GMS TIFF tags",
        "TIFF resolution tag", or the format, such as "DM3".
    path : Path or None
        The file.
    metadata : mapping
        A few more entries, such as "frames", the number of frames in the file.
    """

    data: np.ndarray
    sampling: float | None = None
    sampling_source: str | None = None
    path: Path | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)

    def with_sampling(self, sampling: float | None, source: str = "given") -> "Image":
        """Return the image with another pixel size.

        Parameters
        ----------
        sampling : float or None
            Pixel size [Å/px]; with None, that of the image stays.
        source : str
            Where it comes from.

        Returns
        -------
        Image

        Examples
        --------
        >>> image = Image(np.eye(64), 0.2, "ImageJ")
        >>> image.with_sampling(0.21).sampling, image.with_sampling(None).sampling
        (0.21, 0.2)
        """
        if sampling is None:
            return self
        return replace(self, sampling=float(sampling), sampling_source=source)


def read_image(path: str | Path, *, frame: int | None = None, sum_frames: bool = False) -> Image:
    """Read one grey image.

    A grey palette is taken for a display setting: the stored levels are returned. The levels of an
    unsigned TIFF whose zero is white are inverted. An RGB image must have equal channels.

    Parameters
    ----------
    path : str or Path
        .tif, .tiff, .png, .jpg, .jpeg, .npy, .npz, .emd or .hspy; with RosettaSciIO installed
        (`pip install 'stemzoo[formats]'`) also .dm3, .dm4, .ser and .mrc.
    frame : int, optional
        Which frame of a stack to read, from 0.
    sum_frames : bool, optional
        Add all frames of a stack.

    Returns
    -------
    Image
        Data of shape (M, N) with the pixel size, where the file holds a plausible one.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    PermissionError
        If the file may not be read.
    ValueError
        If the file is empty, damaged, of an unknown kind, coloured, not an image, a stack of which
        no frame is chosen, or has pixels that are not square.

    Examples
    --------
    >>> image = read_image("wse2.tif")  # doctest: +SKIP
    >>> image.data.shape, image.sampling  # doctest: +SKIP
    ((1024, 1024), 0.2074)
    """
    path = Path(path)
    if frame is not None and sum_frames:
        raise ValueError(
            f"{path}: expected frame or sum_frames. Received: frame={frame} and sum_frames=True. "
            "Give only one of them."
        )
    frame = None if frame is None else operator.index(frame)

    def read(stacks: list[Stack]) -> tuple[Stack, np.ndarray, int]:
        stack, numbers = choose_frames(stacks, frame, sum_frames)
        check_stack(stack, len(numbers), path.stat().st_size)
        data = add_frames(stack.read(number) for number in numbers)
        return stack, data, sum(one.count for one in stacks)

    stack, data, count = _opened(path, read)
    sampling = square_sampling(stack.x, stack.y, path)
    source = stack.source if sampling is not None else None
    return Image(data, sampling, source, path, {**stack.metadata, "frames": count})


def count_frames(path: str | Path) -> int:
    """Count the frames of an image file, without reading them.

    Parameters
    ----------
    path : str or Path
        As for `read_image`.

    Returns
    -------
    int
        1 for a file that holds one image.

    Raises
    ------
    FileNotFoundError, PermissionError, ValueError
        As `read_image` does.

    Examples
    --------
    >>> count_frames("series.tif")  # doctest: +SKIP
    500
    """
    return _opened(Path(path), lambda stacks: sum(stack.count for stack in stacks))


def _opened(path: Path, use: Callable[[list[Stack]], T]) -> T:
    """Open a file and return what is made of its stacks; say in one line what is wrong with it."""
    reader = _find_reader(path)
    # The error of the decoder is not chained: its traceback would keep the file open.
    with _silence():
        try:
            with reader(path) as stacks:
                return use(stacks)
        except Refusal as refusal:
            failure = f"{path}: {refusal}."
        except ImportError as error:
            failure = (
                f"{path}: expected the package {error.name}, which reads it. Received: it is not "
                f"installed. Run: pip install {error.name} (or save the image as TIFF)."
            )
        # Decoders raise errors of every kind on damaged bytes.
        except Exception as error:
            failure = _describe_damage(path, error)
            _LOG.debug("decoder failed", exc_info=error)
    raise ValueError(failure)


def _find_reader(path: Path) -> Reader:
    """Return the reader of a file, if there is a file that can be opened."""
    if path.is_dir():
        raise ValueError(f"{path}: expected an image file. Received: a folder. Name a file in it.")
    if not path.exists():
        where = "" if path.parent.is_dir() else f" (there is no folder {path.parent} either)"
        raise FileNotFoundError(
            f"{path}: expected an image file. Received: no such file{where}. Check the path."
        )
    if path.suffix.lower() not in READERS:
        raise ValueError(
            f"{path}: expected a file ending in {', '.join(READERS)}. Received: "
            f"{path.suffix or 'no suffix'}. Save the image as TIFF."
        )
    if not path.is_file() or path.stat().st_size == 0:
        kind = "an empty file (0 bytes)" if path.is_file() else "something else than a file"
        raise ValueError(
            f"{path}: expected an image file. Received: {kind}. Copy or export it once more."
        )
    try:
        path.open("rb").close()
    except PermissionError:
        raise PermissionError(
            f"{path}: expected a file that may be read. Received: no permission. Change its "
            "permissions, or copy it."
        ) from None
    return READERS[path.suffix.lower()]


@contextmanager
def _silence() -> Iterator[None]:
    """Keep the warnings and log lines of the decoders from the terminal."""
    loggers = [logging.getLogger(name) for name in ("tifffile", "rsciio")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.CRITICAL + 1)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


# What decoders raise where a file is not what they take for granted.
_STUMBLED = (AttributeError, TypeError, LookupError, ArithmeticError, AssertionError, UnicodeError)


def _describe_damage(path: Path, error: Exception) -> str:
    """Say that a file is damaged: its size, its first bytes, and what the decoder said."""
    with path.open("rb") as file:
        start = file.read(8)
    # Neither the number of a system's error nor what a decoder stumbled over helps a reader.
    words = getattr(error, "strerror", None) or error
    reason = " ".join(f"{type(error).__name__}: {words}".split())[:160]
    if isinstance(error, _STUMBLED):
        reason = "its parts contradict each other"
    return (
        f"{path}: expected a complete {path.suffix.lower()} file. Received: "
        f"{path.stat().st_size} bytes beginning with {start!r} ({reason}). "
        "Copy or export it once more, or save the image as TIFF with Fiji."
    )
