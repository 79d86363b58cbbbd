"""How TensorFlow is started: with its fast convolutions, and without its messages."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def quiet_start() -> Iterator[None]:
    """Keep what TensorFlow says while it starts away from terminals and notebooks.

    Its messages are written straight to file descriptor 2, past `sys.stderr`. They are shown if the
    start fails.
    """
    # TensorFlow itself uses the faster convolutions of oneDNN only on processors with AVX-512 VNNI;
    # with AVX2 alone, a training step takes 1.5 times as long without them. It reads this once.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    own_level = "TF_CPP_MIN_LOG_LEVEL" not in os.environ
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # also read once, for all that comes later
    try:
        with _caught_messages():
            yield
    finally:
        if own_level:
            del os.environ["TF_CPP_MIN_LOG_LEVEL"]


@contextmanager
def _caught_messages() -> Iterator[None]:
    if sys.stderr is not None:  # as under pythonw
        sys.stderr.flush()
    try:
        terminal = os.dup(2)
    except OSError:  # a process without an error output has nothing to keep clean
        yield
        return
    with tempfile.TemporaryFile() as messages:
        os.dup2(messages.fileno(), 2)
        try:
            yield
        except BaseException:
            messages.seek(0)
            os.write(terminal, messages.read())
            raise
        finally:
            if sys.stderr is not None:
                sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)


def start_device() -> None:
    """Start the device on which Keras computes, which its first variable does."""
    with quiet_start():
        import keras

        keras.random.SeedGenerator(0)


def missing_backend(error: Exception) -> ModuleNotFoundError:
    """Say why Keras cannot be imported: the backend that it is told to use, and by what.

    Parameters
    ----------
    error : Exception
        What `import keras` raised.

    Returns
    -------
    ModuleNotFoundError

    Examples
    --------
    >>> os.environ["KERAS_BACKEND"] = "torch"  # doctest: +SKIP
    >>> print(missing_backend(ImportError("No module named 'torch'")))  # doctest: +SKIP
    Keras cannot start with the backend of KERAS_BACKEND=torch: No module named 'torch'. Unset ...
    """
    told = os.environ.get("KERAS_BACKEND")
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    if told:
        place, step = f"the backend of KERAS_BACKEND={told}", "Unset KERAS_BACKEND"
    else:
        place, step = "its backend", f"See that {home / 'keras.json'} says tensorflow, if it exists"
    return ModuleNotFoundError(
        f"Keras cannot start with {place}: {error}. {step}, or install what is missing; stemzoo "
        "comes with tensorflow."
    )
