"""The field of view of a frame: what of the specimen is in it, and where."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stemzoo.simulate.atoms import Atoms
from stemzoo.simulate.crystal import Specimen, make_specimen
from stemzoo.simulate.elements import atomic_number
from stemzoo.simulate.imaging import MARGIN, incoherent_image
from stemzoo.simulate.materials import find_material
from stemzoo.simulate.scan import distort_points
from stemzoo.simulate.scattering import adf_cross_section
from stemzoo.simulate.sessions import DrawnSession

# Frames are computed with this border, so that shifts and distortions bring in true content.
BORDER = 24


@dataclass(frozen=True)
class FieldOfView:
    """What a frame with a border of 24 pixels shows.

    Parameters
    ----------
    drawn : DrawnSession
        Conditions of the frame.
    shape : tuple of int
        Rows and columns of the frame without its border.
    """

    drawn: DrawnSession
    shape: tuple[int, int]

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns with the border."""
        return self.shape[0] + 2 * BORDER, self.shape[1] + 2 * BORDER

    def grow(
        self,
        *,
        rng: np.random.Generator,
        rotation: float,
        origin: tuple[float, float],
        defects: Mapping[str, float] | Sequence[tuple[str, float, float]],
    ) -> Specimen:
        """Return a crystal that fills the field, and as much around it as it needs.

        Parameters
        ----------
        rng, rotation, origin, defects
            See `make_specimen`.

        Returns
        -------
        Specimen
        """
        drawn = self.drawn
        slow = abs(drawn.drift_y) + abs(drawn.drift_x) + abs(drawn.curvature_y)
        slow = self.grid[0] * (slow + abs(drawn.curvature_x)) / 2
        # Largest displacement of the scan's distortion.
        reach = (BORDER + int(np.ceil(slow + abs(drawn.flyback)))) * drawn.sampling
        return make_specimen(
            drawn.material,
            (self.shape[0] * drawn.sampling, self.shape[1] * drawn.sampling),
            rng=rng,
            rotation=rotation,
            strain=(drawn.strain_xx, drawn.strain_yy, drawn.strain_xy),
            origin=origin,
            thickness=drawn.thickness,
            displacement=drawn.displacement,
            defects=defects,
            # Distortions bring in atoms and defects from outside, atoms also by the probe's tails.
            margin=MARGIN + reach,
            reach=reach,
            vacancy_contrast=drawn.vacancy_contrast,
            channelling=drawn.channelling,
        )

    def scanned(self, xy: np.ndarray) -> np.ndarray:
        """Return where points of the specimen appear.

        Parameters
        ----------
        xy : ndarray of shape (K, 2)
            x and y [Å].

        Returns
        -------
        ndarray of shape (K, 2)
            Row and column in the frame with its border.
        """
        points = xy[:, ::-1] / self.drawn.sampling
        return distort_points(points, self.drawn.distortion(), self.shape) + BORDER

    def shown(self, row_shift: np.ndarray | None = None) -> np.ndarray:
        """Return which point of the specimen each pixel shows.

        Parameters
        ----------
        row_shift : ndarray of shape (M, 2), optional
            How far the content of each of the M rows of the frame with its border has moved [px].

        Returns
        -------
        ndarray of shape (M, N, 2)
            x and y [Å].
        """
        pixels = np.moveaxis(np.indices(self.grid), 0, -1) - float(BORDER)
        if row_shift is not None:
            pixels -= row_shift[:, None]
        points = pixels + self.drawn.distortion().displacement(pixels, self.shape)
        return points[..., ::-1] * self.drawn.sampling

    def expected(self, specimen: Specimen) -> np.ndarray:
        """Return the noise-free image of a specimen, distorted by the scan.

        Parameters
        ----------
        specimen : Specimen
            What is in the field.

        Returns
        -------
        ndarray of shape (M, N)
            With the border [fraction of the beam current].
        """
        sampling, microscope = self.drawn.sampling, self.drawn.microscope()
        moved = self.scanned(specimen.atoms.positions[:, :2])
        xyz = np.column_stack([moved[:, ::-1] * sampling, np.zeros(len(moved))])
        metal = atomic_number(find_material(self.drawn.material).sites[0].symbol)
        return incoherent_image(
            Atoms(specimen.atoms.numbers, xyz, occupancy=specimen.atoms.occupancy),
            microscope,
            self.grid,
            sampling,
            cross_sections={
                metal: self.drawn.metal_contrast * adf_cross_section(metal, microscope)
            },
        )
