"""Lattices that are known exactly, and images made of their waves."""

import numpy as np

from stemzoo.analysis.lattice import Lattice
from stemzoo.simulate.materials import find_material

SAMPLING = 0.2
WSE2 = find_material("wse2")
SQUARE = np.array([[0.98, 0.2], [-0.2, 0.98]]) * 0.04
HEXAGONAL = np.array([[0.0, 1.0], [0.75**0.5, 0.5]]) * SAMPLING / WSE2.spacing


def known_lattice(reciprocal, symmetry):
    return Lattice(
        sampling=SAMPLING,
        vectors=np.linalg.inv(reciprocal).T,
        reciprocal=reciprocal,
        symmetry=symmetry,
        rotation=0.0,
        strain=0.0,
        confidence=1.0,
        spots_found=symmetry,
        spots_expected=symmetry,
    )


def waves(reciprocal, symmetry, amplitude, size=256):
    """Cosines at all lattice points below Nyquist, `amplitude` being a function of |g|²/|g1|²."""
    y, x = np.mgrid[:size, :size]
    image = np.zeros((size, size))
    for h, k in np.ndindex(29, 15):
        h -= 14
        g = np.array([h, k]) @ reciprocal
        norm = h * h + k * k + (h * k if symmetry == 6 else 0)
        if (k > 0 or h > 0) and abs(g).max() < 0.49 and amplitude(norm):
            image += amplitude(norm) * np.cos(2 * np.pi * (g[0] * y + g[1] * x))
    return image
