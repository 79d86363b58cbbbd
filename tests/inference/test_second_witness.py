from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import cKDTree

import stemzoo
from stemzoo.analysis.sites import lattice_sites
from stemzoo.inference.detections import Detections
from stemzoo.inference.reporting import BRIGHT_SIGMA
from stemzoo.inference.second_witness import (
    ColumnReadings,
    measure_crystal,
    read_columns,
)
from stemzoo.inference.seen_crystal import find_crystal
from stemzoo.io import Image
from stemzoo.preprocessing import resample
from stemzoo.simulate import find_material, find_session, simulate_session

WSE2 = find_material("wse2")
EDGE = 5.0  # [Å]


@pytest.fixture(scope="module")
def large_frame():
    return next(iter(simulate_session(find_session("wse2-dayA"), 1, (1024, 1024), seed=77)))


def crystal(frame, image=None):
    pixels = frame.image if image is None else image
    return find_crystal(Image(pixels, frame.sampling * frame.image.shape[0] / len(pixels)), "wse2")


def inner(frame, points):
    """Which points lie away from the edges of a frame."""
    room = EDGE / frame.sampling
    return ((points > room) & (points < np.array(frame.image.shape) - 1 - room)).all(axis=1)


def of_class(frame, name):
    chosen = np.array([label == name for label in frame.labels()], dtype=bool)
    return frame.points[chosen & inner(frame, frame.points)]


def intact(frame):
    """Ideal sites that are no defects, from the image."""
    sites = lattice_sites(frame.image, WSE2, sampling=frame.sampling)
    chosen = inner(frame, sites.positions)
    chosen &= cKDTree(frame.points).query(sites.positions)[0] > 1.5 / frame.sampling
    return sites.positions[chosen], sites.kinds[chosen]


def test_vacancies_have_half_the_intensity_of_full_columns(day_a):
    found = []
    for frame in day_a:
        readings = read_columns(crystal(frame), "wse2", of_class(frame, "se_vacancy"))
        found.append((readings.intensity, readings.sigma))
    intensity, sigma = np.concatenate(found, axis=1)
    assert len(intensity) > 15
    # One of two atoms in the incoherent model; the rest is blur.
    assert np.median(intensity) == pytest.approx(0.5, abs=0.06)
    assert np.mean(sigma < -3) > 0.95


def test_intact_columns_are_normally_distributed_around_full(day_a):
    positions, kinds = intact(day_a[0])
    # Some of them, as what is asked for is not counted as intact.
    some = np.arange(0, len(positions), 5)
    readings = read_columns(crystal(day_a[0]), "wse2", positions[some])
    for kind in ("W", "Se"):
        intensity = readings.intensity[kinds[some] == kind]
        sigma = readings.sigma[kinds[some] == kind]
        assert len(sigma) > 30
        assert np.median(intensity) == pytest.approx(1, abs=0.02)
        assert abs(np.median(sigma)) < 0.4
        assert 0.6 < np.std(sigma) < 1.5
        # One standard deviation is about the same intensity all over an even crystal: of 100
        # columns it is known to a tenth.
        widths = (intensity - 1) / sigma
        assert np.std(widths) < 0.2 * np.median(widths)


def test_columns_under_contamination_are_less_certain_than_those_beside_it(day_a):
    frame = day_a[0]
    rng, half = np.random.default_rng(3), frame.image.shape[1] // 2
    hazy = frame.image.astype(float)
    grain = ndimage.gaussian_filter(rng.normal(size=(len(hazy), half)), 2)
    hazy[:, half:] += hazy.mean() * (1 + 0.2 * grain / grain.std())
    columns = measure_crystal(crystal(frame, hazy), "wse2", frame.points)
    selenium = columns[columns.sublattices == "Se"]
    x = selenium.positions[:, 1]
    clean, covered = (np.median(selenium.noise[there]) for there in (x < half - 40, x > half + 40))
    assert covered > 1.5 * clean


def test_noise_makes_the_same_loss_less_certain(day_a, day_b):
    def median(frames):
        return np.median(
            np.concatenate(
                [read_columns(crystal(f), "wse2", of_class(f, "se_vacancy")).sigma for f in frames]
            )
        )

    # An eighth of the dose counts on day B.
    assert median(day_a) < median(day_b) - 2
    assert median(day_b) < -2


def test_finer_pixels_and_turned_contrast_change_little(day_a):
    frame = day_a[0]
    points = of_class(frame, "se_vacancy")
    expected = read_columns(crystal(frame), "wse2", points).intensity
    turned = read_columns(crystal(frame, frame.image.max() - frame.image), "wse2", points)
    assert turned.intensity == pytest.approx(expected, abs=0.02)
    fine = resample(frame.image, frame.sampling, frame.sampling / 3)
    seen = crystal(frame, fine)
    found = read_columns(seen, "wse2", points * frame.sampling / seen.pixel_size.value)
    assert found.intensity == pytest.approx(expected, abs=0.1)


def test_where_there_is_no_column_nothing_is_known(day_a):
    frame = day_a[0]
    seen, (positions, kinds) = crystal(frame), intact(frame)
    tungsten, selenium = positions[kinds == "W"], positions[kinds == "Se"]
    centre = tungsten[np.argmin(abs(tungsten - 128).sum(axis=1))]
    near = selenium[np.argsort(((selenium - centre) ** 2).sum(axis=1))[0]]
    hollow = 2 * centre - near  # opposite of a Se: the middle of a hexagon
    corner = np.array([1.0, 1.0])
    readings = read_columns(seen, "wse2", np.array([centre, hollow, corner]))
    assert np.isnan(readings.intensity).tolist() == [False, True, True]
    assert np.isnan(readings.sigma).tolist() == [False, True, True]
    for other in (replace(seen, has_lattice=False), seen):
        material = "wse2" if other is not seen else None
        assert np.isnan(read_columns(other, material, positions).intensity).all()
    assert read_columns(seen, "wse2", np.zeros((0, 2))).sigma.shape == (0,)


