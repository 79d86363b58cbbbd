import numpy as np
import pytest

from stemzoo.metrics.denoising import DenoisedColumns, denoised_columns
from stemzoo.metrics.preservation import Preservation
from stemzoo.simulate.dataset import simulate_session
from stemzoo.simulate.named_sessions import find_session


def columns(vacancies, intact):
    return Preservation(np.array(vacancies), np.array(intact), np.zeros(len(vacancies)))


CLEAN = columns([0.5] * 50, [1.0] * 950)


def compared(denoised, frame=CLEAN, sure=None):
    return DenoisedColumns(frame, denoised, CLEAN, denoised.vacancies if sure is None else sure)


@pytest.mark.parametrize(
    ("denoised", "faults"),
    [
        (CLEAN, []),
        # Shrunk by less than 0.1, all alike: nothing is lost.
        (columns([0.58] * 50, [1.0] * 950), []),
        (columns([0.65] * 50, [1.0] * 950), ["sure vacancies have 0.65 of a full column, without"]),
        # 10 of 50 healed: F1 is 2 40 / (40 + 50).
        (
            columns([1.0] * 10 + [0.5] * 40, [1.0] * 950),
            ["F1 by columns is 0.89, in the frame 1.00", "it heals 200 of 1,000 vacancies"],
        ),
        # 20 of 950 invented: F1 is 2 50 / (70 + 50).
        (
            columns([0.5] * 50, [0.5] * 20 + [1.0] * 930),
            ["F1 by columns is 0.83, in the frame 1.00", "it invents 21 of 1,000 full columns"],
        ),
    ],
)
def test_what_a_denoiser_does_to_columns_is_said(denoised, faults):
    found = compared(denoised).faults()
    assert len(found) == len(faults)
    assert all(text.startswith(start) for text, start in zip(found, faults, strict=True))


def test_a_denoiser_is_not_blamed_for_what_the_frame_itself_misreads():
    noisy = columns([0.5] * 40 + [1.0] * 10, [0.5] * 20 + [1.0] * 930)
    sure = np.full(40, 0.5)
    assert compared(noisy, frame=noisy, sure=sure).faults() == ()


def test_columns_of_several_frames_add_up():
    both = compared(CLEAN) + compared(CLEAN)
    assert (both.frame.labelled, both.denoised.sites, len(both.sure)) == (100, 2000, 100)


def test_a_frame_is_judged_by_its_own_labels():
    (frame,) = simulate_session(find_session("wse2-dayB"), 1, (320, 320), seed=1)
    found = denoised_columns(frame, frame.clean)
    assert found.faults() == ()
    assert found.frame.labelled == found.denoised.labelled > 10
    assert found.denoised.best_f1 == 1
    # What the frame shows beyond doubt are most of them, at the contrast of the model.
    assert len(found.sure) > found.frame.labelled / 2
    assert np.median(found.sure) == pytest.approx(0.47, abs=0.05)
