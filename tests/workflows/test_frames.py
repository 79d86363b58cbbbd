import json

import numpy as np
import pytest

from stemzoo import io
from stemzoo.inference.detections import COLUMNS
from stemzoo.workflows.frames import frame_tables, read_frame, write_frame


@pytest.fixture
def folder(frames, tmp_path):
    """Two frames as `stemzoo simulate` writes them."""
    for i, frame in enumerate(frames[:2]):
        write_frame(frame, tmp_path, f"frame_{i}", seed=1, index=i)
    return tmp_path


def test_a_frame_is_four_files(folder):
    ends = (".tif", ".csv", ".json", "_mask.png")
    names = {f"frame_{i}{end}" for i in (0, 1) for end in ends}
    assert {path.name for path in folder.iterdir()} == names


def test_the_image_of_a_frame_keeps_its_values_and_its_pixel_size(folder, frames):
    image = io.read_image(folder / "frame_0.tif")
    assert image.sampling == pytest.approx(frames[0].sampling, rel=1e-6)
    assert image.data.dtype == frames[0].image.dtype
    assert (image.data == frames[0].image).all()


def test_the_mask_of_a_frame_is_written_as_it_is(folder, frames):
    assert (io.read_image(folder / "frame_0_mask.png").data == frames[0].mask).all()


def test_the_table_of_a_frame_names_each_defect(folder, frames):
    frame = frames[0]
    header, columns = io.read_csv(folder / "frame_0.csv")
    assert list(columns) == ["row", "column", "x_nm", "y_nm", "class", "defect"]
    points = np.column_stack([columns["row"], columns["column"]])
    assert points == pytest.approx(frame.points, abs=6e-4)
    nanometres = np.column_stack([columns["y_nm"], columns["x_nm"]])
    assert nanometres == pytest.approx(frame.points * frame.sampling / 10, abs=6e-5)
    assert columns["class"].tolist() == list(frame.labels())
    assert columns["defect"].tolist() == list(frame.defects)
    assert "session: wse2-randomised" in header[0]
    assert "seed: 1; frame: 0" in header[0]
    values = ", ".join(f"{name}: {k + 1}" for k, name in enumerate(frame.classes))
    assert header[2] == f"mask values: {values}"


def test_the_json_of_a_frame_says_where_it_comes_from(folder, frames):
    facts = json.loads((folder / "frame_1.json").read_text(encoding="utf-8"))
    assert (facts["material"], facts["session"]) == ("wse2", "wse2-randomised")
    assert (facts["seed"], facts["frame"]) == (1, 1)
    assert facts["sampling"] == frames[1].sampling
    assert facts["classes"] == list(frames[1].classes)


def same(one, other):
    assert (one.image == other.image).all()
    assert (one.points == other.points).all()
    for name in ("sampling", "labels", "classes", "material"):
        assert getattr(one, name) == getattr(other, name)


def test_a_frame_is_read_as_it_was_written(folder, frames):
    found = read_frame(folder / "frame_0.csv")
    assert (found.image == frames[0].image).all()
    assert found.points == pytest.approx(frames[0].points, abs=6e-4)
    assert found.labels == tuple(frames[0].labels())
    assert (found.classes, found.material) == (frames[0].classes, "wse2")


def test_frames_of_older_versions_without_json_are_read_from_the_header(folder):
    before = read_frame(folder / "frame_0.csv")
    (folder / "frame_0.json").unlink()
    same(read_frame(folder / "frame_0.csv"), before)


def test_the_header_is_for_people_once_there_is_a_json(folder):
    before = read_frame(folder / "frame_0.csv")
    table = folder / "frame_0.csv"
    lines = table.read_text(encoding="utf-8").splitlines(keepends=True)
    table.write_text("# own words\n" + "".join(lines[3:]), encoding="utf-8")
    same(read_frame(table), before)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[1]",
        "{}",
        '{"material": "wse2"}',
        '{"material": 3, "classes": ["a"]}',
        '{"material": "wse2", "classes": "ab"}',
        '{"material": "wse2", "classes": [["a"]]}',
        "[" * 100_000,
    ],
)
def test_a_json_that_is_damaged_or_of_something_else_is_refused_by_name(folder, content):
    (folder / "frame_0.json").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match="frame_0.json: expected material and classes") as caught:
        read_frame(folder / "frame_0.csv")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "received"),
    [
        ("row,column,", "y,x,", "no column, row"),
        (",class,", ",kind,", "no class"),
        (",se_vacancy,", ",hole,", "Received: hole"),
        ("\n1", "\nabout 1", "could not convert"),
    ],
)
def test_a_table_that_is_not_of_a_frame_says_what_is_wrong(folder, old, new, received):
    table = folder / "frame_0.csv"
    content = table.read_text(encoding="utf-8")
    assert old in content
    table.write_text(content.replace(old, new), encoding="utf-8")
    with pytest.raises(ValueError, match=f"frame_0.csv: expected .*{received}") as caught:
        read_frame(table)
    assert "\n" not in str(caught.value)


def test_tables_of_detections_are_no_frames_with_and_without_a_header(folder):
    names = ",".join(COLUMNS)
    (folder / "plain.csv").write_text(f"{names}\n")
    (folder / "headed.csv").write_text(f"# stemzoo 1.0 detections in plain.tif\n{names}\n")
    (folder / "plain.tif").touch()
    (folder / "headed.tif").touch()
    frames, others = frame_tables(folder)
    assert [path.name for path in others] == ["headed.csv", "plain.csv"]
    assert frames
