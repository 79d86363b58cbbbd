from dataclasses import fields, replace

import numpy as np
import pytest

from stemzoo.simulate.distributions import LogUniform, Normal, Uniform
from stemzoo.simulate.named_sessions import SESSIONS, choose_session, find_session
from stemzoo.simulate.noise_models import manual_noise, noise_free
from stemzoo.simulate.sessions import AcquisitionSession

SAMPLE = AcquisitionSession(
    name="sample",
    material="wse2",
    defects={"se_vacancy": 0.03},
    defocus=Normal(10, 5),
    defocus_drift=30.0,
    C12=Uniform(0, 20),
    C12_drift=15.0,
    dwell_time=LogUniform(1e-6, 1e-4),
)
VARYING = ("sampling", "rotation", "defocus", "C12", "C21", "source_size", "dwell_time", "flyback")
NOT_DRAWN = ("name", "material", "defects", "thickness", "bits", "line_shifts", "scenes")


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("name", SESSIONS)
def test_a_drawn_session_is_made_of_numbers(name):
    drawn = find_session(name).draw(rng())
    assert find_session(name).name == name
    for field in fields(drawn):
        if field.name not in NOT_DRAWN:
            assert type(getattr(drawn, field.name)) is float, field.name
    assert drawn.microscope().defocus == pytest.approx(drawn.defocus)
    assert drawn.distortion().flyback == drawn.flyback


@pytest.mark.parametrize("name", SESSIONS)
def test_draws_are_reproducible(name):
    session = find_session(name)
    first, again, other = (session.draw(rng(seed), 0.3) for seed in (4, 4, 5))
    assert first == again
    assert any(getattr(first, f) != getattr(other, f) for f in VARYING)


@pytest.mark.parametrize("derive", [manual_noise, noise_free])
def test_derived_sessions_draw_too(derive):
    drawn = derive(SAMPLE).draw(rng())
    assert drawn.name.startswith("sample-")
    assert (drawn.material, drawn.defects) == ("wse2", {"se_vacancy": 0.03})
    assert all(type(getattr(drawn, f)) is float for f in VARYING)


def test_slow_drift_is_smooth_in_time():
    times = np.linspace(0, 1, 201)
    still = replace(SAMPLE, defocus=0.0, C12=0.0)
    drawn = [still.draw(rng(), time) for time in times]
    scopes = [d.microscope().aberrations for d in drawn]
    for name, size in (("C10", 30.0), ("C12a", 15.0), ("C12b", 15.0)):
        course = np.array([scope[name] for scope in scopes])
        # Periods are at least 0.6 and amplitudes add up to √6 standard deviations at most.
        assert np.abs(course).max() <= size * np.sqrt(6) + 1e-9
        assert np.abs(np.diff(course)).max() < size * np.sqrt(6) * 2 * np.pi / 0.6 / 200
        assert np.ptp(course) > 0.2 * size
    again = replace(still, name="another").draw(rng(), 0.25)
    assert again.defocus != drawn[50].defocus


def test_slow_drift_adds_to_what_is_drawn():
    steady = replace(SAMPLE, defocus_drift=0.0).draw(rng(), 0.7)
    drift = replace(SAMPLE, defocus=0.0).draw(rng(), 0.7)
    both = SAMPLE.draw(rng(), 0.7)
    assert both.defocus == pytest.approx(steady.defocus + drift.defocus)
    assert (both.defocus_drift, both.C12_drift) == (0, 0)


@pytest.mark.parametrize(("name", "near"), [("wse2-randomized", "wse2-randomised"), ("", "wse2")])
def test_an_unknown_name_offers_the_nearest(name, near):
    with pytest.raises(KeyError, match=f"one of [^.]*{near}.* Received: '{name}'"):
        find_session(name)


def test_a_session_is_chosen_by_name_or_by_material():
    assert choose_session("wse2-dayB", None).name == "wse2-dayB"
    assert choose_session("wse2-dayB", "WSe2").name == "wse2-dayB"
    assert choose_session(None, "graphene").name == "graphene"


def test_a_material_without_a_session_gets_the_manual_noise_model():
    session = choose_session(None, "MoS2")
    assert (session.name, session.material) == ("mos2-manual", "mos2")
    assert session.defects == {"mo_vacancy": 0.02, "s_vacancy": 0.02}


@pytest.mark.parametrize(
    ("name", "material", "error", "reason"),
    [
        (None, None, ValueError, "Name a session or a material"),
        ("wse2-dayB", "graphene", ValueError, "is of wse2"),
        (None, "wood", KeyError, "Unknown material"),
        ("wse2-dayC", None, KeyError, "wse2-dayA"),
    ],
)
def test_a_choice_that_cannot_be_made_is_explained(name, material, error, reason):
    with pytest.raises(error, match=reason):
        choose_session(name, material)


def test_a_frame_is_drawn_one_of_the_measured_scans():
    session = replace(find_session("wse2-dayA"), line_shifts=((0.0, 1.0), (2.0, 3.0)))
    drawn = [session.draw(rng(seed)).line_shifts for seed in range(20)]
    assert set(drawn) == {((0.0, 1.0),), ((2.0, 3.0),)}
