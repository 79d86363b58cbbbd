"""Progress of a training on the terminal."""

import time

import keras


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(round(seconds)), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


class TrainingProgress(keras.callbacks.Callback):
    """Report each epoch's losses and the remaining time through a function.

    Parameters
    ----------
    report : callable
        Takes one line of text.
    """

    def __init__(self, report):
        super().__init__()
        self.report = report
        self._times: list[float] = []

    def on_train_begin(self, logs=None):
        """Start the clock."""
        self._times = [time.monotonic()]

    def on_epoch_end(self, epoch, logs=None):
        """Report."""
        self._times.append(time.monotonic())
        # The first epoch holds the compilation: the last three say more about what is left.
        recent = self._times[-4:]
        pace = (recent[-1] - recent[0]) / (len(recent) - 1)
        left = self.params["epochs"] - epoch - 1
        values = "  ".join(f"{key} {float(value):.5f}" for key, value in (logs or {}).items())
        self.report(
            f"epoch {epoch + 1}/{self.params['epochs']}  {values}  "
            f"{pace:.1f} s/epoch  remaining {_clock(pace * left)}"
        )
