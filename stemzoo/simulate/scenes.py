"""Scenes: what a frame shows beside one perfect crystal."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from stemzoo.simulate.exports import Export
from stemzoo.simulate.outlines import Outline


class Content(StrEnum):
    """What lies where the crystal ends."""

    VACUUM = "vacuum"
    AMORPHOUS = "amorphous"  # the same atoms without their order
    LAYER = "layer"  # a second layer on the crystal
    GRAIN = "grain"  # the same crystal, rotated or shifted
    ADSORBATE = "adsorbate"  # heavy atoms on the crystal


@dataclass(frozen=True)
class Scene:
    """What a frame shows beside one perfect crystal.

    Parameters
    ----------
    name : str
        For people and tables.
    outlines : tuple of Line or Disc
        Where the crystal ends; nowhere if empty. Positions are those of the undistorted frame [Å].
    content : Content
        What lies there instead, or on it.
    twist : float
        Rotation of the second grain or layer against the crystal [degrees].
    shift : tuple of float, optional
        Where a cell of the second grain begins against one of the crystal, along its edges [cells]:
        the lattices of twins (`twist` 180) and of domains (`twist` 0) go on across the border.
        Anywhere where not given.
    density : float
        Atoms of an adsorbate [1/Å²].
    rim : float
        Width of a strip between crystal and vacuum that has lost its order [Å].
    exports : tuple of Export
        What software has drawn into the frame, one after the other.

    Examples
    --------
    >>> from stemzoo.simulate.outlines import Disc
    >>> hole = Scene("hole", (Disc(centre=(30, 30), radius=12),))
    >>> hole.content
    <Content.VACUUM: 'vacuum'>
    """

    name: str
    outlines: tuple[Outline, ...] = ()
    content: Content = Content.VACUUM
    twist: float = 0.0
    shift: tuple[float, float] | None = None
    density: float = 0.15
    rim: float = 0.0
    exports: tuple[Export, ...] = ()

    def depth(self, xy: np.ndarray) -> np.ndarray:
        """Return how deep in the crystal points lie.

        Parameters
        ----------
        xy : ndarray of shape (..., 2)
            x and y [Å].

        Returns
        -------
        ndarray of shape (...)
            Distance from the nearest border of the crystal [Å], negative outside; a rim is outside.
        """
        return np.min([outline.depth(xy) for outline in self.outlines], axis=0) - self.rim

    @property
    def ends(self) -> bool:
        """Whether the crystal ends, so that columns at its border lack neighbours."""
        goes_on = self.content in (Content.LAYER, Content.ADSORBATE)
        return bool(self.outlines) and not goes_on


PERFECT = Scene("crystal")
