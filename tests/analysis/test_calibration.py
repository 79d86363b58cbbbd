from dataclasses import replace

import numpy as np
import pytest

from stemzoo.analysis.calibration import Calibration, ClassCalibration, Witnesses
from stemzoo.analysis.calibration_fit import JudgedFrame, fit_calibration

CLASSES = ("vacancy", "bright")
LEVELS = (0.5, 1.6)


def frame(rng, *, noise=0.12, places=1500, part=0.03):
    """Return columns of which some are defects, seen by a network that is often wrong."""
    truth = rng.choice([-1, 0, 1], places, p=[1 - 2 * part, part, part])
    intensity = np.where(truth < 0, 1.0, np.take(LEVELS, np.maximum(truth, 0)))
    intensity += rng.normal(0, noise, places)
    told = rng.random(places) < np.where(truth < 0, 0.05, 0.8)
    marks = np.where(told, np.where(truth < 0, rng.integers(0, 2, places), truth), -1)
    strong = rng.beta(np.where(truth < 0, 1.5, 4), 2)
    scores = np.where(told, strong, 0)
    kinds = np.full(places, "Se")
    lost = rng.random(places) < 0.1
    kinds[lost], intensity[lost] = "", np.nan
    widths = np.where(lost, np.nan, noise)
    seen = Witnesses(marks, scores, kinds, intensity, widths)
    return JudgedFrame(seen, truth)


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(1)
    frames = [frame(rng, noise=noise) for noise in np.linspace(0.05, 0.4, 20)]
    return fit_calibration(frames, CLASSES, sessions=("drawn",), weights_sha256="ab")


def test_probabilities_are_the_shares_of_true_ones(fitted):
    rng = np.random.default_rng(2)
    frames = [frame(rng, noise=noise) for noise in (0.08, 0.2, 0.35)]
    p = np.concatenate([fitted.probabilities(one.seen) for one in frames])
    truth = np.concatenate([one.truth for one in frames])
    for k in range(2):
        for low, high in ((0.1, 0.4), (0.4, 0.7), (0.7, 1.0)):
            chosen = (p[:, k] >= low) & (p[:, k] < high)
            n = chosen.sum()
            assert n > 10
            # Three standard deviations of the share of true ones, and 0.05 for the model.
            room = 3 * np.sqrt(0.25 / n) + 0.05
            assert (truth[chosen] == k).mean() == pytest.approx(p[chosen, k].mean(), abs=room)


def test_both_witnesses_tell_more_than_either(fitted):
    def errors(p, truth):
        return np.count_nonzero(np.where(p.max(1) > 0.35, p.argmax(1), -1) != truth)

    one = frame(np.random.default_rng(3), noise=0.2)
    seen, n = one.seen, len(one.seen)
    nothing = np.full(n, np.nan)
    deaf = Witnesses(np.full(n, -1), np.zeros(n), seen.sublattices, seen.intensity, seen.noise)
    blind = Witnesses(seen.marks, seen.scores, np.full(n, ""), nothing, nothing)
    joint, columns, network = (
        errors(fitted.probabilities(each), one.truth) for each in (seen, deaf, blind)
    )
    assert joint < columns
    assert joint < network


def test_a_clear_column_is_probable_without_a_mark(fitted):
    noise = np.full(2, 0.05)
    seen = Witnesses(
        np.array([-1, -1]), np.zeros(2), np.array(["Se", "Se"]), np.array([0.5, 1.0]), noise
    )
    p = fitted.probabilities(seen)[:, 0]
    assert p[0] > 0.5
    assert p[1] < 0.01


def test_columns_of_another_sublattice_speak_against_a_class(fitted):
    vacancy = fitted.classes["vacancy"]
    places = (np.array([0, 0]), np.array([0.5, 0.5]), np.array(["Se", "W"]))
    seen = Witnesses(*places, np.array([0.5, 0.5]), np.array([0.1, 0.1]))
    assert vacancy.column_evidence(seen)[0] > 4
    assert vacancy.column_evidence(seen)[1] == -8


def test_a_calibration_is_what_its_record_says(fitted):
    again = Calibration.from_record(fitted.to_record())
    seen = frame(np.random.default_rng(4)).seen
    assert again.probabilities(seen) == pytest.approx(fitted.probabilities(seen), abs=1e-3)
    assert (again.sessions, again.frames, again.weights_sha256) == (("drawn",), 20, "ab")


