import math

import numpy as np
import pytest

from stemzoo.metrics.preservation import Preservation, label_preservation, point_preservation
from stemzoo.simulate.dataset import simulate_session
from stemzoo.simulate.materials import find_material
from stemzoo.simulate.named_sessions import find_session

WSE2 = find_material("wse2")
SAMPLING = 0.2
SHAPE = (256, 256)
WIDTH = 2.5  # px
HEIGHTS = {"W": 1.0, "Se": 0.55}


def crystal():
    """Columns of WSe2 in a field and some around it; x along columns."""
    places = {site.position[:2]: site.symbol for site in WSE2.sites}
    cells = np.stack(np.mgrid[-20:20, -20:20], axis=-1).reshape(-1, 2)
    groups = [((cells + place) * WSE2.cell[:2])[:, ::-1] / SAMPLING + 128.3 for place in places]
    kinds = np.repeat(list(places.values()), len(cells))
    positions = np.concatenate(groups)
    near = ((positions > -12) & (positions < 268)).all(axis=1)
    return positions[near], kinds[near]


POSITIONS, KINDS = crystal()
# Every thirteenth Se site that lies well inside: 15 vacancies among some 190 judged sites.
INSIDE = ((POSITIONS > 30) & (POSITIONS < 225)).all(axis=1) & (KINDS == "Se")
VACANCIES = np.flatnonzero(INSIDE)[::13]
INTACT = np.setdiff1d(np.flatnonzero(INSIDE), VACANCIES)


def drawn(vacancies, moved=None):
    """Gaussian columns; `moved` is added to their positions."""
    heights = np.array([HEIGHTS[kind] for kind in KINDS])
    heights[vacancies] *= 0.5
    at = POSITIONS if moved is None else POSITIONS + moved
    rows, columns = (
        np.exp(-((np.arange(n) - at[:, axis, None]) ** 2) / (2 * WIDTH**2))
        for axis, n in enumerate(SHAPE)
    )
    return (rows * heights[:, None]).T @ columns


def measured(translated, points=None, labels=None, simulated=None, **changes):
    points = POSITIONS[VACANCIES] if points is None else points
    return point_preservation(
        drawn(VACANCIES) if simulated is None else simulated,
        translated,
        points,
        ["se_vacancy"] * len(points) if labels is None else labels,
        **{"material": WSE2, "sampling": SAMPLING, "label": "se_vacancy", **changes},
    )


def as_an_image(expected, rng, dose=40):
    """Counts with another scale, offset and a slow haze."""
    haze = 0.3 + 0.3 * np.linspace(0, 1, SHAPE[1])
    return 7 * rng.poisson(dose * (expected + haze)) - 100.0


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def test_a_faithful_translation_changes_nothing(rng):
    found = measured(as_an_image(drawn(VACANCIES), rng))
    assert found.labelled == len(VACANCIES)
    assert (found.removed, found.invented, found.moved) == (0, 0, 0)
    # Half of the atoms are missing, so vacancies lie near 0.5 and the threshold near 0.75.
    assert found.threshold == pytest.approx(0.75, abs=0.05)
    assert np.median(found.displacements) < 0.05


def test_removed_and_invented_vacancies_are_counted(rng):
    changed = np.concatenate([VACANCIES[2:], INTACT[[20, 60, 100]]])
    found = measured(as_an_image(drawn(changed), rng))
    assert (found.removed, found.invented, found.moved) == (2, 3, 0)
    assert found.removed_per_1000 == pytest.approx(2000 / len(VACANCIES))
    assert found.invented_per_1000 == pytest.approx(3000 / len(found.intact))
    assert found.sites == found.labelled + len(found.intact)


@pytest.mark.parametrize(("distance", "moved"), [(0.6, 1), (0.3, 0)])
def test_a_vacancy_whose_surroundings_moved_by_half_an_angstrom_is_counted(distance, moved, rng):
    away = np.hypot(*(POSITIONS - POSITIONS[VACANCIES[7]]).T)
    # The nearest columns of all move together: 27 px are 5 Å.
    shift = (away < 27)[:, None] * np.array([0.6, 0.8]) * distance / SAMPLING
    found = measured(as_an_image(drawn(VACANCIES, shift), rng))
    assert found.moved == moved
    assert found.displacements.max() == pytest.approx(distance, abs=0.06)
    assert np.median(found.displacements) < 0.05
    assert found.removed == 0


