import numpy as np
import pytest
from places import REAL

from stemzoo.analysis.lattice import MIN_CONFIDENCE, Lattice, find_lattice, find_rotation
from stemzoo.simulate import find_session, simulate_session
from stemzoo.simulate.materials import MATERIALS, find_material

WSE2, GRAPHENE, STO = (find_material(name) for name in ("wse2", "graphene", "srtio3"))


# Columns of an orthogonal cell as fractions of its rows and columns, and which of two sublattices.
HEXAGONAL = ((0, 0, 0), (1 / 2, 1 / 2, 0), (2 / 3, 0, 1), (1 / 6, 1 / 2, 1))
SQUARE = ((0, 0, 0), (1 / 2, 1 / 2, 1))


def lattice_image(
    material, shape, sampling, rotation=0.0, distortion=None, fwhm=1.2, weights=(1.0, 0.6)
):
    """Sum of Gaussian columns, of mean 1: the cell's x edge runs `rotation` degrees off columns."""
    turn = np.deg2rad(rotation)
    matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    matrix = (np.eye(2) if distortion is None else np.array(distortion)) @ matrix / sampling
    a, hexagonal = material.lattice_constant, material.symmetry == 6
    edges = np.array([a * 3**0.5 if hexagonal else a, a])
    reach = int(np.hypot(*shape) * sampling / a) // 2 + 4
    cells = np.stack(np.mgrid[-reach : reach + 1, -reach : reach + 1], axis=-1).reshape(-1, 2)
    image = np.zeros(shape)
    width = fwhm / 2.3548 / sampling
    for row, column, sublattice in HEXAGONAL if hexagonal else SQUARE:
        at = (cells + (row, column)) * edges @ matrix.T + np.array(shape) / 2
        at = at[((at > -4 * width) & (at < np.array(shape) + 4 * width)).all(axis=1)]
        rows, columns = (
            np.exp(-((np.arange(n) - at[:, i : i + 1]) ** 2) / (2 * width**2))
            for i, n in enumerate(shape)
        )
        image += weights[sublattice] * rows.T @ columns
    return image / image.mean()


def power_law_noise(shape, exponent, rng):
    f = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n) for n in shape), indexing="ij"))
    f[0, 0] = 1
    return np.fft.ifft2(np.fft.fft2(rng.normal(size=shape)) / f**exponent).real


@pytest.fixture
def rng():
    return np.random.default_rng(20)


# Those of other symmetry: test_any_lattice.py.
@pytest.mark.parametrize("name", sorted(n for n, m in MATERIALS.items() if m.symmetry > 2))
@pytest.mark.parametrize("rotation", [0.0, 17.0, 41.0])
def test_sampling_and_rotation_of_every_material_are_found(name, rotation):
    material = MATERIALS[name]
    lattice = find_lattice(lattice_image(material, (256, 256), 0.13, rotation), material)
    assert lattice.sampling == pytest.approx(0.13, rel=0.002)
    period = 360 / material.symmetry
    assert (lattice.rotation - rotation + period / 2) % period - period / 2 == pytest.approx(
        0, abs=0.2
    )
    assert lattice.strain < 0.003
    assert lattice.confidence > 0.95
    assert lattice.spots_found <= lattice.spots_expected == (18 if material.symmetry == 6 else 12)


@pytest.mark.parametrize("sampling", [0.04, 0.2, 0.55])
def test_pixel_size_needs_no_prior(sampling, rng):
    image = rng.poisson(10 * lattice_image(WSE2, (256, 256), sampling, 8.0))
    assert find_lattice(image, WSE2).sampling == pytest.approx(sampling, rel=0.01)


def test_vectors_are_lattice_vectors_and_dual_to_the_reciprocal_ones():
    lattice = find_lattice(lattice_image(WSE2, (256, 300), 0.15, 11.0), WSE2)
    np.testing.assert_allclose(lattice.vectors @ lattice.reciprocal.T, np.eye(2), atol=1e-12)
    # a = 3.282 Å and |g| = 1 / (a sqrt(3)/2)
    np.testing.assert_allclose(np.linalg.norm(lattice.vectors, axis=1), 3.282 / 0.15, rtol=0.005)
    np.testing.assert_allclose(
        np.linalg.norm(lattice.reciprocal, axis=1), 0.15 / (3.282 * 0.75**0.5), rtol=0.005
    )


