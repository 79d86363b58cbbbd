"""Who computes the same for each of several images: this process, or others."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol


class Spread(Protocol):
    """Applies functions to items, here or elsewhere."""

    def apply(self, function: Callable[[Any], Any], items: Sequence[Any]) -> Sequence[Any]:
        """Return what a function makes of each item, or handles of it, which `apply` takes, too."""

    def gather(self, items: Sequence[Any]) -> list[Any]:
        """Return what `apply` has made."""


class Here:
    """Computes in this process, at once.

    Examples
    --------
    >>> here = Here()
    >>> here.gather(here.apply(abs, [-1, 2]))
    [1, 2]
    """

    def apply(self, function: Callable[[Any], Any], items: Sequence[Any]) -> Sequence[Any]:
        """Return what a function makes of each item."""
        return [function(item) for item in items]

    def gather(self, items: Sequence[Any]) -> list[Any]:
        """Return what `apply` has made."""
        return list(items)