def test_a_translation_that_shifts_everything_moves_every_label(rng):
    everything = np.broadcast_to([3.0, 0.0], POSITIONS.shape)  # 0.6 Å
    found = measured(as_an_image(drawn(VACANCIES, everything), rng))
    assert found.moved_per_1000 == 1000
    assert np.median(found.displacements) == pytest.approx(0.6, abs=0.03)
    assert (found.removed, found.invented) == (0, 0)


def test_sites_with_other_labels_and_at_the_border_are_not_judged(rng):
    image = drawn(VACANCIES)
    all_points = POSITIONS[VACANCIES]
    names = ["se_divacancy"] * 5 + ["se_vacancy"] * (len(VACANCIES) - 5)
    found = measured(image, all_points, names)
    # The sites with another label are neither vacancies nor intact.
    assert found.labelled == len(VACANCIES) - 5
    assert found.intact.min() > 0.9
    wide = measured(image, border=12)
    inner = ((all_points > 60) & (all_points < 195)).all(axis=1)
    assert wide.labelled == inner.sum()


def test_counts_of_several_images_are_added():
    first = Preservation(np.array([0.5, 0.5, 1.0]), np.full(97, 1.0), np.array([0.1, 0.2, 0.7]))
    second = Preservation(np.array([0.6]), np.array([1.0, 0.5]), np.array([0.3]))
    total = first + second
    assert (total.labelled, total.sites) == (4, 103)
    assert (total.removed, total.invented, total.moved) == (1, 1, 1)
    # Medians of 0.5, 0.5, 0.6, 1.0 and of the intact ones.
    assert total.threshold == pytest.approx((0.55 + 1.0) / 2)
    assert total.removed_per_1000 == 250
    assert total.invented_per_1000 == pytest.approx(1000 / 99)
    assert total.displacements.tolist() == [0.1, 0.2, 0.7, 0.3]


def test_without_labelled_vacancies_nothing_can_be_said():
    found = Preservation(np.zeros(0), np.ones(50), np.zeros(0))
    assert (found.removed, found.invented, found.moved) == (0, 0, 0)
    assert math.isnan(found.removed_per_1000)
    assert math.isnan(found.invented_per_1000)
    assert math.isnan(found.moved_per_1000)
    assert math.isnan(found.noise_corrected().separation)


def test_labels_of_a_session_are_true_and_its_noise_is_low_enough():
    session = find_session("wse2-dayA")
    (frame,) = simulate_session(session, 1, (384, 384), seed=2)
    found = label_preservation(frame, frame.image)
    assert found.labelled >= 5
    assert (found.removed, found.invented, found.moved) == (0, 0, 0)


def test_a_translation_that_heals_the_crystal_removes_every_vacancy(rng):
    # Medians of both classes are alike then: the separation says it.
    found = measured(as_an_image(drawn([]), rng))
    assert abs(found.noise_corrected().separation) < 1
    assert found.removed > 0.2 * found.labelled


def test_graphene_is_measured_by_its_carbon_columns():
    session = find_session("graphene")
    (frame,) = simulate_session(session, 1, (256, 256), seed=4)
    found = label_preservation(frame, frame.clean)
    assert found.invented == 0
    assert found.intact.std() < 0.1


def test_bad_input_is_refused():
    image = drawn(VACANCIES)
    with pytest.raises(ValueError, match=r"shape \(256, 256\)"):
        measured(image[:200])
    with pytest.raises(ValueError, match="check points and sampling"):
        measured(image, POSITIONS[VACANCIES] + 5.0)
    with pytest.raises(ValueError, match="not finite"):
        measured(np.where(image > 1, np.nan, image))
    with pytest.raises(ValueError, match="WSe2 holds"):
        measured(image, label="c_vacancy")
    with pytest.raises(ValueError, match="No wse2 lattice"):
        measured(image, simulated=np.random.default_rng(0).normal(size=SHAPE))
