"""The conditions that weights were trained on: how their frames' features are distributed."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import special

from stemzoo.analysis.condition_features import (
    FEATURES,
    ConditionFeatures,
    find_condition_features,
)
from stemzoo.analysis.covariance import mahalanobis_distance, shrunk_covariance
from stemzoo.io import Image
from stemzoo.io.json_files import parse_json, read_small
from stemzoo.io.pixel_size import NETWORK_RANGE
from stemzoo.simulate.materials import Material, find_material, own_structure

MIN_FRAMES = 12
_DESCRIBED = 60
_FORMAT = 1
_NAMES = tuple(feature.name for feature in FEATURES)
_TOLERANCE = np.array([feature.tolerance for feature in FEATURES])


@dataclass(frozen=True, eq=False)
class TrainingConditions:
    """Distribution of the features of the frames that weights were trained on.

    Parameters
    ----------
    session : str
        Name of the session.
    material : str
        Name of the crystal.
    sampling : float
        Pixel size of the weights [Å/px].
    frames : int
        Number of frames with a lattice.
    area : float
        Median area of a frame, in tiles.
    mean : ndarray of shape (F,)
        Mean features.
    covariance : ndarray of shape (F, F)
        Of the features, shrunk, with the squared tolerances added.
    within : ndarray of shape (F, F)
        Covariance within a frame, times the area that each part of it had: in smaller images,
        features scatter more.
    leave_one_out : ndarray of shape (frames,)
        Mahalanobis distance of each frame to the others.
    structure : Material or None
        The crystal, where the table has no entry of that name.

    Notes
    -----
    Correlations are shrunk towards 0 as Schäfer and Strimmer do (Stat. Appl. Genet. Mol. Biol. 4,
    32, 2005). An image's distance is its Mahalanobis distance over the median of
    `leave_one_out`. As features are neither Gaussian nor their covariance known, p is calibrated on
    the frames: log distances are taken for Gaussian, and p is the chance that one more exceeds
    that of the image, from Student's t distribution with n - 1 degrees of freedom of
    (ln d - mean) / (std sqrt(1 + 1/n)) (prediction of one observation: G. J. Hahn, W. Q. Meeker,
    Statistical Intervals, Wiley 1991).
    """

    session: str
    material: str
    sampling: float
    frames: int
    area: float
    mean: np.ndarray
    covariance: np.ndarray
    within: np.ndarray
    leave_one_out: np.ndarray
    structure: Material | None = None

    @property
    def crystal(self) -> str | Material:
        """Return the crystal: its structure, or its name in the table."""
        return self.structure or self.material

    @classmethod
    def from_frames(
        cls,
        frames: Iterable[np.ndarray | Image],
        *,
        session: str,
        material: str | Material,
        sampling: float,
    ) -> "TrainingConditions":
        """Describe the frames that weights are trained on.

        Parameters
        ----------
        frames : iterable of ndarray of shape (M, N) or Image
            Frames at the pixel size of the weights, unless an `Image` states another.
        session : str
            Its name.
        material : str or Material
            The crystal.
        sampling : float
            Pixel size of the weights [Å/px].

        Returns
        -------
        TrainingConditions

        Raises
        ------
        ValueError
            If fewer than 12 frames show a lattice.

        Examples
        --------
        >>> frames = [frame.image for frame in simulate_session(...)]  # doctest: +SKIP
        >>> conditions = TrainingConditions.from_frames(
        ...     frames, session="wse2-dayA", material="wse2", sampling=0.2074
        ... )  # doctest: +SKIP
        """
        found = []
        for frame in frames:
            frame = frame if isinstance(frame, Image) else Image(frame)
            step = frame.sampling or sampling
            found.append(find_condition_features(frame.data, material, sampling, sampling=step))
        return cls.from_descriptions(found, session=session, material=material, sampling=sampling)

    @classmethod
    def from_training(
        cls,
        frames: Sequence[np.ndarray | Image],
        *,
        session: str,
        material: str | Material,
        sampling: float,
    ) -> "TrainingConditions | None":
        """Do as `from_frames` with at most 60 of them; None if too few show a lattice."""
        every = max(len(frames) // _DESCRIBED, 1)
        chosen = frames[::every][:_DESCRIBED]
        try:
            return cls.from_frames(chosen, session=session, material=material, sampling=sampling)
        except ValueError:
            return None

    @classmethod
    def from_descriptions(
        cls,
        descriptions: Iterable[ConditionFeatures],
        *,
        session: str,
        material: str | Material,
        sampling: float,
    ) -> "TrainingConditions":
        """Return the distribution of descriptions; see `from_frames`."""
        found = [description for description in descriptions if description.has_lattice]
        if len(found) < MIN_FRAMES:
            raise ValueError(
                f"Expected {MIN_FRAMES} or more frames that show a lattice of {material}; give "
                f"more of them. Received: {len(found)}"
            )
        features = np.array([description.features for description in found])
        scatter = [description.scatter for description in found]
        parts = [part for part in scatter if part is not None]
        within = np.mean(parts, axis=0) if parts else np.zeros((len(FEATURES),) * 2)
        distances = [
            mahalanobis_distance(x - others.mean(axis=0), _frame_covariance(others))
            for x, others in ((x, np.delete(features, i, 0)) for i, x in enumerate(features))
        ]
        return cls(
            session=session,
            material=find_material(material).name,
            sampling=float(sampling),
            frames=len(found),
            area=float(np.median([description.area for description in found])),
            mean=features.mean(axis=0),
            covariance=_frame_covariance(features),
            within=within,
            leave_one_out=np.array(distances),
            structure=own_structure(material),
        )

    def spread(self, area: float) -> np.ndarray:
        """Return the covariance of the features of images of an area [tiles]; shape (F, F)."""
        return self.covariance + self.within * max(1 / area - 1 / self.area, 0.0)

    def distance(self, description: ConditionFeatures) -> tuple[float, float]:
        """Compare an image with the frames.

        Parameters
        ----------
        description : ConditionFeatures
            The image, for this material and pixel size.

        Returns
        -------
        distance : float
            1 for a typical frame; infinite without a lattice.
        p_value : float
            Chance of a frame this far off.
        """
        if not description.has_lattice:
            return np.inf, 0.0
        spread = self.spread(description.area)
        distance = mahalanobis_distance(description.features - self.mean, spread)
        logs, n = np.log(self.leave_one_out), self.frames
        t = (np.log(distance) - logs.mean()) / (logs.std(ddof=1) * np.sqrt(1 + 1 / n))
        return float(distance / np.median(self.leave_one_out)), float(special.stdtr(n - 1, -t))

    def log_density(self, description: ConditionFeatures) -> float:
        """Return the log of the (Gaussian) density of an image's features, up to a constant."""
        if not description.has_lattice:
            return -np.inf
        spread = self.spread(description.area)
        squared = mahalanobis_distance(description.features - self.mean, spread) ** 2
        return float(-0.5 * (squared + np.linalg.slogdet(spread)[1]))

    def to_json(self) -> str:
        """Return the text of a `conditions.json`."""
        content = {
            "format": _FORMAT,
            "session": self.session,
            "material": self.material,
            "sampling": self.sampling,
            "frames": self.frames,
            "area": _rounded(self.area),
            "mean": {name: _rounded(m) for name, m in zip(_NAMES, self.mean, strict=True)},
            **{
                name: _rounded(getattr(self, name))
                for name in ("covariance", "within", "leave_one_out")
            },
        }
        text = json.dumps(content, indent=1)
        # One line a row.
        return re.sub(r"\[[^][]*\]", lambda row: " ".join(row[0].split()), text) + "\n"

    @classmethod
    def from_json(cls, text: str, structure: Material | None = None) -> "TrainingConditions":
        """Read the text of a `conditions.json`.

        Parameters
        ----------
        text : str
            What `to_json` returned.
        structure : Material, optional
            The crystal that the weights are of, where it is none of the table.

        Returns
        -------
        TrainingConditions

        Raises
        ------
        ValueError
            If it is none, or one with other features.
        """
        try:
            content = parse_json(text)
            if (content.pop("format"), tuple(content["mean"])) != (_FORMAT, _NAMES):
                raise ValueError("another format, or other features")
            content["mean"] = list(content["mean"].values())
            return cls(**_checked(content, structure), structure=structure)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            reason = error.args[0] if isinstance(error, KeyError) else error
            raise ValueError(
                f"Expected the conditions of weights in format {_FORMAT}; write them again with "
                f"this version of stemzoo. Received: {str(reason)[:200]}"
            ) from error

    @classmethod
    def read(cls, path: Path, structure: Material | None = None) -> "TrainingConditions":
        """Read a `conditions.json`, which may come from anywhere; ValueError as `from_json`."""
        try:
            return cls.from_json(read_small(path).decode(), structure)
        except ValueError as error:
            raise ValueError(f"{path}: {' '.join(str(error).split())}") from error


