import pytest

from stemzoo.training import callbacks
from stemzoo.training.callbacks import TrainingProgress


@pytest.fixture
def clock(monkeypatch):
    """Replace the clock by one that is set by hand."""
    now = [100.0]
    monkeypatch.setattr(callbacks.time, "monotonic", lambda: now[0])
    return now


def test_each_epoch_reports_its_losses_and_the_remaining_time(clock):
    lines = []
    callback = TrainingProgress(lines.append)
    callback.set_params({"epochs": 1000})
    callback.on_train_begin()
    clock[0] += 4
    callback.on_epoch_end(0, {"loss": 0.123456, "val_loss": 2.0})
    # 999 epochs of 4 s: 3996 s.
    assert lines == ["epoch 1/1000  loss 0.12346  val_loss 2.00000  4.0 s/epoch  remaining 1:06:36"]


def test_the_pace_is_that_of_the_last_three_epochs(clock):
    lines = []
    callback = TrainingProgress(lines.append)
    callback.set_params({"epochs": 5})
    callback.on_train_begin()
    for epoch, seconds in enumerate((60, 1, 2, 3)):
        clock[0] += seconds
        callback.on_epoch_end(epoch, {})
    # The first epoch, with its compilation, is forgotten.
    assert "2.0 s/epoch" in lines[3]
    assert lines[3].endswith("remaining 0:00:02")


def test_a_run_that_goes_on_counts_from_its_first_epoch(clock):
    lines = []
    callback = TrainingProgress(lines.append)
    callback.set_params({"epochs": 10})
    callback.on_train_begin()
    clock[0] += 3
    callback.on_epoch_end(8)
    assert lines == ["epoch 9/10    3.0 s/epoch  remaining 0:00:03"]
