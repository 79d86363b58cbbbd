import ase
import numpy as np
import pytest
from ase import io
from ase.build import bulk
from known_structures import (
    bulk_molybdenite,
    carbon_layer,
    gallium_nitride,
    molybdenum_disulphide,
    silicon,
    strontium_titanate,
    tungsten_diselenide,
    tungsten_ditelluride,
)

from stemzoo.simulate import Atoms, Microscope, find_material, incoherent_image
from stemzoo.simulate.elements import atomic_number
from stemzoo.simulate.materials import Material
from stemzoo.simulate.projected_columns import project_columns


def periodic_image(material, cells=(4, 4), shape=(64, 64)):
    """Noise-free image of some cells, seamlessly repeating; edges as stated by the cell."""
    numbers = [atomic_number(site.symbol) for site in material.sites]
    xyz = np.array([site.position for site in material.sites]) * material.cell
    atoms = Atoms(numbers, xyz, material.cell).repeat(*cells)
    width, height, _ = atoms.cell
    sampling = (height / shape[0], width / shape[1])
    return incoherent_image(atoms, Microscope(), shape, sampling, periodic=True)


def best_correlation(image, other):
    """Largest correlation of two images over all shifts, and of the second one turned by 180°."""
    found = []
    for turned in (other, other[::-1, ::-1]):
        a, b = image - image.mean(), turned - turned.mean()
        product = np.fft.ifft2(np.fft.fft2(a) * np.fft.fft2(b).conj()).real
        found.append(product.max() / np.sqrt((a**2).sum() * (b**2).sum()))
    return max(found)


@pytest.mark.parametrize(
    ("name", "structure", "cells"),
    [
        ("wse2", tungsten_diselenide, (4, 4)),
        ("mos2", molybdenum_disulphide, (4, 4)),
        ("graphene", carbon_layer, (4, 4)),
        ("srtio3", strontium_titanate, (4, 4)),
    ],
)
def test_a_structure_gives_the_image_of_the_table(name, structure, cells):
    known, found = find_material(name), Material.from_structure(structure())
    assert (found.symmetry, found.layered) == (known.symmetry, known.layered)
    assert found.sites[0].symbol == known.sites[0].symbol
    assert found.cell == pytest.approx(known.cell, rel=1e-4)
    assert found.spacing == pytest.approx(known.spacing, rel=1e-4)
    assert found.lattice_constant == pytest.approx(known.lattice_constant, rel=1e-4)
    # Pixels of the two are not at the same places of the cells: a sixty-fourth of four cells.
    assert best_correlation(periodic_image(known), periodic_image(found)) > 0.999


def contents(material):
    return sorted("".join(sorted(column)) for column in material.columns.values())


def test_one_layer_is_cut_out_of_a_bulk_crystal():
    found = Material.from_structure(bulk_molybdenite(), layers=1)
    known = find_material("mos2")
    assert found.name == "mos2"
    assert best_correlation(periodic_image(known), periodic_image(found)) > 0.999
    # 2H: each column of two layers holds a metal atom and two of sulphur.
    assert contents(Material.from_structure(bulk_molybdenite(), layers=2)) == ["MoSS"] * 4
    whole = Material.from_structure(bulk_molybdenite())
    assert not whole.layered
    assert whole.cell[2] == pytest.approx(12.295)


def test_octahedral_and_prismatic_layers_differ():
    octahedral = Material.from_structure(molybdenum_disulphide("1T"))
    assert contents(octahedral) == ["Mo", "Mo", "S", "S", "S", "S"]
    prismatic = Material.from_structure(molybdenum_disulphide("2H"))
    assert contents(prismatic) == ["Mo", "Mo", "SS", "SS"]


def test_a_layer_of_tungsten_ditelluride_is_rectangular():
    found = Material.from_structure(tungsten_ditelluride(), layers=1)
    assert (found.symmetry, found.angle) == (2, 90.0)
    assert found.cell[:2] == pytest.approx((3.477, 6.249))
    assert sorted(found.columns.values()) == [["Te"]] * 4 + [["W"]] * 2
    assert found.sites[0].symbol == "W"  # a metal, though tellurium is listed as well


