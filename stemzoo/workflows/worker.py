"""What the workers of a cluster do: look at images that another process asks for."""

import logging
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from stemzoo import __version__
from stemzoo.workflows.fingerprints import weights_digests
from stemzoo.workflows.image_task import ImageResult, ImageTask, perform
from stemzoo.workflows.sources import Source

# A worker looks at one image at a time, in the folder of the call; TensorFlow uses its threads.
_TURN = threading.Lock()


@dataclass(frozen=True)
class Order:
    """An image that a worker is to look at.

    Parameters
    ----------
    task, source, out
        As of `perform`.
    folder : Path
        Where the call was made.
    inode : int
        Of the folder for the results, which tells it from another one of this name.
    digests : dict of str to str
        What tells the weights.
    version : str
        Of stemzoo.
    """

    task: ImageTask
    source: Source
    out: Path
    folder: Path
    inode: int
    digests: dict[str, str]
    version: str = __version__


@dataclass(frozen=True)
class Answer:
    """What a worker made of an order.

    Parameters
    ----------
    result : ImageResult or None
        What was made of the image.
    error : Exception or None
        Why nothing was.
    warnings, logged : tuple of str
        What was said meanwhile.
    """

    result: ImageResult | None
    error: Exception | None
    warnings: tuple[str, ...]
    logged: tuple[str, ...]


def work(order: Order) -> Answer:
    """Look at an image.

    Parameters
    ----------
    order : Order
        The image, and what is done with it.

    Returns
    -------
    Answer
        With the error, if there was one.
    """
    result, failure = None, None
    with _TURN, _listening() as (caught, logged):
        try:
            if order.version != __version__:
                raise _strange("stemzoo " + order.version, f"stemzoo {__version__}", "Install that")
            with _in_folder(order.folder):
                if not order.out.is_dir() or order.out.stat().st_ino != order.inode:
                    where = f"the folder {order.out}, on a disk that all share"
                    raise _strange(where, "another one, or none", "Choose another --out folder")
                model = _load(order)
                result = perform(order.task, order.source, model, order.out)
        except Exception as error:
            failure = error
    said = tuple(str(w.message) for w in caught if issubclass(w.category, UserWarning))
    return Answer(result, failure, said, tuple(logged))


def apply_there(function: Callable[[Any], Any], folder: Path, item: Any) -> Any:
    """Apply a function to an item.

    Parameters
    ----------
    function : callable
        Takes the item.
    folder : Path
        Where the call was made.
    item : object
        What it is applied to.

    Returns
    -------
    object
    """
    with _TURN, _in_folder(folder):
        return function(item)


@contextmanager
def _in_folder(folder: Path) -> Iterator[None]:
    """Work where the call was made, as names of files may be relative to that."""
    if not folder.is_dir():
        where = f"the folder {folder}, on a disk that all share"
        raise _strange(where, "no such folder", "Work in one that is")
    with chdir(folder):
        yield


def _load(order: Order) -> Any:
    """Return the weights, which are loaded for the first image of them."""
    task = order.task
    model, digests = _loaded(type(task), task.weights, tuple(sorted(order.digests.items())))
    if digests != order.digests:
        weights = task.weights or "the detectors of the package"
        raise _strange(f"the weights of the call for {weights}", "others", "Copy them there")
    return model


@lru_cache(maxsize=1)
def _loaded(
    kind: type[ImageTask], weights: str | None, digests: tuple[tuple[str, str], ...]
) -> tuple[Any, dict[str, str]]:
    """Load weights, anew if those of this name have changed."""
    model = kind.load(weights)
    return model, weights_digests(model)


def _strange(expected: str, received: str, step: str) -> ValueError:
    """Say why a worker cannot be trusted with an image."""
    return ValueError(f"expected a worker with {expected}. Received: {received}. {step}.")


@contextmanager
def _listening() -> Iterator[tuple[list[warnings.WarningMessage], list[str]]]:
    """Catch what the library warns of and logs, to be said where the call was made."""
    logged: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: logged.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("stemzoo")
    logger.addHandler(handler)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield caught, logged
    finally:
        logger.removeHandler(handler)
