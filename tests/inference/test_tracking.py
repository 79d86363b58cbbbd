from dataclasses import replace

import numpy as np
import pytest

import stemzoo
from stemzoo.inference.detections import Detections
from stemzoo.inference.tracking import Tracker
from stemzoo.inference.tracks import DRIFT_COLUMNS, POINT_COLUMNS, TRACK_COLUMNS
from stemzoo.simulate import find_session
from stemzoo.simulate.series import simulate_series

# Defects in 40 x 40 Å, none next to another [px of 0.2 Å].
STILL = np.array([[40.0, 60.0], [90.0, 150.0], [150.0, 50.0], [170.0, 170.0], [60.0, 110.0]])
MOVING, LATE, GONE = (120.0, 90.0), (30.0, 160.0), (140.0, 130.0)
SITE = 16.0  # [px]: to the next site of WSe2


def detections(positions, sampling=0.2, shape=(200, 200), names=None):
    positions = np.reshape(np.array(positions, float), (-1, 2))
    names = names or ("se_vacancy",) * len(positions)
    return Detections(positions, names, np.full(len(positions), 0.9), sampling, "given", shape)


@pytest.fixture
def frames():
    """Ten frames: one jumps at 4, one appears at 6, one vanishes after 2; missed ones between."""
    found = []
    for frame in range(10):
        places = [*STILL, (MOVING[0], MOVING[1] + (SITE if frame >= 4 else 0))]
        places += [LATE] if frame >= 6 else []
        places += [GONE] if frame <= 2 else []
        if frame == 5:
            places = places[1:]  # the first one is missed
        found.append(detections(np.array(places) + [1.5 * frame, -0.5 * frame]))
    return found


def test_what_moved_appeared_and_vanished_is_told_with_the_frame(frames):
    tracks = stemzoo.track(frames)
    assert tracks.drift == pytest.approx(np.outer(np.arange(10), [1.5, -0.5]), abs=0.01)
    rows = {(round(row["row"]), round(row["column"])): row for row in tracks}
    assert len(rows) == len(tracks) == 8
    missed = rows[40, 60]
    assert (missed["frames_seen"], missed["frames_missed"], missed["jumps"]) == (9, 1, 0)
    assert (missed["begins"], missed["ends"]) == ("at the start", "at the end")
    late, gone = rows[30, 160], rows[140, 130]
    assert (late["first_frame"], late["begins"]) == (6, "appears")
    assert (gone["last_frame"], gone["ends"]) == (2, "vanishes")
    (moved,) = (row for row in tracks if row["jumps"])
    assert (moved["jump_frames"], moved["frames_seen"]) == ("4", 10)
    assert moved["displacement_nm"] == pytest.approx(0.32)  # 16 px of 0.2 Å
    assert moved["x_nm"] == pytest.approx((90 + 16 * 0.6) * 0.02)  # six of ten frames beside
    assert "1 appeared, 1 vanished, 1 jumped (1 jumps" in tracks.summary()
    assert not tracks.doubts


def test_each_detection_has_the_id_of_its_defect(frames):
    tracks = stemzoo.track(frames)
    points = tracks.point_columns()
    assert tuple(points) == POINT_COLUMNS
    assert len(points["id"]) == sum(len(one) for one in frames)
    for frame, number, defect in zip(points["frame"], points["id"], points["defect"], strict=True):
        assert tracks.ids[frame][defect] == number
    assert tuple(tracks.columns()) == TRACK_COLUMNS
    assert tracks.columns()["id"] == list(range(8))
    drift = tracks.drift_columns()
    assert tuple(drift) == DRIFT_COLUMNS
    assert drift["y_nm"][2] == pytest.approx(0.06)  # 3 px of 0.2 Å
    frame = tracks.to_frame()
    assert frame.set_index("id").jumps.sum() == 1


def test_what_the_view_leaves_behind_has_not_vanished():
    # The specimen moves by 6 px a frame to the right.
    places = np.vstack([STILL, [100.0, 185.0]])
    found = []
    for frame in range(8):
        here = places + [0, 6.0 * frame]
        found.append(detections(here[here[:, 1] < 199]))
    ends = {round(row["column"]): row["ends"] for row in stemzoo.track(found)}
    assert ends[185] == "leaves the view"  # seen at 185, 191 and 197
    assert ends[60] == "at the end"


def test_what_is_seen_last_shortly_before_the_end_may_be_missed_only():
    found = [detections([*STILL, MOVING] if frame < 7 else STILL) for frame in range(9)]
    ends = {round(row["row"]): row["ends"] for row in stemzoo.track(found)}
    assert ends[120] == "at the end"  # missed in two frames, as memory allows


