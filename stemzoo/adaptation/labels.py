"""Watch the labels while a CycleGAN is fine-tuned: translations must not move or invent defects."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from stemzoo.metrics.preservation import label_preservation
from stemzoo.preprocessing import normal_scores
from stemzoo.simulate.dataset import LabelledImage, simulate_session
from stemzoo.simulate.sessions import AcquisitionSession

# Part of the columns of a watched frame that are vacancies: more than in any session, to count on.
_VACANCIES = 0.06
# Above those of the pretrained model, in 1,000; with 95 % confidence.
_MORE_REMOVED, _MORE_INVENTED = 40.0, 15.0
_MOVED = 20.0


@dataclass(frozen=True)
class LabelCheck:
    """What became of the labelled vacancies of some frames.

    Parameters
    ----------
    removed, invented : tuple of float
        Per 1,000, corrected for noise: estimate and the lower end of its interval of 95 %; NaN
        where noise hides the vacancies.
    moved : float
        Per 1,000.
    """

    removed: tuple[float, float]
    invented: tuple[float, float]
    moved: float

    def is_safe(self, start: "LabelCheck") -> bool:
        """Whether labels hold as well as they did at the start, and can still be told."""
        if np.isnan(self.removed[0]) and not np.isnan(start.removed[0]):
            return False
        pairs = ((self.removed, start.removed, _MORE_REMOVED),)
        pairs += ((self.invented, start.invented, _MORE_INVENTED),)
        more = any(now[1] > np.nan_to_num(then[0]) + room for now, then, room in pairs)
        return not more and not self.moved > max(start.moved, 0) + _MOVED


def watched_frames(
    session: AcquisitionSession, count: int, edge: int, seed: int
) -> list[LabelledImage]:
    """Simulate clean frames with many vacancies of the session's most frequent kind.

    Parameters
    ----------
    session : AcquisitionSession
        From `domain_session`.
    count, edge : int
        Number of frames and their edge [px].
    seed : int
        Names the frames.

    Returns
    -------
    list of LabelledImage
        Empty if the session has no vacancies.
    """
    rates = {name: rate for name, rate in session.defects.items() if name.endswith("_vacancy")}
    if not rates:
        return []
    crowded = replace(session, defects={max(rates, key=rates.get): _VACANCIES})
    return list(simulate_session(crowded, count, (edge, edge), seed=seed))


def check_labels(
    frames: Sequence[LabelledImage], translated: Sequence[np.ndarray]
) -> LabelCheck | None:
    """Compare the vacancies of frames with those of their translations.

    Parameters
    ----------
    frames : sequence of LabelledImage
        From `watched_frames`.
    translated : sequence of ndarray of shape (M, N)
        Their translations.

    Returns
    -------
    LabelCheck, or None
        None if there are no frames.
    """
    if not frames:
        return None
    # By rank: what a translation does to contrast, as the detector does, is not to count.
    pairs = zip(frames, map(normal_scores, translated), strict=True)
    first, *others = (label_preservation(*pair) for pair in pairs)
    found = sum(others, start=first)
    fair = found.noise_corrected()
    return LabelCheck(
        (fair.removed_per_1000, fair.removed_interval[0]),
        (fair.invented_per_1000, fair.invented_interval[0]),
        found.moved_per_1000,
    )
