"""Scenes: what a frame shows beside one perfect crystal."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

import numpy as np

from stemzoo.simulate.materials import find_material, nearest_names
from stemzoo.simulate.outlines import Disc, Line, Outline
from stemzoo.simulate.sessions import DrawnSession


class Content(StrEnum):
    """What lies where the crystal ends."""

    VACUUM = "vacuum"
    AMORPHOUS = "amorphous"  # the same atoms without their order
    LAYER = "layer"  # a second layer on the crystal
    GRAIN = "grain"  # the same crystal, rotated
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
    density : float
        Atoms of an adsorbate [1/Å²].

    Examples
    --------
    >>> hole = Scene("hole", (Disc(centre=(30, 30), radius=12),))
    >>> hole.content
    <Content.VACUUM: 'vacuum'>
    """

    name: str
    outlines: tuple[Outline, ...] = ()
    content: Content = Content.VACUUM
    twist: float = 0.0
    density: float = 0.15

    @property
    def ends(self) -> bool:
        """Whether the crystal ends, so that columns at its border lack neighbours."""
        goes_on = self.content in (Content.LAYER, Content.ADSORBATE)
        return bool(self.outlines) and not goes_on


PERFECT = Scene("crystal")


@dataclass(frozen=True)
class _Frame:
    """What a scene is drawn for: the size (x, y) of a frame [Å] and its conditions."""

    size: np.ndarray
    drawn: DrawnSession
    rng: np.random.Generator

    def seed(self) -> int:
        return int(self.rng.integers(2**31))

    def line(self, normal: float, crystal: float, roughness: float) -> Line:
        """Border that leaves about a part `crystal` of the frame."""
        direction = np.array([np.cos(np.deg2rad(normal)), np.sin(np.deg2rad(normal))])
        through = self.size / 2 + direction * (0.5 - crystal) * (abs(direction) @ self.size)
        return Line((float(through[0]), float(through[1])), normal, roughness, self.seed())

    def disc(self, low: float, high: float, spread: float = 0.2) -> Disc:
        """Disc of some radius [Å], at most a part `spread` of the frame away from its middle."""
        radius = float(self.rng.uniform(low, high))
        x, y = self.size * self.rng.uniform(0.5 - spread, 0.5 + spread, 2)
        roughness = radius * float(self.rng.uniform(0.05, 0.12))
        return Disc((float(x), float(y)), radius, roughness, self.seed())

    def along_rows(self) -> float:
        """Draw the normal of a border that nearly follows close-packed rows."""
        turn = 360 / find_material(self.drawn.material).symmetry
        rows = self.drawn.rotation + 90 + turn * self.rng.integers(6)
        return float(rows + self.rng.normal(0, 5))


def _edge(frame: _Frame) -> Scene:
    rough = float(frame.rng.uniform(0.5, 2.5))
    line = frame.line(frame.along_rows(), float(frame.rng.uniform(0.4, 0.75)), rough)
    return Scene("edge", (line,))


def _hole(frame: _Frame) -> Scene:
    side = frame.size.min()
    return Scene("hole", (frame.disc(0.12 * side, 0.28 * side),))


def _margin(frame: _Frame) -> Scene:
    """Vacuum along one side of the frame, or two that meet."""
    first = 90 * int(frame.rng.integers(4))
    normals = (first, first + 90)[: int(frame.rng.integers(1, 3))]
    lines = (frame.line(a, float(frame.rng.uniform(0.75, 0.92)), 0.8) for a in normals)
    return Scene("margin", tuple(lines))


def _amorphous(frame: _Frame) -> Scene:
    side = frame.size.min()
    disc = frame.disc(0.15 * side, 0.3 * side)
    line = frame.line(float(frame.rng.uniform(0, 360)), float(frame.rng.uniform(0.4, 0.7)), 3.0)
    return Scene("amorphous", (disc if frame.rng.random() < 0.5 else line,), Content.AMORPHOUS)


def _bilayer(frame: _Frame) -> Scene:
    """Second layer that is stacked as in the crystal (2H or 3R), or twisted."""
    twist = float(frame.rng.choice([0.0, 180.0, frame.rng.uniform(3, 27)]))
    line = frame.line(frame.along_rows(), float(frame.rng.uniform(0.45, 0.75)), 1.0)
    return Scene("bilayer", (line,), Content.LAYER, twist)


def _grains(frame: _Frame) -> Scene:
    turn = 360 / find_material(frame.drawn.material).symmetry
    twist = float(frame.rng.uniform(8, turn - 8))
    line = frame.line(float(frame.rng.uniform(0, 360)), float(frame.rng.uniform(0.45, 0.7)), 2.0)
    return Scene("grains", (line,), Content.GRAIN, twist)


def _adsorbates(frame: _Frame) -> Scene:
    discs = (frame.disc(4.0, 11.0, spread=0.5) for _ in range(int(frame.rng.integers(3, 8))))
    return Scene("adsorbates", tuple(discs), Content.ADSORBATE)


SCENES: MappingProxyType[str, Callable[[_Frame], Scene]] = MappingProxyType(
    {
        "edge": _edge,
        "hole": _hole,
        "margin": _margin,
        "amorphous": _amorphous,
        "bilayer": _bilayer,
        "grains": _grains,
        "adsorbates": _adsorbates,
    }
)


def draw_scene(
    name: str, shape: tuple[int, int], drawn: DrawnSession, rng: np.random.Generator
) -> Scene:
    """Draw a scene of a kind that has a name.

    Parameters
    ----------
    name : str
        Key of `SCENES`.
    shape : tuple of int
        Rows and columns of the frame [px].
    drawn : DrawnSession
        Conditions of the frame.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    Scene

    Raises
    ------
    KeyError
        For an unknown name; the message offers the nearest ones.

    Examples
    --------
    >>> from stemzoo.simulate import find_session
    >>> rng = np.random.default_rng(0)
    >>> scene = draw_scene("hole", (512, 512), find_session("wse2-dayA").draw(rng), rng)
    >>> len(scene.outlines)
    1
    """
    if name not in SCENES:
        near = ", ".join(nearest_names(name, SCENES))
        raise KeyError(f"Unknown scene; expected one of {near}. Received: {name!r}")
    size = np.array([shape[1], shape[0]]) * drawn.sampling
    return SCENES[name](_Frame(size, drawn, rng))