def test_shear_and_strain_of_equal_area_leave_the_sampling_alone():
    shear = [[1.0, 0.03], [0.0, 1.0]]
    lattice = find_lattice(lattice_image(WSE2, (256, 256), 0.13, 5.0, shear), WSE2)
    assert lattice.sampling == pytest.approx(0.13, rel=0.002)
    # A shear by γ stretches by γ/2 along one diagonal and shrinks by as much along the other.
    assert lattice.strain == pytest.approx(0.015, abs=0.002)
    stretch = np.diag([1.08, 1 / 1.08])
    lattice = find_lattice(lattice_image(WSE2, (256, 256), 0.13, 5.0, stretch), WSE2)
    assert lattice.sampling == pytest.approx(0.13, rel=0.002)
    assert lattice.strain == pytest.approx(0.08, abs=0.003)


@pytest.mark.parametrize("material", [WSE2, GRAPHENE, STO])
def test_second_ring_is_not_taken_for_a_weak_first_one(material, rng):
    # Power of the innermost ring over that of the second one: 1/4 for a honeycomb, by its
    # structure factor; (1 - 0.8)² / (1 + 0.8)² = 1/81 for the square lattice, before damping.
    weights = (1.0, 1.0) if material.symmetry == 6 else (1.0, 0.8)
    image = lattice_image(material, (256, 256), 0.13, 20.0, fwhm=0.8, weights=weights)
    lattice = find_lattice(rng.poisson(30 * image), material)
    assert lattice.sampling == pytest.approx(0.13, rel=0.003)


def test_larger_cell_is_not_made_up():
    # One column a cell, whose spots all lie on the reciprocal lattice and fade outwards.
    image = lattice_image(STO, (256, 256), 0.13, 20.0, weights=(1.0, 0.0))
    assert find_lattice(image, STO).sampling == pytest.approx(0.13, rel=0.002)


@pytest.mark.parametrize("material", [WSE2, STO])
@pytest.mark.parametrize("rotation", [0.0, 13.0])
def test_three_or_four_cells_with_noise_and_haze_are_enough(material, rotation, rng):
    rows = np.arange(64)
    haze = 0.5 * np.exp(-((rows[:, None] - 50) ** 2 + (rows - 10) ** 2) / (2 * 20**2))
    image = rng.poisson(30 * (lattice_image(material, (64, 64), 0.2, rotation) + haze))
    lattice = find_lattice(image, material)
    assert lattice.sampling == pytest.approx(0.2, rel=0.015)
    assert lattice.confidence > 0.9


def test_haze_and_line_noise_do_not_win_over_spots_on_the_axes(rng):
    clean = lattice_image(WSE2, (256, 256), 0.1)
    haze = power_law_noise(clean.shape, 2.0, rng)
    lines = rng.normal(size=(256, 1))
    image = rng.poisson(np.clip(20 * (clean + 2 * haze / np.ptp(haze) + 0.3 * lines + 2), 0, None))
    assert find_lattice(image, WSE2).sampling == pytest.approx(0.1, rel=0.005)


def test_fraction_of_an_electron_per_pixel_is_enough(rng):
    image = rng.poisson(0.3 * lattice_image(WSE2, (256, 256), 0.1, 4.0))
    assert find_lattice(image, WSE2).sampling == pytest.approx(0.1, rel=0.01)


@pytest.mark.parametrize("shape", [(96, 301), (331, 80)])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32"])
def test_any_shape_and_type_will_do(shape, dtype):
    image = 30 * lattice_image(GRAPHENE, shape, 0.15, 7.0, fwhm=0.9)
    lattice = find_lattice(image.astype(dtype), GRAPHENE)
    assert lattice.sampling == pytest.approx(0.15, rel=0.005)


def test_brightness_and_contrast_change_nothing(rng):
    image = rng.poisson(5 * lattice_image(WSE2, (128, 128), 0.2, 4.0)).astype(float)
    one, other = find_lattice(image, WSE2), find_lattice(1000 * image - 7e4, WSE2)
    assert other.sampling == pytest.approx(one.sampling, rel=1e-6)


def test_expected_sampling_narrows_the_search(rng):
    image = rng.poisson(20 * lattice_image(WSE2, (256, 256), 0.13, 4.0))
    assert find_lattice(image, WSE2, sampling=0.12).sampling == pytest.approx(0.13, rel=0.003)
    with pytest.raises(ValueError, match="No wse2 lattice found"):
        find_lattice(image, WSE2, sampling=0.3)


@pytest.mark.parametrize("shape", [(300, 401), (512, 512)])
@pytest.mark.parametrize("material", [WSE2, STO], ids=["hexagonal", "square"])
def test_a_narrower_search_finds_the_same_lattice(material, shape, rng):
    """Frequencies that no expected spot can have are not looked at: they must not count."""
    image = rng.poisson(3 * lattice_image(material, shape, 0.2, 7.0))
    wide, narrow = (find_lattice(image, material, sampling=given) for given in (None, 0.21))
    np.testing.assert_allclose(narrow.sampling, wide.sampling, rtol=1e-9)
    np.testing.assert_allclose(narrow.confidence, wide.confidence, rtol=1e-9)
    assert (narrow.spots_found, narrow.spots_expected) == (wide.spots_found, wide.spots_expected)


