from dataclasses import replace

import numpy as np
import pytest

from stemzoo.adaptation.similar_sessions import sessions_like
from stemzoo.simulate import find_session, simulate_frame
from stemzoo.simulate.named_sessions import WIDE_SESSIONS


def frame(**changes):
    session = replace(find_session("mos2-randomised"), sampling=0.2074, **changes)
    return simulate_frame(session, (300, 300), rng=np.random.default_rng(4))


def similar(shown, draws=24):
    rng = np.random.default_rng(0)
    wide = WIDE_SESSIONS["mos2"]
    return sessions_like(shown.image, shown.sampling, wide, rng=rng, draws=draws, kept=6)


def test_conditions_are_narrowed_to_those_of_the_image():
    sharp = similar(frame(source_size=0.6, dwell_time=4e-3, defocus=0.0, C12=0.0))
    noisy = similar(frame(source_size=1.4, dwell_time=7e-5, defocus=40.0, C12=20.0))
    dose = [np.median([session.dwell_time for session in found]) for found in (sharp, noisy)]
    assert dose[0] > 1.5 * dose[1]
    for session in (*sharp, *noisy):
        assert session.material == "mos2"
        assert session.sampling.low < 0.2074 < session.sampling.high
        assert session.rotation.high - session.rotation.low == 360


def test_an_image_without_the_lattice_is_refused():
    noise = np.random.default_rng(1).normal(size=(300, 300))
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="Expected an image of mos2 .*lattice is not found"):
        sessions_like(noise, 0.2, WIDE_SESSIONS["mos2"], rng=rng)
