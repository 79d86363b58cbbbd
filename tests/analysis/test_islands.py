from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from stemzoo.analysis.crystal_mask import crystal_mask
from stemzoo.analysis.lattice import find_lattice
from stemzoo.simulate import find_material, find_session, simulate_session

WORDS = "bright islands of other matter"


def frame_and_mask(session, scene=None, seed=600, shape=(512, 512)):
    (frame,) = simulate_session(session, 1, shape, seed=seed, scene=scene)
    image = np.asarray(frame.image, float)
    material = find_material(session.material)
    return frame, crystal_mask(image, find_lattice(image, material, sampling=frame.sampling))


@pytest.mark.parametrize("name", ["wse2-dayA", "mos2-randomised", "graphene"])
def test_islands_of_heavy_atoms_are_no_crystal(name):
    frame, mask = frame_and_mask(find_session(name), "adsorbates")
    island = ~frame.crystal
    # Deeper than the probe's tails, and farther than a lattice constant of the coarsest.
    deep = ndimage.distance_transform_edt(island) * frame.sampling > 1.5
    far = ndimage.distance_transform_edt(~island) * frame.sampling > 3.3
    assert deep.mean() > 0.01
    assert (~mask.crystal)[deep].mean() > 0.9
    assert mask.crystal[far].mean() > 0.98
    assert any(WORDS in reason for reason in mask.reasons)


def test_contamination_is_no_island():
    session = replace(find_session("wse2-dayA"), contamination=2.0)
    for seed in (1, 2):
        _, mask = frame_and_mask(session, seed=seed)
        assert not any(WORDS in reason for reason in mask.reasons)


def test_single_heavy_atoms_are_no_islands():
    # Pairs of tungsten on selenium are the brightest defects of the sessions; here ten times as
    # many as usual.
    session = replace(find_session("wse2-dayA"), defects={"w2_on_se": 0.01, "se_vacancy": 0.03})
    frame, mask = frame_and_mask(session, seed=3)
    assert frame.defects.count("w2_on_se") > 5
    assert mask.is_whole
