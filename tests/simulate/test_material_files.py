import json

import pytest
from known_structures import gallium_nitride, strontium_titanate, tungsten_ditelluride

from stemzoo.simulate.material_files import open_material, read_material, write_material
from stemzoo.simulate.materials import MATERIALS, Material


@pytest.mark.parametrize(
    "material",
    [
        *MATERIALS.values(),
        Material.from_structure(gallium_nitride(), (1, 1, 0)),
        Material.from_structure(tungsten_ditelluride(), layers=1),
        Material.from_structure(strontium_titanate(), thickness=20.0),
    ],
    ids=str,
)
def test_a_crystal_is_read_back_as_it_was(tmp_path, material):
    write_material(tmp_path / "structure.json", material)
    assert read_material(tmp_path / "structure.json") == material


def changed(**changes):
    """Content of a good file, with some entries replaced."""
    content = {
        "format": 1,
        "name": "mine",
        "formula": "Si",
        "cell": [3.0, 4.0, 5.0],
        "angle": 90.0,
        "symmetry": 2,
        "spacing": 3.0,
        "lattice_constant": 3.0,
        "layered": True,
        "sites": [["Si", 0, 0.5, 0]],
    }
    return {**content, **changes}


def test_the_content_that_is_changed_below_is_good(tmp_path):
    (tmp_path / "s.json").write_text(json.dumps(changed()))
    assert read_material(tmp_path / "s.json").sites[0].position == (0.0, 0.5, 0.0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": 2}, "format=2"),
        ({"symmetry": 3}, "symmetry=3"),
        ({"angle": 10.0}, "angle=10"),
        ({"cell": [3.0, 4.0]}, "length cell=2"),
        ({"cell": [3.0, 400.0, 5.0]}, "a cell of 400.0 Å"),
        ({"sites": []}, "length sites=0"),
        ({"sites": [["Xx", 0, 0, 0]]}, "symbol of an element"),
        ({"sites": [[14, 0, 0, 0]]}, "no element"),
        ({"sites": [["Si", "0", 0, 0]]}, "float is expected"),
        ({"sites": [["Si", 1e9, 0, 0]]}, "-2 to 2 are possible"),
        ({"name": "a\u001b[2J"}, "cannot be printed"),
        ({"layered": 1}, "bool is expected"),
    ],
)
def test_files_that_lie_are_refused_by_name(tmp_path, changes, words):
    (tmp_path / "s.json").write_text(json.dumps(changed(**changes)))
    with pytest.raises(ValueError, match=words) as error:
        read_material(tmp_path / "s.json")
    assert "s.json" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_user_names_a_file_or_a_material(tmp_path):
    assert open_material("MoS2") is MATERIALS["mos2"]
    write_material(tmp_path / "s.json", MATERIALS["mos2"])
    assert open_material(tmp_path / "s.json") == MATERIALS["mos2"]
    with pytest.raises(ValueError, match=r"wse3: expected a structure file .* Received: neither"):
        open_material("wse3")
    with pytest.raises(ValueError, match="one axis already"):
        open_material("wse2", (1, 1, 0))
