import h5py
import numpy as np
import pytest
from image_files import refusal

from stemzoo.io.grey import Refusal
from stemzoo.io.stacks import Stack, are_spatial, choose_frames


def stack(count=1, title=""):
    return Stack((70, 80), np.dtype("u1"), lambda k: np.zeros((70, 80), "u1"), count, title=title)


def test_a_single_frame_needs_no_choice():
    only = stack()
    assert choose_frames([only], None, False) == (only, [0])
    assert choose_frames([only], 0, False) == (only, [0])
    assert choose_frames([only], None, True) == (only, range(1))


def test_a_frame_is_counted_through_all_stacks():
    stacks = [stack(2, "a"), stack(3, "b"), stack(1, "c")]
    places = [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (2, 0)]
    for number, (place, inside) in enumerate(places):
        assert choose_frames(stacks, number, False) == (stacks[place], [inside])


@pytest.mark.parametrize(
    ("stacks", "frame", "sum_frames", "words"),
    [
        ([stack(5)], None, False, "5 frames. Choose frame=0 to 4, or sum_frames=True"),
        ([stack(5)], 5, False, "a frame from 0 to 4. Received: frame=5"),
        ([stack(5)], -1, False, "a frame from 0 to 4. Received: frame=-1"),
        ([stack(0)], None, False, "an image. Received: a stack without frames"),
        ([stack(0)], 0, False, "an image. Received: a stack without frames"),
        ([stack(0)], None, True, "an image. Received: a stack without frames"),
        ([stack(title="BF"), stack(title="DF")], None, False, r"2 frames \(0: BF, 1: DF\). Choose"),
        ([stack(title="BF"), stack(title="DF")], None, True, "frames of one kind to sum"),
    ],
)
def test_a_choice_that_is_missing_or_impossible_says_what_there_is(
    stacks, frame, sum_frames, words
):
    with pytest.raises(Refusal, match=words):
        choose_frames(stacks, frame, sum_frames)


def test_only_ten_frames_are_named_however_many_there_are():
    stacks = [stack(7, "a"), stack(2**31, "b")]
    with pytest.raises(Refusal, match=r"6: a, 7: b, 8: b, 9: b, \.\.\.\)"):
        choose_frames(stacks, None, False)
    assert choose_frames(stacks, 2**31, False) == (stacks[1], [2**31 - 7])


def test_a_file_with_an_empty_stack_is_refused_in_words(tmp_path):
    with h5py.File(tmp_path / "a.hspy", "w") as file:
        file["Experiments/a/data"] = np.zeros((0, 70, 80), np.uint16)
    assert "an image. Received: a stack without frames." in refusal(tmp_path / "a.hspy")


@pytest.mark.parametrize(
    ("units", "image"),
    [
        (("nm", "nm"), True),
        (("", None), True),
        (("px", "<undefined>"), True),
        (("nm", ""), True),
        (("nm", "eV"), False),
        (("1/nm", "1/nm"), False),
        (("mrad", "mrad"), False),
    ],
)
def test_axes_of_an_image_are_lengths_or_have_no_unit(units, image):
    assert are_spatial(*units) is image
