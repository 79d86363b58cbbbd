import errno
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from stemzoo.workflows import outputs
from stemzoo.workflows.outputs import make_folder, plan_outputs, written_whole


def plan(*names, out="out", inputs=()):
    """Plan one table a source, named after it."""
    results = [(Path(name), [f"{Path(name).stem}.csv"]) for name in names]
    return plan_outputs(results, Path(out), inputs=map(Path, inputs))


def test_every_file_is_known_before_any_work():
    results = [(Path("a.tif"), ["a.csv", "a.png"]), (Path("b.tif"), ["b.csv", "b.png"])]
    plans = plan_outputs(results, Path("out"))
    assert [one.source for one in plans] == [Path("a.tif"), Path("b.tif")]
    assert plans[1].files == (Path("out/b.csv"), Path("out/b.png"))


@pytest.mark.parametrize("other", ["b/scan.tif", "b/SCAN.tif", "a/scan.png", "a/scan.tif"])
def test_two_results_of_one_name_are_refused(other):
    # Names that differ in case are one file on most disks of Windows and macOS.
    with pytest.raises(ValueError, match=f"^{other}: its results would overwrite those of a/scan"):
        plan("a/scan.tif", other)


def test_accents_that_are_composed_differently_are_one_name():
    with pytest.raises(ValueError, match="which has the same name"):
        plan("a/\u00e9.tif", "b/e\u0301.tif")


def test_one_line_counts_what_is_in_the_way():
    with pytest.raises(ValueError, match=r"Nothing was written. 2 more files are in the way\.$"):
        plan("a/x.tif", "b/x.tif", "c/x.tif", "d/x.tif")


@pytest.mark.parametrize("link", ["none", "folder", "file", "hard"])
def test_an_input_is_never_overwritten_under_any_of_its_names(tmp_path, link):
    out = tmp_path / "out"
    out.mkdir()
    image = tmp_path / "out" / "scan.csv"
    image.write_text("stemzoo")
    if link == "folder":
        os.symlink(out, tmp_path / "linked")
        out = tmp_path / "linked"
    if link == "file":
        image = image.rename(tmp_path / "elsewhere")
        os.symlink(image, out / "scan.csv")
    if link == "hard":
        os.link(image, tmp_path / "twin")
        image = tmp_path / "twin"
    with pytest.raises(ValueError, match=f"would overwrite the image {image}"):
        plan("scan.tif", out=out, inputs=[image])


def test_a_file_that_stemzoo_has_not_written_stays(tmp_path):
    (tmp_path / "scan.csv").write_text("row,column\n")
    with pytest.raises(ValueError, match="Move that file, or choose another --out folder"):
        plan("scan.tif", out=tmp_path)
    (tmp_path / "scan.csv").write_text("# stemzoo 1.0 detections in scan.tif\n")
    assert len(plan("scan.tif", out=tmp_path)) == 1


@pytest.mark.parametrize("kind", ["folder", "pipe", "dangling link"])
def test_what_is_no_file_stays(tmp_path, kind):
    path = tmp_path / "scan.csv"
    {"folder": os.mkdir, "pipe": os.mkfifo}.get(kind, lambda to: os.symlink("nowhere", to))(path)
    with pytest.raises(ValueError, match="which is none of an earlier call"):
        plan("scan.tif", out=tmp_path)


def test_a_picture_belongs_to_the_table_beside_it(tmp_path):
    (tmp_path / "scan.png").write_bytes(b"\x89PNG")
    results = [(Path("scan.tif"), ["scan.csv", "scan.png"])]
    with pytest.raises(ValueError, match="scan.png, which is none"):
        plan_outputs(results, tmp_path)
    (tmp_path / "scan.csv").write_text("# stemzoo")
    assert len(plan_outputs(results, tmp_path)) == 1


def test_a_link_that_leads_to_itself_is_no_input(tmp_path):
    os.symlink(tmp_path / "loop.tif", tmp_path / "loop.tif")
    assert len(plan("loop.tif", out=tmp_path, inputs=[tmp_path / "loop.tif"])) == 1


def test_the_work_grows_with_the_number_of_files_only(monkeypatch):
    asked = []
    stat = os.stat
    monkeypatch.setattr(os, "stat", lambda *a, **k: asked.append(a) or stat(*a, **k))
    names = [f"{i}.tif" for i in range(300)]
    plan(*names, inputs=names)
    assert len(asked) <= 4 * 300


def test_files_appear_together_or_not_at_all(tmp_path):
    (tmp_path / "a").write_text("old")
    with suppress(ZeroDivisionError), written_whole(tmp_path) as folder:
        (folder / "a").write_text("new")
        raise ZeroDivisionError
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "old"}
    with written_whole(tmp_path) as folder:
        (folder / "a").write_text("new")
        (folder / "b").write_text("new")
        assert (tmp_path / "a").read_text() == "old"
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b"}


@pytest.mark.parametrize(
    ("error", "number", "name"),
    [
        # NumPy's words for a full disk.
        (OSError("65536 requested and 12168 written"), errno.ENOSPC, "out"),
        (OSError(errno.EDQUOT, "Quota"), errno.EDQUOT, "out"),
        (OSError(errno.EACCES, "Permission", "labels.csv"), errno.EACCES, "labels.csv"),
        (FileNotFoundError("labels.csv: expected a table."), None, None),
    ],
)
def test_an_error_names_the_folder_that_cannot_be_written_to(tmp_path, error, number, name):
    (tmp_path / "out").mkdir()
    with pytest.raises(OSError) as caught, written_whole(tmp_path / "out"):  # noqa: PT011
        raise error
    assert caught.value.errno == number
    assert name is None or Path(caught.value.filename).name == name
    assert list((tmp_path / "out").iterdir()) == []


def test_what_a_killed_call_has_left_is_swept_out_and_nothing_else(tmp_path):
    code = "import sys, os, signal; from pathlib import Path\n"
    code += "from stemzoo.workflows.outputs import written_whole\n"
    code += "with written_whole(Path(sys.argv[1])): os.kill(os.getpid(), signal.SIGKILL)"
    root = str(Path(outputs.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], env={**os.environ, "PYTHONPATH": root}
    )
    assert done.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    (tmp_path / ".stemzoo-elsewhere-1-x").mkdir()  # of another computer
    with written_whole(tmp_path) as folder:
        make_folder(tmp_path)
        assert folder.is_dir()
    assert not left.exists()
    assert [path.name for path in tmp_path.iterdir()] == [".stemzoo-elsewhere-1-x"]


def test_a_folder_that_cannot_be_written_to_is_refused_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)  # as root may write anywhere
    with pytest.raises(PermissionError, match="--out expects a folder to write to"):
        make_folder(tmp_path / "new")
