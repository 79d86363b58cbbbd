import gc
import json
import os
import signal
import subprocess
import sys
import weakref
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import stemzoo
from stemzoo import io
from stemzoo.inference.detections import Detections
from stemzoo.workflows import images
from stemzoo.workflows.again import read_calls
from stemzoo.workflows.detect_task import DetectOptions, DetectTask
from stemzoo.workflows.images import DetectedFile
from stemzoo.workflows.run_record import RunRecord
from stemzoo.workflows.session import Session
from stemzoo.workflows.sources import Source, find_sources


@pytest.fixture
def stub(monkeypatch):
    """Replace looking at an image by writing a small table; count what was looked at."""
    looked, alive = [], []

    def detect_file(path, model, out, *, name, frame, **options):
        if "bad" in path.name:
            raise ValueError(f"{path}: bad.")
        looked.append((path.name, frame))
        image = io.Image(np.ones((500, 500)), 0.2, "given", path)
        alive.append(weakref.ref(image.data))
        found = Detections(
            np.array([[3.0, 4.0]]), ("se_vacancy",), np.array([0.9]), 0.2, "given", (500, 500)
        )
        files = out / f"{name}.csv", out / f"{name}.png"
        images.write_table(found, files[0])
        files[1].write_bytes(b"png")
        return DetectedFile(image, found, *files)

    monkeypatch.setattr(images, "detect_file", detect_file)
    detect_file.looked, detect_file.alive = looked, alive
    return detect_file


