"""Acquisition sessions that no weights were trained on: for measuring how well they are adapted to.

Days A and B with something changed, most of it outside of what `fcn-wse2` was randomised over, and
some of it outside of what the simulator can do: `disturb` acts on recorded frames.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from stemzoo.simulate import find_session, simulate_session
from stemzoo.simulate.distributions import Normal
from stemzoo.simulate.labels import LabelledImage
from stemzoo.simulate.sessions import AcquisitionSession

Disturbance = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def saturating(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Saturate: an amplifier near its end, with noise of its own."""
    return 1 - np.exp(-8 * _unit(image)) + rng.normal(0, 0.04, image.shape)


def expanding(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Raise to the fifth power: a display curve that was saved with the image."""
    return _unit(image) ** 5 + rng.normal(0, 0.01, image.shape)


def sharpened(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Filter for sharpness, as some acquisition software does."""
    broad, narrow = (ndimage.gaussian_filter(image, width) for width in (3.0, 1.0))
    return image - 0.95 * broad + 1.5 * (image - narrow)


def smoothed(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Smooth, as many do before they save."""
    return ndimage.gaussian_filter(image, 2.2)


def hum(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Add a sine three times stronger than the image's own contrast: a ground loop."""
    rows, columns = image.shape
    pixels = np.arange(rows)[:, None] * columns * 1.15 + np.arange(columns)
    wave = np.sin(2 * np.pi * pixels / rng.uniform(13.0, 13.6) + rng.uniform(0, 2 * np.pi))
    return image + 3 * image.std() * wave


def swaying(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shift lines to and fro by 4 px with a period of 26: a stray field."""
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]].astype(float)
    columns += 4 * np.sin(2 * np.pi * rows / rng.uniform(25, 27) + rng.uniform(0, 2 * np.pi))
    return ndimage.map_coordinates(image, [rows, columns], order=3, mode="nearest")


def _unit(image: np.ndarray) -> np.ndarray:
    return (image - image.min()) / (image.max() - image.min())


@dataclass(frozen=True)
class TestSession:
    """A session, and what is done to its frames.

    Parameters
    ----------
    session : AcquisitionSession
        As simulated.
    disturb : callable, optional
        From a frame and a source of randomness to another frame.
    """

    session: AcquisitionSession
    disturb: Disturbance | None = None

    def frames(self, n: int, edge: int, seed: int) -> list[LabelledImage]:
        """Simulate frames of edge² pixels; the same for the same seed."""
        return [
            self._disturbed(frame, np.random.default_rng([seed, i, 7]))
            for i, frame in enumerate(simulate_session(self.session, n, (edge, edge), seed=seed))
        ]

    def _disturbed(self, frame: LabelledImage, rng: np.random.Generator) -> LabelledImage:
        if self.disturb is None:
            return frame
        image = self.disturb(frame.image.astype(float), rng)
        low, high = np.quantile(image, [0.0005, 0.9995])
        levels = np.clip((image - low) / (high - low), 0, 1) * 50_000
        return replace(frame, image=levels.astype(np.uint16))


_A, _B = find_session("wse2-dayA"), find_session("wse2-dayB")
TEST_SESSIONS = {
    "wse2-dayA": TestSession(_A),
    "wse2-dayB": TestSession(_B),
    "saturating": TestSession(replace(_A, name="saturating", rotation=Normal(15, 4)), saturating),
    "expanding": TestSession(replace(_B, name="expanding"), expanding),
    "sharpened": TestSession(replace(_B, name="sharpened"), sharpened),
    "smoothed": TestSession(replace(_A, name="smoothed"), smoothed),
    "hum": TestSession(replace(_A, name="hum"), hum),
    "swaying": TestSession(replace(_A, name="swaying"), swaying),
    "jitter": TestSession(
        replace(_B, name="jitter", line_jitter=Normal(2.4, 0.1), afterglow=Normal(0.3, 0.02))
    ),
    "60 kV, half the dose": TestSession(
        replace(
            _B,
            name="60kV",
            energy=60e3,
            source_size=Normal(1.2, 0.05),
            dwell_time=10e-6,
        )
    ),
}
