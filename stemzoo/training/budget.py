"""Trainings that last a given time, not a given number of steps."""

import math
import time

import keras


@keras.saving.register_keras_serializable(package="stemzoo")
class TimedRate(keras.optimizers.schedules.LearningRateSchedule):
    """Learning rate that follows the part of the time, or of the steps, that is used up.

    Constant for the first half, then falling linearly to zero.

    Parameters
    ----------
    learning_rate : float
        Rate at the start.
    """

    def __init__(self, learning_rate: float):
        self.learning_rate = learning_rate
        self.used = keras.Variable(0.0, trainable=False, name="used_time")

    def __call__(self, step):
        """Return the rate, whatever the step."""
        return self.learning_rate * keras.ops.clip(2.0 - 2.0 * self.used, 0.0, 1.0)

    def get_config(self):
        """Return the constructor's arguments."""
        return {"learning_rate": self.learning_rate}


class TimeBudget(keras.callbacks.Callback):
    """Stop a training after some time, and tell its schedules how much of it is used up.

    Parameters
    ----------
    seconds : float
        How long to train.
    used : float
        Seconds that were used up before, by a run that was interrupted.
    """

    def __init__(self, seconds: float, *, used: float = 0.0):
        super().__init__()
        self.seconds = seconds
        self._schedules: list[TimedRate] = []
        self.reserved = 0.0  # seconds for what comes after the training
        self.steps = math.inf  # after which a training ends before its time
        self._done = 0
        self._start = time.monotonic() - used

    def schedule(self, schedule: TimedRate) -> TimedRate:
        """Let a rate follow the time; return it."""
        self._schedules.append(schedule)
        return schedule

    def add_used(self, seconds: float, steps: int = 0) -> None:
        """Count time that was used up before, and steps."""
        self._start -= seconds
        self._done += steps

    @property
    def used(self) -> float:
        """Seconds used up."""
        return time.monotonic() - self._start

    @property
    def left(self) -> float:
        """Seconds left for training."""
        return self.seconds - self.reserved - self.used

    def on_train_batch_begin(self, batch, logs=None):
        """Set the rates."""
        of_time = min(self.used / (self.used + max(self.left, 0.0)), 1.0)
        of_steps = self._done / self.steps
        for schedule in self._schedules:
            schedule.used.assign(max(of_time, of_steps))

    def on_epoch_end(self, epoch, logs=None):
        """Write down the time, so that a run that goes on can count it."""
        if logs is not None:
            logs["seconds"] = self.used

    def on_train_batch_end(self, batch, logs=None):
        """Count; stop, if it is time."""
        self._done += 1
        if self.left <= 0:
            self.model.stop_training = True
