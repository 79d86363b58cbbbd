"""Look at an installation: versions, device, manifest, cache and Hub."""

import os
import platform
import shutil
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from stemzoo import __version__
from stemzoo.models.start import choose_runtime
from stemzoo.zoo.registry import list_weights, manifest_path
from stemzoo.zoo.remote.cache import hub_cache
from stemzoo.zoo.remote.login import ask_who_is_there

PACKAGES = ("keras", "tensorflow", "huggingface-hub", "numpy", "scipy", "h5py")
# What is enough to use bundled weights, not to train or to fetch others.
LIGHT_PACKAGES = ("onnxruntime", "numpy", "scipy")
# The paper's networks with discriminators, and room to spare [bytes].
ENOUGH_SPACE = 2 * 10**9


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Parameters
    ----------
    name : str
        What.
    ok : bool
        Whether it is as it should be.
    text : str
        What was found, and what to do where it is not.
    """

    name: str
    ok: bool
    text: str

    def __str__(self) -> str:
        return f"{'ok' if self.ok else 'NO':2}  {self.name:<9} {self.text}"


def examine() -> list[Check]:
    r"""Look at everything that stemzoo needs.

    Returns
    -------
    list of Check

    Examples
    --------
    >>> print(*examine(), sep="\n")  # doctest: +SKIP
    ok  versions  stemzoo 0.1.0, python 3.12.3, keras 3.15.1, ...
    """
    checks = [check_versions(), check_device(), check_manifest()]
    if find_spec("huggingface_hub") is None:
        text = "only weights of the package and of folders; others: pip install huggingface-hub"
        return [*checks, Check("hub", choose_runtime(None) == "onnx", text)]
    return [*checks, check_cache(), Check("hub", *ask_who_is_there())]


def check_versions() -> Check:
    """See that every package that is needed is installed."""
    found = {"stemzoo": __version__, "python": platform.python_version()}
    missing = []
    light = choose_runtime(None) == "onnx"
    for name in LIGHT_PACKAGES if light else PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            missing.append(name)
    text = ", ".join(f"{name} {number}" for name, number in found.items())
    if missing:
        text += f"; missing: pip install {' '.join(missing)}"
    return Check("versions", not missing, text)


def check_device() -> Check:
    """See on what networks run: GPU or CPU, and that Keras uses TensorFlow, if it is there."""
    if choose_runtime(None) == "onnx":
        text = f"{os.cpu_count()} CPU cores, ONNX Runtime; training needs Keras and TensorFlow"
        return Check("device", True, text)
    try:
        from stemzoo.models.start import start_device

        start_device()
        import keras
    except ImportError as error:
        # A missing backend says itself what to do.
        step = "" if "KERAS_BACKEND" in str(error) else ". Install stemzoo again."
        return Check("device", False, f"{error}{step}")
    backend = keras.backend.backend()
    if backend != "tensorflow":
        text = f"{os.cpu_count()} CPU cores, keras on {backend}"
        return Check("device", False, f"{text}; training needs KERAS_BACKEND=tensorflow")
    import tensorflow as tf

    gpus = len(tf.config.list_physical_devices("GPU"))
    text = f"{gpus} GPU, " if gpus else "no GPU, "
    return Check("device", True, f"{text}{os.cpu_count()} CPU cores, keras on {backend}")


def check_manifest() -> Check:
    """See that the list of weights can be read."""
    try:
        entries = list_weights()
        path = manifest_path()
    except (OSError, ValueError) as error:
        return Check("manifest", False, str(error))
    bundled = sum(entry.bundled for entry in entries)
    published = sum(entry.revision is not None for entry in entries)
    text = f"{path}: {len(entries)} weights, {bundled} in the package, {published} on the Hub"
    return Check("manifest", True, f"{text}; 'stemzoo verify' checks their bytes")


def check_cache() -> Check:
    """See that the cache can be written to and has room."""
    path = hub_cache()
    there = next(folder for folder in (path, *path.parents) if folder.exists())
    free = shutil.disk_usage(there).free
    text = f"{path}: {free / 1e9:.1f} GB free"
    if not (there.is_dir() and os.access(there, os.W_OK)):
        return Check("cache", False, f"{text}; cannot be written to: set STEMZOO_HOME or HF_HOME")
    if free < ENOUGH_SPACE:
        return Check("cache", False, f"{text}; too little: set STEMZOO_HOME or HF_HOME")
    return Check("cache", True, text)
