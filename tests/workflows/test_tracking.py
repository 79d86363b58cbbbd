"""Tables of tracks beside the results of a folder: the record is real, the defects are known."""

from pathlib import Path

import numpy as np
import pytest

from stemzoo import io
from stemzoo.inference.detections import COLUMNS
from stemzoo.simulate import find_session
from stemzoo.simulate.series import simulate_series
from stemzoo.workflows.run_record import RunRecord
from stemzoo.workflows.sources import Source
from stemzoo.workflows.tracking import find_series, write_tracks

DRIFT = np.array([[0, 0], [4, -3], [30, 25], [33, 21]])
VACANCIES = [("se_vacancy", x, y) for x, y in ((12, 14), (25, 20), (20, 30), (12, 27), (28, 10))]


@pytest.fixture
def results(tmp_path, monkeypatch):
    """A stack of four frames, and the record and tables of a call that looked at them."""
    monkeypatch.chdir(tmp_path)
    day = find_session("wse2-dayB").draw(np.random.default_rng(5))
    rng = np.random.default_rng(0)
    frames = list(simulate_series(day, (192, 192), DRIFT, [VACANCIES] * 4, rng=rng))
    np.save("series.npy", np.stack([frame.image for frame in frames]))
    out = Path("out")
    out.mkdir()
    call = {"folder": str(tmp_path), "options": {"sum_frames": False}}
    record = RunRecord(out, [call])
    for number, frame in enumerate(frames):
        source = Source(Path("series.npy"), number)
        rows = [(*point, 0, 0, "se_vacancy", 0.9, 1, 0, 0.8) for point in frame.points]
        io.write_csv(out / f"{source.name}.csv", list(COLUMNS), rows)
        facts = {
            "call": 0,
            "image": "series.npy",
            "frame": number,
            "shape": [192, 192],
            "pixel_size_pm": day.sampling * 100,
            "material": "wse2",
            "calibrated": True,
            "csv": f"{source.name}.csv",
        }
        record.images[source.key] = facts
    return record


def series(name="series.npy", frames=4):
    return [Source(Path(name), frame) for frame in range(frames)]


def test_tables_hold_tracks_points_and_drift(results):
    (one,) = find_series(series())
    write_tracks(results, one)
    _, tracks = io.read_csv("out/tracks.csv")
    # The leap of 26 px is more than a lattice constant, 15.9 px.
    assert len(tracks["id"]) == 5
    _, drift = io.read_csv("out/drift.csv")
    found = np.column_stack([drift["drift_rows"], drift["drift_columns"]]).astype(float)
    assert found == pytest.approx(DRIFT, abs=0.5)
    _, points = io.read_csv("out/track_points.csv")
    assert len(points["id"]) == sum(
        len(io.read_csv(p)[1]["row"]) for p in Path("out").glob("series*.csv")
    )


def test_a_frame_that_failed_is_missing(results):
    del results.images["series_0002"]
    tracks = write_tracks(results, find_series(series())[0])
    assert [frame.number for frame in tracks.frames] == [0, 1, 3]
    assert tracks.drift[-1] == pytest.approx(DRIFT[-1], abs=0.5)


def test_without_a_known_material_the_defects_tell_the_drift(results):
    for facts in results.images.values():
        facts["material"] = None
    tracks = write_tracks(results, find_series(series())[0])
    assert tracks.drift == pytest.approx(DRIFT, abs=1)


def test_each_stack_is_a_series_and_files_are_another():
    sources = [
        *series("a.tif", 3),
        *series("b/c.tif", 2),
        Source(Path("d.tif")),
        Source(Path("e.tif")),
    ]
    names = [one.files[0] for one in find_series(sources)]
    assert names == ["a_tracks.csv", "c_tracks.csv", "files_tracks.csv"]
    assert find_series(sources[:3])[0].files[0] == "tracks.csv"
    with pytest.raises(ValueError, match="--track expects the frames of a time series"):
        find_series([Source(Path("d.tif"))])


def test_one_frame_that_was_looked_at_is_no_series(results):
    for number in (1, 2, 3):
        del results.images[f"series_000{number}"]
    with pytest.raises(ValueError, match="at least two frames .* Received: 1 of 4"):
        write_tracks(results, find_series(series())[0])
