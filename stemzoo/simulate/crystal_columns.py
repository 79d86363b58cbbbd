"""The columns of a perfect crystal in a field of view."""

from dataclasses import dataclass

import numpy as np

from stemzoo.simulate.elements import atomic_number
from stemzoo.simulate.materials import Material


@dataclass(frozen=True, eq=False)
class CrystalColumns:
    """Projected columns and their atoms.

    Parameters
    ----------
    positions : ndarray of shape (C, 2)
        x and y of each column [Å].
    densities : ndarray of shape (C,)
        Nuclear charge per length of each column [1/Å].
    atom_column : ndarray of int, shape (A,)
        Column of each atom.
    symbols : ndarray of str, shape (A,)
        Its element.
    heights : ndarray of shape (A,)
        Its distance from the entrance face [Å].
    """

    positions: np.ndarray
    densities: np.ndarray
    atom_column: np.ndarray
    symbols: np.ndarray
    heights: np.ndarray


def fill_columns(
    material: Material,
    extent: tuple[float, float],
    transform: np.ndarray,
    origin: tuple[float, float],
    thickness: int,
    margin: float,
) -> CrystalColumns:
    """Fill a field with the columns of a crystal without defects.

    Parameters
    ----------
    material, extent, origin, thickness, margin
        See `stemzoo.simulate.make_specimen`.
    transform : ndarray of shape (2, 2)
        See `crystal_transform`.

    Returns
    -------
    CrystalColumns
    """
    edges, period = material.edges, material.cell[2]
    # Cells that may reach the field, as whole numbers (i, j).
    low, high = -margin, np.array([extent[1], extent[0]]) + margin
    corners = np.array([[x, y] for x in (low, high[0]) for y in (low, high[1])])
    corners = corners @ np.linalg.inv(transform).T @ np.linalg.inv(edges)
    first, last = np.floor(corners.min(0)) - 1, np.ceil(corners.max(0)) + 1
    grid = np.meshgrid(*(np.arange(a, b + 1) for a, b in zip(first, last, strict=True)))
    cells = np.stack(grid, axis=-1).reshape(-1, 2)
    turns = np.arange(1 if material.layered else thickness)
    positions, densities, owners, symbols, heights, count = [], [], [], [], [], 0
    for place, content in material.columns.items():
        points = ((cells + place + np.asarray(origin) % 1) @ edges) @ transform.T
        inside = (points > -margin).all(1) & (points < np.array(extent)[::-1] + margin).all(1)
        points = points[inside]
        stack = content * len(turns)
        within = [site.position[2] for site in material.sites if site.position[:2] == place]
        positions.append(points)
        densities.append(np.full(len(points), sum(map(atomic_number, content)) / period))
        owners.append(np.repeat(np.arange(count, count + len(points)), len(stack)))
        symbols.append(np.tile(np.array(stack), len(points)))
        heights.append(np.tile(np.add.outer(turns, within).ravel() * period, len(points)))
        count += len(points)
    return CrystalColumns(*map(np.concatenate, (positions, densities, owners, symbols, heights)))


def crystal_transform(rotation: float, strain: tuple[float, float, float]) -> np.ndarray:
    """Return the matrix (2, 2) that strains, then rotates (x, y).

    Parameters
    ----------
    rotation, strain
        As in `make_specimen`.
    """
    turn = np.deg2rad(rotation)
    exx, eyy, exy = strain
    stretch = np.array([[1 + exx, exy], [exy, 1 + eyy]])
    return np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ stretch
