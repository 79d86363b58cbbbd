"""Measure how defects are followed through simulated time series, whose truth is known.

    python scripts/measure_tracking.py [--weights fcn-wse2] [--session wse2-dayA ...]
        [--series 2] [--frames 16] [--size 320] [--seed 9100] [--out FILE.json]

A specimen drifts by some pixels a frame, and once by several lattice constants; three vacancies
jump to the next site, two appear. Detections are those of `stemzoo.detect`; each is the true defect
that is nearest, within 1.5 Å, or a false one.
"""

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

import stemzoo
from stemzoo import io
from stemzoo.simulate import find_session
from stemzoo.simulate.series import simulate_series
from stemzoo.workflows.simulated_scores import RADIUS

STILL, JUMPING, LATE = 14, 3, 2


@dataclass
class TrackingScore:
    """How the series of a session were followed.

    Links join detections that follow each other in a track; wrong ones join different defects, or
    a defect and a false detection.
    """

    session: str
    frames: int = 0
    recall: float = 0.0
    false_a_frame: float = 0.0
    links: int = 0
    wrong_links: int = 0
    jumps: int = 0
    jumps_found: int = 0
    false_jumps: int = 0
    appeared: int = 0
    appeared_found: int = 0
    largest_drift_error_px: float = 0.0
    ambiguous: int = 0


def sites(drawn, size: int, rng: np.random.Generator) -> np.ndarray:
    """Return x and y of places, none next to another [Å]."""
    field = size * drawn.sampling
    points: list[np.ndarray] = []
    while len(points) < STILL + JUMPING + LATE:
        place = rng.uniform(6, field - 6, 2)
        if all(np.hypot(*(place - other)) > 8 for other in points):
            points.append(place)
    return np.array(points)


def truth(drawn, frames: int, size: int, rng: np.random.Generator):
    """Return drifts [px], places by frame [Å], and when each defect is there and jumps."""
    start = sites(drawn, size, rng)
    drift = np.cumsum(rng.normal(1.0, 2.0, (frames, 2)), axis=0)
    drift -= drift[0]
    drift[frames // 2 :] += rng.uniform(30, 60, 2)
    places = np.repeat(start[None], frames, axis=0)
    at = rng.integers(2, frames - 2, len(start))
    turn = np.deg2rad(drawn.rotation + 60 * rng.integers(0, 6, len(start)))
    step = 3.28 * np.column_stack([np.cos(turn), np.sin(turn)])
    for k in range(STILL, STILL + JUMPING):
        places[at[k] :, k] += step[k]
    there = np.ones((frames, len(start)), bool)
    for k in range(STILL + JUMPING, len(start)):
        there[: at[k], k] = False
    return drift, places, there, at


def follow(score: TrackingScore, session, model, options, seed: int) -> float:
    """Add a series to a score; return its true detections."""
    rng = np.random.default_rng(seed)
    drawn = session.draw(rng)
    drift, places, there, at = truth(drawn, options.frames, options.size, rng)
    listed = [
        [("se_vacancy", *place) for place in now[seen]]
        for now, seen in zip(places, there, strict=True)
    ]
    shape = (options.size, options.size)
    frames = list(simulate_series(drawn, shape, drift, listed, rng=rng))
    found = [stemzoo.detect(one.image, model, sampling=drawn.sampling) for one in frames]
    tracks = stemzoo.track(found)
    owners, hits, labelled = [], 0, 0
    for k, one in enumerate(found):
        # True places in the frame: x and y of the first frame, moved by the drift [px].
        now = places[k][:, ::-1] / drawn.sampling + drift[k]
        inside = there[k] & ((now > 0) & (now < options.size - 1)).all(axis=1)
        away = np.hypot(*(one.positions[:, None] - now[None]).transpose(2, 0, 1))
        away[:, ~inside] = np.inf
        # A listed place is taken by the nearest column, up to half a spacing away.
        own = np.where(away.min(axis=1) < (RADIUS + 1) / drawn.sampling, away.argmin(axis=1), -1)
        owners.append(own)
        hits += len(set(own[own >= 0]))
        labelled += int(inside.sum())
        score.false_a_frame += int(np.count_nonzero(own < 0))
    for chain in tracks.chains:
        own = np.array([owners[k][i] for k, i in zip(chain.frames, chain.members, strict=True)])
        score.links += len(own) - 1
        score.wrong_links += int(np.count_nonzero(np.diff(own)))
        for jump in chain.jumps:
            old, new = own[chain.frames <= jump.before][-1], own[chain.frames >= jump.after][0]
            right = old == new and old in range(STILL, STILL + JUMPING)
            score.jumps_found += int(right and abs(jump.after - at[old]) <= 1)
            score.false_jumps += int(not right)
        if own[0] >= STILL + JUMPING and len(own) > 1:
            score.appeared_found += int(abs(chain.frames[0] - at[own[0]]) <= 1)
    score.frames += options.frames
    # Those that can be seen: in view when it happens, and before.
    at_frame = places[..., ::-1] / drawn.sampling + drift[:, None]
    inside = ((at_frame > 0) & (at_frame < options.size - 1)).all(axis=2)
    seen = [bool(inside[at[k] - 1, k] and inside[at[k], k]) for k in range(len(at))]
    score.jumps += sum(seen[STILL : STILL + JUMPING])
    score.appeared += sum(seen[STILL + JUMPING :])
    error = float(np.hypot(*(tracks.drift - drift).T).max())
    score.largest_drift_error_px = max(score.largest_drift_error_px, round(error, 2))
    score.ambiguous += len(tracks.ambiguous)
    return hits / labelled


def main() -> None:
    """Measure, print a line a session, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default="fcn-wse2")
    parser.add_argument("--session", nargs="+", default=["wse2-dayA", "wse2-dayB"])
    parser.add_argument("--series", type=int, default=2)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--size", type=int, default=320, help="of a frame (px)")
    parser.add_argument("--seed", type=int, default=9100)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    model, scores = stemzoo.load(options.weights), []
    for name in options.session:
        score, session = TrackingScore(name), find_session(name)
        recalls = [
            follow(score, session, model, options, options.seed + k) for k in range(options.series)
        ]
        score.recall = round(float(np.mean(recalls)), 3)
        score.false_a_frame = round(float(score.false_a_frame) / score.frames, 2)
        scores.append(asdict(score))
        print(scores[-1])
    if options.out is not None:
        io.write_json(options.out, {"weights": options.weights, "sessions": scores})


if __name__ == "__main__":
    main()
