from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from stemzoo.analysis.dose import detected_electrons
from stemzoo.simulate import find_session, simulate_frame
from stemzoo.simulate.acquisition import ELECTRONS_PER_PC


@pytest.mark.parametrize("session", ["wse2-randomised", "mos2-randomised-fine"])
@pytest.mark.parametrize("gain", [1.0, 40.0])
def test_counts_of_a_crystal_are_told_whatever_gain_and_black_level(session, gain):
    rng = np.random.default_rng(2)
    drawn = replace(
        find_session(session).draw(rng),
        **dict.fromkeys(["smoothing", "misregistration", "afterglow", "line_jitter"], 0.0),
        **dict.fromkeys(["read_noise", "contamination"], 0.0),
        frames=1.0,
        bits=0,
    )
    frame = simulate_frame(drawn, (384, 384), rng=rng)
    true = frame.clean.mean() * drawn.current * drawn.efficiency * drawn.dwell_time
    found = detected_electrons(frame.image * gain + 300)
    assert found == pytest.approx(true * ELECTRONS_PER_PC, rel=0.6)


def test_shared_or_constant_noise_is_not_told():
    rng = np.random.default_rng(0)
    signal = np.broadcast_to(60 + 30 * np.sin(np.arange(256) / 4), (256, 256))
    counts = rng.poisson(signal).astype(float)
    assert detected_electrons(counts) == pytest.approx(60, rel=0.25)
    assert detected_electrons(ndimage.gaussian_filter(counts, 0.5)) is None
    assert detected_electrons(signal + rng.normal(0, 5, signal.shape)) is None
    assert detected_electrons(np.ones((256, 256))) is None
    assert detected_electrons(np.ones((32, 32))) is None
    counts[3, 4] = np.nan
    assert detected_electrons(counts) == pytest.approx(60, rel=0.25)
