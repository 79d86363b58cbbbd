"""Clean simulations to go with measured images: the simulated domain of a CycleGAN."""

from collections.abc import Sequence

import numpy as np

from stemzoo.simulate.dataset import simulate_session
from stemzoo.simulate.distributions import Normal, Uniform
from stemzoo.simulate.labels import LabelledImage
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


def simulate_domain(
    material: str,
    sampling: float,
    shape: tuple[int, int],
    rotation: Sequence[float] | None = None,
    *,
    n: int,
    seed: int = 0,
) -> list[LabelledImage]:
    """Simulate clean, labelled frames to go with measured images.

    Parameters
    ----------
    material : str
        Entry of `MATERIALS`.
    sampling : float
        Pixel size [Å/px].
    shape : tuple of int
        Rows and columns of each frame [px], see `largest_shape`.
    rotation : pair of float, optional
        Mean and standard deviation of the orientation of the images [degrees], see
        `stemzoo.analysis.lattice.find_rotation`; any where not given.
    n : int
        Number of frames.
    seed : int
        Seed of the frames.

    Returns
    -------
    list of LabelledImage

    Examples
    --------
    >>> frames = simulate_domain("wse2", 0.2074, (64, 96), n=2)
    >>> frames[0].image.shape
    (64, 96)
    """
    session = domain_session(material, sampling, rotation)
    return list(simulate_session(session, n, shape, seed=seed))


def largest_shape(images: Sequence[np.ndarray]) -> tuple[int, int]:
    """Return the most rows and the most columns of some images.

    Parameters
    ----------
    images : sequence of ndarray of shape (M, N)
        Of any size each.

    Returns
    -------
    tuple of int

    Examples
    --------
    >>> largest_shape([np.zeros((2, 9)), np.zeros((4, 3))])
    (4, 9)
    """
    return max(len(image) for image in images), max(image.shape[1] for image in images)
