import numpy as np
import pytest

from stemzoo.simulate import Microscope, adf_cross_section, electron_wavelength
from stemzoo.simulate.scattering import interaction_parameter, projected_potential

SETTINGS = {
    "80kV_63-200mrad": Microscope(energy=80e3, inner=63, outer=200),
    "80kV_25-200mrad": Microscope(energy=80e3, inner=25, outer=200),
    "200kV_50-200mrad": Microscope(energy=200e3, inner=50, outer=200),
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_cross_sections_agree_with_the_reference_program(setting, reference_cross_sections):
    # The program uses another fit of the scattering factors: hence 1 %, not rounding errors.
    table = reference_cross_sections[setting]
    ratio = [adf_cross_section(Z, SETTINGS[setting]) / table[Z] for Z in range(1, 99)]
    deviation = np.abs(np.array(ratio) - 1)
    assert deviation.max() < 0.01
    assert np.median(deviation) < 0.0015


@pytest.mark.parametrize(
    ("energy", "wavelength"),
    [(60e3, 0.0486606), (80e3, 0.0417572), (200e3, 0.0250793), (300e3, 0.0196875)],
)
def test_wavelength(energy, wavelength):
    # Values printed by the reference program.
    assert electron_wavelength(energy) == pytest.approx(wavelength, abs=1e-7)


def test_wavelength_refuses_an_impossible_energy():
    with pytest.raises(ValueError, match=r"positive. Received: 0"):
        electron_wavelength(0)


@pytest.mark.parametrize(("energy", "sigma"), [(100e3, 0.9244e-3), (200e3, 0.7288e-3)])
def test_interaction_parameter(energy, sigma):
    # Kirkland 2010, table of interaction parameters: 0.9244 and 0.7288 rad / (kV Å).
    assert interaction_parameter(energy) == pytest.approx(sigma, rel=1e-4)


def test_potential_near_the_nucleus_is_that_of_its_charge():
    # That of a bare nucleus, Z e / r, projects to 2 Z e ln(1 / r) but for a constant. Electrons
    # screen carbon by some 10 % at 0.1 Å.
    v = projected_potential(6, np.array([0.05, 0.1]))
    assert v[0] - v[1] == pytest.approx(2 * 6 * 14.39964 * np.log(2), rel=0.15)


def test_larger_detectors_collect_more_and_rings_add_up():
    def sigma(inner, outer):
        return adf_cross_section(74, Microscope(inner=inner, outer=outer))

    assert sigma(25, 63) + sigma(63, 200) == pytest.approx(sigma(25, 200), rel=1e-6)
    assert sigma(63, 200) > sigma(63, 150) > 0


def test_probe_angle_does_not_matter():
    # The cross section is that of a plane wave.
    narrow, wide = Microscope(semiangle_cutoff=1), Microscope(semiangle_cutoff=40)
    assert adf_cross_section(34, narrow) == adf_cross_section(34, wide)


@pytest.mark.parametrize("Z", [0, 99])
def test_elements_without_form_factor_are_refused(Z):
    with pytest.raises(ValueError, match=f"Received: Z = {Z}"):
        adf_cross_section(Z, Microscope())


def test_threads_that_ask_first_at_once_all_get_an_answer(python):
    code = """
import sys, threading
import numpy as np
from periodictable import cromermann
from stemzoo.simulate.scattering import projected_potential
sys.setswitchinterval(1e-6)
fill = cromermann._update_cmformulas
def slowly():
    cromermann._cmformulas["H"] = None  # the first entry: the table is no longer empty
    threading.Event().wait(0.2)
    fill()
cromermann._update_cmformulas = slowly
said = []
def ask():
    said.append(projected_potential(74, np.array([1.0]))[0])
threads = [threading.Thread(target=ask) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(said), len(set(said)))
"""
    done = python("-c", code)
    assert done.stdout.split() == ["4", "1"], done.stderr
