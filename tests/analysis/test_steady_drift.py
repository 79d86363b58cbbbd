import numpy as np
import pytest

from stemzoo.analysis.cell import Lattice
from stemzoo.analysis.image_drift import CoarseImage
from stemzoo.analysis.steady_drift import steady_drift

# A square lattice of 8 px; its phase tells drifts but for 8 px along rows and columns.
LATTICE = Lattice(0.2, 8.0 * np.eye(2), np.eye(2) / 8.0, 4, 0.0, 0.0, 1.0, 4, 4)


def images(drift, signal, seed=0):
    """White noise of 1, and a picture of that strength that drifts by whole pixels."""
    rng = np.random.default_rng(seed)
    picture = signal * rng.normal(size=(220, 220))
    made = []
    for row, column in drift:
        part = picture[50 - row : 150 - row, 50 - column : 150 - column]
        values = (part + rng.normal(size=part.shape)).astype(np.float32)
        made.append(CoarseImage(values, np.ones(part.shape, np.float32), 1))
    return made


def test_a_drift_beyond_a_lattice_vector_is_found_in_frames_of_little_signal():
    drift = np.array([[11 * k, -5 * k] for k in range(4)])
    found, certainty = steady_drift(images(drift, 0.3), np.mod(drift, 8.0), LATTICE)
    assert found == pytest.approx(drift)
    assert certainty > 0.99


def test_in_noise_alone_no_drift_is_certain():
    drift = np.array([[11 * k, -5 * k] for k in range(4)])
    sure = [
        steady_drift(images(drift, 0.0, seed), np.mod(drift, 8.0), LATTICE)[1] for seed in range(12)
    ]
    assert max(sure) < 0.99
