"""Whether files are what they should be, and an installation computes what it should."""

from dataclasses import dataclass
from pathlib import Path

from stemzoo.zoo.file_names import GOLDEN, LOADED, ONNX, TRAINING_WEIGHTS
from stemzoo.zoo.golden import TOLERANCE, largest_difference
from stemzoo.zoo.onnx_folder import runtimes_of
from stemzoo.zoo.reading import read_source
from stemzoo.zoo.sources import find_source


@dataclass(frozen=True)
class Verification:
    """Outcome of a comparison of files and outputs, see `verify`.

    Parameters
    ----------
    name : str
        What was verified.
    differences : tuple of str
        What is not as it should be; empty if all is.
    notes : tuple of str
        What was compared, and what could not be.
    """

    name: str
    differences: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing differs."""
        return not self.differences

    def __str__(self) -> str:
        lines = [f"{self.name}: {'PASS' if self.passed else 'FAIL'}", *self.differences]
        return "\n  ".join([*lines, *self.notes])


def verify(
    source: str | Path, *, revision: str | None = None, local_files_only: bool | None = None
) -> Verification:
    """Compare files with their hashes, and the model's output with the stored reference output.

    Whether an installation computes what the authors of the weights computed: the input image of
    ``golden.npz`` goes through the model, and the output may differ from the stored one by
    rounding only.

    Parameters
    ----------
    source, revision, local_files_only
        As for `load`.

    Returns
    -------
    Verification
        Its text says PASS, or FAIL and what differs.

    Raises
    ------
    KeyError, FileNotFoundError, PermissionError, ConnectionError
        If there is nothing to verify.

    Examples
    --------
    >>> print(verify("fcn-wse2"))  # doctest: +SKIP
    fcn-wse2: PASS
      13 files have the size and hash of the manifest
      golden output: largest difference 0.0e+00, at most 5.0e-03 is rounding
    """
    try:
        found = find_source(
            source,
            revision=revision,
            local_files_only=local_files_only,
            names=(*LOADED, *ONNX, TRAINING_WEIGHTS, GOLDEN),
        )
    except ValueError as error:
        return Verification(str(source), (str(error),), ())
    known = [file for file in found.files if file.sha256 or file.git_sha1]
    where = "the Hub" if found.entry is None else "the manifest"
    notes = [f"{len(known)} files have the size and hash of {where}"]
    different = found.differences()
    if not known:
        notes = ["no hashes: this folder is not of the manifest"]
    if different:
        return Verification(str(source), tuple(different), ())
    if not (found.folder / GOLDEN).is_file():
        line = f"{found.folder}: expected {GOLDEN}, to compare the output with. Received: none."
        return Verification(str(source), (line,), tuple(notes))
    for runtime, name in runtimes_of([file.name for file in found.files]).items():
        try:
            largest = largest_difference(read_source(found, runtime=runtime), found.folder / GOLDEN)
        except ValueError as error:
            return Verification(str(source), (str(error),), ())
        line = f"{name}: largest difference {largest:.1e}, at most {TOLERANCE:.1e} is rounding"
        if largest > TOLERANCE:
            return Verification(str(source), (line,), tuple(notes))
        notes.append(line)
    if not notes[1:]:
        notes.append("golden output: not computed, as this needs Keras, or a network for ONNX")
    return Verification(str(source), (), tuple(notes))
