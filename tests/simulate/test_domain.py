import numpy as np

from stemzoo.simulate import find_session
from stemzoo.simulate.distributions import Normal, Uniform
from stemzoo.simulate.domain import domain_session, largest_shape, simulate_domain


def test_the_session_of_a_domain_has_its_pixel_size_orientation_and_the_materials_defects():
    session = domain_session("wse2", 0.2, (30.0, 5.0))
    assert session.sampling == 0.2
    assert session.rotation == Normal(30.0, 5.0)
    assert session.defects == find_session("wse2-dayA").defects
    assert isinstance(domain_session("wse2", 0.2).rotation, Uniform)


def test_frames_are_clean_labelled_and_of_the_asked_shape():
    frames = simulate_domain("wse2", 0.2, (128, 96), n=2, seed=5)
    assert [f.image.shape for f in frames] == [(128, 96)] * 2
    # Noise-free: recorded and expected image differ by a factor only.
    assert np.corrcoef(frames[0].image.ravel(), frames[0].clean.ravel())[0, 1] > 0.9999
    assert len(frames[0].points) > 0


def test_frames_can_be_as_large_as_the_largest_of_some_images():
    assert largest_shape([np.zeros((96, 128)), np.zeros((128, 64))]) == (128, 128)
