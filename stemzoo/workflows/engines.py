"""Who does the work of a call: this process, or others (see `stemzoo.workflows.cluster`)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from stemzoo.inference.spread import Here, Spread
from stemzoo.workflows.image_task import ImageResult, ImageTask, perform
from stemzoo.workflows.sources import Source

# Waits for what was made of an image; raises why there is none.
Waiting = Callable[[], ImageResult]


class Engine(Spread, Protocol):
    """What looks at images, and computes what is asked of them."""

    def ahead(self) -> int:
        """Return how many images may be asked for while one is waited for."""

    def device(self) -> str:
        """Name what computes, for the record."""

    def submit(
        self, task: ImageTask, source: Source, model: Any, out: Path, digests: Mapping[str, str]
    ) -> Waiting:
        """Ask for an image.

        Parameters
        ----------
        task, source, model, out
            As of `stemzoo.workflows.image_task.perform`.
        digests : mapping of str to str
            What tells the weights, as `weights_digests` returns it.

        Returns
        -------
        callable
            Waits for the result.
        """


@dataclass(frozen=True)
class ThisProcess(Here):
    """Looks at an image when it is waited for, with the model that is loaded here.

    Parameters
    ----------
    whole : bool
        Whether results hold all that was made of an image, as `perform` says.
    """

    whole: bool = False

    def ahead(self) -> int:
        """Return 0: this process does one thing at a time."""
        return 0

    def device(self) -> str:
        """Name the devices that networks are computed on, such as ``"cpu:0"``."""
        from stemzoo.models.start import device_name

        return device_name()

    def submit(
        self, task: ImageTask, source: Source, model: Any, out: Path, digests: Mapping[str, str]
    ) -> Waiting:
        """Ask for an image; `digests` are those of the model."""
        return partial(perform, task, source, model, out, whole=self.whole)
