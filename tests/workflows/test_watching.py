import os
from pathlib import Path

import numpy as np
import pytest

from stemzoo.workflows.watching import Arrivals, Course, arriving, sparkline


class Clock:
    """A clock that goes on only when somebody sleeps."""

    def __init__(self):
        self.time = 0.0

    def __call__(self):
        return self.time

    def sleep(self, seconds):
        self.time += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def live(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("live").mkdir()
    return Path("live")


def names(paths):
    return [path.name for path in paths]


def test_a_file_that_is_still_written_is_waited_for(live, clock):
    arrivals = Arrivals(live, settle=2, now=clock)
    (live / "a.tif").write_bytes(b"half")
    assert arrivals.poll() == []
    assert arrivals.waiting == 1
    clock.sleep(1.5)
    (live / "a.tif").write_bytes(b"half and half")
    assert arrivals.poll() == []
    clock.sleep(1.9)
    assert arrivals.poll() == []
    clock.sleep(0.1)
    assert names(arrivals.poll()) == ["a.tif"]
    assert (arrivals.poll(), arrivals.waiting) == ([], 0)


def test_a_file_that_changes_is_told_again_and_an_empty_one_never(live, clock):
    arrivals = Arrivals(live, settle=1, now=clock)
    (live / "a.tif").write_bytes(b"one")
    (live / "empty.tif").touch()
    arrivals.poll()
    clock.sleep(1)
    assert names(arrivals.poll()) == ["a.tif"]
    (live / "a.tif").write_bytes(b"other")
    arrivals.poll()
    clock.sleep(1)
    assert names(arrivals.poll()) == ["a.tif"]


def test_the_oldest_comes_first_and_results_are_no_images(live, clock):
    arrivals = Arrivals(live, recursive=True, out=live / "out", settle=0, now=clock)
    (live / "out").mkdir()
    for age, name in enumerate(("new.tif", "old.tif", "out/new.png")):
        (live / name).write_bytes(b"x")
        os.utime(live / name, (100 - age, 100 - age))
    arrivals.poll()
    assert names(arrivals.poll()) == ["old.tif", "new.tif"]


def test_frames_of_stacks_arrive_one_by_one_and_the_watch_ends_when_nothing_comes(live, clock):
    np.save(live / "series.npy", np.zeros((3, 64, 64), np.float32))
    (live / "b.png").touch()
    batches = arriving(
        Arrivals(live, settle=1, now=clock),
        frames="all",
        written=lambda: [live / "b.png"],
        idle=0.5,  # less than it takes to settle
        sleep=clock.sleep,
    )
    found = [source for batch in batches for source in batch]
    assert [source.key for source in found] == [f"series_000{i}" for i in range(3)]
    assert 1.5 <= clock.time < 4


def test_two_files_of_one_name_never_share_results(live, clock):
    for name in ("scan.tif", "scan.npy"):
        (live / name).write_bytes(b"x")
        os.utime(live / name, (ord(name[-1]), ord(name[-1])))
    batches = arriving(Arrivals(live, settle=0, now=clock), idle=1, sleep=clock.sleep)
    first, second = (source for batch in batches for source in batch)
    assert first.fault == ""
    assert second.fault.startswith(f"{second.path}: its results would overwrite those of")


def image(p, density=0.1):
    return {
        "image": "live/a.tif",
        "weights": "fcn-wse2",
        "p_value": p,
        "counts": {"bright": 1, "se_vacancy": 3, "metal_dark": 0},
        "density_per_nm2": {"se_vacancy": {"value": density}},
        "expected": {},
    }


def test_three_images_in_a_row_that_are_unlike_are_no_accident():
    course = Course()
    for p in (0.001, 0.5, 0.001, 0.002):
        course.add(image(p))
        assert course.advice() is None
    course.add(image(0.003))
    assert course.advice().startswith("the last 3 images are unlike the frames that fcn-wse2 was")
    assert "stemzoo match live/a.tif" in course.advice()
    course.add(image(None))
    assert course.advice() is None


def test_the_course_tells_densities_of_what_was_found():
    course = Course([image(0.5, 0.1), image(0.5, 0.3)])
    assert course.classes() == ["se_vacancy", "bright"]
    assert course.densities("se_vacancy") == [0.1, 0.3]
    assert course.expected_f1("se_vacancy") == [None, None]
    assert len(sparkline([1.0] * 100, 0, 1, width=40)) == 40
