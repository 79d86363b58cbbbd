import numpy as np
import pytest

from stemzoo.simulate import find_session, simulate_session
from stemzoo.simulate.distributions import Normal, Uniform
from stemzoo.simulate.domain import domain_session, find_rotation, simulate_domain


def test_the_orientation_is_that_of_the_images():
    # The session's frames are turned by 30 ± 5 degrees, and the lattice repeats every 60.
    frames = list(simulate_session(find_session("wse2-dayB"), 4, (256, 256), seed=3))
    mean, spread = find_rotation([f.image for f in frames], "wse2", 0.2074)
    drawn = np.array([f.conditions.rotation for f in frames])
    # Rows of atoms along x at 0 degrees repeat every 60 degrees.
    assert abs((mean - drawn.mean() + 30) % 60 - 30) < 2
    assert spread == pytest.approx(max(drawn.std(), 1.0), abs=1.0)


def test_images_without_a_lattice_have_no_orientation():
    noise = np.random.default_rng(0).normal(0, 1, (128, 128))
    assert find_rotation([noise], "wse2", 0.2) is None


def test_the_session_of_a_domain_has_its_pixel_size_orientation_and_the_materials_defects():
    session = domain_session("wse2", 0.2, (30.0, 5.0))
    assert session.sampling == 0.2
    assert session.rotation == Normal(30.0, 5.0)
    assert session.defects == find_session("wse2-dayA").defects
    assert isinstance(domain_session("wse2", 0.2).rotation, Uniform)


def test_frames_are_clean_labelled_and_of_the_size_of_the_largest_image():
    noise = np.random.default_rng(0)
    images = [noise.normal(0, 1, shape) for shape in ((96, 128), (128, 64))]
    frames = simulate_domain(images, "wse2", 0.2, n=2, seed=5)
    assert [f.image.shape for f in frames] == [(128, 128)] * 2
    # Noise-free: recorded and expected image differ by a factor only.
    assert np.corrcoef(frames[0].image.ravel(), frames[0].clean.ravel())[0, 1] > 0.9999
    assert len(frames[0].points) > 0
