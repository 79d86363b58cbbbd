"""Clean simulations to go with measured images: the simulated domain of a CycleGAN."""

from collections.abc import Sequence

import numpy as np

from stemzoo.lattice import find_lattice
from stemzoo.simulate.dataset import LabelledImage, simulate_session
from stemzoo.simulate.distributions import Normal, Uniform
from stemzoo.simulate.materials import find_material
from stemzoo.simulate.named_sessions import SESSIONS
from stemzoo.simulate.noise_models import noise_free
from stemzoo.simulate.sessions import AcquisitionSession


def matching_session(
    images: Sequence[np.ndarray], material: str, sampling: float
) -> AcquisitionSession:
    """Return a noise-free session of the material, pixel size and orientation of some images.

    Parameters
    ----------
    images : sequence of ndarray of shape (M, N)
        Measured images.
    material : str
        Entry of `MATERIALS`.
    sampling : float
        Their pixel size [Å/px].

    Returns
    -------
    AcquisitionSession
        With the defects of the first session of that material. The orientation follows that of the
        images' lattices, or is any where fewer than half of them show one.

    Raises
    ------
    KeyError
        For an unknown material.
    """
    crystal = find_material(material)
    rotations = []
    for image in images:
        try:
            rotations.append(find_lattice(image, crystal, sampling=sampling).rotation)
        except ValueError:
            continue
    defects = next((s.defects for s in SESSIONS.values() if s.material == crystal.name), {})
    thickness = next((s.thickness for s in SESSIONS.values() if s.material == crystal.name), 1)
    rotation = Uniform(0.0, 360.0)
    if 2 * len(rotations) >= len(images):
        rotation = _spread(np.array(rotations), 360.0 / crystal.symmetry)
    return noise_free(
        AcquisitionSession(
            name=f"{crystal.name}-matching",
            material=crystal.name,
            defects=defects,
            thickness=thickness,
            sampling=sampling,
            rotation=rotation,
        )
    )


def _spread(angles: np.ndarray, period: float) -> Normal:
    """Mean and spread of angles that repeat with a period [degrees]."""
    turns = np.exp(2j * np.pi * angles / period)
    middle = np.angle(turns.mean()) * period / (2 * np.pi)
    away = (angles - middle + period / 2) % period - period / 2
    return Normal(float(middle), max(float(away.std()), 1.0))


def simulate_domain(
    images: Sequence[np.ndarray], material: str, sampling: float, *, n: int, seed: int = 0
) -> list[LabelledImage]:
    """Simulate clean, labelled frames to go with measured images.

    Parameters
    ----------
    images : sequence of ndarray of shape (M, N)
        Measured images; frames have the size of the largest.
    material : str
        Entry of `MATERIALS`.
    sampling : float
        Pixel size [Å/px].
    n : int
        Number of frames.
    seed : int
        Names the frames.

    Returns
    -------
    list of LabelledImage

    Examples
    --------
    >>> frames = simulate_domain(images, "wse2", 0.2074, n=20)  # doctest: +SKIP
    """
    session = matching_session(images, material, sampling)
    shape = tuple(max(np.shape(image)[axis] for image in images) for axis in (0, 1))
    return list(simulate_session(session, n, shape, seed=seed))
