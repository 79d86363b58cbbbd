import numpy as np
import pytest
from scipy import ndimage

from stemzoo.analysis.lattice import find_lattice
from stemzoo.analysis.signal_and_noise import even_contrast, find_background
from stemzoo.simulate import find_material, simulate_session
from stemzoo.simulate.domain import domain_session

SAMPLING = 0.2074


@pytest.fixture(scope="module")
def crystal():
    """A crystal, and the frequency of its innermost reflections."""
    (frame,) = simulate_session(domain_session("wse2", SAMPLING), 1, (512, 512), seed=4)
    image = ndimage.gaussian_filter(frame.image.astype(float), 2.0)
    lattice = find_lattice(image, find_material("wse2"), sampling=SAMPLING)
    innermost = float(np.hypot(*lattice.reciprocal.T).min())
    image -= find_background(image, innermost)
    return image / image.std(), innermost


def contaminated(crystal, strength):
    slow = ndimage.gaussian_filter(np.random.default_rng(3).normal(size=crystal.shape), 40)
    return crystal + strength * (slow - slow.mean()) / slow.std()


def expanded(image):
    return ((image - image.min()) / np.ptp(image)) ** 4


def alike(one, other):
    return np.corrcoef(one.ravel(), other.ravel())[0, 1]


def test_contamination_without_a_response_is_left(crystal):
    image = contaminated(crystal[0], 1.0)
    assert alike(even_contrast(image, crystal[1]), image) > 0.995


@pytest.mark.parametrize("strength", [1.0, 2.0])
def test_a_response_that_expands_is_undone(crystal, strength):
    image = contaminated(crystal[0], strength)
    found = even_contrast(expanded(image), crystal[1])
    assert found.std() == pytest.approx(1)
    assert alike(expanded(image), image) < 0.9
    assert alike(found, image) > 0.97


def test_a_weak_background_tells_nothing(crystal):
    image = expanded(contaminated(crystal[0], 0.1))
    assert alike(even_contrast(image, crystal[1]), image) == pytest.approx(1)


def test_an_even_image_is_no_division_by_zero(crystal):
    found = even_contrast(crystal[0], crystal[1])
    np.testing.assert_allclose(found.std(), 1)
    assert alike(found, crystal[0]) == pytest.approx(1)
