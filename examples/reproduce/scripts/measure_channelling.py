"""Measure by multislice how the columns of thick crystals scatter, with abTEM.

    python scripts/measure_channelling.py OUT.json [--crystal srtio3 ...] [--vacancies]
        [--energy 80e3] [--phonons 8]

abTEM (pip install abtem ase) is no part of the project; this is the only program that calls it.
25 mrad, no aberrations, 80 kV where not asked for otherwise. Probes on a grid over one projected
cell, of equivalent ones a single one, through crystals with frozen thermal displacements; the
signal is recorded after each period along the beam, so that one run gives all thicknesses.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import ase
import numpy as np

ENERGY, SEMIANGLE = 80e3, 25.0
DETECTORS = {"63 to 200 mrad": (63.0, 200.0), "25 to 200 mrad": (25.0, 200.0)}
SOURCES = (0.0, 0.8, 1.1)  # FWHM [Å]
VACANCIES = (1, 3, 5, 10, 20)  # which atom of a column is missing
SAMPLING = 0.062  # of the potential [Å]: 2/3 of its highest frequency is above 200 mrad


@dataclass(frozen=True)
class Crystal:
    """A crystal along the beam, its columns, and which points of its projected cell are alike.

    Parameters
    ----------
    cell : ase.Atoms
        An orthogonal cell; no atom near its lower or upper face.
    slices : int
        Slices of a period along the beam.
    repeats : tuple of int
        Cells along x, y and z.
    grid : tuple of int
        Probes along x and y of a cell, a grid that the columns lie on.
    columns : dict of str to tuple of float
        Place of each kind of column [cells].
    operations : tuple of (float, float, float, float, float, float)
        (a, b, c, d, s, t): (x, y) is like (a x + b y + s, c x + d y + t) [cells]; a group of them.
    displacements : dict of str to float
        Standard deviation of an atom's place along each axis at room temperature [Å].
    """

    cell: ase.Atoms
    slices: int
    repeats: tuple[int, int, int]
    grid: tuple[int, int]
    columns: dict[str, tuple[float, float]]
    operations: tuple[tuple[float, float, float, float, float, float], ...]
    displacements: dict[str, float]


def _strontium_titanate() -> Crystal:
    a = 3.905
    places = [(0, 0, 0.25), (0.5, 0.5, 0.75), (0.5, 0.5, 0.25), (0.5, 0, 0.75), (0, 0.5, 0.75)]
    turns = [(1, 0), (-1, 0)]
    straight = [(p, 0, 0, q, 0, 0) for p, _ in turns for q, _ in turns]
    crossed = [(0, p, q, 0, 0, 0) for p, _ in turns for q, _ in turns]
    return Crystal(
        ase.Atoms("SrTiO3", scaled_positions=places, cell=[a] * 3, pbc=True),
        slices=2,
        repeats=(4, 4, 30),
        grid=(10, 10),
        columns={"Sr": (0.0, 0.0), "TiO": (0.5, 0.5), "O": (0.5, 0.0)},
        operations=(*straight, *crossed),
        # B = 0.62, 0.44 and 0.72 Å²: Y. A. Abramov et al., Acta Cryst. B 51, 942 (1995).
        displacements={"Sr": 0.0886, "Ti": 0.0747, "O": 0.0955},
    )


def _silicon() -> Crystal:
    a = 5.4310
    edges = [a / 2**0.5, a, a / 2**0.5]
    places = [(0, 0.125, 0.25), (0, 0.875, 0.75), (0.5, 0.375, 0.25), (0.5, 0.625, 0.75)]
    # (0, 0) is the middle of a dumbbell, which lies along y.
    mirrors = [(p, 0, 0, q, 0, 0) for p in (1, -1) for q in (1, -1)]
    centred = [(p, 0, 0, q, 0.5, 0.5) for p in (1, -1) for q in (1, -1)]
    return Crystal(
        ase.Atoms("Si4", scaled_positions=places, cell=edges, pbc=True),
        slices=2,
        repeats=(4, 3, 26),
        grid=(10, 16),
        columns={"Si": (0.0, 0.125)},
        operations=(*mirrors, *centred),
        displacements={"Si": 0.0763},  # B = 0.46 Å²
    )


def _gallium_nitride() -> Crystal:
    a, c, u = 3.189, 5.185, 0.377
    # Two layers of the wurtzite cell seen along [11-20]: x along [1-100], y along [0001].
    third = 1 / 3
    places = [
        *((0, 0, 0.25), (0.5, 0, 0.75), (third, 0.5, 0.75), (third + 0.5, 0.5, 0.25)),
        *((0, u, 0.25), (0.5, u, 0.75), (third, 0.5 + u, 0.75), (third + 0.5, 0.5 + u, 0.25)),
    ]
    shifts = [(1, 0, 0, 1, 0, 0), (1, 0, 0, 1, 0.5, 0)]
    glides = [(-1, 0, 0, 1, third, 0.5), (-1, 0, 0, 1, third + 0.5, 0.5)]
    return Crystal(
        ase.Atoms("Ga4N4", scaled_positions=places, cell=[a * 3**0.5, c, a], pbc=True),
        slices=2,
        repeats=(3, 3, 31),
        grid=(12, 12),
        columns={"Ga": (0.0, 0.0), "N": (0.0, 4.5 / 12)},
        operations=(*shifts, *glides),
        displacements={"Ga": 0.0616, "N": 0.0712},  # B = 0.30 and 0.40 Å²
    )


CRYSTALS = {"srtio3": _strontium_titanate, "si-110": _silicon, "gan-110": _gallium_nitride}


def alike(crystal: Crystal) -> np.ndarray:
    """Return for each probe of the grid, row by row along x, the first one that it is like."""
    nx, ny = crystal.grid
    i, j = np.divmod(np.arange(nx * ny), ny)
    x, y = i / nx, j / ny
    partners = [
        np.rint((a * x + b * y + s) * nx).astype(int) % nx * ny
        + np.rint((c * x + d * y + t) * ny).astype(int) % ny
        for a, b, c, d, s, t in crystal.operations
    ]
    return np.min(partners, axis=0)


def multislice(
    crystal: Crystal, atoms: ase.Atoms, xy: np.ndarray, options, missing: int | None = None
) -> np.ndarray:
    """Return the signals, shape (detectors, periods, probes) [fraction of the beam].

    Parameters
    ----------
    crystal : Crystal
        Displacements and slices.
    atoms : ase.Atoms
        The supercell.
    xy : ndarray of shape (P, 2)
        Probes [Å].
    options : argparse.Namespace
        `phonons`, `seed` and `energy`.
    missing : int, optional
        An atom that is not there; the displacements of the others stay as they are.
    """
    import abtem  # --help is for those, too, who have it not

    detectors = [abtem.AnnularDetector(*angles) for angles in DETECTORS.values()]
    size = [round(edge / SAMPLING) for edge in atoms.cell.lengths()[:2]]
    period = crystal.cell.cell.lengths()[2]
    sigmas = np.array([crystal.displacements[symbol] for symbol in atoms.symbols])
    total = 0.0
    for number in range(options.phonons):
        displaced = atoms.copy()
        rng = np.random.default_rng([options.seed, number])
        displaced.positions[:, :2] += sigmas[:, None] * rng.standard_normal((len(atoms), 2))
        if missing is not None:
            del displaced[missing]
        potential = abtem.Potential(
            displaced,
            gpts=size,
            slice_thickness=(period / crystal.slices,) * (crystal.slices * crystal.repeats[2]),
            exit_planes=crystal.slices,
            projection="infinite",
            parametrization="lobato",
        )
        probe = abtem.Probe(energy=options.energy, semiangle_cutoff=SEMIANGLE)
        probe.grid.match(potential)
        measured = probe.scan(potential, scan=abtem.CustomScan(xy), detectors=detectors, lazy=False)
        # Of each detector: (thicknesses, probes), the first without any crystal.
        total = total + np.array([np.squeeze(one.array) for one in measured])[:, 1:]
    return total / options.phonons


def blurred(image: np.ndarray, edges: np.ndarray, source: float) -> np.ndarray:
    """Blur a periodic image (..., nx, ny) of a cell [Å] by a source of a FWHM [Å]."""
    sigma = source / (8 * np.log(2)) ** 0.5
    frequencies = [
        np.fft.fftfreq(n, edge / n) for n, edge in zip(image.shape[-2:], edges, strict=True)
    ]
    squared = frequencies[0][:, None] ** 2 + frequencies[1][None, :] ** 2
    transfer = np.exp(-2 * np.pi**2 * sigma**2 * squared)
    return np.fft.ifft2(np.fft.fft2(image) * transfer).real


@dataclass(frozen=True)
class Probes:
    """The probes of a cell in the middle of the supercell, of those that are alike one.

    Parameters
    ----------
    crystal : Crystal
        What they meet.
    orbit : ndarray of int, shape (nx * ny,)
        See `alike`.
    chosen : ndarray of int, shape (P,)
        Those that are measured.
    """

    crystal: Crystal
    orbit: np.ndarray
    chosen: np.ndarray

    @property
    def first(self) -> np.ndarray:
        """Corner of the cell [cells]."""
        return np.array([n // 2 for n in self.crystal.repeats[:2]])

    @property
    def xy(self) -> np.ndarray:
        """Places of the measured ones [Å]."""
        grid = self.crystal.grid
        steps = np.stack(np.divmod(self.chosen, grid[1]), axis=1) / grid
        return (self.first + steps) * self.crystal.cell.cell.lengths()[:2]

    def images(self, signal: np.ndarray) -> np.ndarray:
        """Fill images of the cell, (..., nx, ny), with a signal (..., P); 0 where not measured."""
        where = np.minimum(np.searchsorted(self.chosen, self.orbit), len(self.chosen) - 1)
        known = self.chosen[where] == self.orbit
        return np.where(known, signal[..., where], 0.0).reshape(
            *signal.shape[:-1], *self.crystal.grid
        )


def columns(crystal: Crystal, options) -> dict:
    """Return the intensity of each column against the thickness, for detectors and sources."""
    nx, ny = crystal.grid
    edges = crystal.cell.cell.lengths()
    orbit = alike(crystal)
    probes = Probes(crystal, orbit, np.unique(orbit))
    signal = multislice(crystal, crystal.cell * crystal.repeats, probes.xy, options)
    found = {"period": float(edges[2]), "probes": len(probes.chosen), "detectors": {}}
    for name, image in zip(DETECTORS, probes.images(signal), strict=True):
        found["detectors"][name] = {}
        for source in SOURCES:
            seen = blurred(image, edges[:2], source)
            at = {
                symbol: seen[:, round(x * nx) % nx, round(y * ny) % ny]
                for symbol, (x, y) in crystal.columns.items()
            }
            at["background"] = seen.min(axis=(1, 2))
            at["mean"] = seen.mean(axis=(1, 2))
            found["detectors"][name][str(source)] = {
                symbol: _short(values) for symbol, values in at.items()
            }
    return found


def vacancies(crystal: Crystal, options) -> dict:
    """Return by how much the first kind of column is darker where it lacks an atom.

    For the first detector and a source of 0.8 Å: a list over thicknesses for each number of the
    atom, counted from the entrance face. Probes farther away than 1.1 Å do not feel it.
    """
    nx, ny = crystal.grid
    edges = crystal.cell.cell.lengths()
    symbol, place = next(iter(crystal.columns.items()))
    every = np.arange(nx * ny)
    away = (np.stack(np.divmod(every, ny), axis=1) / crystal.grid - place + 0.5) % 1 - 0.5
    near = np.hypot(*(away * edges[:2]).T) < 1.1
    probes = Probes(crystal, every, every[near])
    atoms = crystal.cell * crystal.repeats
    xy = (probes.first + place) * edges[:2]
    around = xy + away[near] * edges[:2]
    whole = multislice(crystal, atoms, around, options)[0]
    column = np.flatnonzero(
        (np.hypot(*(atoms.positions[:, :2] - xy).T) < 0.1) & (atoms.symbols == symbol)
    )
    column = column[np.argsort(atoms.positions[column, 2])]
    found = {}
    for number in VACANCIES:
        without = multislice(crystal, atoms, around, options, int(column[number - 1]))[0]
        image = blurred(probes.images(whole - without), edges[:2], 0.8)
        found[str(number)] = _short(image[:, round(place[0] * nx), round(place[1] * ny)])
        print(f"  without atom {number}", flush=True)
    return found


def _short(values: np.ndarray) -> list[float]:
    return [float(f"{value:.5g}") for value in values]


def main() -> None:
    """Measure all crystals."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--crystal", choices=CRYSTALS, nargs="*", default=list(CRYSTALS))
    parser.add_argument("--phonons", type=int, default=8)
    parser.add_argument("--energy", type=float, default=ENERGY, help="of the electrons [eV]")
    parser.add_argument("--vacancies", action="store_true", help="instead of whole columns")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    found = json.loads(options.out.read_text()) if options.out.exists() else {}
    for name in options.crystal:
        print(name, flush=True)
        crystal = CRYSTALS[name]()
        one = found.setdefault(f"{name}, {options.energy / 1e3:g} kV", {})
        if options.vacancies:
            one["vacancies"] = vacancies(crystal, options)
        else:
            one |= {"phonons": options.phonons, **columns(crystal, options)}
        options.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
