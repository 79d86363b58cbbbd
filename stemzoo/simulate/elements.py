"""What is asked of chemical elements."""

from collections.abc import Iterable

# Exponent of the scattering of an atom by its atomic number.
SCATTERING = 1.7

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


def atomic_number(symbol: str) -> int:
    """Atomic number of a chemical symbol; ValueError if there is no such element."""
    from periodictable import elements

    try:
        return elements.symbol(symbol).number
    except ValueError:
        raise ValueError(f"Expected the symbol of an element. Received: {symbol!r}") from None


def scattering_strength(symbols: Iterable[str]) -> float:
    """Return about how strongly a column scatters to high angles, in units of hydrogen.

    Parameters
    ----------
    symbols : iterable of str
        Its atoms.

    Returns
    -------
    float
        Sum of Z^1.7.

    Examples
    --------
    >>> scattering_strength(["H", "H"])
    2.0
    """
    return float(sum(atomic_number(symbol) ** SCATTERING for symbol in symbols))
