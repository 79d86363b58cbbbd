import warnings
from dataclasses import replace
from pathlib import Path

import pytest

import stemzoo
from stemzoo import io
from stemzoo.workflows.detect_task import DetectOptions, DetectTask
from stemzoo.workflows.fingerprints import weights_digests
from stemzoo.workflows.sources import Source
from stemzoo.workflows.worker import Order, work


@pytest.fixture
def order(tiny_folder, frames, tmp_path):
    """An image that a worker is to look at, whose name is relative to the folder of the call."""
    io.write_tiff(tmp_path / "a.tif", frames[0].image, sampling=frames[0].sampling)
    (tmp_path / "out").mkdir()
    task = DetectTask(DetectOptions(), str(tiny_folder))
    inode = (tmp_path / "out").stat().st_ino
    digests = weights_digests(stemzoo.load(tiny_folder))
    return Order(task, Source(Path("a.tif")), Path("out"), tmp_path, inode, digests)


def test_a_worker_works_in_the_folder_of_the_call(order, tmp_path):
    answer = work(order)
    assert answer.error is None
    assert answer.result.files == (Path("out/a.csv"), Path("out/a.png"))
    assert (tmp_path / "out/a.csv").is_file()
    assert answer.result.report["image"] == "a.tif"
    # Pixels stay where they are, as the image fits, or that is not known.
    assert answer.result.image.data.size == 0
    assert answer.result.whole is None
    assert list(answer.result.weights) == ["tiny"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": "9.9"}, "expected a worker with stemzoo 9.9. Received: stemzoo "),
        (
            {"folder": Path("/nowhere")},
            "the folder /nowhere, on a disk that all share. Received: no",
        ),
        ({"inode": 1}, "the folder out, on a disk that all share. Received: another one, or none"),
        ({"digests": {"tiny": "0"}}, "the weights of the call for .*tiny. Received: others"),
    ],
)
def test_a_worker_that_differs_refuses(order, change, words, tmp_path):
    answer = work(replace(order, **change))
    assert answer.result is None
    with pytest.raises(ValueError, match=words):
        raise answer.error
    assert list((tmp_path / "out").iterdir()) == []


def test_what_fails_and_what_is_warned_of_is_told_where_the_call_was_made(order):
    answer = work(replace(order, source=Source(Path("b.tif"))))
    assert isinstance(answer.error, FileNotFoundError)
    assert str(answer.error).startswith("b.tif: expected an image file")
    options = replace(order.task.detect_options, sampling=0.3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answer = work(replace(order, task=replace(order.task, detect_options=options)))
    (text,) = answer.warnings
    assert text.startswith("a.tif: ")
    assert "disagree" in text
