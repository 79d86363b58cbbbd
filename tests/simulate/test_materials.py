import numpy as np
import pytest

from stemzoo.simulate import MATERIALS, find_material

ROOT3 = 3**0.5
# Lattice constant [Å], innermost plane spacing [Å], atoms per Å² of one cell along the beam, and
# the shortest distance between two columns [Å]. Constants as published: dichalcogenides Schutte
# et al. 1987, MoTe2 Puotinen & Newnham 1961, NbSe2 Marezio et al. 1972; graphene 2.46 Å (bond
# 1.42 Å); h-BN 2.504 Å, Lynch & Drickamer 1966; SrTiO3 3.905 Å; BaTiO3 3.992 Å, Kwei et al. 1993.
# The rest follows from the structure: MX2 has 3 and graphene 2 atoms in a rhomb of a² √3 / 2,
# SrTiO3 5 in a².
TABLE = {
    "wse2": (3.282, 3.282 * ROOT3 / 2, 3 / (3.282**2 * ROOT3 / 2), 3.282 / ROOT3),
    "mos2": (3.161, 3.161 * ROOT3 / 2, 3 / (3.161**2 * ROOT3 / 2), 3.161 / ROOT3),
    "ws2": (3.153, 3.153 * ROOT3 / 2, 3 / (3.153**2 * ROOT3 / 2), 3.153 / ROOT3),
    "mose2": (3.288, 3.288 * ROOT3 / 2, 3 / (3.288**2 * ROOT3 / 2), 3.288 / ROOT3),
    "mote2": (3.519, 3.519 * ROOT3 / 2, 3 / (3.519**2 * ROOT3 / 2), 3.519 / ROOT3),
    "nbse2": (3.4425, 3.4425 * ROOT3 / 2, 3 / (3.4425**2 * ROOT3 / 2), 3.4425 / ROOT3),
    "graphene": (2.46, 2.1304, 0.3816, 1.4203),
    "hbn": (2.504, 2.504 * ROOT3 / 2, 2 / (2.504**2 * ROOT3 / 2), 2.504 / ROOT3),
    "srtio3": (3.905, 3.905, 5 / 3.905**2, 3.905 / 2),
    "batio3": (3.992, 3.992, 5 / 3.992**2, 3.992 / 2),
    # 6 atoms in a b; the nearest columns are a W and a Te 0.25699 b beside it.
    "wte2": (3.477, 6.249, 6 / (3.477 * 6.249), 0.25699 * 6.249),
    # a = 5.431 Å: d(111), 4 atoms in a² / √2, and the dumbbell a / 4.
    "si-110": (5.431 * 6**0.5 / 4, 5.431 / ROOT3, 2 / (5.431**2 / 8**0.5), 5.431 / 4),
    # a = 3.189 Å, c = 5.185 Å, u = 0.377: 4 atoms in a √3 / 2 by c; the Ga and N of a bond that is
    # not along c are a / (2 √3) and (1 / 2 - u) c apart.
    "gan-110": (
        3.189 * ROOT3 / 2,
        3.189 * ROOT3 / 2,
        4 / (3.189 * ROOT3 / 2 * 5.185),
        np.hypot(3.189 / (2 * ROOT3), 0.123 * 5.185),
    ),
}
METALS = {"wse2": "W", "mos2": "Mo", "ws2": "W", "mose2": "Mo", "mote2": "Mo", "nbse2": "Nb"}
# Of those that are not of the same structure.
OTHER_METALS = {"wte2": "W", "gan-110": "Ga"}


def columns(material, copies=3):
    """Projected positions [Å] and contents of the columns of some cells."""
    places = {}
    for site in material.sites:
        places.setdefault(site.position[:2], []).append(site.symbol)
    steps = np.stack(np.meshgrid(range(copies), range(copies)), -1).reshape(-1, 1, 2)
    xy = (np.array(list(places)) + steps).reshape(-1, 2) @ material.edges
    return xy, list(places.values()) * copies**2


def test_every_material_has_a_row_here():
    assert set(TABLE) == set(MATERIALS)


@pytest.mark.parametrize("name", TABLE)
def test_lattice(name):
    material = find_material(name)
    constant, spacing, density, nearest = TABLE[name]
    assert material.name == name
    assert material.lattice_constant == pytest.approx(constant, abs=1e-4)
    assert material.spacing == pytest.approx(spacing, abs=1e-4)
    density_here = len(material.sites) / np.linalg.det(material.edges)
    assert density_here == pytest.approx(density, abs=1e-4)
    xy, _ = columns(material)
    distance = np.hypot(*(xy[:, None] - xy[None]).T)
    assert distance[distance > 1e-9].min() == pytest.approx(nearest, abs=1e-3)
    assert material.column_spacing == pytest.approx(nearest, abs=1e-3)


@pytest.mark.parametrize("name", METALS)
def test_dichalcogenides_are_hexagonal_with_pairs_of_chalcogens(name):
    material = find_material(name)
    xy, contents = columns(material, 5)
    is_metal = np.array([content == [METALS[name]] for content in contents])
    assert all(len(set(content)) == 1 for content in contents)
    assert {len(content) for content in contents} == {1, 2}
    centre = xy[is_metal][np.hypot(*(xy[is_metal] - xy.mean(0)).T).argmin()]
    to_metal = np.sort(np.hypot(*(xy[is_metal] - centre).T))
    to_pair = np.sort(np.hypot(*(xy[~is_metal] - centre).T))
    np.testing.assert_allclose(to_metal[1:7], material.lattice_constant)
    np.testing.assert_allclose(to_pair[:3], material.lattice_constant / ROOT3)
    assert to_pair[3] > 1.5 * to_pair[0]


def test_strontium_titanate_has_its_four_columns():
    _, contents = columns(find_material("srtio3"), 1)
    assert sorted(map(sorted, contents)) == [["O"], ["O"], ["O", "Ti"], ["Sr"]]


def test_names_do_not_mind_their_case():
    assert find_material("WSe2") is MATERIALS["wse2"]


@pytest.mark.parametrize(
    ("name", "offer"), [("wse", "wse2"), ("mosse2", "mose2"), ("grafen", "graphene")]
)
def test_an_unknown_name_offers_the_nearest(name, offer):
    with pytest.raises(KeyError, match=f"one of [^.]*{offer}.* Received: '{name}'"):
        find_material(name)


def test_a_name_like_no_other_offers_all():
    with pytest.raises(KeyError, match=r"batio3, gan-110, .* wte2. Received: 'xx'"):
        find_material("xx")


def test_a_metal_is_named_where_there_is_one():
    metals = {name: material.metal for name, material in MATERIALS.items()}
    assert {name: metal for name, metal in metals.items() if metal} == METALS | OTHER_METALS