def test_a_record_of_the_first_format_has_fewer_terms(fitted):
    record = fitted.to_record()
    for one in record["classes"].values():
        one["joint"] = dict(list(one["joint"].items())[:6])
    first = Calibration.from_record({**record, "format": 1})
    assert first.classes["vacancy"].joint[6:] == (0.0,) * 4
    del record["classes"]["vacancy"]["joint"]["noise"]
    with pytest.raises(ValueError, match="'noise'"):
        Calibration.from_record(record)


def test_a_network_that_is_often_in_doubt_is_believed_less():
    rng = np.random.default_rng(8)

    def doubted(part):
        """Return a frame with weak marks in a part of the places, and as many strong wrong ones."""
        one = frame(rng, noise=0.4)
        marks, scores = one.seen.marks.copy(), one.seen.scores.copy()
        none = np.flatnonzero(one.truth < 0)
        marks[none] = -1
        chosen = rng.permutation(none)[: int(2 * part * len(none))]
        marks[chosen] = 0
        scores[chosen] = np.where(np.arange(len(chosen)) % 2, 0.1, 0.8)
        return JudgedFrame(replace(one.seen, marks=marks, scores=scores), one.truth)

    fitted = fit_calibration([doubted(part) for part in np.linspace(0, 0.1, 20)], CLASSES)
    for part in (0.005, 0.09):
        other = doubted(part)
        p = fitted.probabilities(other.seen)[:, 0]
        strong = (other.seen.marks == 0) & (other.seen.scores > 0.6)
        share = (other.truth[strong] == 0).mean()
        assert p[strong].mean() == pytest.approx(share, abs=0.12)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 3},
        {"classes": {"vacancy": {}}},
        {"classes": None},
        {"frames": "many"},
    ],
)
def test_a_damaged_record_is_refused(fitted, change):
    with pytest.raises(ValueError, match="calibrate the weights again"):
        Calibration.from_record({**fitted.to_record(), **change})
    with pytest.raises(ValueError, match="calibrate the weights again"):
        Calibration.from_record("calibrated")


def test_numbers_that_are_not_finite_are_refused(fitted):
    record = fitted.to_record()
    record["classes"]["vacancy"]["joint"]["score"] = float("nan")
    with pytest.raises(ValueError, match="not finite"):
        Calibration.from_record(record)


def test_columns_that_are_not_bright_enough_are_not_reported():
    one = ClassCalibration({"Se": (1.9, 0.6)}, (0.0,) * 10, (0.0,) * 3, least_intensity=1.75)
    values = np.array([1.5, 1.8, np.nan])
    seen = Witnesses(np.zeros(3, int), np.ones(3), np.full(3, "Se"), values, np.full(3, 0.1))
    calibration = Calibration({"bright": one})
    told = calibration.reported(seen, calibration.probabilities(seen))
    assert told[:, 0].tolist() == [False, True, True]


def test_frames_without_a_class_cannot_be_fitted():
    one = frame(np.random.default_rng(5))
    with pytest.raises(ValueError, match="no third"):
        fit_calibration([one], (*CLASSES, "third"))
    with pytest.raises(ValueError, match="none"):
        fit_calibration([], CLASSES)


def test_what_is_rare_in_an_image_is_less_probable_there():
    rng = np.random.default_rng(6)
    frames = [frame(rng, noise=noise) for noise in np.linspace(0.05, 0.4, 12)]
    fitted = fit_calibration(frames, CLASSES, varying=["bright"])
    assert fitted.classes["bright"].frequency == pytest.approx(0.03, abs=0.01)
    rare = frame(np.random.default_rng(7), noise=0.35, part=0.001)
    fixed = fit_calibration(frames, CLASSES)
    true = np.count_nonzero(rare.truth == 1)
    anew, usual = (one.probabilities(rare.seen)[:, 1].sum() for one in (fitted, fixed))
    assert abs(anew - true) < 0.5 * abs(usual - true)
    again = Calibration.from_record(fitted.to_record())
    assert again.classes["bright"].frequency == fitted.classes["bright"].frequency


def test_what_is_no_number_is_refused_and_not_fitted_as_a_half():
    one = frame(np.random.default_rng(8))
    broken = replace(one.seen, scores=np.where(one.truth == 0, np.nan, one.seen.scores))
    with pytest.raises(ValueError, match="Expected finite scores and intensities"):
        fit_calibration([JudgedFrame(broken, one.truth), one], CLASSES)
