import warnings
from dataclasses import replace

import numpy as np
import pytest

from stemzoo.analysis.pixel_size import PixelSize, resolve
from stemzoo.io import Image
from stemzoo.simulate.dataset import simulate_frame
from stemzoo.simulate.named_sessions import find_session
from stemzoo.simulate.noise_models import noise_free

TRUE = 0.2074


@pytest.fixture(scope="module")
def crystal():
    """Clean WSe2 of 0.2074 Å/px, 53 Å wide."""
    session = replace(noise_free(find_session("wse2-randomised")), sampling=TRUE)
    return simulate_frame(session, (256, 256), rng=np.random.default_rng(0)).image


def test_a_pixel_size_is_told_in_picometres():
    assert PixelSize(0.2, "given").picometres == 20.0


def test_a_stated_size_comes_with_the_lattice_that_agrees_with_it(crystal):
    found = resolve(Image(crystal, 0.21, "ImageJ"), "wse2")
    assert (found.value, found.source) == (0.21, "ImageJ")
    assert found.lattice.sampling == pytest.approx(TRUE, rel=0.01)
    # Nothing is measured without a material.
    assert resolve(Image(crystal, 0.21), None).lattice is None


def test_a_size_that_is_not_stated_is_measured(crystal):
    found = resolve(Image(crystal), "wse2")
    assert found.value == found.lattice.sampling == pytest.approx(TRUE, rel=0.01)
    assert found.source == f"lattice (confidence {found.lattice.confidence:.2f})"


def test_a_lattice_that_contradicts_is_left_out_with_a_warning_at_the_callers_line(crystal):
    with pytest.warns(UserWarning, match=r"30.00 pm, .* 20.7. pm .* disagree by 31%") as caught:
        found = resolve(Image(crystal, 0.3), "wse2")
    assert (found.value, found.source, found.lattice) == (0.3, "stated", None)
    assert caught[0].filename == __file__


def test_what_shows_no_lattice_keeps_its_stated_size():
    noise = np.random.default_rng(0).normal(size=(100, 100))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = resolve(Image(noise, 0.2), "wse2")
    assert (found.value, found.lattice) == (0.2, None)
    with pytest.raises(ValueError, match="states no pixel size and no wse2 lattice was found"):
        resolve(Image(noise), "wse2")
