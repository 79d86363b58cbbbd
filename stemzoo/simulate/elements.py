"""What is asked of chemical elements."""

# Elements that are no metals: the other ones host dopants, and their columns are named for them.
_NON_METALS = frozenset("H He B C N O F Ne Si P S Cl Ar Ge As Se Br Kr Te I Xe At Rn".split())


def is_metal(symbol: str) -> bool:
    """Tell whether an element is a metal.

    Parameters
    ----------
    symbol : str
        Chemical symbol.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_metal("Mo"), is_metal("Te"), is_metal("Si")
    (True, False, False)
    """
    return symbol not in _NON_METALS
