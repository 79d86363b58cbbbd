"""The task of `translate`: what is told, and what it makes of an image of a call."""

import warnings
from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from stemzoo import io
from stemzoo.analysis.pixel_size import resolve
from stemzoo.inference.advice import match_facts
from stemzoo.inference.translation import check_size, training_noise
from stemzoo.preprocessing import resampled_shape
from stemzoo.workflows.fingerprints import used_weights
from stemzoo.workflows.image_task import ImageResult
from stemzoo.workflows.sources import Source
from stemzoo.workflows.translation import (
    check_direction,
    labels_of,
    translate_file,
    translation_names,
)
from stemzoo.workflows.weights import load_kind

if TYPE_CHECKING:
    from stemzoo.models.cyclegan import CycleGANSTEM


@dataclass(frozen=True)
class TranslateOptions:
    """What a call of translate is told beside images and weights.

    Parameters
    ----------
    direction, sampling, frame, sum_frames, noise
        As in `stemzoo.workflows.translation.translate_file`.
    seed : int
        Of the noise of all images, each of which has noise of its own.

    Raises
    ------
    ValueError
        If there is no such direction.
    """

    direction: str = "sim-to-exp"
    sampling: float | None = None
    frame: int | None = None
    sum_frames: bool = False
    noise: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        check_direction(self.direction)


@dataclass(frozen=True, eq=False)
class TranslateTask:
    """Translate an image, see `ImageTask`.

    Parameters
    ----------
    translate_options : TranslateOptions
        What it is told.
    weights : str
        The CycleGAN as the call named it.
    rng : numpy.random.Generator
        Source of the noise of the next image, of the seed where not given.

    Examples
    --------
    >>> TranslateTask(TranslateOptions(), "gan").names(Source(Path("day/series.tif"), 7))
    ('series_0007_sim-to-exp.tif',)
    """

    translate_options: TranslateOptions
    weights: str
    rng: np.random.Generator = field(default=None)  # type: ignore[assignment]
    verb: ClassVar[str] = "translate"
    marks: ClassVar[tuple[str, ...]] = ("stemzoo",)

    def __post_init__(self) -> None:
        if self.rng is None:
            object.__setattr__(self, "rng", np.random.default_rng(self.translate_options.seed))

    @staticmethod
    def load(weights: str | None) -> "CycleGANSTEM":
        """Start what computes networks, and load a CycleGAN."""
        from stemzoo.models.start import start_networks

        assert weights is not None  # the verb asks for them
        start_networks()
        return load_kind(weights, "CycleGANSTEM", "translate")

    def options(self) -> dict[str, Any]:
        """Return what the call was told, for the record."""
        return asdict(self.translate_options)

    def told(self) -> dict[str, Any]:
        """Return what decides about the result: the options, and the noise that goes in."""
        return self.options() | {"noise from": self.rng.bit_generator.state["state"]}

    def key(self, source: Source) -> str:
        """Return the name by which the results of a call are told apart."""
        return f"{source.key}_{self.translate_options.direction}"

    def names(self, source: Source) -> tuple[str, ...]:
        """Name the files of an image: its translation, and copies of its labels."""
        return translation_names(source.path, self.translate_options.direction, source.name)

    def inputs(self, source: Source) -> tuple[Path, ...]:
        """Return the files that are read beside the image: its labels."""
        return tuple(labels_of(source.path, source.name))

    def for_image(self, source: Source, model: "CycleGANSTEM") -> "TranslateTask":
        """Return the task of an image, whose noise goes on where that of the last one ends."""
        own = replace(self, rng=deepcopy(self.rng))
        # What is drawn for this image, whoever does it, is not drawn for the next one.
        self.rng.standard_normal(self._drawn(source, model))
        return own

    def _drawn(self, source: Source, model: "CycleGANSTEM") -> int:
        """Return how many numbers are drawn for an image; none for one that will fail."""
        options = self.translate_options
        noise = training_noise(model) if options.noise is None else options.noise
        if options.direction != "sim-to-exp" or noise == 0 or source.fault:
            return 0
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # doing it warns
                image = self._read(source)
                io.check_image(image.data, source.path)
                sampling = options.sampling
                if sampling is None:
                    sampling = resolve(image, model.material).value
                check_size(image.data, model, sampling)
        except Exception:  # doing it says why
            return 0
        return prod(resampled_shape(image.data.shape, sampling, model.sampling))

    def _read(self, source: Source) -> io.Image:
        options = self.translate_options
        frame = options.frame if source.frame is None else source.frame
        return io.read_image(source.path, frame=frame, sum_frames=options.sum_frames)

    def work(self, source: Source, model: "CycleGANSTEM", out: Path) -> ImageResult:
        """Translate an image; write its files."""
        options = self.options()
        del options["seed"]
        if source.frame is not None:
            options["frame"] = source.frame
        where = out / source.folder
        done = translate_file(source.path, model, where, name=source.name, rng=self.rng, **options)
        assert done.sampling is not None  # of what was translated
        facts = {
            "weights": model.name,
            "material": model.material,
            "direction": options["direction"],
            "pixel_size_pm": round(done.sampling * 100, 4),
            **match_facts(done.match),
        }
        return ImageResult(
            done.image,
            done.match,
            facts,
            {"image": str(source.path), "frame": options["frame"], **facts},
            {"translation": done.target},
            done.labels,
            used_weights(model),
        )
