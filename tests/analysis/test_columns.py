import json

import numpy as np
import pytest
from drawn_crystal import SHAPE, WSE2, crystal, drawn, heights_of, inner
from places import REAL
from scipy.spatial import cKDTree

from stemzoo import io
from stemzoo.analysis.columns import column_contrast, column_intensities, column_width, fit_columns
from stemzoo.analysis.sites import lattice_sites


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def test_intensities_are_the_integrals_of_overlapping_columns():
    positions, kinds = crystal(WSE2)
    inside = inner(positions, -8)
    positions, heights = positions[inside], heights_of(kinds)[inside]
    slope = np.add.outer(0.002 * np.arange(SHAPE[0]), -0.001 * np.arange(SHAPE[1]))
    seen = inner(positions, 0)
    image = drawn(positions, heights) + slope + 7
    found = column_intensities(image, positions[seen], width=2.5)
    # The integral of a Gaussian; columns at the edge also take what comes from outside.
    expected = heights[seen] * 2 * np.pi * 2.5**2
    middle = inner(positions[seen])
    assert found[middle] == pytest.approx(expected[middle], rel=0.02)


@pytest.mark.parametrize("width", [1.8, 2.5, 3.2])
def test_the_width_of_the_columns_is_measured(width, rng):
    positions, kinds = crystal(WSE2)
    image = drawn(positions, heights_of(kinds), width=width) + rng.normal(0, 0.1, SHAPE)
    assert column_width(image, positions[inner(positions, 0)]) == pytest.approx(width, rel=0.03)


def test_a_shifted_column_is_located():
    positions, kinds = crystal(WSE2)
    inside = inner(positions, 0)
    truth = positions.copy()
    chosen = np.argmin(abs(positions - 128).sum(axis=1) + 99 * (kinds != "W"))
    truth[chosen] += (1.5, -1.0)
    fit = fit_columns(drawn(truth, heights_of(kinds)), positions[inside], width=2.5)
    shift = fit.shifts[np.flatnonzero(inside) == chosen][0]
    # First order for a column with neighbours: good to a tenth.
    assert shift == pytest.approx((1.5, -1.0), abs=0.2)


def test_contrast_ignores_slow_changes_of_brightness_and_haze():
    positions, kinds = crystal(WSE2)
    heights = heights_of(kinds)
    inside = inner(positions, 0)
    vacancy = (kinds == "Se") & (np.arange(len(kinds)) % 31 == 0)
    heights[vacancy] *= 0.5
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]] / 256
    image = drawn(positions, heights) * (1 + 0.3 * x) + 3 + np.cos(3 * y)
    at = positions[inside]
    contrast = column_contrast(column_intensities(image, at), at, kinds[inside])
    middle = inner(at, 32)  # near an edge neighbours lie on one side only
    assert contrast[middle & vacancy[inside]] == pytest.approx(0.5, abs=0.05)
    assert contrast[middle & ~vacancy[inside]] == pytest.approx(1.0, abs=0.07)


def test_a_vacancy_stands_out_in_a_noisy_image(rng):
    positions, kinds = crystal(WSE2)
    heights = heights_of(kinds)
    vacancy = (kinds == "Se") & (np.arange(len(kinds)) % 17 == 0)
    heights[vacancy] *= 0.5
    image = rng.poisson(15 * (drawn(positions, heights) + 0.3))
    sites = lattice_sites(image, WSE2)
    contrast = column_contrast(
        column_intensities(image, sites.positions), sites.positions, sites.kinds
    )
    _, nearest = cKDTree(positions).query(sites.positions)
    judged = inner(sites.positions) & (sites.kinds == "Se")
    low, full = (contrast[judged & (vacancy[nearest] == state)] for state in (True, False))
    # Counting noise alone: 15 · 0.55 · 4π · 2.5² / 2 electrons, some 6 % with the background.
    assert full.std() < 0.12
    assert low.max() < full.min() + 0.05
    assert (np.median(full) - np.median(low)) / full.std() > 4.5


def test_contrast_of_a_kind_without_intensity_is_not_a_number():
    at = np.stack(np.mgrid[:5, :5], axis=-1).reshape(-1, 2) * 9.0
    assert np.isnan(column_contrast(np.zeros(25), at, np.full(25, "C"))).all()


def test_bad_input_is_refused():
    image, at = np.zeros((64, 64)), np.array([[20.0, 20.0], [20.0, 30.0]])
    with pytest.raises(ValueError, match="one image of shape"):
        column_intensities(np.zeros((3, 64, 64)), at)
    with pytest.raises(ValueError, match="1 not finite"):
        column_intensities(np.pad([[np.nan]], 30), at)
    with pytest.raises(ValueError, match=r"positions of shape \(K, 2\)"):
        column_intensities(image, at[:1])
    with pytest.raises(ValueError, match="1 outside"):
        column_intensities(image, [[20, 20], [20, 64.0]])
    with pytest.raises(ValueError, match="most of them twice"):
        column_intensities(image, [[20, 20], [20, 20.0]])
    with pytest.raises(ValueError, match="Received: 0"):
        fit_columns(image, at, width=0)
    with pytest.raises(ValueError, match="more than 18 columns"):
        column_contrast(np.ones(2), at, np.array(["C", "C"]))


@pytest.mark.skipif(not REAL.exists(), reason="the labelled real images are not here")
@pytest.mark.parametrize("name", ["1391", "1394"])
def test_contrast_tells_the_labelled_vacancies_of_real_images(name):
    image = io.read_image(REAL / "wse2_jeol" / f"{name}.tif").data
    facts = json.loads((REAL / "labels" / f"{name}.json").read_text())
    _, table = io.read_csv(REAL / "labels" / f"{name}.csv")
    sites = lattice_sites(image, WSE2, sampling=facts["pixel_size_pm"] / 100)
    contrast = column_contrast(
        column_intensities(image, sites.positions), sites.positions, sites.kinds
    )
    labels = np.column_stack([table["row_px"], table["col_px"]])
    distance, nearest = cKDTree(labels).query(sites.positions)
    kind = np.where(distance < 10, np.array(table["class"])[nearest], "full")
    judged = inner(sites.positions, facts["margin_px"], image.shape) & (sites.kinds == "Se")
    low, full = contrast[judged & (kind == "se_vacancy")], contrast[judged & (kind == "full")]
    assert len(low) == facts["counts"]["se_vacancy"]
    # The chance that a vacancy measures less than a full column: 0.9989 and 1.0000 measured.
    assert (low[:, None] < full).mean() > 0.997
