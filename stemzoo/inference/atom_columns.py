"""All atom columns of a known crystal: where they are, how intense, and how far off their sites."""

import warnings
from collections import Counter
from dataclasses import replace

import numpy as np

from stemzoo.analysis.cell import Lattice
from stemzoo.analysis.column_model import nearest_distance
from stemzoo.analysis.column_tiles import fit_in_tiles
from stemzoo.analysis.columns import column_contrast
from stemzoo.analysis.identification import Identification, identify_middle
from stemzoo.analysis.sites import lattice_sites
from stemzoo.analysis.sublattices import projected_columns
from stemzoo.inference.column_table import Columns
from stemzoo.inference.material_check import check_material
from stemzoo.inference.seen_crystal import SeenCrystal, describe, find_crystal
from stemzoo.io import Image
from stemzoo.io.images import as_image, check_shape
from stemzoo.io.memory import check_memory
from stemzoo.preprocessing import average_blocks
from stemzoo.simulate.elements import atomic_number
from stemzoo.simulate.materials import Material, find_material, own_structure

# Pixels per lattice constant that are enough; finer ones are averaged, for speed.
_PIXELS = 7.5
# Columns that are fitted at once, about, and how far stripes of them reach into each other, in
# distances of nearest neighbours: two knots of the background.
_STRIPE, _OVERLAP = 6000, 12.0
# Columns nearer to an edge of the image, in their standard deviations, lack a part.
_BORDER = 4.0
# Part of the distance between neighbours beyond which a shift is noise, or another column.
_FARTHEST = 0.5
# Scatter of the intensities of a sublattice from which on vacancies are no longer told.
_NOISY = 0.2
# Peak of the arrays for each pixel that is fitted, and each one of the image [bytes].
_FITTED_BYTES, _PIXEL_BYTES = 90, 10


def find_columns(
    image: np.ndarray | Image, material: str | Material | None = None, sampling: float | None = None
) -> Columns:
    """Find and measure all atom columns of a crystal, without a network.

    Parameters
    ----------
    image : ndarray or masked array of shape (M, N), or Image
        At least 64 pixels on a side, any data type. Masked pixels and NaN are left out.
    material : str or Material, optional
        Crystal, for instance ``"wse2"``, or one of your own; where not given, the one that
        `identify` tells.
    sampling : float, optional
        Pixel size [Å/px]. Else that of the `Image`, else measured from the lattice.

    Returns
    -------
    Columns
        Those in the crystal, and not at the edge of the image where a part of them is missing.

    Warns
    -----
    UserWarning
        If pixel size and lattice disagree by more than 10 %, or the image shows another material
        than the given one.

    Raises
    ------
    ValueError
        If the image cannot be analysed, what crystal it shows is undecided, or it does not show
        the lattice of the given one.
    KeyError
        For an unknown material.

    Notes
    -----
    Ideal sites follow the lattice as it lies some four cells around each (`lattice_sites`), so that
    drift and other slow distortions are no displacements. At them, Gaussians of one width on a
    slowly varying background are fitted (`fit_columns`). Of several grains, it is the columns of
    that whose lattice stands out that are found; of mirror twins and other domains of one lattice
    those of all, each with its own sublattices.

    Examples
    --------
    >>> columns = find_columns(image, "wse2", sampling=0.0948)  # doctest: +SKIP
    >>> columns.counts()  # doctest: +SKIP
    {'W': 1022, 'Se2': 1019}
    """
    image = as_image(image)
    columns = measure_columns(image.with_sampling(sampling), material, stacklevel=4)
    for doubt in columns.doubts:
        warnings.warn(f"{image.path or 'image'}: not to be trusted: {doubt}", stacklevel=2)
    return columns


def measure_columns(
    image: Image, material: str | Material | None = None, *, stacklevel: int = 3
) -> Columns:
    """Do as `find_columns`, without a warning about another material.

    Parameters
    ----------
    image : Image
        With its pixel size, if that is known.
    material : str, optional
        As in `find_columns`.
    stacklevel : int
        Whose line a warning about the pixel size points at; 3 is the caller of this function.

    Returns
    -------
    Columns

    Raises
    ------
    ValueError, KeyError
        As in `find_columns`.

    Examples
    --------
    >>> measure_columns(read_image("scan.tif")).doubts  # doctest: +SKIP
    ()
    """
    name = image.path or "image"
    check_shape(image.data, name)
    crystal, found = own_structure(material), None
    if crystal is None:
        found = identify_middle(image)
        crystal = find_material(_material(image, found) if material is None else material)
    seen = find_crystal(image, crystal, found=found, stacklevel=stacklevel)
    lattice = seen.pixel_size.lattice
    if lattice is None or not seen.has_lattice:
        raise ValueError(
            f"{name}: expected a {crystal.name} lattice. Received: none at "
            f"{seen.pixel_size.picometres:.2f} pm per pixel. Give the right pixel size "
            "(--pixel-size PM, sampling=) or material (--material, material=); 'stemzoo identify' "
            "tells which crystal an image shows."
        )
    pixels, block = _averaged(seen)
    try:
        columns = _measured(seen, crystal, lattice, pixels, block)
    except ValueError as error:  # too few columns
        raise ValueError(f"{name}: {error}") from None
    if material is None or found is None:
        return columns
    check = check_material(found, crystal.name)
    doubt = check.refusal or check.doubt
    step = "; give the right --material (material=) or --pixel-size (sampling=)"
    return replace(columns, doubts=(doubt + step,) if doubt else ())


