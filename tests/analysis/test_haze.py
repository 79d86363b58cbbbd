import numpy as np
import pytest
from scipy import ndimage

from stemzoo.analysis.corrections import find_corrections
from stemzoo.analysis.haze import Haze
from stemzoo.analysis.lattice import find_lattice
from stemzoo.simulate import find_material, find_session, simulate_session

WSE2, SAMPLING, EDGE = find_material("wse2"), 0.2074, 384


@pytest.fixture(scope="module")
def image():
    frame = next(simulate_session(find_session("wse2-dayA"), 1, (EDGE, EDGE), seed=2))
    return frame.image.astype(np.float32)


@pytest.fixture(scope="module")
def lattice(image):
    return find_lattice(image, WSE2, sampling=SAMPLING)


@pytest.fixture(scope="module")
def hills():
    """Hills of 60 px, or 12 Å, with a mean of 0 and a standard deviation of 1."""
    noise = np.random.default_rng(1).normal(size=(EDGE, EDGE))
    smooth = ndimage.gaussian_filter(noise, 60, mode="wrap")
    return ((smooth - smooth.mean()) / smooth.std()).astype(np.float32)


def haze(image, lattice, crystal=None):
    crystal = np.ones(image.shape, bool) if crystal is None else crystal
    return Haze.of(image, crystal, lattice)


def test_strength_is_that_of_the_hills_against_the_columns(image, lattice, hills):
    before = haze(image, lattice).strength
    after = haze(image + 2 * image.std() * hills, lattice).strength
    assert before < 0.35
    assert after == pytest.approx(2, abs=0.35)  # the hills are two standard deviations high


def test_hills_are_taken_away_and_the_columns_stay(image, lattice, hills):
    dirty = image + 2 * image.std() * hills
    clean = haze(dirty, lattice).undo(dirty)
    assert np.std(clean - clean.mean() - image + image.mean()) < 0.4 * image.std()
    assert np.std(dirty - dirty.mean() - image + image.mean()) > 1.9 * image.std()


def test_outside_of_the_crystal_nothing_is_changed(image, lattice, hills):
    crystal = np.ones(image.shape, bool)
    crystal[:, :100] = False
    found = haze(image + 2 * image.std() * hills, lattice, crystal)
    assert not found.values[~crystal].any()
    assert found.values[crystal].any()


def test_a_slow_background_is_undone_and_told(image, lattice, hills):
    dirty = image + 2 * image.std() * hills
    found = find_corrections(dirty, WSE2, SAMPLING, lattice, np.ones(image.shape, bool))
    (line,) = found.describe()
    assert line.startswith("slow background, ")
    assert line.endswith(" times the contrast, undone")
    points = np.array([[3.0, 4.0]])
    assert found.move(points) is points
