import numpy as np
import pytest
from scipy import ndimage

from stemzoo.simulate import Microscope, probe_intensity
from stemzoo.simulate.optics import aberration_function, transfer_function

VARIANTS = (
    "perfect df_p100A df_m100A Cs3_0p05mm Cs3_0p05mm_df_p300A Cs5_10mm C12a_5nm_df40A "
    "C12b_5nm_df40A C21a_300nm C21b_300nm C23a_200nm C23b_200nm C32a_10um C34b_10um source_1A "
    "ddf_60A"
).split()


@pytest.mark.parametrize("name", VARIANTS)
def test_probe_agrees_with_the_reference_program(name, reference):
    case = reference("g_probes")
    assert [variant["name"] for variant in case.variants] == VARIANTS
    index = VARIANTS.index(name)
    changes = {k: v for k, v in case.variants[index].items() if k in case.params}
    probe = probe_intensity(case.microscope(**changes), case.shape, case.sampling)
    expected = case.arrays["probe"][index]
    # 1e-3 is what is asked for; the program's single precision leaves 1e-5.
    assert np.abs(probe - expected).max() < 1e-4 * expected.max()


def test_probe_holds_the_whole_current():
    scope = Microscope(aberrations={"C21a": 500}, source_size=0.8)
    probe = probe_intensity(scope, (90, 101), (0.2, 0.18))
    assert probe.sum() * 0.2 * 0.18 == pytest.approx(1, abs=1e-12)
    peak = np.unravel_index(probe.argmax(), probe.shape)
    assert np.abs(np.array(peak) - (45, 50)).max() <= 1


def test_perfect_probe_is_an_airy_pattern():
    # Peak π (α / λ)² and first zero at 0.61 λ / α.
    scope = Microscope(energy=80e3, semiangle_cutoff=25)
    probe = probe_intensity(scope, (512, 512), 0.1)
    assert probe.max() == pytest.approx(np.pi * (25e-3 / scope.wavelength) ** 2, rel=0.01)
    profile = probe[256, 256:276]
    first_minimum = np.argmax(np.diff(profile) > 0)
    assert first_minimum * 0.1 == pytest.approx(0.61 * scope.wavelength / 25e-3, abs=0.06)


@pytest.mark.parametrize(("name", "axis"), [("C21a", 0), ("C21b", 1)])
def test_coma_is_odd_along_its_axis_and_even_across(name, axis):
    # An odd grid is symmetric about its centre. The sense is held by the reference probes.
    probe = probe_intensity(Microscope(aberrations={name: 3e3}), (97, 97), 0.2)
    opposite = probe_intensity(Microscope(aberrations={name: -3e3}), (97, 97), 0.2)
    assert np.abs(probe - np.flip(probe, axis)).max() < 1e-9
    assert np.abs(probe - np.flip(opposite)).max() < 1e-9
    assert np.abs(probe - opposite).max() > 0.1 * probe.max()


def test_source_size_convolves_with_a_gaussian():
    sharp = probe_intensity(Microscope(), (128, 128), 0.2)
    blurred = probe_intensity(Microscope(source_size=1.2), (128, 128), 0.2)
    sigma = 1.2 / (2 * np.sqrt(2 * np.log(2))) / 0.2
    expected = ndimage.gaussian_filter(sharp, sigma, mode="wrap", truncate=8)
    assert np.abs(blurred - expected).max() < 1e-4 * expected.max()


def test_focal_spread_averages_over_defocus():
    spread, centre = 60.0, 20.0
    offsets = np.linspace(-150, 150, 121)
    weights = np.exp(-4 * np.log(2) * offsets**2 / spread**2)
    probes = [
        probe_intensity(Microscope().with_defocus(centre + o), (64, 64), 0.25) for o in offsets
    ]
    expected = np.average(probes, axis=0, weights=weights)
    scope = Microscope(focal_spread=spread).with_defocus(centre)
    probe = probe_intensity(scope, (64, 64), 0.25)
    assert np.abs(probe - expected).max() < 1e-3 * expected.max()


def test_aberration_function_by_hand():
    scope = Microscope(aberrations={"C10": -50, "C12b": 30, "C23a": 400, "C30": 1e4})
    alpha, phi = 0.02, 0.3
    expected = (
        -50 * alpha**2 / 2
        + 30 * np.sin(2 * phi) * alpha**2 / 2
        + 400 * np.cos(3 * phi) * alpha**3 / 3
        + 1e4 * alpha**4 / 4
    )
    chi = aberration_function(scope, np.array(alpha), np.array(phi))
    assert float(chi) == pytest.approx(expected, rel=1e-12)


def test_transfer_function_is_one_at_rest_and_zero_beyond_the_limit():
    scope = Microscope(aberrations={"C12a": 20})
    transfer = transfer_function(scope, (128, 120), (25.6, 24.0))
    k = np.hypot(np.fft.fftfreq(128, 0.2)[:, None], np.fft.rfftfreq(120, 0.2)[None])
    assert transfer[0, 0] == pytest.approx(1)
    assert np.abs(transfer[k > scope.bandwidth + 1 / 24]).max() < 1e-12
    assert np.abs(transfer[k < 0.5 * scope.bandwidth]).min() > 1e-3


def test_pixels_too_large_for_the_probe_are_refused():
    with pytest.raises(ValueError, match=r"at most 0.418 Å are needed. Received: sampling=0.5"):
        probe_intensity(Microscope(), (64, 64), 0.5)


def test_defocus_and_cs_are_c10_and_c30():
    scope = Microscope(aberrations={"C30": 1e4, "C12a": 3}).with_defocus(40)
    assert (scope.defocus, scope.Cs) == (40, 1e4)
    assert scope.aberrations == {"C30": 1e4, "C12a": 3, "C10": -40}
    assert (Microscope().defocus, Microscope().Cs) == (0, 0)


@pytest.mark.parametrize("name", ["C11", "C12", "C10a", "C13a", "C22a", "C7", "Cs", "C30b"])
def test_unknown_aberrations_are_refused(name):
    with pytest.raises(ValueError, match=f"Krivanek coefficient .* Received: '{name}'"):
        Microscope(aberrations={name: 1.0})


@pytest.mark.parametrize(
    "values",
    [
        {"energy": 0},
        {"semiangle_cutoff": -1},
        {"inner": 100, "outer": 50},
        {"inner": -1},
        {"source_size": -0.1},
        {"focal_spread": -1},
    ],
)
def test_impossible_optics_are_refused(values):
    with pytest.raises(ValueError, match="Received: "):
        Microscope(**values)


def test_aberrations_cannot_be_changed_afterwards():
    given = {"C12a": 1.0}
    scope = Microscope(aberrations=given)
    given["C12a"] = 5.0
    assert scope.aberrations["C12a"] == 1.0
    with pytest.raises(TypeError):
        scope.aberrations["C12a"] = 2.0
