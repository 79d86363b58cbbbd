import numpy as np

from stemzoo.inference.detection import find_defects
from stemzoo.io import Image
from stemzoo.metrics.detection import score_detections
from stemzoo.simulate.dataset import simulate_session
from stemzoo.simulate.named_sessions import find_session
from stemzoo.zoo.hub import load


def flickering(frame):
    """A frame whose rows have gains of 24 % rms."""
    gain = np.exp(0.24 * np.random.default_rng(0).normal(size=(len(frame.image), 1)))
    return Image(frame.image * gain, frame.sampling)


def test_what_the_scan_did_is_undone_first_and_told():
    frame = next(simulate_session(find_session("wse2-dayA"), 1, (512, 512), seed=3))
    model, labels = load("fcn-wse2"), np.array(frame.labels())

    def score(found):
        vacancies = found.select("se_vacancy").positions
        truth = frame.points[labels == "se_vacancy"]
        return score_detections(vacancies, truth, 1 / frame.sampling, shape=frame.image.shape).f1

    good = find_defects(Image(frame.image, frame.sampling), model)
    assert good.undone == ()
    found = find_defects(flickering(frame), model)
    (undone,) = found.undone
    assert undone.startswith("row gain 2")
    assert score(found) > score(good) - 0.03
    raw = find_defects(flickering(frame), model, as_is=True)
    assert raw.undone == ()
    assert score(raw) < score(found) - 0.05


def test_positions_are_those_in_the_input_where_lines_are_shifted():
    frame = next(simulate_session(find_session("wse2-dayA"), 1, (512, 512), seed=3))
    shifts = 2.5 * np.sin(2 * np.pi * np.arange(512) / 26)
    bad = np.stack(
        [
            np.interp(np.arange(512) - shift, np.arange(512), row)
            for shift, row in zip(shifts, frame.image, strict=True)
        ]
    )
    found = find_defects(Image(bad, frame.sampling), load("fcn-wse2"))
    (undone,) = found.undone
    assert undone.startswith("shifts of lines 1.")
    vacancies = np.array(frame.labels()) == "se_vacancy"
    truth = frame.points[vacancies]
    truth = truth + np.stack([0 * truth[:, 0], np.interp(truth[:, 0], range(512), shifts)], axis=1)
    # 0.4 Å: half of what the shifts are.
    near = score_detections(
        found.select("se_vacancy").positions, truth, 0.4 / frame.sampling, shape=(512, 512)
    )
    assert near.f1 > 0.9
