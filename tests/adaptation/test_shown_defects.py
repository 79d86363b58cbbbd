import pytest

from stemzoo.adaptation.shown_defects import missing_defects
from stemzoo.simulate.defects import defect_class
from stemzoo.simulate.materials import MATERIALS, find_material

CLASSES = ("se_vacancy", "se_divacancy", "metal_dark", "bright")


def test_frames_of_wse2_show_all_classes_of_its_detectors():
    assert missing_defects("wse2", CLASSES, 0.2074) == {}


@pytest.mark.parametrize("name", MATERIALS)
def test_a_defect_of_each_class_is_found_for_every_material(name):
    crystal = find_material(name)
    lightest = crystal.sites[-1].symbol.lower()
    wanted = (f"{lightest}_vacancy", f"{lightest}_divacancy", "bright")
    if crystal.metal is not None:
        wanted += ("metal_dark",)
    found = missing_defects(name, wanted, 0.2074)
    for defect, part in found.items():
        assert defect_class(crystal, defect) in wanted
        assert 0 < part < 0.1
    # With these, nothing is missing.
    assert missing_defects(name, wanted, 0.2074, found) == {}


def test_a_class_of_which_no_defect_is_known_is_one_line():
    with pytest.raises(ValueError, match="the class se_vacancy.*name another detector") as caught:
        missing_defects("mos2", ("s_vacancy", "se_vacancy"), 0.2074)
    assert "\n" not in str(caught.value)
