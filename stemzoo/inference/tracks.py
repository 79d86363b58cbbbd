"""Defects that were followed through the frames of a time series: tables and what happened."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from stemzoo.analysis.drift import FrameDrift
from stemzoo.analysis.linking import Chain, most_common

TRACK_COLUMNS = (
    *("id", "class", "first_frame", "last_frame", "frames_seen", "frames_missed", "begins", "ends"),
    *("jumps", "jump_frames", "row", "column", "x_nm", "y_nm", "displacement_nm", "drift_certain"),
)
POINT_COLUMNS = ("id", "frame", "row", "column", "x_nm", "y_nm", "class", "score", "defect")
DRIFT_COLUMNS = ("frame", "drift_rows", "drift_columns", "x_nm", "y_nm", "certainty", "defects")


@dataclass(frozen=True, eq=False)
class FramePoints:
    """What a frame of a series holds that defects are followed by.

    Parameters
    ----------
    positions : ndarray of shape (K, 2)
        Row and column of each defect in the frame [px].
    classes : tuple of str
        Class of each.
    scores : ndarray of shape (K,)
        Probability of each, or score.
    number : int
        Of the frame in the series.
    drift : FrameDrift
        Where the frame lies.
    """

    positions: np.ndarray
    classes: tuple[str, ...]
    scores: np.ndarray
    number: int
    drift: FrameDrift


@dataclass(frozen=True, eq=False)
class Tracks:
    """Defects of a series, each with an id through all frames.

    All places are in the first frame: what the specimen drifted is taken off.

    Parameters
    ----------
    chains : tuple of Chain
        The defects; the id of each is its number here.
    frames : tuple of FramePoints
        The frames.
    shape : tuple of int
        Rows and columns of each.
    sampling : float
        Pixel size [Å/px].
    near, jump : float
        How far detections of one place differ, and a defect jumps at most [px].
    memory : int
        Frames in a row that a defect may be missed.

    Examples
    --------
    >>> tracks = stemzoo.track([stemzoo.detect(frame, model) for frame in frames])  # doctest: +SKIP
    >>> tracks.to_frame()[["class", "begins", "ends", "jumps"]]  # doctest: +SKIP
    """

    chains: tuple[Chain, ...]
    frames: tuple[FramePoints, ...]
    shape: tuple[int, int]
    sampling: float
    near: float
    jump: float
    memory: int

    def __len__(self) -> int:
        return len(self.chains)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Return each defect as a dict of `TRACK_COLUMNS`."""
        return (self._row(number, chain) for number, chain in enumerate(self.chains))

    @property
    def ids(self) -> tuple[np.ndarray, ...]:
        """Return the id of each detection of each frame, in the order of the detections."""
        found = [np.full(len(frame.classes), -1) for frame in self.frames]
        for number, chain in enumerate(self.chains):
            for k, i in zip(chain.frames, chain.members, strict=True):
                found[k][i] = number
        return tuple(found)

    @property
    def drift(self) -> np.ndarray:
        """Return how far the content of each frame lies from the first one's; (F, 2) [px]."""
        return np.array([frame.drift.shift for frame in self.frames])

    @property
    def ambiguous(self) -> tuple[int, ...]:
        """Return the numbers of the frames whose drift is not certain."""
        return tuple(frame.number for frame in self.frames if not frame.drift.is_certain)

    @property
    def chance_jumps(self) -> float:
        """Return how many jumps would be seen if defects only vanished and appeared at random.

        Beginnings by area and frame, times the area that a jump reaches, for each end.
        """
        rows = list(self)
        began = sum(row["begins"] == "appears" or row["jumps"] for row in rows)
        ended = sum(row["ends"] == "vanishes" or row["jumps"] for row in rows)
        steps = self.frames[-1].number - self.frames[0].number if self.frames else 0
        if not steps:
            return 0.0
        window = (self.memory + 1) * np.pi * (self.jump**2 - self.near**2)
        return float(began / (steps * self.shape[0] * self.shape[1]) * window * ended)

    @property
    def doubts(self) -> tuple[str, ...]:
        """Return why identities may be wrong, each with the next step."""
        doubts = []
        if self.ambiguous:
            some = ", ".join(map(str, self.ambiguous[:8]))
            more = f" and {len(self.ambiguous) - 8} more" if len(self.ambiguous) > 8 else ""
            doubts.append(
                f"the drift of {len(self.ambiguous)} of {len(self.frames)} frames is ambiguous by "
                f"whole lattice vectors ({some}{more}): too few defects stay where they are to "
                "tell it; jumps there may be drift (drift_certain is 0). Take a larger field, or "
                "one with contamination or an edge in it"
            )
        jumps = sum(len(chain.jumps) for chain in self.chains)
        if jumps and self.chance_jumps > 0.3 * jumps:
            doubts.append(
                f"of {jumps} jumps about {min(self.chance_jumps, jumps):.1f} are chance: so many "
                "defects vanish and appear that some do so next to each other; raise --threshold "
                "(select(threshold=)), or take frames at shorter intervals"
            )
        return tuple(doubts)

    def summary(self) -> str:
        """Say in one line what happened."""
        rows = [row for row in self if row["frames_seen"] > 1]
        jumps = [row["jumps"] for row in rows if row["jumps"]]
        chance = min(self.chance_jumps, sum(jumps))
        largest = float(np.hypot(*self.drift.T).max(initial=0) * self.sampling / 10)
        return (
            f"{len(rows)} defects followed through {len(self.frames)} frames: "
            f"{sum(row['begins'] == 'appears' for row in rows)} appeared, "
            f"{sum(row['ends'] == 'vanishes' for row in rows)} vanished, {len(jumps)} jumped "
            f"({sum(jumps)} jumps, about {chance:.1f} of them chance); "
            f"{len(self) - len(rows)} more seen in one frame only; drift {largest:.2f} nm at most"
        )

    def _row(self, number: int, chain: Chain) -> dict[str, Any]:
        """Return what is told of a defect."""
        nm = self.sampling / 10
        names = [
            self.frames[k].classes[i] for k, i in zip(chain.frames, chain.members, strict=True)
        ]
        first, last = (self.frames[chain.frames[end]].number for end in (0, -1))
        between = [frame.number for frame in self.frames if first <= frame.number <= last]
        row, column = chain.positions.mean(axis=0)
        moved = sum((jump.step for jump in chain.jumps), np.zeros(2))
        turns = {chain.frames[0], chain.frames[-1]}
        turns |= {k for jump in chain.jumps for k in (jump.before, jump.after)}
        return {
            "id": number,
            "class": most_common(names),
            "first_frame": first,
            "last_frame": last,
            "frames_seen": len(names),
            "frames_missed": len(between) - len(names),
            "begins": self._begins(chain),
            "ends": self._ends(chain),
            "jumps": len(chain.jumps),
            "jump_frames": " ".join(str(self.frames[j.after].number) for j in chain.jumps),
            "row": round(float(row), 2),
            "column": round(float(column), 2),
            "x_nm": round(float(column) * nm, 4),
            "y_nm": round(float(row) * nm, 4),
            "displacement_nm": round(float(np.hypot(*moved)) * nm, 4),
            "drift_certain": int(all(self.frames[k].drift.is_certain for k in turns)),
        }

    def _begins(self, chain: Chain) -> str:
        if chain.frames[0] == 0:
            return "at the start"
        before = self.frames[max(chain.frames[0] - self.memory - 1, 0) : chain.frames[0]]
        seen = all(self._sees(frame, chain.positions[0]) for frame in before)
        return "appears" if seen else "enters the view"

    def _ends(self, chain: Chain) -> str:
        after = self.frames[chain.frames[-1] + 1 :][: self.memory + 1]
        if not all(self._sees(frame, chain.positions[-1]) for frame in after):
            return "leaves the view"
        # Of fewer frames than may be missed in a row nothing can be told.
        return "vanishes" if len(after) > self.memory else "at the end"

    def _sees(self, frame: FramePoints, place: np.ndarray) -> bool:
        """Whether a place lies in a frame, and not at its border, where defects are missed."""
        at = place + frame.drift.shift
        border = self.near + self.jump / 2
        return bool((at >= border).all() and (at <= np.array(self.shape) - 1 - border).all())

    def columns(self) -> dict[str, list[Any]]:
        """Return the table of `TRACK_COLUMNS`, one row a defect."""
        rows = list(self)
        return {name: [row[name] for row in rows] for name in TRACK_COLUMNS}

    def point_columns(self) -> dict[str, list[Any]]:
        """Return the table of `POINT_COLUMNS`: the id of each detection, and its place.

        ``frame`` is the frame's number, ``defect`` the row of the detection in the table of that
        frame, from 0.
        """
        nm = self.sampling / 10
        rows = []
        for frame, ids in zip(self.frames, self.ids, strict=True):
            for i, (row, column) in enumerate(frame.drift.positions):
                place = (round(row, 2), round(column, 2), round(column * nm, 4), round(row * nm, 4))
                score = round(float(frame.scores[i]), 4)
                rows.append((int(ids[i]), frame.number, *place, frame.classes[i], score, i))
        rows.sort(key=lambda row: row[:2])
        cells = list(zip(*rows, strict=True)) or [()] * len(POINT_COLUMNS)
        return {name: list(own) for name, own in zip(POINT_COLUMNS, cells, strict=True)}

    def drift_columns(self) -> dict[str, list[Any]]:
        """Return the table of `DRIFT_COLUMNS`: how far each frame's content moved [px, nm].

        ``certainty`` is the probability of that drift among those that differ by lattice vectors,
        ``defects`` how many defects lie where they were.
        """
        shift, nm = self.drift.reshape(-1, 2), self.sampling / 10
        drifts = [frame.drift for frame in self.frames]
        return {
            "frame": [frame.number for frame in self.frames],
            "drift_rows": np.round(shift[:, 0], 2).tolist(),
            "drift_columns": np.round(shift[:, 1], 2).tolist(),
            "x_nm": np.round(shift[:, 1] * nm, 4).tolist(),
            "y_nm": np.round(shift[:, 0] * nm, 4).tolist(),
            "certainty": [round(drift.certainty, 6) for drift in drifts],
            "defects": [drift.matched for drift in drifts],
        }

    def to_frame(self) -> Any:
        """Return the table of `TRACK_COLUMNS` as a pandas DataFrame, one row a defect.

        Raises
        ------
        ModuleNotFoundError
            If pandas is not installed.
        """
        import pandas

        return pandas.DataFrame(self.columns(), columns=list(TRACK_COLUMNS))
