import numpy as np
import pytest

from stemzoo.analysis.dark_columns import DarkColumns
from stemzoo.analysis.material_odds import are_alike, chalcogen_side, odds_of, side_odds
from stemzoo.analysis.sublattices import Sublattices
from stemzoo.simulate import MATERIALS, find_material

HEXAGONAL = [m for m in MATERIALS.values() if m.symmetry == 6]


def shares(constant, ratio=None):
    sublattices = None if ratio is None else Sublattices(ratio, 0.005, 1.0)
    odds = odds_of(HEXAGONAL, constant, sublattices)
    return dict(zip([*(m.name for m in HEXAGONAL), "other"], odds / odds.sum(), strict=True))


def test_nothing_measured_leaves_the_prior():
    found = shares(None)
    assert found.pop("other") == pytest.approx(0.1)
    assert set(np.round(list(found.values()), 6)) == {round(0.9 / len(HEXAGONAL), 6)}


@pytest.mark.parametrize(
    ("constant", "ratio", "material"),
    [(2.46, 0.96, "graphene"), (3.16, 0.42, "mos2"), (3.15, 0.2, "ws2")],
)
def test_constant_and_ratio_leave_one_material(constant, ratio, material):
    assert shares(constant, ratio)[material] > 0.95


def test_a_pixel_size_that_is_off_by_two_per_cent_is_weighed():
    # Half way between MoS2 and WSe2, 3.9 % apart.
    found = shares(3.22)
    assert 0.2 < found["mos2"] / found["wse2"] < 5
    # The ratio decides.
    assert shares(3.22, 0.75)["mos2"] < 0.01


def test_a_constant_of_no_material_is_another_crystal():
    assert shares(4.0)["other"] > 0.8


def test_chalcogens_are_the_weaker_columns_but_for_light_metals():
    sides = {name: chalcogen_side(material) for name, material in MATERIALS.items()}
    # Columns of two Se or Te scatter more than one Mo or Nb, and less than one W.
    weaker, stronger = dict.fromkeys(("wse2", "mos2", "ws2"), 1), ("mose2", "mote2", "nbse2")
    others = ("graphene", "hbn", "srtio3", "batio3", "wte2", "si-110", "gan-110")
    neither = dict.fromkeys(others, 0)
    assert sides == {**weaker, **dict.fromkeys(stronger, -1), **neither}


def test_half_empty_columns_speak_for_their_side_and_never_too_surely():
    sides = np.array([1, -1, 0])
    np.testing.assert_allclose(side_odds(sides, DarkColumns()), 1)
    few, many = (side_odds(sides, DarkColumns(n, 0)) for n in (4, 400))
    assert few[0] > 1 > few[1] == few[2]
    assert many[0] / many[1] == pytest.approx(30)


def test_only_two_materials_cannot_be_told_by_their_sublattices():
    alike = {
        frozenset((a.name, b.name))
        for a in HEXAGONAL
        for b in HEXAGONAL
        if a is not b and are_alike(a, b)
    }
    assert frozenset(("wse2", "mose2")) in alike
    assert frozenset(("mos2", "ws2")) not in alike
    assert are_alike(find_material("mose2"), find_material("wse2"))
