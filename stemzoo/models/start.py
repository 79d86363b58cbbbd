"""What computes networks, and how TensorFlow is started: quickly, and without its messages."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from stemzoo.io.json_files import Field, parse_json, read_small


@contextmanager
def quiet_start() -> Iterator[None]:
    """Keep what TensorFlow says while it starts away from terminals and notebooks.

    Its messages are written straight to file descriptor 2, past `sys.stderr`. They are shown if the
    start fails.

    Raises
    ------
    ModuleNotFoundError
        If Keras is not installed, or the backend that it is told to use; the message names it.
    """
    # TensorFlow itself uses the faster convolutions of oneDNN only on processors with AVX-512 VNNI;
    # with AVX2 alone, a training step takes 1.5 times as long without them. It reads this once.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    own_level = "TF_CPP_MIN_LOG_LEVEL" not in os.environ
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # also read once, for all that comes later
    try:
        with _caught_messages():
            yield
    except (ImportError, ValueError) as error:
        if isinstance(error, ModuleNotFoundError) and error.name in ("keras", "tensorflow"):
            raise no_keras() from error
        if (backend := chosen_backend()) == "tensorflow":
            raise
        raise ModuleNotFoundError(
            f"expected a backend of Keras. Received: {backend!r}, by KERAS_BACKEND or keras.json, "
            f"which does not start ({' '.join(str(error).split())[:200]}). Set "
            "KERAS_BACKEND=tensorflow, or install that one."
        ) from error
    finally:
        if own_level:
            del os.environ["TF_CPP_MIN_LOG_LEVEL"]


def chosen_backend() -> str:
    """Return the backend that Keras is told to use, whether it is installed or not.

    Returns
    -------
    str
        Of KERAS_BACKEND, else of ``keras.json`` in KERAS_HOME or ``~/.keras``.
    """
    if name := os.environ.get("KERAS_BACKEND"):
        return name
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    try:
        said = parse_json(read_small(home / "keras.json"), {"backend": Field(str)})
    except ValueError:
        return "tensorflow"
    return said.get("backend", "tensorflow")


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


RUNTIMES = ("keras", "onnx")
_TOLD = "STEMZOO_RUNTIME"
_ONNX_DEVICE = "cpu (ONNX Runtime)"


def use_runtime(runtime: str) -> None:
    """Say what computes networks from now on, also in processes that this one starts.

    Parameters
    ----------
    runtime : str
        One of `RUNTIMES`.

    Raises
    ------
    ValueError
        If there is no such runtime.
    """
    os.environ[_TOLD] = choose_runtime(runtime)


def choose_runtime(runtime: str | None) -> str:
    """Return what computes networks: Keras, or ONNX Runtime where Keras is not installed.

    Parameters
    ----------
    runtime : str or None
        One of `RUNTIMES`, which is returned; None to choose, or to take that of the environment
        variable STEMZOO_RUNTIME.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If there is no such runtime.

    Examples
    --------
    >>> choose_runtime("onnx")
    'onnx'
    """
    runtime = runtime or os.environ.get(_TOLD) or None
    if runtime is None:
        # A backend that was asked for is tried, and missed in words.
        lacking = find_spec("keras") is None or (
            chosen_backend() == "tensorflow" and find_spec("tensorflow") is None
        )
        return "onnx" if lacking and find_spec("onnxruntime") else "keras"
    if runtime not in RUNTIMES:
        raise ValueError(f"runtime is {' or '.join(RUNTIMES)}. Received: {runtime!r}")
    return runtime


def no_keras() -> ModuleNotFoundError:
    """Return the error for what ONNX Runtime alone cannot do."""
    return ModuleNotFoundError(
        "expected Keras with TensorFlow, which this needs, as all training does. Received: an "
        "installation without it. Install it: pip install keras tensorflow (2 GB); detect, match, "
        "identify, columns and translate do without, by ONNX Runtime: pip install onnxruntime"
    )


def start_networks() -> None:
    """Start what computes networks: the device of Keras, or nothing where ONNX Runtime does it."""
    if choose_runtime(None) == "keras":
        start_device()


def runtime_of(device: str) -> str:
    """Tell which of `RUNTIMES` computed on a device, by what `device_name` called it.

    Examples
    --------
    >>> runtime_of("cpu (ONNX Runtime)"), runtime_of("cpu:0")
    ('onnx', 'keras')
    """
    return "onnx" if _ONNX_DEVICE in device else "keras"


def device_name() -> str:
    """Name the devices that networks are computed on, such as ``"cpu:0"``."""
    if choose_runtime(None) == "onnx":
        return _ONNX_DEVICE
    start_device()
    import keras

    if keras.backend.backend() == "torch":  # of which Keras lists no devices
        import torch

        return "cuda" if torch.cuda.is_available() else "cpu"
    return ", ".join(keras.distribution.list_devices())


def start_device() -> None:
    """Start the device on which Keras computes, which its first variable does."""
    with quiet_start():
        import keras

        keras.random.SeedGenerator(0)
