import numpy as np
import pytest

from stemzoo.simulate import (
    Atoms,
    Microscope,
    adf_cross_section,
    incoherent_image,
    probe_intensity,
)

ALL_CASES = (
    "a_wse2_pristine b_wse2_defects_perfect c1_wse2_defects_aberrated c2_wse2_authors_like_labels "
    "d_graphene e_srtio3_01uc e_srtio3_10uc h_wse2_noise"
).split()
# In these, and only in these, every atom lies on a pixel but for 0.0005 px.
ON_PIXELS = [name for name in ALL_CASES if name[0] in "abe"] + ["c1_wse2_defects_aberrated"]
ABERRATED = Microscope(
    aberrations={"C10": 20, "C12a": 15, "C21b": 400, "C23a": 300}, source_size=0.7
)


def difference(image, expected):
    """Largest difference as a fraction of the peak."""
    assert image.shape == expected.shape
    return np.abs(image - expected).max() / expected.max()


def on_pixels(atoms, shape, sampling, *, true_rows):
    """Share each atom among the four pixels around it, as the reference program does.

    Weights along x are 1 - f and f. Along y the program has b / (b + f) and f / (b + f), b the
    cell edge [Å]; with `true_rows` 1 - f and f. Positions in single precision, as there.
    """
    cell = [np.float32(n * s) for n, s in zip(shape, sampling, strict=True)]
    parts = []
    for axis, (n, edge) in enumerate(zip(shape, cell, strict=True)):
        place = np.float32(n) * atoms.positions[:, 1 - axis].astype(np.float32) / edge
        place = np.mod(place, np.float32(n))
        first = np.floor(place).astype(int)
        second = (place - first).astype(np.float64)
        low = 1 - second
        if axis == 0 and not true_rows:
            low, second = edge / (edge + second), second / (edge + second)
        parts.append(((first, low), (first + 1, second)))
    rows, columns, weights = [], [], []
    for row, wy in parts[0]:
        for column, wx in parts[1]:
            rows.append(row * sampling[0])
            columns.append(column * sampling[1])
            weights.append(wy * wx * atoms.occupancy)
    x, y = np.concatenate(columns), np.concatenate(rows)
    return Atoms(
        np.tile(atoms.numbers, 4),
        np.column_stack([x, y, np.zeros_like(x)]),
        occupancy=np.concatenate(weights),
    )


def noise_free_images(case):
    """Noise-free images of a case and the atoms in each: the specimen, or those of a label."""
    skipped = {"atoms", "image"} if "image_clean" in case.arrays else {"atoms"}
    for key, image in case.arrays.items():
        if key.startswith("label_"):
            table = case.arrays["labelatoms_" + key.removeprefix("label_")]
            yield key, image, Atoms(table[:, 0], table[:, 1:4])
        elif not key.startswith("labelatoms_") and key not in skipped:
            yield key, image, case.atoms


@pytest.mark.parametrize("name", ON_PIXELS)
def test_exact_placement_agrees_with_the_reference_program(name, reference):
    case = reference(name)
    options = {"shape": case.shape, "sampling": case.sampling, "periodic": True}
    image = incoherent_image(case.atoms, case.microscope(), **options)
    assert difference(image, case.arrays["image"]) < 4e-3
    # With its own cross sections there remain the 0.0005 px that the program leaves out: 2.05e-4
    # at most.
    image = incoherent_image(
        case.atoms, case.microscope(), cross_sections=case.cross_sections, **options
    )
    assert difference(image, case.arrays["image"]) < 2.1e-4
    assert image.sum() == pytest.approx(case.arrays["image"].sum(), rel=1e-5)


