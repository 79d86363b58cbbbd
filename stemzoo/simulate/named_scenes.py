"""The kinds of scenes that have a name."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from stemzoo.simulate.exports import Blank, DataBar, Inverted, ScaleBar, Spark
from stemzoo.simulate.materials import find_material, nearest_names
from stemzoo.simulate.outlines import Disc, Line
from stemzoo.simulate.scenes import Content, Scene
from stemzoo.simulate.sessions import DrawnSession


@dataclass(frozen=True)
class Canvas:
    """What a scene is drawn for: a frame and its conditions.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns [px].
    drawn : DrawnSession
        Conditions of the frame.
    rng : numpy.random.Generator
        Source of randomness.
    """

    shape: tuple[int, int]
    drawn: DrawnSession
    rng: np.random.Generator

    @property
    def size(self) -> np.ndarray:
        """Width and height, x and y [Å]."""
        return np.array([self.shape[1], self.shape[0]]) * self.drawn.sampling

    def seed(self) -> int:
        """Draw the seed of an outline."""
        return int(self.rng.integers(2**31))

    def line(self, normal: float, crystal: float, roughness: float) -> Line:
        """Draw a border that leaves about a part `crystal` of the frame.

        Parameters
        ----------
        normal : float
            Direction into the crystal, from x towards y [degrees].
        crystal : float
            From 0 to 1.
        roughness : float
            Standard deviation of the border about a straight line [Å].

        Returns
        -------
        Line
        """
        direction = np.array([np.cos(np.deg2rad(normal)), np.sin(np.deg2rad(normal))])
        through = self.size / 2 + direction * (0.5 - crystal) * (abs(direction) @ self.size)
        return Line((float(through[0]), float(through[1])), normal, roughness, self.seed())

    def disc(self, low: float, high: float, spread: float = 0.2) -> Disc:
        """Draw a disc.

        Parameters
        ----------
        low, high : float
            Bounds of its radius [Å].
        spread : float
            How far it may be from the middle, as a part of the frame along x and y.

        Returns
        -------
        Disc
        """
        radius = float(self.rng.uniform(low, high))
        x, y = self.size * self.rng.uniform(0.5 - spread, 0.5 + spread, 2)
        roughness = radius * float(self.rng.uniform(0.05, 0.12))
        return Disc((float(x), float(y)), radius, roughness, self.seed())

    def rim(self) -> float:
        """Draw the width of a strip without order; half of all borders have none [Å]."""
        return float(self.rng.uniform(2, 9)) if self.rng.random() < 0.5 else 0.0

    def along_rows(self) -> float:
        """Draw the normal of a border that nearly follows close-packed rows."""
        turn = 360 / find_material(self.drawn.material).symmetry
        rows = self.drawn.rotation + 90 + turn * self.rng.integers(6)
        return float(rows + self.rng.normal(0, 5))

    def edge(self) -> Scene:
        """Draw the edge of a flake, along close-packed rows but for some degrees."""
        rough = float(self.rng.uniform(0.5, 2.5))
        line = self.line(self.along_rows(), float(self.rng.uniform(0.4, 0.75)), rough)
        return Scene("edge", (line,), rim=self.rim())

    def hole(self) -> Scene:
        """Draw a hole in the middle of the frame."""
        side = self.size.min()
        return Scene("hole", (self.disc(0.12 * side, 0.28 * side),), rim=self.rim())

    def margin(self) -> Scene:
        """Draw vacuum along one side of the frame, or two that meet."""
        first = 90 * int(self.rng.integers(4))
        normals = (first, first + 90)[: int(self.rng.integers(1, 3))]
        lines = (self.line(a, float(self.rng.uniform(0.75, 0.92)), 0.8) for a in normals)
        return Scene("margin", tuple(lines))

    def amorphous(self) -> Scene:
        """Draw a patch or a side of the same matter without order."""
        side = self.size.min()
        disc = self.disc(0.15 * side, 0.3 * side)
        line = self.line(float(self.rng.uniform(0, 360)), float(self.rng.uniform(0.4, 0.7)), 3.0)
        return Scene("amorphous", (disc if self.rng.random() < 0.5 else line,), Content.AMORPHOUS)

    def bilayer(self) -> Scene:
        """Draw a second layer that is stacked as in the crystal (2H or 3R), or twisted."""
        twist = float(self.rng.choice([0.0, 180.0, self.rng.uniform(3, 27)]))
        line = self.line(self.along_rows(), float(self.rng.uniform(0.45, 0.75)), 1.0)
        return Scene("bilayer", (line,), Content.LAYER, twist)

    def grains(self) -> Scene:
        """Draw a second grain of any orientation."""
        turn = 360 / find_material(self.drawn.material).symmetry
        twist = float(self.rng.uniform(8, turn - 8))
        line = self.line(float(self.rng.uniform(0, 360)), float(self.rng.uniform(0.45, 0.7)), 2.0)
        return Scene("grains", (line,), Content.GRAIN, twist)

    def twin(self) -> Scene:
        """Draw a mirror twin: turned by half a turn (or 60 degrees), so that its lattice goes on.

        Its first columns go on, too, or lie where the crystal has its second kind, or none. A
        square crystal has no such twin and gets a shifted domain.
        """
        if find_material(self.drawn.material).symmetry != 6:
            return replace(self.antiphase(), name="twin")
        shift = (0.0, float(self.rng.integers(3)) / 3)
        normal = self.along_rows() + 30.0 * float(self.rng.integers(2))
        line = self.line(normal, float(self.rng.uniform(0.4, 0.65)), 1.0)
        return Scene("twin", (line,), Content.GRAIN, 180.0, shift)

    def antiphase(self) -> Scene:
        """Draw a domain that is shifted by a part of the cell, as after growth from two places."""
        places = [(0.5, 0.0), (0.5, 0.5)]
        if find_material(self.drawn.material).symmetry == 6:
            places = [(0.5, 0.0), (0.0, 1 / 3), (0.0, 2 / 3)]
        shift = places[int(self.rng.integers(len(places)))]
        line = self.line(self.along_rows(), float(self.rng.uniform(0.4, 0.65)), 1.0)
        return Scene("antiphase", (line,), Content.GRAIN, 0.0, shift)

    def adsorbates(self) -> Scene:
        """Draw islands of heavy atoms on the crystal."""
        discs = (self.disc(4.0, 11.0, spread=0.5) for _ in range(int(self.rng.integers(3, 8))))
        return Scene("adsorbates", tuple(discs), Content.ADSORBATE)

    def blank(self, fill: float) -> Blank:
        """Draw two sides that meet, 2 px to a seventh of the frame wide, as drift leaves them."""
        height, width = (int(self.rng.integers(2, max(n // 7, 3))) for n in self.shape)
        top, left = self.rng.random(2) < 0.5
        return Blank(
            top=height if top else 0,
            bottom=0 if top else height,
            left=width if left else 0,
            right=0 if left else width,
            fill=fill,
        )

    def zeros(self) -> Scene:
        """Draw a margin of zeros."""
        return Scene("zeros", exports=(self.blank(0.0),))

    def nan(self) -> Scene:
        """Draw a margin of NaN."""
        return Scene("nan", exports=(self.blank(np.nan),))

    def rotated(self) -> Scene:
        """Draw the empty corners of a frame that was rotated."""
        angle = float(self.rng.uniform(3, 20) * self.rng.choice([-1, 1]))
        return Scene("rotated", exports=(Blank(angle=angle),))

    def scale(self) -> float:
        """Return a usual length of a scale bar, up to a fifth of the frame [nm]."""
        return max((n for n in (0.5, 1.0, 2.0, 5.0, 10.0) if n <= self.size[0] / 50), default=0.2)

    def databar(self) -> Scene:
        """Draw a data bar below the picture."""
        height = max(round(self.shape[0] * float(self.rng.uniform(0.05, 0.09))), 16)
        energy, width = self.drawn.energy / 1e3, self.size[0] / 10
        text = f"HV {energy:.1f} kV    HFW {width:.1f} nm    det HAADF"
        return Scene("databar", exports=(DataBar(height, text, self.scale()),))

    def scalebar(self) -> Scene:
        """Draw a scale bar into the picture."""
        height = max(round(self.shape[0] * float(self.rng.uniform(0.025, 0.05))), 8)
        right, box = (bool(self.rng.random() < 0.5) for _ in range(2))
        return Scene("scalebar", exports=(ScaleBar(self.scale(), height, right, box),))

    def inverted(self) -> Scene:
        """Exchange bright and dark."""
        return Scene("inverted", exports=(Inverted(),))

    def spark(self) -> Scene:
        """Draw all of one line, or its end from where the discharge began."""
        row, first = (int(self.rng.integers(n)) for n in self.shape)
        first *= int(self.rng.integers(2))
        strength = float(np.exp(self.rng.uniform(np.log(3), np.log(100))))
        return Scene("spark", exports=(Spark(row, first, self.shape[1], strength),))


SCENES: MappingProxyType[str, Callable[[Canvas], Scene]] = MappingProxyType(
    {
        "edge": Canvas.edge,
        "hole": Canvas.hole,
        "margin": Canvas.margin,
        "amorphous": Canvas.amorphous,
        "bilayer": Canvas.bilayer,
        "grains": Canvas.grains,
        "twin": Canvas.twin,
        "antiphase": Canvas.antiphase,
        "adsorbates": Canvas.adsorbates,
        "zeros": Canvas.zeros,
        "nan": Canvas.nan,
        "rotated": Canvas.rotated,
        "databar": Canvas.databar,
        "scalebar": Canvas.scalebar,
        "inverted": Canvas.inverted,
        "spark": Canvas.spark,
    }
)


def find_scene(name: str) -> Callable[[Canvas], Scene]:
    """Return the function that draws scenes of a kind.

    Parameters
    ----------
    name : str
        Key of `SCENES`.

    Returns
    -------
    callable
        From a `Canvas` to a `Scene`.

    Raises
    ------
    KeyError
        For an unknown name; the message offers the nearest ones.
    """
    if name not in SCENES:
        near = ", ".join(nearest_names(name, SCENES))
        raise KeyError(f"Unknown scene; expected one of {near}. Received: {name!r}")
    return SCENES[name]


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
        Conditions of the canvas.
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
    return find_scene(name)(Canvas(shape, drawn, rng))