@pytest.fixture
def day(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("day").mkdir()
    for i in range(3):
        np.save(f"day/{i}.npy", np.full((64, 64), float(i)))
    return Path("day")


def run(model, sources, options=None, **more):
    """Look at images as a new call does; return what became of each."""
    out = Path("out")
    session = Session(out, DetectTask(options or DetectOptions()), model, RunRecord.read(out))
    return list(session.run(sources, **more))


def record():
    return json.loads(Path("out/run.json").read_text())


def test_each_image_has_its_facts_in_one_record_and_one_line_of_the_summary(tiny_model, stub, day):
    outcomes = run(tiny_model, find_sources(["day"]))
    assert [str(outcome.source) for outcome in outcomes] == [f"day/{i}.npy" for i in range(3)]
    content = record()
    assert list(content["images"]) == ["0", "1", "2"]
    (call,) = content["calls"]
    assert (call["images"], call["options"]["threshold"]) == (3, 0.35)
    assert call["packages"]["stemzoo"] == stemzoo.__version__
    assert call["finished"] is not None
    table = pd.read_csv("out/summary.csv")
    assert table.image.tolist() == [f"day/{i}.npy" for i in range(3)]
    assert table.se_vacancy_count.tolist() == [1, 1, 1]
    # One defect on 500² pixels of 0.02 nm.
    assert table.se_vacancy_density_per_nm2.tolist() == [0.01] * 3


def test_what_is_done_is_skipped_only_with_the_same_bytes_options_and_files(tiny_model, stub, day):
    sources = find_sources(["day"])
    run(tiny_model, sources)
    assert all(outcome.skipped for outcome in run(tiny_model, sources, resume=True))
    np.save("day/1.npy", np.full((64, 64), 9.0))
    Path("out/2.png").unlink()
    stub.looked.clear()
    outcomes = run(tiny_model, sources, resume=True)
    assert [outcome.skipped for outcome in outcomes] == [True, False, False]
    assert stub.looked == [("1.npy", None), ("2.npy", None)]
    others = run(tiny_model, sources, DetectOptions(threshold=0.5), resume=True)
    assert not any(outcome.skipped for outcome in others)
    assert not any(outcome.skipped for outcome in run(tiny_model, sources))


def test_other_weights_are_another_run(tiny_model, make_model, stub, day):
    sources = find_sources(["day"])
    run(tiny_model, sources)
    assert not any(one.skipped for one in run(make_model(seed=5), sources, resume=True))


def test_failures_are_recorded_until_the_image_is_done(tiny_model, stub, day):
    Path("day/bad.npy").write_bytes(b"no")
    outcomes = run(tiny_model, find_sources(["day"]))
    assert str(outcomes[-1].error) == "day/bad.npy: bad."
    known = {"call": 0, "image": "day/bad.npy", "error": "day/bad.npy: bad."}
    assert record()["failures"] == {"day/bad.npy": known}
    assert pd.read_csv("out/summary.csv").error.tolist()[-1] == "day/bad.npy: bad."
    Path("day/bad.npy").rename("day/good.npy")
    run(tiny_model, [Source(Path("day/good.npy"))])
    assert "good" in record()["images"]
    assert record()["failures"] == {}


def test_images_of_earlier_calls_stay_in_the_record_with_their_options(tiny_model, stub, day):
    run(tiny_model, [Source(Path("day/0.npy"))], DetectOptions(threshold=0.5))
    run(tiny_model, [Source(Path("day/1.npy"))])
    content = record()
    assert [call["options"]["threshold"] for call in content["calls"]] == [0.5, 0.35]
    assert {name: one["call"] for name, one in content["images"].items()} == {"0": 0, "1": 1}
    # A call of which no result is left is forgotten.
    run(tiny_model, [Source(Path("day/0.npy"))])
    assert [call["options"]["threshold"] for call in record()["calls"]] == [0.35, 0.35]


def test_files_of_other_detections_never_stay_beside_new_ones(
    tiny_model, frames, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    io.write_tiff("a.tif", frames[0].image[:80, :80], sampling=frames[0].sampling)
    sources = [Source(Path("a.tif"))]
    run(tiny_model, sources, DetectOptions(formats=("csv", "xyz")))
    run(tiny_model, sources, DetectOptions(formats=("csv", "geojson")))
    assert sorted(record()["images"]["a"]["files"]) == ["a.csv", "a.geojson", "a.png", "a.xyz"]
    run(tiny_model, sources, DetectOptions(threshold=0.9))
    assert not Path("out/a.xyz").exists()
    assert not Path("out/a.geojson").exists()
    assert sorted(record()["images"]["a"]["files"]) == ["a.csv", "a.png"]


def test_memory_does_not_grow_with_the_number_of_images(tiny_model, stub, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("series.npy", np.zeros((300, 64, 64), np.float32))
    sources = find_sources(["series.npy"], frames="all")
    session = Session(Path("out"), DetectTask(), tiny_model, RunRecord(Path("out")))
    most = 0
    for number, outcome in enumerate(session.run(sources)):
        assert outcome.error is None
        if number % 50 == 49:
            gc.collect()
            most = max(most, sum(ref() is not None for ref in stub.alive))
    assert len(stub.looked) == 300
    assert stub.looked[-1] == ("series.npy", 299)
    assert most <= 2
    assert len(pd.read_csv("out/summary.csv")) == 300


def test_a_caller_that_stops_leaves_a_record_of_what_was_done(tiny_model, stub, day):
    session = Session(Path("out"), DetectTask(), tiny_model, RunRecord(Path("out")))
    with closing(session.run(find_sources(["day"]))) as outcomes:
        next(outcomes)
        next(outcomes)
    assert list(record()["images"]) == ["0", "1"]


def test_frames_of_a_stack_are_images(tiny_model, frames, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stack = np.stack([frame.image[:80, :80] for frame in frames[:2]])
    np.save("series.npy", stack)
    np.save("one.npy", stack[1])
    options = DetectOptions(sampling=frames[1].sampling, threshold=0.0)
    run(tiny_model, find_sources(["series.npy", "one.npy"], frames="all"), options)
    assert sorted(os.listdir("out")) == [
        *("one.csv", "one.png", "run.json", "series_0000.csv", "series_0000.png"),
        *("series_0001.csv", "series_0001.png", "summary.csv"),
    ]
    assert Path("out/one.csv").read_bytes() == Path("out/series_0001.csv").read_bytes()
    assert record()["images"]["series_0001"]["frame"] == 1


def test_a_record_tells_how_to_get_the_same_bytes(tiny_folder, frames, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("day/late").mkdir(parents=True)
    io.write_tiff("day/a.tif", frames[0].image[:80, :80], sampling=frames[0].sampling)
    np.save("day/late/b.npy", np.stack([frame.image[:80, :80] for frame in frames[:2]]))
    model = stemzoo.load(tiny_folder)
    sources = find_sources(["day"], recursive=True, frames="1:")
    sources += [Source(Path("day/a.tif"))]
    options = DetectOptions(sampling=0.2, threshold=0.1, formats=("csv", "roi"))
    run(model, [one for one in sources if not one.fault], options)
    paths = [path for path in Path("out").rglob("*.*") if path.suffix != ".json"]
    before = {path: path.read_bytes() for path in paths}
    (call,) = read_calls(Path("out/run.json"))
    assert call.options == options
    call.check_weights({"tiny": model.provenance.sha256})
    with pytest.raises(ValueError, match="tiny: expected the weights of the record"):
        call.check_weights({"tiny": "0" * 64})
    assert call.warning() is None
    session = Session(Path("again"), DetectTask(call.options), model, RunRecord(Path("again")))
    assert all(one.error is None for one in session.run(call.sources, expected=call.expected))
    for path, content in before.items():
        if path.name != "summary.csv":  # which tells seconds
            assert Path("again", path.relative_to("out")).read_bytes() == content
    io.write_tiff("day/a.tif", frames[1].image[:80, :80], sampling=frames[0].sampling)
    outcomes = list(session.run(call.sources, expected=call.expected))
    (error,) = (str(one.error) for one in outcomes if one.error)
    assert error.startswith("day/a.tif: expected the file that the record was made of")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 9}, "format=9"),
        ({"images": {"a": {"call": 7}}}, "call=7"),
        ({"images": {"a": {"call": 0}}}, "image=None"),
    ],
)
def test_a_damaged_record_is_one_line(tiny_model, stub, day, change, words):
    run(tiny_model, find_sources(["day"]))
    Path("out/run.json").write_text(json.dumps({**record(), **change}))
    with pytest.raises(ValueError, match=f"^out/run.json: .*{words}.* Move that file"):
        RunRecord.read(Path("out"))


@pytest.mark.parametrize("name", ["../x.csv", "/x.csv", "a/../../x", "c:\\x"])
def test_a_record_names_no_file_outside_of_its_folder(tiny_model, stub, day, name):
    run(tiny_model, find_sources(["day"]))
    content = record()
    content["images"]["0"]["files"] = [name]
    Path("out/run.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match="where one in the folder is meant"):
        RunRecord.read(Path("out"))


KILLED = """
import os, signal, sys
from stemzoo.cli import main
from stemzoo.workflows import images
draw, count = images.plot_detections, []
def die(*arguments):
    count.append(1)
    if len(count) == 2:
        os.kill(os.getpid(), signal.{signal})
    draw(*arguments)
images.plot_detections = die
sys.argv = ["stemzoo", "detect", "day", "--weights", {weights!r}, "--resume"]
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGKILL", "SIGINT"])
def test_a_stopped_call_leaves_whole_files_and_goes_on(
    command_line, tiny_folder, frames, tmp_path, monkeypatch, name
):
    (tmp_path / "day").mkdir()
    for i in range(3):
        image = frames[i].image[:80, :80]
        io.write_tiff(tmp_path / f"day/{i}.tif", image, sampling=frames[i].sampling)
    environment = {**os.environ, "PYTHONPATH": str(Path(stemzoo.__file__).parents[1])}
    command = [sys.executable, "-c", KILLED.format(signal=name, weights=str(tiny_folder))]
    options = {"cwd": tmp_path, "env": environment, "capture_output": True, "text": True}
    done = subprocess.run(command, timeout=120, **options)
    assert done.returncode == {"SIGKILL": -signal.SIGKILL, "SIGINT": 130}[name]
    out = tmp_path / "detections"
    whole = {path.name for path in out.iterdir() if not path.name.startswith(".")}
    assert whole - {"run.json", "summary.csv"} == {"0.csv", "0.png"}
    if name == "SIGINT":
        assert "stopped after 1 of 3 images" in done.stderr
        assert list(json.loads((out / "run.json").read_text())["images"]) == ["0"]
    monkeypatch.chdir(tmp_path)
    again = command_line("detect", "day", "--resume", "--weights", tiny_folder)
    assert (again.code, again.err) == (0, "")
    lines = again.out.splitlines()
    assert [line.split(":")[0] for line in lines] == [f"day/{i}.tif" for i in range(3)]
    assert "done before" in lines[0]
    assert not [path for path in out.iterdir() if path.name.startswith(".")]
