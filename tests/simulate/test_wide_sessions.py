import numpy as np
import pytest

from stemzoo.simulate import find_session, simulate_session
from stemzoo.simulate.materials import MATERIALS
from stemzoo.simulate.named_sessions import SESSIONS, TRAINING_DEFECTS
from stemzoo.simulate.wide_sessions import hard_sessions


def test_every_material_with_training_defects_has_sessions_of_filtered_and_of_dirty_images():
    assert set(TRAINING_DEFECTS) <= set(MATERIALS)
    for material, defects in TRAINING_DEFECTS.items():
        for session, kind in zip(
            hard_sessions(material, defects), ("filtered", "contaminated"), strict=True
        ):
            assert session.name == f"{material}-{kind}"
            assert SESSIONS[session.name] == session
            assert session.material == material


def test_filtered_frames_are_of_8_bits_and_some_have_lost_all_that_is_fine():
    frames = list(simulate_session(find_session("wse2-filtered"), 12, (96, 96), seed=3))
    assert {frame.image.dtype for frame in frames} == {np.dtype("uint8")}
    drawn = [frame.conditions for frame in frames]
    assert {d.butterworth > 0 for d in drawn} == {d.jpeg > 0 for d in drawn} == {True, False}
    assert all(0.42 <= d.vacancy_contrast <= 0.60 for d in drawn)


def test_contamination_is_from_half_to_four_times_the_mean_of_the_crystal():
    session = find_session("mos2-contaminated")
    drawn = [session.draw(np.random.default_rng(i)).contamination for i in range(200)]
    assert min(drawn) >= 0.5
    assert max(drawn) <= 4
    assert np.mean(drawn) == pytest.approx(2.25, abs=0.25)  # the middle of a uniform distribution
