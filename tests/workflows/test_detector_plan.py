import pytest
from known_structures import gallium_nitride

from stemzoo.simulate import find_material
from stemzoo.simulate.materials import Material
from stemzoo.workflows.detector_plan import nearest_detector, plan_training


def test_the_most_similar_detector_has_the_symmetry_and_then_the_contrast():
    nearest = nearest_detector(find_material("mose2"))
    assert find_material(nearest.material).symmetry == 6
    assert nearest_detector(find_material("wse2")).name == "fcn-wse2"


def test_columns_that_are_nearer_get_finer_pixels():
    plans = {name: plan_training(find_material(name), 10) for name in ("wse2", "graphene")}
    spacings = {name: find_material(name).column_spacing for name in plans}
    # In pixels they are as far apart.
    assert len({round(spacings[name] / plan.sampling, 2) for name, plan in plans.items()}) == 1
    assert plan_training(find_material("mote2"), 10).sampling == 0.4148


def test_more_time_means_more_frames_up_to_a_limit():
    frames = [plan_training(find_material("mos2"), minutes).frames for minutes in (1, 10, 100, 500)]
    assert frames == [10, 100, 400, 400]


def test_defects_of_the_table_are_not_given():
    with pytest.raises(ValueError, match=r"for a structure of your own; those of mos2 are known"):
        plan_training(find_material("mos2"), 10, {"s_vacancy": 0.1})


def test_columns_that_no_microscope_tells_apart_ask_for_no_finer_pixels():
    nitride = Material.from_structure(gallium_nitride(), (1, 1, 0))
    sampling = plan_training(nitride, 10).sampling
    assert sampling == pytest.approx(0.4148 * 1.119 / 1.895, rel=0.01)  # Ga and N: 1.12 Å