def test_silicon_along_110_shows_its_dumbbells():
    for cubic, axis in ((True, (1, 1, 0)), (False, (0, 0, 1))):
        found = Material.from_structure(silicon(cubic), axis)
        a = 5.431
        # {111} planes, d = a / sqrt(3); the cell's edges are half of [112]: a sqrt(6) / 4; area a
        # half of a x a / sqrt(2).
        assert found.spacing == pytest.approx(a / 3**0.5, rel=1e-4)
        assert found.cell[:2] == pytest.approx([a * 6**0.5 / 4] * 2, rel=1e-4)
        assert np.linalg.det(found.edges) == pytest.approx(a**2 / 2**0.5 / 2, rel=1e-4)
        assert found.cell[2] == pytest.approx(a / 2**0.5)
        places = np.array([*found.columns])
        away = (places[1] - places[0] + 0.5) % 1 - 0.5
        steps = np.stack(np.meshgrid((-1, 0, 1), (-1, 0, 1)), -1).reshape(-1, 2)
        near = np.linalg.norm((away + steps) @ found.edges, axis=1).min()
        assert near == pytest.approx(a / 4, rel=1e-4)  # the textbook's 1.36 Å


def test_gallium_nitride_along_a_has_the_cell_of_the_columns():
    found = Material.from_structure(gallium_nitride(), (1, 1, 0))
    # a sqrt(3) / 2 by c, as the two halves of the hexagonal cell look alike.
    assert found.cell == pytest.approx((3.189 * 3**0.5 / 2, 5.186, 3.189), rel=1e-4)
    assert contents(found) == ["Ga", "Ga", "N", "N"]
    assert found.name == "gan-110"


def test_the_reflections_that_vanish_are_not_counted_on():
    shape = Material.from_structure(gallium_nitride(), (1, 1, 0)).shape
    # Wurtzite: 000l with odd l is extinct (screw axis); here k counts along c.
    assert not {(0, 1), (0, 3)} & set(shape.shown)
    assert (0, 2) in shape.shown
    determinant = np.linalg.det(np.array(shape.required[:2]))
    assert abs(round(determinant)) == 1


def test_primitive_and_conventional_cells_agree():
    one = Material.from_structure(silicon(True), (0, 0, 1))
    # The primitive cell's [001] of ASE is a face diagonal; its [11-1] is the cube's axis.
    other = Material.from_structure(silicon(False), (1, 1, -1))
    assert (one.symmetry, other.symmetry) == (4, 4)
    assert one.cell == pytest.approx(other.cell, rel=1e-4)
    # Columns of both atoms of the motif: a / (2 sqrt(2)) apart.
    assert one.lattice_constant == pytest.approx(5.431 / 8**0.5, rel=1e-4)


def test_a_slab_of_some_thickness_holds_all_of_its_atoms():
    found = Material.from_structure(strontium_titanate(), thickness=20.0)
    assert found.layered
    # 5 cells of 3.905 Å are next to 20 Å.
    assert sorted(map(len, found.columns.values())) == [5, 5, 5, 10]


def test_a_cell_that_repeats_unseen_is_reduced():
    atoms = strontium_titanate().repeat((2, 3, 2))
    found = Material.from_structure(atoms)
    assert found.cell == pytest.approx((3.905,) * 3)
    assert len(found.sites) == 5


def test_rotating_the_structure_changes_nothing():
    atoms = gallium_nitride()
    atoms.rotate(37, (1, 2, 3), rotate_cell=True)
    one = Material.from_structure(atoms, (1, 1, 0))
    other = Material.from_structure(gallium_nitride(), (1, 1, 0))
    assert one.cell == pytest.approx(other.cell, rel=1e-4)
    assert one.spacing == pytest.approx(other.spacing)


def test_an_oblique_lattice_keeps_its_angle():
    # No two lengths and no angle alike, seen along c.
    atoms = ase.Atoms("ReO", [[0, 0, 0], [1.1, 2.3, 0.5]], cell=[4.0, 5.0, 6.0, 90, 90, 100], pbc=1)
    found = Material.from_structure(atoms)
    assert (found.symmetry, found.cell[:2]) == (2, pytest.approx((4.0, 5.0)))
    assert found.angle == pytest.approx(100.0)


