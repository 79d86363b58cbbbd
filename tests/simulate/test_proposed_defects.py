import json

import numpy as np
import pytest
from known_structures import gallium_nitride, strontium_titanate, tungsten_ditelluride

from stemzoo.simulate import find_material, make_specimen
from stemzoo.simulate.defects import defect_class
from stemzoo.simulate.materials import MATERIALS, Material
from stemzoo.simulate.proposed_defects import (
    defect_probabilities,
    propose_defects,
    read_defects,
    write_defects,
)


def by_name(material):
    return {defect.name: defect for defect in propose_defects(material)}


def test_a_dichalcogenide_gets_the_defects_that_people_look_for():
    found = by_name(find_material("mos2"))
    assert {"s_vacancy", "s_divacancy", "mo_vacancy", "w_on_mo", "se_on_s", "mo_adatom"} <= set(
        found
    )
    assert {"mo_on_s", "s_on_mo"} <= set(found)
    assert found["s_vacancy"].contrast == pytest.approx(0.5)  # one of two equal atoms
    # Z^1.7 by hand: W for Mo, (74 / 42)^1.7.
    assert found["w_on_mo"].contrast == pytest.approx((74 / 42) ** 1.7)
    assert max(found.values(), key=lambda defect: defect.probability).name == "s_vacancy"


@pytest.mark.parametrize("name", sorted(MATERIALS))
def test_all_that_is_proposed_can_be_simulated(name):
    material = MATERIALS[name]
    defects = {defect.name: 0.02 for defect in propose_defects(material)}
    specimen = make_specimen(
        material, (60, 60), rng=np.random.default_rng(0), defects=defects, thickness=2
    )
    assert len(specimen.defects) > 3
    assert {defect_class(material, name) for name in specimen.defects}


def test_what_no_image_shows_is_no_part_of_a_session():
    nitride = Material.from_structure(gallium_nitride(), (1, 1, 0))
    assert not by_name(nitride)["n_vacancy"].is_visible  # (7 / 31)^1.7 = 0.08 of a gallium column
    assert "n_vacancy" not in defect_probabilities(nitride)
    # Then the vacancies of the metal are the frequent ones.
    assert defect_probabilities(nitride)["ga_vacancy"] == 0.035


def test_a_thick_slab_loses_whole_columns():
    slab = Material.from_structure(strontium_titanate(), thickness=20.0)
    found = by_name(slab)
    assert found["sr_column_vacancy"].contrast == 0.0
    assert found["sr_vacancy"].contrast == pytest.approx(4 / 5)
    rng = np.random.default_rng(0)
    specimen = make_specimen(slab, (20, 20), rng=rng, defects=[("sr_column_vacancy", 7.8, 7.8)])
    near = np.hypot(*(specimen.atoms.positions[:, :2] - specimen.positions[0]).T) < 0.5
    assert not near.any()


def test_an_atom_on_top_of_a_column_adds_to_it():
    rng = np.random.default_rng(0)
    specimen = make_specimen("wse2", (20, 20), rng=rng, defects=[("w_atop_w", 10, 10)])
    near = np.hypot(*(specimen.atoms.positions[:, :2] - specimen.positions[0]).T) < 0.5
    assert specimen.atoms.numbers[near].tolist() == [74, 74]
    assert defect_class(find_material("wse2"), "w_atop_w") == "bright"


def test_columns_of_one_element_share_a_name():
    layer = Material.from_structure(tungsten_ditelluride(), layers=1)
    specimen = make_specimen(
        layer, (80, 80), rng=np.random.default_rng(0), defects={"te_vacancy": 0.1}
    )
    # 80 Å squared hold 80² / (3.477 x 6.249) cells of four tellurium columns each.
    assert len(specimen.defects) == pytest.approx(0.1 * 4 * 80**2 / (3.477 * 6.249), rel=0.2)


def test_a_file_of_defects_is_read_back(tmp_path):
    material = find_material("mos2")
    write_defects(tmp_path / "d.json", material, defect_probabilities(material))
    assert read_defects(tmp_path / "d.json", material) == defect_probabilities(material)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({}, "no defects"),
        ({"defects": {"s_vacancy": 0.9}}, "0 to 0.5"),
        ({"defects": {"s_vacancy": "often"}}, "float is expected"),
        ({"defects": {"s_vacancy": 0.2, "mo_vacancy": 0.2}}, "at most 0.3 together"),
        ({"defects": {}}, "at most 0.3 together. Received: 0 of 0"),
        ({"defects": {"se_vacancy": 0.1}}, "MoS2 holds Mo, S"),
        ({"defects": {"nonsense": 0.1}}, "named like"),
        ({"defects": {"mo_divacancy": 0.1}}, "takes 2 atoms of Mo"),
    ],
)
def test_other_files_are_refused_by_name(tmp_path, content, words):
    (tmp_path / "d.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=words) as error:
        read_defects(tmp_path / "d.json", find_material("mos2"))
    assert "d.json" in str(error.value)
