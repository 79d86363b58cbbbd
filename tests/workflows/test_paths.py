import os
from pathlib import Path

import pytest

from stemzoo.workflows.paths import expand, find_files, read_each, visible


@pytest.fixture
def day(tmp_path, monkeypatch):
    """A folder with brackets in its name, two images and what a killed call has left."""
    monkeypatch.chdir(tmp_path)
    folder = Path("day [1]")
    folder.mkdir()
    for name in ("b.tif", "a.tif", ".left.tif", ".left.csv"):
        (folder / name).touch()
    return folder


def test_an_argument_that_exists_is_a_path_else_a_pattern(day):
    assert find_files([day / "a.tif"]) == [day / "a.tif"]
    assert find_files(["day*/*.tif"]) == [day / "a.tif", day / "b.tif"]
    # The pattern of this folder, as `match` writes it.
    assert find_files(["day [[]1]/*.tif"]) == [day / "a.tif", day / "b.tif"]
    assert find_files(["day*/b.tif", day / "a.tif", day / "b.tif"]) == [
        day / "a.tif",
        day / "b.tif",
    ]


@pytest.mark.parametrize("arguments", [["missing.tif"], ["day*/*.tif", "missing.tif"], ["x*"]])
def test_each_argument_must_match(day, arguments):
    with pytest.raises(ValueError, match="no file matches (missing.tif|x\\*)"):
        find_files(arguments)


def test_what_matches_nothing_stays_for_those_that_go_on(day):
    assert expand(["missing.tif", "day*/*.tif"]) == [
        Path("missing.tif"),
        day / "a.tif",
        day / "b.tif",
    ]


def test_a_link_that_leads_to_itself_is_a_path(day):
    os.symlink("loop.tif", "loop.tif")
    assert find_files(["loop.tif"]) == [Path("loop.tif")]


def test_hidden_files_are_not_read(day):
    assert visible(day, "*.tif") == [day / "a.tif", day / "b.tif"]
    assert visible(day, "*.csv") == []


def test_all_files_are_tried(day):
    def read(path):
        if path.suffix == ".bad":
            raise ValueError(f"{path}: bad.")
        return path.name

    told = []
    paths = [Path("1.bad"), Path("2"), Path("3.bad")]
    found = read_each(paths, read, lambda path, error: told.append(path.name))
    assert (found, told) == ([(Path("2"), "2")], ["1.bad", "3.bad"])
    with pytest.raises(ValueError, match=r"^1.bad: bad\. Nor can these be used: 3.bad\.$"):
        read_each(paths, read)
    with pytest.raises(ValueError, match=r"^1.bad: bad\.$"):
        read_each(paths[:2], read)
