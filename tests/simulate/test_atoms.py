import numpy as np
import pytest

from stemzoo.simulate import Atoms, read_xyz, write_xyz

CELL = (3.0, 5.0, 2.0)


def pair(**options):
    return Atoms([74, 34], [[0, 0, 0], [1.5, 2.5, 1]], **options)


def test_atoms_without_occupancy_are_all_there():
    assert pair().occupancy.tolist() == [1, 1]
    assert len(pair()) == 2


def test_no_atoms_are_atoms_too():
    empty = Atoms([], [])
    assert len(empty) == 0
    assert empty.positions.shape == (0, 3)


def test_repeat_shifts_by_whole_cells():
    atoms = pair(cell=CELL, occupancy=[1, 0.5]).repeat(2, 3, 4)
    assert len(atoms) == 2 * 24
    assert atoms.cell == (6, 15, 8)
    assert atoms.occupancy.sum() == 24 * 1.5
    tungsten = atoms.positions[atoms.numbers == 74]
    expected = {(3.0 * i, 5.0 * j, 2.0 * k) for i in range(2) for j in range(3) for k in range(4)}
    assert set(map(tuple, tungsten)) == expected


def test_repeat_needs_a_cell():
    with pytest.raises(ValueError, match=r"needs a cell. Received: cell=None"):
        pair().repeat(2)


@pytest.mark.parametrize(
    "arguments",
    [
        ([74], [[0, 0, 0], [1, 1, 1]]),
        ([74, 34], [[0, 0, 0], [1, 1, 1]], None, [1.0]),
        ([74], [[0, np.nan, 0]]),
        ([74], [[0, 0, 0]], None, [np.inf]),
    ],
)
def test_arrays_that_do_not_fit_are_refused(arguments):
    with pytest.raises(ValueError, match=r"Atoms expects .* Received: "):
        Atoms(*arguments)


def test_xyz_files_round_trip(tmp_path):
    path = tmp_path / "a.xyz"
    atoms = pair(cell=CELL, occupancy=[1, 0.25])
    write_xyz(path, atoms, title="two atoms")
    assert path.read_text(encoding="utf-8").startswith("two atoms\n3.000000000 5.0")
    back = read_xyz(path)
    assert back.cell == atoms.cell
    np.testing.assert_array_equal(back.numbers, atoms.numbers)
    np.testing.assert_allclose(back.positions, atoms.positions, atol=1e-9)
    np.testing.assert_array_equal(back.occupancy, atoms.occupancy)


def test_write_xyz_needs_a_cell(tmp_path):
    with pytest.raises(ValueError, match=r"Received: cell=None"):
        write_xyz(tmp_path / "a.xyz", pair())


def test_reading_stops_at_a_negative_number_and_fills_in_occupancy(tmp_path):
    path = tmp_path / "a.xyz"
    path.write_text("title\n3 5 2\n74 0 0 0\n\n34 1 2 0 0.5 0.08\n-1\n6 0 0 0\n", encoding="utf-8")
    atoms = read_xyz(path)
    assert atoms.numbers.tolist() == [74, 34]
    assert atoms.occupancy.tolist() == [1, 0.5]


@pytest.mark.parametrize(
    ("text", "line"),
    [("t\n3 5\n", 2), ("t\n3 5 2\n74 0 0\n", 3), ("t\n3 5 2\n74 0 0 0\nSe 0 0 0 1\n", 4)],
)
def test_a_line_that_cannot_be_read_is_named(tmp_path, text, line):
    path = tmp_path / "a.xyz"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=rf"a\.xyz, line {line}: expected .* Received: ") as caught:
        read_xyz(path)
    assert "\n" not in str(caught.value)


def test_a_file_without_atoms_is_refused(tmp_path):
    path = tmp_path / "a.xyz"
    path.write_text("t\n3 5 2\n-1\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"at least one atom line. Received: none"):
        read_xyz(path)
