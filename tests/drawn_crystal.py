"""Crystals drawn as Gaussian columns, for tests of sites and columns."""

import numpy as np

from stemzoo.simulate.materials import find_material

WSE2 = find_material("wse2")
SAMPLING = 0.2
SHAPE = (256, 256)
# Relative intensities of columns, as Z^1.7 would have them.
WEIGHTS = {"W": 1.0, "Mo": 1.0, "Se": 0.55, "S": 0.4, "C": 1.0, "Sr": 1.0, "Ti": 0.45, "O": 0.05}


def crystal(material, shape=SHAPE, sampling=SAMPLING, rotation=0.0):
    """Positions and heaviest elements of all columns in a field, and some around it."""
    places = {}
    for site in material.sites:
        places.setdefault(site.position[:2], []).append(site.symbol)
    reach = int(1.5 * max(shape) * sampling / material.lattice_constant) + 2
    cells = np.stack(np.mgrid[-reach:reach, -reach:reach], axis=-1).reshape(-1, 2)
    turn = np.deg2rad(rotation)
    matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    positions, kinds = [], []
    for place, content in places.items():
        at = (cells + place) * material.cell[:2]
        at = at[:, ::-1] @ matrix.T / sampling + np.array(shape) / 2 + 0.3
        near = ((at > -15) & (at < np.array(shape) + 15)).all(axis=1)
        positions.append(at[near])
        kinds.append(np.full(near.sum(), max(content, key=WEIGHTS.get)))
    return np.concatenate(positions), np.concatenate(kinds)


def drawn(positions, heights, shape=SHAPE, width=2.5):
    """Gaussian columns."""
    rows, columns = (
        np.exp(-((np.arange(n) - positions[:, axis, None]) ** 2) / (2 * width**2))
        for axis, n in enumerate(shape)
    )
    return (rows * heights[:, None]).T @ columns


def heights_of(kinds):
    return np.array([WEIGHTS[kind] for kind in kinds])


def inner(positions, border=16, shape=SHAPE):
    return ((positions > border) & (positions < np.array(shape) - 1 - border)).all(axis=1)
