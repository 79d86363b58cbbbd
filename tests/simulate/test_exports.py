from dataclasses import replace

import numpy as np
import pytest

from stemzoo.simulate import Scene, find_session
from stemzoo.simulate.dataset import simulate_frame
from stemzoo.simulate.exports import Blank, DataBar, Inverted, ScaleBar, Spark
from stemzoo.simulate.labels import to_sampling
from stemzoo.simulate.outlines import Disc
from stemzoo.simulate.sessions import AcquisitionSession

STILL = AcquisitionSession(
    name="still", material="wse2", defects={"se_vacancy": 0.2}, sampling=0.2, source_size=1.0
)


def frame_of(*exports, bits=16, outlines=(), shape=(200, 240)):
    session = replace(STILL, bits=bits)
    scene = Scene("made", outlines=outlines, exports=exports)
    return simulate_frame(session, shape, rng=np.random.default_rng(5), scene=scene)


def gray(bits, shape=(200, 240)):
    image = np.linspace(0.25, 0.75, np.prod(shape)).reshape(shape)
    return image.astype(np.float32) if not bits else (image * (2**bits - 1)).astype(f"uint{bits}")


@pytest.mark.parametrize("bits", [0, 8, 16])
@pytest.mark.parametrize(
    "export",
    [
        Blank(top=10, right=7),
        Blank(angle=10.0),
        DataBar(24, "HV 80.0 kV   HFW 5 nm"),
        ScaleBar(1.0, 8),
        ScaleBar(1.0, 8, right=True, box=True),
        Spark(50, 100, 240),
    ],
)
def test_what_is_drawn_is_told_and_the_rest_is_the_frame(export, bits):
    whole, frame = frame_of(bits=bits), frame_of(export, bits=bits)
    assert frame.image.dtype == whole.image.dtype
    image, visible = export.apply(whole.image, 0.2)
    np.testing.assert_array_equal(frame.image, image)
    np.testing.assert_array_equal(frame.crystal, visible)
    assert 0.5 < visible.mean() < 1
    expected = whole.image[visible]
    if isinstance(export, Spark) and bits:
        expected = (expected / export.strength).astype(whole.image.dtype)
    np.testing.assert_array_equal(image[visible], expected)


def test_labels_that_a_margin_hides_are_dropped():
    whole, frame = frame_of(), frame_of(Blank(top=50, left=30))
    inside = (whole.points[:, 0] > 49.5) & (whole.points[:, 1] > 29.5)
    np.testing.assert_array_equal(frame.points, whole.points[inside])
    assert not frame.mask[:50].any()
    assert not frame.mask[:, :30].any()
    assert len(frame.points) == len(frame.defects) == inside.sum() > 20


def test_a_rotated_frame_has_empty_corners():
    # Two equal squares, one turned by φ about their middle, share an octagon around a circle of
    # half their edge: its area is tan(φ/2) + tan(45° - φ/2) of the square's.
    frame = frame_of(Blank(angle=10.0), shape=(300, 300))
    shared = np.tan(np.deg2rad(5)) + np.tan(np.deg2rad(40))
    assert frame.crystal.mean() == pytest.approx(shared, abs=0.005)
    corners = frame.crystal[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert not corners.any()
    assert frame.crystal[150, 0]


def test_nan_makes_a_frame_of_floats_whose_pixel_size_can_change():
    frame = frame_of(Blank(left=40, fill=np.nan))
    assert frame.image.dtype == np.float32
    np.testing.assert_array_equal(np.isnan(frame.image), ~frame.crystal)
    coarse = to_sampling(frame, 0.4)
    np.testing.assert_array_equal(np.isnan(coarse.image), ~coarse.crystal)
    assert np.count_nonzero(~coarse.crystal) == 20 * len(coarse.image)


def test_an_inverted_frame_is_the_frame_seen_from_the_top():
    whole, frame = frame_of(), frame_of(Inverted())
    np.testing.assert_array_equal(frame.image, 65535 - whole.image)
    assert (frame.grains, frame.crystal.all()) == (None, True)
    twice = frame_of(Inverted(), Inverted(), bits=0)
    np.testing.assert_allclose(twice.image, frame_of(bits=0).image, rtol=1e-5)


def test_a_data_bar_is_black_with_white_words_and_a_scale_to_scale():
    image, visible = DataBar(30, "HV 80.0 kV", bar=2.0).apply(gray(8), sampling=0.2)
    np.testing.assert_array_equal(np.nonzero(~visible.all(axis=1))[0], np.arange(170, 200))
    bar = image[170:]
    assert (np.median(bar), bar.max()) == (0, 255)
    # The scale is the only thing that is white along 2 nm: 100 px, at the middle of the bar.
    runs = [max(map(len, "".join(".#"[int(v)] for v in row == 255).split("."))) for row in bar[1:]]
    assert max(runs) == 100
    assert 12 <= 1 + int(np.argmax(runs)) <= 16
    assert (bar[1:, :100] > 0).any()  # words at the left


def test_long_words_are_made_smaller_until_they_fit():
    words = "HV 80.0 kV   HFW 15.9 nm   det HAADF   spot 9   dwell 20 us   11:42:07 AM"
    bar = DataBar(30, words, bar=1.0).apply(gray(8), sampling=0.2)[0][171:]
    columns = np.flatnonzero((bar > 0).any(axis=0))
    # Between the words and the label of the scale there is a gap, not a cut letter.
    assert np.diff(columns).max() >= 10


def test_a_scale_bar_is_as_long_as_it_says_and_lies_in_its_corner():
    for right in (False, True):
        image, visible = ScaleBar(2.0, 10, right=right).apply(gray(16), sampling=0.2)
        assert (image == 65535).sum(axis=1).max() == 100
        _, columns = np.nonzero(~visible)
        assert (columns.mean() > 120) == right
        assert not visible[image == 65535].any()


def test_a_spark_takes_the_range_of_a_file_of_integers():
    image, visible = Spark(20, 0, 240, strength=50.0).apply(gray(16), sampling=0.2)
    assert (image[20] == 65535).all()
    assert image[visible].max() <= 65535 * 0.75 / 50
    floats, _ = Spark(20, 0, 240, strength=50.0).apply(gray(0), sampling=0.2)
    assert floats[20].max() == pytest.approx(0.25 + 50 * 0.5)


def test_a_hole_and_a_bar_in_one_frame():
    hole = (Disc(centre=(20.0, 20.0), radius=8.0),)
    frame = frame_of(DataBar(20, "HV"), outlines=hole)
    assert not frame.crystal[180:].any()
    # 8 Å are 40 px.
    assert np.count_nonzero(~frame.crystal[:180]) == pytest.approx(np.pi * 40**2, rel=0.02)


def test_a_scene_of_a_file_changes_nothing_else():
    session = find_session("wse2-dayA")
    frames = [
        simulate_frame(session, (128, 128), rng=np.random.default_rng(1), scene=scene)
        for scene in (None, "scalebar")
    ]
    same = frames[1].crystal
    np.testing.assert_array_equal(frames[0].image[same], frames[1].image[same])
    assert frames[0].conditions == frames[1].conditions
