"""Crystals in files: CIF, POSCAR and xyz, as ASE reads them."""

import errno
import os
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ase

# Formats by suffix or name, as ASE calls them; others might be anything.
_FORMATS = {".cif": "cif", ".vasp": "vasp", ".poscar": "vasp", ".xyz": "extxyz"}
_NAMES = {"POSCAR": "vasp", "CONTCAR": "vasp"}
_LARGEST = 4 << 20  # [bytes]


def is_structure_file(path: str | PathLike) -> bool:
    """Tell by its name whether a file holds a structure.

    Examples
    --------
    >>> is_structure_file("wte2.cif"), is_structure_file("POSCAR"), is_structure_file("wse2")
    (True, True, False)
    """
    return _kind(Path(path)) is not None


def _kind(path: Path) -> str | None:
    """Format of a file, as ASE calls it."""
    return _NAMES.get(path.name.upper()) or _FORMATS.get(path.suffix.lower())


def read_structure(path: str | PathLike) -> "ase.Atoms":
    """Read a crystal from a file.

    Parameters
    ----------
    path : path-like
        ``.cif``; ``POSCAR``, ``CONTCAR``, ``.vasp`` or ``.poscar``; or ``.xyz`` with a lattice
        (extended xyz).

    Returns
    -------
    ase.Atoms

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If it cannot be read, or holds several structures or sites that several elements share; the
        message names the file.

    Examples
    --------
    >>> read_structure("wte2.cif").get_chemical_formula()  # doctest: +SKIP
    'W2Te4'
    """
    path = Path(path)
    kind = _kind(path)
    if kind is None:
        raise ValueError(
            f"{path}: expected a structure as .cif, .xyz (with a lattice), .vasp or POSCAR; "
            f"convert it, or give ase.Atoms. Received: {path.suffix or path.name}"
        )
    if not path.is_file():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    from ase import io

    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError(f"{path.stat().st_size} bytes, more than {_LARGEST}")
        found = io.read(path, index=":", format=kind)
    except Exception as error:  # ASE's readers raise whatever they meet in a broken file
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ValueError(
            f"{path}: expected a structure that ASE reads as {kind}. Received: {reason}. Check the "
            "file, or convert it to CIF."
        ) from error
    structures = found if isinstance(found, list) else [found]
    if len(structures) != 1:
        raise ValueError(
            f"{path}: expected one structure. Received: {len(structures)}. Keep one of them, or "
            "read one with ase.io.read and give that."
        )
    return structures[0]