def test_ambiguous_drift_is_a_doubt_and_marks_its_jumps():
    # One defect that is somewhere else: moved, or drifted?
    tracks = stemzoo.track([detections([MOVING])] * 4 + [detections([(160.0, 120.0)])] * 4)
    assert tracks.ambiguous
    assert "ambiguous by whole lattice vectors (4" in tracks.doubts[0]
    assert 0 in [row["drift_certain"] for row in tracks]


def test_jumps_that_chance_explains_are_a_doubt():
    rng = np.random.default_rng(0)
    found = [detections(np.vstack([STILL, rng.uniform(5, 195, (25, 2))])) for _ in range(12)]
    tracks = stemzoo.track(found)
    assert any("are chance" in doubt for doubt in tracks.doubts)
    assert stemzoo.track(found, jump=0).chance_jumps == 0


def test_classes_that_change_at_one_place_are_one_defect():
    names = ("se_vacancy",) * 5
    found = [detections(STILL, names=names)] * 3
    found.append(detections(STILL, names=("se_divacancy", *names[1:])))
    tracks = stemzoo.track(found)
    assert len(tracks) == 5
    assert set(tracks.columns()["class"]) == {"se_vacancy"}


def test_frames_of_another_size_or_none_are_one_line():
    with pytest.raises(ValueError, match="at least one frame. Received: none"):
        stemzoo.track([])
    with pytest.raises(ValueError, match=r"frame 1 of 200 x 100 pixels of 20.00 pm"):
        stemzoo.track([detections(STILL), detections([], shape=(200, 100))])
    with pytest.raises(ValueError, match=r"of 25.00 pm. Follow frames of one magnification"):
        stemzoo.track([detections(STILL), detections(STILL, sampling=0.25)])
    with pytest.raises(ValueError, match="memory is a number of frames"):
        stemzoo.track([detections(STILL)], memory=-1)
    tracker = Tracker((200, 200), 0.2)
    tracker.add(STILL, ["a"] * 5, np.ones(5), number=3)
    with pytest.raises(ValueError, match="frame 3 after frame 3"):
        tracker.add(STILL, ["a"] * 5, np.ones(5), number=3)


def test_frames_without_a_defect_are_followed():
    tracks = stemzoo.track([detections([])] * 3)
    assert len(tracks) == 0
    assert tracks.columns()["id"] == []
    assert tracks.point_columns()["id"] == []


@pytest.mark.slow
def test_a_jump_and_an_appearance_are_found_in_simulated_frames():
    """The whole way: noisy frames, the detector of the package, drift with a leap, links."""
    day = find_session("wse2-dayB").draw(np.random.default_rng(5))
    session, constant = replace(day, rotation=20.0), 3.28
    steps = np.array([[0, 0], [3, 2], [5, 6], [46, -40], [48, -37], [52, -35], [55, -30]])
    places = np.array([[20, 18], [35, 20], [18, 34], [33, 36], [28, 27], [40, 30]], dtype=float)
    turn = np.deg2rad(20.0)
    defects = []
    for frame in range(7):
        listed = [("se_vacancy", *place) for place in places[:5]]
        if frame >= 2:  # to the next Se column
            x, y = places[4] + constant * np.array([np.cos(turn), np.sin(turn)])
            listed[4] = ("se_vacancy", x, y)
        defects.append(listed + ([("se_vacancy", *places[5])] if frame >= 4 else []))
    rng = np.random.default_rng(1)
    frames = list(simulate_series(session, (256, 256), steps, defects, rng=rng))
    model = stemzoo.load("fcn-wse2")
    tracks = stemzoo.track(
        [stemzoo.detect(frame.image, model, sampling=day.sampling) for frame in frames]
    )
    assert tracks.drift == pytest.approx(steps, abs=0.5)
    assert not tracks.ambiguous
    # Of the truth: each defect of each frame, by its nearest detection.
    seen = [row for row in tracks if row["frames_seen"] > 2]
    (moved,) = (row for row in seen if row["jumps"])
    assert moved["jump_frames"] == "2"
    assert moved["displacement_nm"] == pytest.approx(0.328, abs=0.03)
    (late,) = (row for row in seen if row["begins"] == "appears")
    assert late["first_frame"] == 4
    assert np.hypot(late["x_nm"] - 4.0, late["y_nm"] - 3.0) < 0.2  # the nearest Se column
    assert len(seen) == 6