@pytest.mark.parametrize("name", ALL_CASES)
def test_placement_on_pixels_agrees_with_the_reference_program(name, reference):
    case = reference(name)
    images = list(noise_free_images(case))
    assert len(images) == (8 if name.startswith("c2") else 1)
    for key, expected, atoms in images:
        image = incoherent_image(
            on_pixels(atoms, case.shape, case.sampling, true_rows=key == "image_yfix"),
            case.microscope(),
            case.shape,
            case.sampling,
            periodic=True,
            cross_sections=case.cross_sections,
        )
        # 2e-4 is what is asked for; the program's single precision leaves below 1e-5.
        assert difference(image, expected) < 2e-5, key


def test_single_atoms_agree_with_the_reference_program(reference):
    case = reference("f_single_atoms")
    middle = [[64 * case.sampling[1], 64 * case.sampling[0], 0.0]]
    for Z, expected in zip(case.arrays["Z"], case.arrays["image"], strict=True):
        image = incoherent_image(
            Atoms([Z], middle),
            case.microscope(),
            case.shape,
            case.sampling,
            periodic=True,
            cross_sections=case.cross_sections,
        )
        assert difference(image, expected) < 2e-5, Z


def random_atoms(extent, n=40, seed=0):
    rng = np.random.default_rng(seed)
    xyz = rng.uniform(0, 1, (n, 3)) * (extent[1], extent[0], 1)
    return Atoms(rng.choice([6, 34, 74], n), xyz, occupancy=rng.uniform(0.2, 1, n))


@pytest.mark.parametrize("shift", [(0.137, 0.0), (0.0, 0.0931), (-3.21, 7.777)])
def test_a_shift_of_the_atoms_is_a_fourier_shift_of_the_image(shift):
    shape, sampling = (72, 95), (0.21, 0.18)
    atoms = random_atoms((72 * 0.21, 95 * 0.18))
    moved = Atoms(atoms.numbers, atoms.positions + (*shift, 0), occupancy=atoms.occupancy)
    image = incoherent_image(atoms, ABERRATED, shape, sampling, periodic=True)
    ky, kx = np.fft.fftfreq(72, 0.21)[:, None], np.fft.rfftfreq(95, 0.18)[None, :]
    phase = np.exp(-2j * np.pi * (kx * shift[0] + ky * shift[1]))
    expected = np.fft.irfft2(np.fft.rfft2(image) * phase, s=shape)
    result = incoherent_image(moved, ABERRATED, shape, sampling, periodic=True)
    assert difference(result, expected) < 1e-6


@pytest.mark.parametrize("periodic", [True, False])
def test_coarse_pixels_are_samples_of_the_fine_image(periodic):
    # At 0.7 Å/px the image holds frequencies beyond Nyquist: they alias, as in a microscope.
    # A field that is not periodic gets another border at another pixel size: hence the tails.
    atoms = random_atoms((22.4, 19.6))
    coarse = incoherent_image(atoms, ABERRATED, (32, 28), 0.7, periodic=periodic)
    fine = incoherent_image(atoms, ABERRATED, (128, 112), 0.175, periodic=periodic)
    assert difference(coarse, fine[::4, ::4]) < (1e-6 if periodic else 1e-3)


