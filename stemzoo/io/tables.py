"""Figures as text: tables in Markdown, values with their intervals."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Write a table in Markdown.

    Parameters
    ----------
    head : sequence of str
        Names of the columns.
    rows : iterable of sequence
        Cells, as many as columns.

    Returns
    -------
    str

    Examples
    --------
    >>> print(table(("a", "b"), [(1, 2)]))
    | a | b |
    |---|---|
    | 1 | 2 |
    """
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows)])


def figure_rows(metrics: Iterable[Mapping]) -> list[tuple[str, str, str, str]]:
    """Write figures of an evaluation as text.

    Parameters
    ----------
    metrics : iterable of mapping
        As `stemzoo.metrics.evaluation.Metric` holds them: ``"name"``, and for ``"generated"``,
        ``"floor"`` and ``"ceiling"`` a mapping of ``"value"``, ``"low"`` and ``"high"``, or None.

    Returns
    -------
    list of tuple of str
        Name, generated, floor and ceiling.

    Examples
    --------
    >>> half = {"value": 0.5, "low": 0.25, "high": 0.75}
    >>> figure_rows([{"name": "KID", "generated": half, "floor": None, "ceiling": None}])
    [('KID', '0.5 (0.25 to 0.75)', '-', '-')]
    """

    def text(part: Mapping | None) -> str:
        if part is None:
            return "-"
        interval = "" if part["low"] is None else f" ({part['low']:.3g} to {part['high']:.3g})"
        return f"{part['value']:.3g}{interval}"

    sets = ("generated", "floor", "ceiling")
    return [(metric["name"], *(text(metric[name]) for name in sets)) for metric in metrics]


def share(hits: int, total: int, scale: Callable[[float], float] = float) -> str:
    """Write a share with its interval of 95 %, Wilson's score interval.

    Parameters
    ----------
    hits, total : int
        Counts.
    scale : callable
        Increasing function that the share and the ends of its interval are put through.

    Returns
    -------
    str
        A dash if there is nothing to have a share of.

    References
    ----------
    E. B. Wilson, J. Am. Stat. Assoc. 22, 209 (1927): the ends p of the interval solve
    (p - hits/n)² = z² p (1 - p) / n with z = 1.96.

    Examples
    --------
    >>> share(8, 10)
    '0.800 (0.490 to 0.943)'
    """
    if not total:
        return "-"
    low, high = share_interval(hits, total)
    return f"{scale(hits / total):.3f} ({scale(low):.3f} to {scale(high):.3f})"


def share_interval(hits: int, total: int) -> tuple[float, float]:
    """Return the ends of Wilson's interval of 95 % of a share, see `share`.

    Parameters
    ----------
    hits, total : int
        Counts; `total` is above 0.

    Returns
    -------
    tuple of float

    Examples
    --------
    >>> [round(end, 3) for end in share_interval(8, 10)]
    [0.49, 0.943]
    """
    p, z2 = hits / total, 1.959964**2 / total
    middle = (p + z2 / 2) / (1 + z2)
    half = math.sqrt(p * (1 - p) * z2 + z2**2 / 4) / (1 + z2)
    return max(middle - half, 0.0), min(middle + half, 1.0)
