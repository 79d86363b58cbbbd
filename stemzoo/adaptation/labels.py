"""Whether translations keep the labels of simulations: vacancies removed, invented or moved."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from stemzoo.adaptation.recipes import LIMITS, JudgementLimits
from stemzoo.metrics.preservation import label_preservation
from stemzoo.preprocessing import normal_scores
from stemzoo.simulate.dataset import simulate_session
from stemzoo.simulate.labels import LabelledImage
from stemzoo.simulate.sessions import AcquisitionSession

# Fraction of the columns of a probe that are vacancies: more than in any session, for statistics.
_VACANCIES = 0.06


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

    def is_safe(self, start: "LabelCheck", limits: JudgementLimits = LIMITS) -> bool:
        """Whether labels hold as well as they did at the start, and can still be told.

        Parameters
        ----------
        start : LabelCheck
            Of the pretrained model.
        limits : JudgementLimits, optional
            How much worse is tolerated.

        Returns
        -------
        bool
            False only where the lower end of an interval exceeds what is tolerated.
        """
        if np.isnan(self.removed[0]) and not np.isnan(start.removed[0]):
            return False
        removed, invented = (np.nan_to_num(rate[0]) for rate in (start.removed, start.invented))
        return not (
            self.removed[1] > removed + limits.more_removed
            or self.invented[1] > invented + limits.more_invented
            or self.moved > max(start.moved, 0) + limits.more_moved
        )


def label_probes(
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
        Seed of the frames.

    Returns
    -------
    list of LabelledImage
        Empty if the session has no vacancies.
    """
    rates = {name: rate for name, rate in session.defects.items() if name.endswith("_vacancy")}
    if not rates:
        return []
    crowded = replace(session, defects={max(rates, key=lambda name: rates[name]): _VACANCIES})
    return list(simulate_session(crowded, count, (edge, edge), seed=seed))


def check_labels(
    frames: Sequence[LabelledImage], translated: Sequence[np.ndarray]
) -> LabelCheck | None:
    """Compare the vacancies of frames with those of their translations.

    Parameters
    ----------
    frames : sequence of LabelledImage
        From `label_probes`.
    translated : sequence of ndarray of shape (M, N)
        Their translations.

    Returns
    -------
    LabelCheck, or None
        None if there are no frames.
    """
    if not frames:
        return None
    # By rank: a change of contrast, as the response of a detector makes, is to count for nothing.
    pairs = zip(frames, map(normal_scores, translated), strict=True)
    first, *others = (label_preservation(*pair) for pair in pairs)
    preservation = sum(others, start=first)
    corrected = preservation.noise_corrected()
    return LabelCheck(
        (corrected.removed_per_1000, corrected.removed_interval[0]),
        (corrected.invented_per_1000, corrected.invented_interval[0]),
        preservation.moved_per_1000,
    )
