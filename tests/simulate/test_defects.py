import pytest

from stemzoo.simulate import find_material
from stemzoo.simulate.defects import Defect, defect_class, find_defect


@pytest.mark.parametrize(
    ("material", "name", "expected"),
    [
        ("wse2", "se_vacancy", Defect("se_vacancy", "Se", 1)),
        ("wse2", "SE_Vacancy", Defect("se_vacancy", "Se", 1)),
        ("mos2", "s_divacancy", Defect("s_divacancy", "S", 2)),
        ("wse2", "v_on_w", Defect("v_on_w", "W", 1, "V")),
        ("wse2", "w2_on_se", Defect("w2_on_se", "Se", 2, "W")),
        ("wse2", "w_adatom", Defect("w_adatom", None, 0, "W")),
        ("graphene", "si_on_c", Defect("si_on_c", "C", 1, "Si")),
        ("graphene", "si_on_c2", Defect("si_on_c2", "C", 1, "Si", with_neighbour=True)),
        ("srtio3", "ti_vacancy", Defect("ti_vacancy", "Ti", 1)),
        ("srtio3", "sr_column_vacancy", Defect("sr_column_vacancy", "Sr", 1, whole=True)),
        ("wse2", "w_atop_w", Defect("w_atop_w", "W", 0, "W")),
    ],
)
def test_names_say_what_happens(material, name, expected):
    assert find_defect(find_material(material), name) == expected


@pytest.mark.parametrize("name", ["vacancy", "se_interstitial", "se_vacancy2", "w3_on_se", ""])
def test_other_names_are_refused(name):
    with pytest.raises(ValueError, match=f"named like 'se_vacancy'.* Received: '{name}'"):
        find_defect(find_material("wse2"), name)


@pytest.mark.parametrize("name", ["s_vacancy", "w_on_s", "mo_divacancy"])
def test_elements_that_the_material_lacks_are_refused(name):
    with pytest.raises(ValueError, match=rf"WSe2 holds Se, W, so '{name}' cannot be. Received: "):
        find_defect(find_material("wse2"), name)


@pytest.mark.parametrize("name", ["xx_on_w", "qq_adatom"])
def test_replacements_that_are_no_element_are_refused(name):
    with pytest.raises(ValueError, match=r"symbol of an element. Received: "):
        find_defect(find_material("wse2"), name)


@pytest.mark.parametrize(
    ("material", "name", "expected"),
    [
        ("wse2", "se_vacancy", "se_vacancy"),
        ("wse2", "se_divacancy", "se_divacancy"),
        ("wse2", "w_vacancy", "metal_dark"),
        ("wse2", "v_on_w", "metal_dark"),
        ("wse2", "se_on_w", "metal_dark"),
        ("wse2", "s_on_se", "dark"),
        ("wse2", "te_on_se", "bright"),
        ("wse2", "w2_on_se", "bright"),
        ("wse2", "re_on_w", "bright"),
        ("wse2", "o_adatom", "bright"),
        ("graphene", "c_vacancy", "c_vacancy"),
        ("graphene", "b_on_c", "dark"),
        ("graphene", "si_on_c2", "bright"),
        ("srtio3", "ti_vacancy", "ti_vacancy"),
    ],
)
def test_defects_that_look_alike_share_a_class(material, name, expected):
    assert defect_class(find_material(material), name) == expected
