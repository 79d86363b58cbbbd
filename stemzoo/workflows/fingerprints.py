"""What tells whether results still hold: hashes of files, weights and options."""

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from stemzoo.inference.bundled_detectors import BundledDetectors
from stemzoo.workflows.paths import image_files
from stemzoo.zoo.file_names import CARD, LOADED, ONNX
from stemzoo.zoo.manifest import sha256
from stemzoo.zoo.registry import list_weights

if TYPE_CHECKING:
    from stemzoo.models.fcn import DefectFCN


class FileHashes:
    """SHA-256 of files, read by another thread: the system then has their bytes at hand."""

    def __init__(self, reader: ThreadPoolExecutor):
        self._reader = reader
        self._asked: dict[Path, Future[str]] = {}

    def ask(self, path: Path) -> None:
        """Have a file read; others than images, such as a pipe, are not touched."""
        if path not in self._asked and image_files([path]):
            self._asked[path] = self._reader.submit(sha256, path)

    def get(self, path: Path) -> str | None:
        """Return the hash of a file; None if it cannot be read."""
        try:
            return self._asked[path].result() if path in self._asked else None
        except OSError:
            return None


def image_key(told: str, digest: str | None, frame: int | None) -> str:
    """Return what is the same only for the same bytes, options, weights and version."""
    return hashlib.sha256(json.dumps([told, digest, frame]).encode()).hexdigest()


def weights_digests(model: "DefectFCN | BundledDetectors") -> dict[str, str]:
    """Return a hash of each detector that a call may use: of all that decides what it says.

    Parameters
    ----------
    model : DefectFCN or BundledDetectors
        A detector, or those of the package.

    Returns
    -------
    dict of str to str
        By name.
    """
    if isinstance(model, BundledDetectors):
        entries = [entry for entry in list_weights(task="detection") if entry.bundled]
        return {
            # Not the same weights for ONNX Runtime: old runs go on, wherever they began.
            entry.name: _joined(
                [(f.name, str(f.sha256)) for f in entry.files if f.name not in ONNX]
            )
            for entry in entries
        }
    provenance = getattr(model, "provenance", None)
    if provenance is None:  # made in this process
        weights = [(w.path, hashlib.sha256(w.numpy().tobytes()).hexdigest()) for w in model.weights]
        return {model.name: _joined(weights)}
    names = [name for name in LOADED if name != CARD and (provenance.folder / name).is_file()]
    return {model.name: _joined([(name, sha256(provenance.folder / name)) for name in names])}


def _joined(hashes: Sequence[tuple[str, str]]) -> str:
    return hashlib.sha256(json.dumps(sorted(hashes)).encode()).hexdigest()


def used_weights(model: "DefectFCN | BundledDetectors") -> dict[str, str]:
    """Return the SHA-256 of ``model.weights.h5`` of each detector that was used, by name."""
    used = model.loaded.values() if isinstance(model, BundledDetectors) else [model]
    return {
        one.name: one.provenance.sha256
        for one in used
        if getattr(one, "provenance", None) is not None
    }