@pytest.mark.parametrize("factors", [(1, 2), (4, 2), (2, 8), (8, 1)])
def test_coarse_pixels_need_not_be_square(factors):
    # Pixels of 0.0875 to 0.7 Å: in the larger ones frequencies alias, along either axis or both.
    atoms = random_atoms((16.8, 22.4))
    sampling = tuple(0.0875 * factor for factor in factors)
    shape = (192 // factors[0], 256 // factors[1])
    coarse = incoherent_image(atoms, ABERRATED, shape, sampling, periodic=True)
    fine = incoherent_image(atoms, ABERRATED, (192, 256), 0.0875, periodic=True)
    assert difference(coarse, fine[:: factors[0], :: factors[1]]) < 1e-6


def test_image_of_an_atom_on_a_pixel_is_its_cross_section_times_the_probe():
    shape, sampling = (64, 80), 0.2
    atom = Atoms([42], [[40 * sampling, 32 * sampling, 5.0]])
    image = incoherent_image(atom, ABERRATED, shape, sampling, periodic=True)
    expected = adf_cross_section(42, ABERRATED) * probe_intensity(ABERRATED, shape, sampling)
    assert difference(image, expected) < 1e-6


def test_columns_add_whatever_their_depth_and_occupancy():
    x = [[6.0, 6.0, 0.0], [6.0, 6.0, 9.0], [6.0, 6.0, -4.0]]
    column = incoherent_image(Atoms([34] * 3, x, None, [1, 1, 0.5]), ABERRATED, (60, 60), 0.2)
    single = incoherent_image(Atoms([34], x[:1]), ABERRATED, (60, 60), 0.2)
    np.testing.assert_allclose(column, 2.5 * single, atol=1e-12)


def test_x_runs_along_columns_and_y_along_rows():
    image = incoherent_image(Atoms([74], [[2.0, 5.0, 0.0]]), Microscope(), (40, 50), 0.2)
    assert np.unravel_index(image.argmax(), image.shape) == (25, 10)


def test_a_field_without_period_does_not_wrap_and_sees_atoms_outside():
    scope = Microscope(source_size=1.0)
    options = {"microscope": scope, "shape": (64, 64), "sampling": 0.2}
    at_edge = incoherent_image(Atoms([74], [[0.0, 6.4, 0.0]]), **options)
    assert at_edge[:, 32:].max() < 2e-3 * at_edge.max()
    wrapped = incoherent_image(Atoms([74], [[0.0, 6.4, 0.0]]), periodic=True, **options)
    assert wrapped[32, 63] > 0.8 * wrapped.max()
    outside = incoherent_image(Atoms([74], [[-0.6, 6.4, 0.0]]), **options)
    assert outside[32, 0] > 0.2 * at_edge.max()
    far = incoherent_image(Atoms([74], [[-9.0, 6.4, 0.0]]), **options)
    assert not far.any()


def test_a_field_without_period_is_cut_out_of_a_wider_one():
    atoms = random_atoms((30, 30), n=200)
    whole = incoherent_image(atoms, ABERRATED, (150, 150), 0.2)
    part = Atoms(atoms.numbers, atoms.positions - (8, 9, 0), occupancy=atoms.occupancy)
    cut = incoherent_image(part, ABERRATED, (60, 50), 0.2)
    assert difference(cut, whole[45:105, 40:90]) < 3e-3


def test_no_atoms_give_an_empty_image():
    assert not incoherent_image(Atoms([], []), Microscope(), (16, 20), 0.2).any()


def test_given_cross_sections_replace_the_own_ones():
    atoms = Atoms([74, 34], [[3, 3, 0], [9, 9, 0]])
    given = {74: 1.0}
    image = incoherent_image(atoms, ABERRATED, (60, 60), 0.2, periodic=True, cross_sections=given)
    expected = 1.0 + adf_cross_section(34, ABERRATED)
    assert image.sum() * 0.04 == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("shape", "sampling"), [((0, 8), 0.2), ((8, 8), 0.0), ((8, 8), (0.2, -1))])
def test_an_impossible_field_is_refused(shape, sampling):
    with pytest.raises(ValueError, match=r"positive shape and sampling. Received: "):
        incoherent_image(Atoms([74], [[0, 0, 0]]), Microscope(), shape, sampling)


def test_a_periodic_field_must_fit_the_cell():
    atoms = Atoms([74], [[0, 0, 0]], cell=(10, 12, 1))
    image = incoherent_image(atoms, Microscope(), (60, 50), 0.2, periodic=True)
    assert image.shape == (60, 50)
    with pytest.raises(ValueError, match=r"as large as the cell, 12 x 10 Å .* Received: 10 x 12"):
        incoherent_image(atoms, Microscope(), (50, 60), 0.2, periodic=True)