def _checked(content: dict, structure: Material | None) -> dict:
    """See that conditions from a file can be computed with and printed; return arrays."""
    for name in ("session", "material"):
        if not (isinstance(content[name], str) and content[name].isprintable()):
            raise ValueError(f"{name}={content[name]!r}, no name")
    n, frames = len(_NAMES), content["frames"]
    numbers = {"frames": (MIN_FRAMES, 1e6), "area": (0.01, 1e6), "sampling": NETWORK_RANGE}
    for name, (low, high) in numbers.items():
        value = content[name]
        if not (isinstance(value, int | float) and low <= value <= high):
            raise ValueError(f"{name}={value!r}, where {low} to {high:g} are possible")
    shapes = {"mean": (n,), "covariance": (n, n), "within": (n, n)}
    for name, shape in {**shapes, "leave_one_out": (frames,)}.items():
        content[name] = np.array(content[name], dtype=np.float64).reshape(shape)
        if not np.isfinite(content[name]).all():
            raise ValueError(f"{name} with numbers that are not finite")
    for name, least in (("covariance", 1e-6), ("within", -1e-3)):
        matrix = content[name]
        if not np.allclose(matrix, matrix.T) or np.linalg.eigvalsh(matrix)[0] < least:
            raise ValueError(f"{name} that is none")
    if content["leave_one_out"].min() <= 0 or np.ptp(content["leave_one_out"]) == 0:
        raise ValueError("leave_one_out without a distribution")
    if structure is not None and structure.name == content["material"]:
        return content
    return {**content, "material": find_material(content["material"]).name}


def _rounded(values: Any) -> Any:
    """Round an array or a number to six digits: what JSON is to hold."""
    if np.ndim(values):
        return [_rounded(value) for value in values]
    return float(f"{values:.6g}")


def _frame_covariance(features: np.ndarray) -> np.ndarray:
    """Covariance (F, F) of the features (n, F) of frames, with what is of no consequence."""
    return shrunk_covariance(features) + np.diag(_TOLERANCE**2)
