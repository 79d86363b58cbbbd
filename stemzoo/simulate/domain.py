"""Clean simulations to go with measured images: the simulated domain of a CycleGAN."""

from collections.abc import Sequence

import numpy as np

from stemzoo.lattice import find_lattice
from stemzoo.simulate.dataset import LabelledImage, simulate_session
from stemzoo.simulate.distributions import Normal, Uniform
from stemzoo.simulate.materials import find_material
from stemzoo.simulate.named_sessions import choose_session
from stemzoo.simulate.noise_models import noise_free
from stemzoo.simulate.sessions import AcquisitionSession


def domain_session(
    material: str, sampling: float, rotation: Sequence[float] | None = None
) -> AcquisitionSession:
    """Return a noise-free session: what the simulated domain of a CycleGAN is drawn from.

    Parameters
    ----------
    material : str
        Entry of `MATERIALS`.
    sampling : float
        Pixel size [Å/px].
    rotation : pair of float, optional
        Mean and standard deviation of the orientation [degrees]; any where not given.

    Returns
    -------
    AcquisitionSession
        With the defects and the thickness of `choose_session` for that material.

    Raises
    ------
    KeyError
        For an unknown material.
    """
    known = choose_session(None, material)
    return noise_free(
        AcquisitionSession(
            name=f"{known.material}-matching",
            material=known.material,
            defects=known.defects,
            thickness=known.thickness,
            sampling=sampling,
            rotation=Uniform(0.0, 360.0) if rotation is None else Normal(*rotation),
        )
    )


def find_rotation(
    images: Sequence[np.ndarray], material: str, sampling: float
) -> tuple[float, float] | None:
    """Measure the orientation of the lattices of some images.

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
    pair of float, or None
        Mean and standard deviation, at least 1 [degrees]; None where fewer than half of the images
        show a lattice.

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
    if 2 * len(rotations) < len(images):
        return None
    return _spread(np.array(rotations), 360.0 / crystal.symmetry)


def _spread(angles: np.ndarray, period: float) -> tuple[float, float]:
    """Mean and spread of angles that repeat with a period [degrees]."""
    turns = np.exp(2j * np.pi * angles / period)
    middle = np.angle(turns.mean()) * period / (2 * np.pi)
    away = (angles - middle + period / 2) % period - period / 2
    return float(middle), max(float(away.std()), 1.0)


def simulate_domain(
    images: Sequence[np.ndarray],
    material: str,
    sampling: float,
    *,
    rotation: Sequence[float] | None = None,
    n: int,
    seed: int = 0,
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
    rotation : pair of float, optional
        Mean and standard deviation of the orientation [degrees]; that of the images where not
        given.
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
    rotation = rotation or find_rotation(images, material, sampling)
    session = domain_session(material, sampling, rotation)
    shape = tuple(max(np.shape(image)[axis] for image in images) for axis in (0, 1))
    return list(simulate_session(session, n, shape, seed=seed))
