import sys
import time

import pytest

from stemzoo.app.trainings import Training

ECHO = (sys.executable, "-c", "import sys; print(*sys.argv[1:], sep='\\n')")
SLEEP = (sys.executable, "-c", "import time; print('begun', flush=True); time.sleep(600)")
FAIL = (sys.executable, "-c", "import sys; print('no such file'); sys.exit(2)")


def wait_for(training, ready):
    end = time.monotonic() + 60
    while not ready(training.progress()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return training.progress()


def test_a_training_tells_what_it_says_and_how_it_ends(tmp_path):
    training = Training(["epoch 1/4  loss", "epoch 2/4  loss"], None, tmp_path, ECHO)
    training.start()
    now = training.wait()
    assert now.lines == ("epoch 1/4  loss", "epoch 2/4  loss")
    assert (now.state, now.part) == ("done", 1.0)


def test_a_training_that_fails_says_why(tmp_path):
    training = Training([], 1.0, tmp_path, FAIL)
    training.start()
    now = training.wait()
    assert now.state == "failed"
    assert now.lines[-1] == "no such file"
    assert now.part < 1


def test_a_training_can_be_stopped(tmp_path):
    training = Training([], 1.0, tmp_path, SLEEP)
    training.start()
    assert wait_for(training, lambda now: now.lines).state == "running"
    training.stop()
    now = training.progress()
    assert now.state == "stopped"
    assert training.progress().seconds == now.seconds
    training.stop()  # once more does nothing


def test_the_bar_goes_with_the_time_or_with_the_epochs(tmp_path):
    timed = Training([], 10.0, tmp_path)
    assert timed._part(60.0, ()) == pytest.approx(0.1)
    counted = Training([], None, tmp_path)
    assert counted._part(60.0, ("begun", "epoch 3/12  loss 0.1", "saved")) == 0.25


def test_the_end_of_a_visit_stops_its_training(visits):
    visit = visits.of("anna")
    visit.training = Training([], 1.0, visit.folder, SLEEP)
    visit.training.start()
    process = visit.training._process
    visits.end("anna")
    assert process.poll() is not None
