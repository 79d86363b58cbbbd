import numpy as np
import pytest

from stemzoo.io.grey import Refusal, add_frames, check_array, check_signature


def test_a_single_frame_is_not_copied_and_keeps_its_type():
    frame = np.ones((4, 5), np.float32)
    assert np.shares_memory(add_frames([frame]), frame)
    assert add_frames([frame]).dtype == np.float32


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("u1", "i8"), ("i4", "i8"), ("u8", "f8"), ("f2", "f8"), ("f4", "f8"), ("?", "i8")],
)
def test_a_sum_is_taken_in_64_bits(dtype, expected):
    total = add_frames([np.ones((4, 5), dtype)] * 3)
    assert total.dtype == expected
    assert (total == 3).all()


def test_a_sum_leaves_its_frames_alone():
    frames = [np.ones((4, 5)), np.ones((4, 5))]
    add_frames(frames)
    assert (frames[0] == 1).all()


def test_constant_alpha_is_dropped_and_varying_alpha_refused():
    picture = np.ones((4, 5, 4), np.uint8)
    picture[..., 3] = 9
    assert add_frames([picture]).shape == (4, 5)
    picture[0, 0, 3] = 8
    with pytest.raises(Refusal, match="4 channels"):
        add_frames([picture])


@pytest.mark.parametrize("shape", [(), (5,), (0, 5), (5, 0), (2, 2, 5, 5)])
def test_shapes_of_no_image_are_refused(shape):
    with pytest.raises(Refusal, match="Received: shape"):
        check_array(shape, np.dtype(float))


@pytest.mark.parametrize("dtype", ["c8", "O", "U3", "V4", "M8[s]"])
def test_types_of_no_image_are_refused(dtype):
    with pytest.raises(Refusal, match="Received: dtype"):
        check_array((5, 5), np.dtype(dtype))


def test_a_file_of_another_format_is_refused_with_its_first_bytes():
    check_signature(b"\xff\xd8\xff and more", b"\xff\xd8\xff", "JPEG")
    with pytest.raises(Refusal, match=r"expected a JPEG file. Received: .* begins with b'GIF89a"):
        check_signature(b"GIF89a and more", b"\xff\xd8\xff", "JPEG")
