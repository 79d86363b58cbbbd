"""Do the same to several images at once."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

_THREADS = 2  # more need more memory


def in_threads(function: Callable, items: Iterable) -> list:
    """Call a function for each item, two at a time.

    Sorting and Fourier transforms, most of the time of what is done to images here, leave the
    interpreter free.

    Parameters
    ----------
    function : callable
        Of one item; changes nothing that another call sees.
    items : iterable
        What to call it for.

    Returns
    -------
    list
        What it returned, in the order of the items.

    Raises
    ------
    Exception
        The first that a call raises.

    Examples
    --------
    >>> in_threads(abs, [-1, 2])
    [1, 2]
    """
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(function, items))