def test_two_grains_lower_the_confidence(rng):
    image = lattice_image(WSE2, (256, 256), 0.1, 3.0)
    image[:, 128:] = lattice_image(WSE2, (256, 256), 0.1, 25.0)[:, 128:]
    lattice = find_lattice(rng.poisson(20 * image), WSE2)
    assert MIN_CONFIDENCE <= lattice.confidence < 0.8
    assert lattice.sampling == pytest.approx(0.1, rel=0.01)


@pytest.mark.parametrize("size", [64, 256])
@pytest.mark.parametrize("exponent", [0, 1, 2])
def test_noise_is_refused(size, exponent, rng):
    for _ in range(5):
        image = power_law_noise((size, size), exponent, rng)
        with pytest.raises(ValueError, match=r"confidence 0\.[012]"):
            find_lattice(image, WSE2)


def test_amorphous_film_with_thon_rings_is_refused(rng):
    f = np.hypot(*np.meshgrid(np.fft.fftfreq(256), np.fft.fftfreq(256)))
    transfer = np.sin(300 * f**2) * np.exp(-((f / 0.3) ** 4))
    for _ in range(5):
        image = np.fft.ifft2(np.fft.fft2(rng.normal(size=f.shape)) * transfer).real
        with pytest.raises(ValueError, match=r"confidence 0\.[012]"):
            find_lattice(image, WSE2)


@pytest.mark.parametrize("name", ["camera", "coins", "moon", "page", "text"])
@pytest.mark.parametrize("material", [WSE2, STO])
def test_photographs_are_refused(name, material):
    data = pytest.importorskip("skimage.data")
    with pytest.raises(ValueError, match=r"confidence 0\.[012]"):
        find_lattice(getattr(data, name)(), material)


def test_lattice_of_another_symmetry_is_refused():
    with pytest.raises(ValueError, match="confidence"):
        find_lattice(lattice_image(STO, (256, 256), 0.13, 5.0), WSE2)
    with pytest.raises(ValueError, match="confidence"):
        find_lattice(lattice_image(WSE2, (256, 256), 0.13, 5.0), STO)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((100, 100, 3)), "shape"),
        (np.zeros((63, 100)), "64 px"),
        (np.full((64, 64), np.nan), "4096 of them"),
        (np.ones((64, 64)), "confidence 0.00"),
    ],
)
def test_unusable_images_say_why(image, message):
    with pytest.raises(ValueError, match=message):
        find_lattice(image, WSE2)


@pytest.mark.parametrize("sampling", [0.0, -1.0, np.nan])
def test_impossible_sampling_is_refused(sampling):
    with pytest.raises(ValueError, match="above 0"):
        find_lattice(np.zeros((64, 64)), WSE2, sampling=sampling)


def test_lattice_cannot_be_changed():
    lattice = Lattice(0.1, np.eye(2), np.eye(2), 4, 0.0, 0.0, 1.0, 12, 12)
    with pytest.raises(AttributeError):
        lattice.sampling = 0.2


@pytest.mark.skipif(not REAL.is_dir(), reason="the folder of real images is not there")
@pytest.mark.parametrize(
    ("path", "sampling"),
    # Pixel sizes of the labels' JSON files: mean of the three first-order spots, a = 3.282 Å.
    [
        ("wse2_jeol/1389", 0.09574),
        ("wse2_jeol/1391", 0.09478),
        ("wse2_jeol/1394", 0.09487),
        ("wse2_v_doped/7795", 0.09272),
        ("wse2_v_doped/7817", 0.09528),
    ],
)
def test_real_images_of_wse2_give_their_pixel_size(path, sampling):
    import tifffile

    lattice = find_lattice(tifffile.imread(REAL / f"{path}.tif"), WSE2)
    assert lattice.sampling == pytest.approx(sampling, rel=0.003)
    assert lattice.confidence > 0.9


@pytest.mark.skipif(not REAL.is_dir(), reason="the folder of real images is not there")
def test_real_image_with_pixels_a_fifth_longer_along_rows_is_found():
    # 9.0 nm over 512 px, says the JSON file beside it.
    image = np.load(REAL / "mos2" / "MoS2_stem_Exp-000-2.npy")
    lattice = find_lattice(image, find_material("mos2"))
    assert lattice.sampling == pytest.approx(0.1758, rel=0.01)
    assert lattice.strain == pytest.approx(0.09, abs=0.01)


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
