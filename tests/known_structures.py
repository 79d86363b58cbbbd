"""Crystals with published coordinates, as ASE holds them."""

from ase.build import bulk, graphene, mx2
from ase.spacegroup import crystal

# WTe2, Pmn2_1: A. Mar, S. Jobic, J. A. Ibers, J. Am. Chem. Soc. 114, 8963 (1992).
_TELLURIDE = [
    ("W", (0, 0.60062, 0.5)),
    ("W", (0, 0.03980, 0.01522)),
    ("Te", (0, 0.85761, 0.65525)),
    ("Te", (0, 0.64631, 0.11112)),
    ("Te", (0, 0.29845, 0.85983)),
    ("Te", (0, 0.20722, 0.40387)),
]


def tungsten_ditelluride():
    symbols, places = zip(*_TELLURIDE, strict=True)
    cell = [3.477, 6.249, 14.018, 90, 90, 90]
    return crystal(symbols, places, spacegroup=31, cellpar=cell)


def gallium_nitride():
    """Wurtzite, P6_3mc: H. Schulz, K. H. Thiemann, Solid State Commun. 23, 815 (1977)."""
    places = [(1 / 3, 2 / 3, 0), (1 / 3, 2 / 3, 0.377)]
    cell = [3.189, 3.189, 5.186, 90, 90, 120]
    return crystal(["Ga", "N"], places, spacegroup=186, cellpar=cell)


def strontium_titanate():
    places = [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0)]
    return crystal(["Sr", "Ti", "O"], places, spacegroup=221, cellpar=[3.905] * 3 + [90] * 3)


def bulk_molybdenite():
    """2H, P6_3/mmc: B. Schönfeld, J. J. Huang, S. C. Moss, Acta Cryst. B 39, 404 (1983)."""
    places = [(1 / 3, 2 / 3, 0.25), (1 / 3, 2 / 3, 0.621)]
    cell = [3.161, 3.161, 12.295, 90, 90, 120]
    return crystal(["Mo", "S"], places, spacegroup=194, cellpar=cell)


def silicon(cubic=True):
    return bulk("Si", "diamond", a=5.431, cubic=cubic)


def tungsten_diselenide():
    return mx2("WSe2", a=3.282, thickness=3.36, vacuum=5)


def molybdenum_disulphide(kind="2H"):
    return mx2("MoS2", kind=kind, a=3.161, thickness=3.17, vacuum=5)


def carbon_layer():
    return graphene(a=2.46)
