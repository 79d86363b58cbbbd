import os
from pathlib import Path

import numpy as np
import pytest

from stemzoo import io
from stemzoo.workflows.frames import write_frame
from stemzoo.workflows.sources import Source, find_sources, folder_images


@pytest.fixture
def day(tmp_path, monkeypatch, frames):
    """A day at the microscope: images, a stack, what programs leave beside them."""
    monkeypatch.chdir(tmp_path)
    for name in ("day/b.tif", "day/a.dm4", "day/.hidden.tif", "day/notes.txt", "day/late/c.png"):
        Path(name).parent.mkdir(exist_ok=True, parents=True)
        Path(name).touch()
    np.save("day/series.npy", np.zeros((12, 64, 64), np.float32))
    write_frame(frames[0], Path("day"), "frame", seed=1, index=0)
    return Path("day")


def names(sources):
    return [str(source) for source in sources]


def test_a_folder_stands_for_its_images(day):
    expected = ["day/a.dm4", "day/b.tif", "day/frame.tif", "day/series.npy"]
    assert names(find_sources(["day"])) == expected


def test_folders_of_folders_are_looked_into_only_if_told_and_results_lie_alike(day):
    sources = find_sources(["day"], recursive=True)
    assert names(sources)[-1] == "day/late/c.png"
    assert sources[-1].key == "late/c"


def test_results_are_no_images_to_look_at(day):
    Path("day/out").mkdir()
    Path("day/out/b.png").touch()
    Path("day/b.png").touch()
    found = find_sources([day], recursive=True, out=Path("day/out"), written=[Path("day/b.png")])
    assert not {"day/out/b.png", "day/b.png"} & set(names(found))
    # A file that is named is looked at, wherever it lies.
    assert names(find_sources(["day/out/b.png"], out=Path("day/out"))) == ["day/out/b.png"]


def test_files_folders_and_patterns_mix_and_nothing_comes_twice(day):
    found = find_sources(["day/b.tif", "day/*.tif", "missing.tif"])
    assert names(found) == ["day/b.tif", "day/frame.tif", "missing.tif"]


def test_an_empty_folder_says_so_when_it_is_its_turn(day):
    Path("nothing").mkdir()
    (source,) = find_sources(["nothing"])
    assert source.fault.startswith("nothing: expected images in this folder")
    assert "--recursive" in source.fault


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("all", range(12)),
        ("0:3", range(3)),
        ("8:100", range(8, 12)),
        ("::5", (0, 5, 10)),
        ("-1:", [11]),
    ]
    + [("4", [4])],
)
def test_each_frame_is_an_image_with_its_index(day, text, numbers):
    found = find_sources(["day/series.npy"], frames=text)
    assert [source.frame for source in found] == list(numbers)
    assert found[-1].name == f"series_{list(numbers)[-1]:04d}"


def test_a_file_of_one_image_is_no_stack(day, frames):
    assert find_sources(["day/frame.tif"], frames="all") == [Source(Path("day/frame.tif"))]


def test_frames_that_are_not_there_are_a_fault_and_unreadable_files_are_left_to_reading(day):
    (none,) = find_sources(["day/series.npy"], frames="20:30")
    assert "expected frames among the 12 of this file" in none.fault
    assert find_sources(["day/b.tif"], frames="all") == [Source(Path("day/b.tif"))]


@pytest.mark.parametrize("text", ["some", "1:2:3:4", "-3", "1:5:0", ""])
def test_what_names_no_frames_is_refused(text):
    with pytest.raises(ValueError, match="--frames is all, a number, or a range"):
        find_sources([], frames=text)


def test_links_to_folders_are_not_followed(day):
    os.symlink(os.path.abspath("day"), "day/late/round")
    assert len(folder_images(day, recursive=True)) == 5


def test_frames_are_counted_without_reading_them(tmp_path):
    np.save(tmp_path / "series.npy", np.zeros((12, 64, 64), np.float32))
    io.write_tiff(tmp_path / "one.tif", np.eye(64))
    assert io.images.count_frames(tmp_path / "series.npy") == 12
    assert io.images.count_frames(tmp_path / "one.tif") == 1
    with pytest.raises(FileNotFoundError, match="missing.tif"):
        io.images.count_frames(tmp_path / "missing.tif")
