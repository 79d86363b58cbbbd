"""The kinds of scenes that have a name."""

from collections.abc import Callable
from dataclasses import dataclass
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
        """Border that leaves about a part `crystal` of the canvas."""
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


def _edge(canvas: Canvas) -> Scene:
    rough = float(canvas.rng.uniform(0.5, 2.5))
    line = canvas.line(canvas.along_rows(), float(canvas.rng.uniform(0.4, 0.75)), rough)
    return Scene("edge", (line,), rim=canvas.rim())


def _hole(canvas: Canvas) -> Scene:
    side = canvas.size.min()
    return Scene("hole", (canvas.disc(0.12 * side, 0.28 * side),), rim=canvas.rim())


def _margin(canvas: Canvas) -> Scene:
    """Vacuum along one side of the frame, or two that meet."""
    first = 90 * int(canvas.rng.integers(4))
    normals = (first, first + 90)[: int(canvas.rng.integers(1, 3))]
    lines = (canvas.line(a, float(canvas.rng.uniform(0.75, 0.92)), 0.8) for a in normals)
    return Scene("margin", tuple(lines))


def _amorphous(canvas: Canvas) -> Scene:
    side = canvas.size.min()
    disc = canvas.disc(0.15 * side, 0.3 * side)
    line = canvas.line(float(canvas.rng.uniform(0, 360)), float(canvas.rng.uniform(0.4, 0.7)), 3.0)
    return Scene("amorphous", (disc if canvas.rng.random() < 0.5 else line,), Content.AMORPHOUS)


def _bilayer(canvas: Canvas) -> Scene:
    """Second layer that is stacked as in the crystal (2H or 3R), or twisted."""
    twist = float(canvas.rng.choice([0.0, 180.0, canvas.rng.uniform(3, 27)]))
    line = canvas.line(canvas.along_rows(), float(canvas.rng.uniform(0.45, 0.75)), 1.0)
    return Scene("bilayer", (line,), Content.LAYER, twist)


def _grains(canvas: Canvas) -> Scene:
    turn = 360 / find_material(canvas.drawn.material).symmetry
    twist = float(canvas.rng.uniform(8, turn - 8))
    line = canvas.line(float(canvas.rng.uniform(0, 360)), float(canvas.rng.uniform(0.45, 0.7)), 2.0)
    return Scene("grains", (line,), Content.GRAIN, twist)


def _adsorbates(canvas: Canvas) -> Scene:
    discs = (canvas.disc(4.0, 11.0, spread=0.5) for _ in range(int(canvas.rng.integers(3, 8))))
    return Scene("adsorbates", tuple(discs), Content.ADSORBATE)


def _blank(canvas: Canvas, fill: float) -> Blank:
    """Two sides that meet, from two pixels to a seventh of the frame, as drift leaves them."""
    height, width = (int(canvas.rng.integers(2, max(n // 7, 3))) for n in canvas.shape)
    top, left = canvas.rng.random(2) < 0.5
    return Blank(
        top=height if top else 0,
        bottom=0 if top else height,
        left=width if left else 0,
        right=0 if left else width,
        fill=fill,
    )


def _zeros(canvas: Canvas) -> Scene:
    return Scene("zeros", exports=(_blank(canvas, 0.0),))


def _nan(canvas: Canvas) -> Scene:
    return Scene("nan", exports=(_blank(canvas, np.nan),))


def _rotated(canvas: Canvas) -> Scene:
    angle = float(canvas.rng.uniform(3, 20) * canvas.rng.choice([-1, 1]))
    return Scene("rotated", exports=(Blank(angle=angle),))


def _scale(canvas: Canvas) -> float:
    """Length of a scale bar: the largest usual one up to a fifth of the frame [nm]."""
    return max((n for n in (0.5, 1.0, 2.0, 5.0, 10.0) if n <= canvas.size[0] / 50), default=0.2)


def _databar(canvas: Canvas) -> Scene:
    height = max(round(canvas.shape[0] * float(canvas.rng.uniform(0.05, 0.09))), 16)
    energy, width = canvas.drawn.energy / 1e3, canvas.size[0] / 10
    text = f"HV {energy:.1f} kV    HFW {width:.1f} nm    det HAADF"
    return Scene("databar", exports=(DataBar(height, text, _scale(canvas)),))


def _scalebar(canvas: Canvas) -> Scene:
    height = max(round(canvas.shape[0] * float(canvas.rng.uniform(0.025, 0.05))), 8)
    right, box = (bool(canvas.rng.random() < 0.5) for _ in range(2))
    return Scene("scalebar", exports=(ScaleBar(_scale(canvas), height, right, box),))


def _inverted(canvas: Canvas) -> Scene:
    return Scene("inverted", exports=(Inverted(),))


def _spark(canvas: Canvas) -> Scene:
    """Draw all of one line, or its end from where the discharge began."""
    row, first = (int(canvas.rng.integers(n)) for n in canvas.shape)
    first *= int(canvas.rng.integers(2))
    strength = float(np.exp(canvas.rng.uniform(np.log(3), np.log(100))))
    return Scene("spark", exports=(Spark(row, first, canvas.shape[1], strength),))


SCENES: MappingProxyType[str, Callable[[Canvas], Scene]] = MappingProxyType(
    {
        "edge": _edge,
        "hole": _hole,
        "margin": _margin,
        "amorphous": _amorphous,
        "bilayer": _bilayer,
        "grains": _grains,
        "adsorbates": _adsorbates,
        "zeros": _zeros,
        "nan": _nan,
        "rotated": _rotated,
        "databar": _databar,
        "scalebar": _scalebar,
        "inverted": _inverted,
        "spark": _spark,
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