def test_a_large_image_is_read_in_parts_as_in_one(large_frame):
    seen, points = crystal(large_frame), of_class(large_frame, "se_vacancy")
    whole = measure_crystal(seen, "wse2", points)
    # 5 px a lattice constant: 340 px, in nine parts.
    parts = measure_crystal(seen, "wse2", points, part=128)
    assert len(parts.positions) == pytest.approx(len(whole.positions), abs=2)
    distance, at = cKDTree(whole.positions).query(parts.positions)
    assert distance.max() < 0.1 / large_frame.sampling
    assert (parts.sublattices == whole.sublattices[at]).all()
    away = abs(parts.intensity - whole.intensity[at])
    assert np.median(away) < 0.003
    assert away.max() < 0.1
    # None twice.
    assert len(set(at.tolist())) == len(at)


def test_detections_keep_their_readings():
    points, scores = np.arange(6.0).reshape(3, 2), np.array([0.9, 0.8, 0.6])
    readings = ColumnReadings(np.array([0.51239, np.nan, 1.5]), np.array([-6.1234, np.nan, 4.0]))
    classes = ("a", "b", "a")
    found = Detections(points, classes, scores, 0.2, "given", (64, 64), readings=readings)
    assert [row[6:8] for row in found.rows()] == [[0.512, -6.123], [None, None], [1.5, 4.0]]
    assert found.select("a").intensity.tolist() == [0.51239, 1.5]
    assert found.select("a", 0.7).sigma.tolist() == [-6.1234]
    bare = Detections(points, classes, scores, 0.2, "given", (64, 64))
    assert np.isnan(bare.sigma).all()
    assert bare.select("a").intensity.shape == (2,)


def test_tiles_of_a_large_image_fit_together(large_frame):
    """More than 60 lattice constants: four tiles; 24 Å around the middle hold their borders."""
    frame = large_frame
    points = of_class(frame, "se_vacancy")
    assert min(frame.image.shape) * frame.sampling > 60 * WSE2.lattice_constant
    readings = read_columns(crystal(frame), "wse2", points)
    middle = np.array(frame.image.shape) / 2
    seam = (abs(points - middle) < 12 / frame.sampling).any(axis=1)
    assert np.count_nonzero(seam) > 15
    assert np.isfinite(readings.intensity).all()
    assert np.median(readings.intensity[seam]) == pytest.approx(0.5, abs=0.06)
    assert np.mean(readings.sigma[seam] < -3) > 0.95


def test_a_bright_column_is_told_only_where_the_fit_says_so_too(detector, frames):
    told = []
    for frame in frames:
        found = stemzoo.detect(Image(frame.image, frame.sampling), detector).select("bright")
        told += found.sigma.tolist()
    assert len(told) > 0
    assert all(np.isnan(sigma) or sigma > BRIGHT_SIGMA for sigma in told)


def test_a_second_layer_does_not_tell_which_sublattice_is_the_metal():
    # Stacked as in 2H, its metal lies above the first layer's chalcogen.
    *_, frame = simulate_session(
        find_session("wse2-dayA"), 2, (512, 512), seed=9000, scene="bilayer"
    )
    assert frame.scene.twist == 0
    seen = crystal(frame)
    labels = np.array(frame.labels())
    vacancies = frame.points[(labels == "se_vacancy") & seen.contains(frame.points)]
    columns = measure_crystal(seen, "wse2", vacancies)
    at = columns.nearest(vacancies)
    assert len(at) > 10
    assert set(columns.sublattices[at[at >= 0]]) == {"Se"}


def hazy(frame, strength=0.8):
    """Add hills of some 7 Å that are smooth over a column, of the brightness of the crystal."""
    rng = np.random.default_rng(5)
    hills = ndimage.gaussian_filter(rng.normal(size=frame.image.shape), 7.0 / 2 / frame.sampling)
    return frame.image + strength * frame.image.mean() * np.exp(0.8 * hills / hills.std())


def test_hills_of_contamination_are_followed_by_a_finer_background(day_a):
    frame = day_a[0]
    vacancies = of_class(frame, "se_vacancy")
    seen = crystal(frame, hazy(frame))
    coarse = measure_crystal(seen, "wse2", vacancies, finer=False)
    found = measure_crystal(seen, "wse2", vacancies)
    assert (found.positions == coarse.positions).all()
    usual, finer = (np.median(c.noise[c.sublattices == "Se"]) for c in (coarse, found))
    assert finer < 0.8 * usual
    # What is missing is still about a half.
    assert np.median(found.readings(vacancies).intensity) == pytest.approx(0.5, abs=0.15)
    assert np.mean(found.readings(vacancies).sigma) < np.mean(coarse.readings(vacancies).sigma)


def test_on_a_clean_frame_the_background_stays_coarse(day_a):
    frame = day_a[0]
    vacancies = of_class(frame, "se_vacancy")
    seen = crystal(frame)
    coarse = measure_crystal(seen, "wse2", vacancies, finer=False)
    found = measure_crystal(seen, "wse2", vacancies)
    np.testing.assert_array_equal(found.intensity, coarse.intensity)
    np.testing.assert_array_equal(found.noise, coarse.noise)