def _material(image: Image, found: Identification) -> str:
    """Name of the material that an image shows, if there is no doubt."""
    if found.material is not None:
        return found.material
    where = image.path or "image"
    if not found.possible:
        raise ValueError(
            f"{where}: expected a known crystal. Received: none that is recognised. Give "
            "--material or material= if you know what it shows."
        )
    named = " or ".join(f"{name} ({found.probability(name):.2f})" for name in found.possible)
    decides = f" ({' and '.join(found.deciding)} would tell)" if found.deciding else ""
    raise ValueError(
        f"{where}: which crystal it shows is undecided: {named}{decides}. Give --material "
        f"{found.possible[0]} or material={found.possible[0]!r}, if it is that."
    )


def _measured(
    seen: SeenCrystal, material: Material, lattice: Lattice, pixels: np.ndarray, block: int
) -> Columns:
    """Measure the columns of a crystal whose lattice is known, in averaged blocks of pixels."""
    sites = lattice_sites(pixels, material, lattice=lattice.resampled(1.0, float(block)))
    near = nearest_distance(sites.positions)
    stripes = -(-len(sites.positions) // _STRIPE)
    fit = fit_in_tiles(pixels, sites.positions, (stripes, 1), _OVERLAP * near)
    ideal = sites.positions * block + (block - 1) / 2
    room = np.minimum(sites.positions, np.array(pixels.shape) - 1 - sites.positions).min(axis=1)
    kept = room > _BORDER * fit.width
    # The lattice is that of the first grain.
    kept &= seen.has_own_lattice(ideal)
    kinds, shifts = sites.kinds[kept], fit.shifts[kept]
    far = _FARTHEST * near
    shifts[~(np.hypot(*shifts.T) < far)] = np.nan
    sampling = seen.pixel_size.value
    formulas: dict[str, set[str]] = {}
    for atoms in projected_columns(material):
        formulas.setdefault(max(atoms, key=atomic_number), set()).add(_formula(atoms))
    names = {kind: found.pop() for kind, found in formulas.items() if len(found) == 1}
    grain = ["columns of one of these grains only"] if len(seen.grains) > 1 else []
    if len(seen.domains) > 1:
        grain.append("columns nearer than two cells to the boundary of domains are left out")
    columns = Columns(
        ideal[kept] + block * np.nan_to_num(shifts),
        tuple(names.get(kind, kind) for kind in kinds.tolist()),
        column_contrast(np.nan_to_num(fit.intensities[kept]), sites.positions[kept], kinds),
        shifts * block * sampling * 100,
        material=material.name,
        sampling=sampling,
        sampling_source=seen.pixel_size.source,
        shape=seen.image.data.shape,
        crystal=seen,
        notes=(*describe(seen), *grain),
    )
    noisy = [
        f"{name} columns scatter by {scatter:.0%} of their intensity: single ones say little"
        for name, scatter in columns.scatter().items()
        if not scatter < _NOISY
    ]
    return replace(columns, notes=(*columns.notes, *noisy))


def _averaged(seen: SeenCrystal) -> tuple[np.ndarray, int]:
    """Average blocks of pixels that are finer than needed; return their edge, too."""
    data = seen.image.data
    block = max(int(seen.cell / _PIXELS), 1)
    rows, columns = (n // block for n in data.shape)
    check_memory(
        seen.image.path or "image",
        rows * columns * _FITTED_BYTES + data.size * _PIXEL_BYTES,
        f"{data.shape[0]} x {data.shape[1]} px",
    )
    return average_blocks(data, block), block


def _formula(atoms: list[str]) -> str:
    """Name a column by its atoms, as a formula does."""
    return "".join(f"{symbol}{n if n > 1 else ''}" for symbol, n in Counter(atoms).items())