@pytest.mark.parametrize("suffix", ["cif", "vasp", "xyz"])
def test_files_are_read(tmp_path, suffix):
    path = tmp_path / f"crystal.{suffix}"
    io.write(path, strontium_titanate(), format={"vasp": "vasp", "xyz": "extxyz"}.get(suffix))
    found = Material.from_structure(path)
    assert (found.formula, found.symmetry) == ("SrTiO3 [001]", 4)
    assert found.cell == pytest.approx((3.905,) * 3, rel=1e-4)


def test_a_file_of_vasp_needs_no_suffix(tmp_path):
    io.write(tmp_path / "POSCAR", tungsten_diselenide(), format="vasp")
    assert Material.from_structure(tmp_path / "POSCAR", name="mine").name == "mine"


def test_what_is_no_structure_is_refused_with_its_name(tmp_path):
    (tmp_path / "x.cif").write_text("nothing of the kind")
    (tmp_path / "x.pdb").write_text("ATOM")
    io.write(tmp_path / "two.xyz", [strontium_titanate()] * 2, format="extxyz")
    (tmp_path / "free.xyz").write_text("1\n\nC 0 0 0\n")
    for name, words in (
        ("x.cif", "ASE reads as cif"),
        ("x.pdb", "Received: .pdb"),
        ("two.xyz", "expected one structure. Received: 2"),
        ("free.xyz", "cell that repeats"),
    ):
        with pytest.raises(ValueError, match=words) as error:
            Material.from_structure(tmp_path / name)
        assert name in str(error.value)
        assert "\n" not in str(error.value)


def test_shared_sites_are_refused(tmp_path):
    atoms = strontium_titanate()
    atoms.info["occupancy"] = {"0": {"Sr": 0.7, "Ba": 0.3}}
    with pytest.raises(ValueError, match=r"fully occupied.*Sr 0.7, Ba 0.3"):
        Material.from_structure(atoms)


def test_a_name_of_another_crystal_is_not_taken(tmp_path):
    octahedral = Material.from_structure(molybdenum_disulphide("1T"))
    assert octahedral.name == "mos2-own"  # the table's is the prismatic one
    assert Material.from_structure(molybdenum_disulphide()).name == "mos2"
    with pytest.raises(ValueError, match=r"no other crystal has.* 'MoS2', that of MoS2 with a"):
        Material.from_structure(molybdenum_disulphide("1T"), name="MoS2")
    with pytest.raises(FileNotFoundError, match=r"none.cif"):
        Material.from_structure(tmp_path / "none.cif")


@pytest.mark.parametrize(
    ("axis", "options", "words"),
    [
        ((0, 0, 0), {}, "three whole numbers"),
        ((1, 0.5, 0), {}, "three whole numbers"),
        ((0, 0, 1), {"layers": 1}, "with gaps of"),
        ((1, 1, 0), {"layers": 1}, "along their normal"),
        ((0, 0, 1), {"layers": 1, "thickness": 9.0}, "Received: both"),
        ((0, 0, 1), {"thickness": 1e5}, "leave the thickness to the session"),
    ],
)
def test_what_no_image_can_show_is_refused(axis, options, words):
    with pytest.raises(ValueError, match=words):
        Material.from_structure(strontium_titanate(), axis, **options)


def test_an_axis_along_which_all_columns_merge_is_refused():
    for structure, axis in ((bulk("Al"), (7, 8, 9)), (strontium_titanate(), (1, 9, 8))):
        with pytest.raises(ValueError, match=r"structure: Expected columns .* another zone axis"):
            Material.from_structure(structure, axis)


def test_atoms_a_tenth_of_an_angstrom_apart_are_one_column():
    vectors = np.diag([4.0, 5.0])
    xy = np.array([[0.0, 0.0], [0.1, 0.0], [2.0, 2.6]])
    found = project_columns(vectors, xy, np.array([0.0, 2.0, 1.0]), np.array([22, 8, 8]), None)
    assert [[s for s, _ in column] for column in found.contents] == [["Ti", "O"], ["O"]]
    assert found.places[1] @ vectors == pytest.approx([1.95, 2.6])
