from dataclasses import replace

import numpy as np
import pytest

from stemzoo.simulate import Microscope, adf_cross_section, find_material, find_session
from stemzoo.simulate.channelling import channelling_weights
from stemzoo.simulate.crystal import make_specimen
from stemzoo.simulate.distributions import Uniform
from stemzoo.simulate.wide_sessions import structure_sessions

CELLS = 30


def grown(defects=(), *, thickness=CELLS, channelling=0.0, seed=0):
    rng = np.random.default_rng(seed)
    return make_specimen(
        "srtio3",
        (8.0, 8.0),
        rng=rng,
        thickness=thickness,
        displacement=0.0,
        defects=defects,
        margin=0.5,
        channelling=channelling,
    )


def column(strength=1.0, atoms=CELLS, number=38, period=3.905):
    """Weights of the atoms of a column of one element."""
    depths, numbers = period * np.arange(atoms), np.full(atoms, number)
    densities = np.array([number / period])
    return channelling_weights(np.zeros(atoms, dtype=int), depths, numbers, densities, strength)


def strontium(crystal):
    """Weights of the atoms of the column with a defect, or of any one, from the entrance face."""
    atoms = crystal.atoms
    place = crystal.positions[0] if len(crystal.positions) else atoms.positions[0, :2]
    here = np.hypot(*(atoms.positions[:, :2] - place).T) < 0.1
    order = np.argsort(atoms.positions[here, 2])
    return atoms.occupancy[here][order], atoms.positions[here, 2][order], atoms.numbers[here][order]


def test_without_it_every_atom_scatters_by_itself():
    assert set(column(0.0)) == {1.0}
    assert set(grown().atoms.occupancy) == {1.0}


# Contrast of a column over the darkest place, in units of its first cell, by multislice:
# examples/reproduce/results/channelling.json, 63 to 200 mrad, source 0.8 Å.
@pytest.mark.parametrize(
    ("content", "period", "cells", "measured"),
    [
        (
            [38],
            3.905,
            [3, 5, 8, 12, 16, 20, 25, 30],
            [3.3, 6.5, 12.0, 15.3, 16.5, 18.2, 19.6, 20.3],
        ),
        (
            [8, 22],
            3.905,
            [3, 5, 8, 12, 16, 20, 25, 30],
            [3.3, 6.2, 11.3, 14.1, 16.7, 19, 21.1, 22.6],
        ),
        ([14], 3.8403, [3, 5, 8, 12, 16, 20, 26], [2.7, 4.7, 9.4, 14.9, 18.7, 21.5, 24.7]),
        (
            [31],
            3.189,
            [3, 5, 8, 12, 16, 20, 25, 31],
            [3.6, 6.3, 11.0, 15.4, 17.0, 18.5, 20.7, 22.4],
        ),
    ],
    ids=["Sr", "TiO", "Si", "Ga"],
)
def test_columns_of_any_thickness_are_as_bright_as_multislice_says(
    content, period, cells, measured
):
    charges = np.tile(content, max(cells))
    weights = channelling_weights(
        np.zeros(len(charges), dtype=int),
        np.arange(len(charges)),
        charges,
        np.array([sum(content) / period]),
    )
    sigma = [adf_cross_section(int(Z), Microscope()) for Z in charges]
    intensity = np.cumsum(sigma * weights)[len(content) - 1 :: len(content)]
    model = intensity[np.array(cells) - 1]
    linear = np.array(cells, dtype=float)

    def error(found):
        scaled = found * (found @ measured) / (found @ found)
        return np.sqrt(np.mean((scaled - measured) ** 2)) / np.mean(measured)

    assert error(model) < 0.04
    assert error(model) < 0.4 * error(linear)


def test_the_first_atom_scatters_as_it_does_alone():
    for strength in (0.3, 1.0):
        assert column(strength)[0] == 1.0


def test_atoms_of_the_first_nanometres_scatter_more_and_deep_ones_less():
    weights = column()
    assert weights[3:8].min() > 1.3  # 1.2 to 2.7 nm
    assert weights[20:].max() < 0.7  # from 7.8 nm on


def test_a_tilted_crystal_lies_between():
    np.testing.assert_allclose(column(0.25), 0.75 + 0.25 * column(1.0))


@pytest.mark.parametrize("strength", [-0.1, 1.5, np.nan])
def test_strengths_that_mean_nothing_are_refused(strength):
    with pytest.raises(ValueError, match="between 0"):
        column(strength)


def test_columns_do_not_see_each_other():
    both = channelling_weights(
        np.array([1, 0, 1, 0]),
        np.array([4.0, 0.0, 0.0, 4.0]),
        np.array([14, 38, 14, 38]),
        np.array([38 / 3.905, 14 / 3.8403]),
    )
    np.testing.assert_allclose(both[[1, 3]], column(atoms=2))
    np.testing.assert_allclose(both[[2, 0]], column(atoms=2, number=14, period=3.8403))


def test_a_crystal_has_the_weights_of_its_columns():
    weights, heights, numbers = strontium(grown(channelling=1.0))
    assert set(numbers) == {38}
    np.testing.assert_allclose(heights, 3.905 * np.arange(CELLS))
    np.testing.assert_allclose(weights, column())


def test_atoms_below_a_vacancy_are_met_one_atom_earlier():
    for seed in range(5):  # another depth each
        crystal = grown([("sr_vacancy", 3.9, 3.9)], channelling=1.0, seed=seed)
        weights, heights, _ = strontium(crystal)
        assert len(heights) == CELLS - 1
        np.testing.assert_allclose(weights, column(atoms=CELLS - 1))


@pytest.mark.parametrize(("cells", "lost"), [(5, 0.24), (10, 0.074), (20, 0.0)])
def test_a_vacancy_costs_what_the_last_atom_adds(cells, lost):
    # Means over the depth of the vacancy by multislice (channelling.md); the linear sum says 0.2,
    # 0.1 and 0.05.
    weights = column(atoms=cells)
    assert weights[-1] / weights.sum() == pytest.approx(lost, abs=0.03)


def test_a_dopant_lies_where_the_atom_was_and_counts_for_those_below():
    crystal = grown([("la_on_sr", 3.9, 3.9)], channelling=1.0)
    weights, heights, numbers = strontium(crystal)
    np.testing.assert_allclose(heights, 3.905 * np.arange(CELLS))
    depth = int(np.flatnonzero(numbers == 57)[0])
    np.testing.assert_allclose(weights[: depth + 1], column()[: depth + 1])
    assert (weights[depth + 1 :] != column()[depth + 1 :]).all()


def test_an_adatom_is_the_first_that_the_beam_meets():
    crystal = grown([("sr_atop_sr", 3.9, 3.9)], channelling=1.0)
    weights, _, numbers = strontium(crystal)
    assert len(numbers) == CELLS + 1
    np.testing.assert_allclose(weights, column(atoms=CELLS + 1))


def test_thick_crystals_of_ones_own_channel_and_single_layers_do_not():
    for name, expected in (("srtio3", Uniform(0.0, 1.0)), ("mos2", 0.0), ("wte2", 0.0)):
        sessions = structure_sessions(find_material(name))
        assert {session.channelling for session in sessions} == {expected}
    assert find_session("srtio3").channelling == 0.0
    assert find_session("srtio3-any").channelling == 0.0


def test_drawing_it_changes_no_other_condition():
    plain = structure_sessions(find_material("srtio3"))[0]
    without = replace(plain, channelling=0.0)
    one, other = (s.draw(np.random.default_rng(3)) for s in (plain, without))
    assert 0 < one.channelling < 1
    assert replace(one, channelling=0.0) == other
