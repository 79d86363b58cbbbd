"""Whether a denoised image still tells of each atom what the frame told.

No network judges, and the error of the pixels does not: an image can be near to the truth in all
its pixels and have its vacancies healed. The intensities of columns are compared, as in
`stemzoo.metrics.preservation`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stemzoo.metrics.preservation import Preservation, label_preservation
from stemzoo.simulate.labels import LabelledImage

LOST_F1 = 0.02  # by so much less a denoised image may tell of the columns than its frame
SHRUNK = 0.1  # so far the contrast of sure vacancies may lie from that of the noise-free image


@dataclass(frozen=True, eq=False)
class DenoisedColumns:
    """What columns measure as in frames, in their denoised images and without noise.

    Those of several frames are added with ``+``.

    Parameters
    ----------
    frame, denoised, clean : Preservation
        Of the frame as recorded, of what was made of it, and of the noise-free image.
    sure : ndarray of shape (V,)
        Contrast, in the denoised image, of the labelled vacancies that the frame shows beyond
        doubt: where it lies below the half-way threshold by half of the distance to it.

    Examples
    --------
    >>> half, full = np.full(50, 0.5), np.full(900, 1.0)
    >>> known = Preservation(half, full, np.zeros(50))
    >>> healed = Preservation(np.r_[full[:20], half[:30]], full, np.zeros(50))
    >>> DenoisedColumns(known, healed, known, half).faults()
    ('F1 by columns is 0.75, in the frame 1.00', 'it heals 400 of 1,000 vacancies, the frame 0')
    """

    frame: Preservation
    denoised: Preservation
    clean: Preservation
    sure: np.ndarray

    def __add__(self, other: "DenoisedColumns") -> "DenoisedColumns":
        return DenoisedColumns(
            self.frame + other.frame,
            self.denoised + other.denoised,
            self.clean + other.clean,
            np.concatenate([self.sure, other.sure]),
        )

    def faults(self) -> tuple[str, ...]:
        """Say in words what the denoised images may not be used for; empty if nothing was lost."""
        found = []
        frame, denoised = self.frame, self.denoised
        if denoised.best_f1 < frame.best_f1 - LOST_F1:
            found.append(
                f"F1 by columns is {denoised.best_f1:.2f}, in the frame {frame.best_f1:.2f}"
            )
        for verb, name in (("heals", "removed"), ("invents", "invented")):
            ours, known = (getattr(part, f"{name}_per_1000") for part in (denoised, frame))
            # By more than the two counts differ by chance, at two standard deviations.
            count = frame.labelled if name == "removed" else len(frame.intact)
            chance = 2 * np.sqrt(1000 * (ours + known) / max(count, 1))
            if ours > known + chance:
                of = "vacancies" if name == "removed" else "full columns"
                found.append(f"it {verb} {ours:.0f} of 1,000 {of}, the frame {known:.0f}")
        change = float(np.median(self.sure) - self.clean.contrast) if len(self.sure) else 0.0
        if abs(change) > SHRUNK:
            found.append(
                f"sure vacancies have {np.median(self.sure):.2f} of a full column, without noise "
                f"{self.clean.contrast:.2f}"
            )
        return tuple(found)


def denoised_columns(
    frame: LabelledImage, denoised: np.ndarray, *, label: str | None = None, border: float = 5
) -> DenoisedColumns:
    """Measure what became of the labelled vacancies of a simulated frame that was denoised.

    Parameters
    ----------
    frame : LabelledImage
        From `simulate_session`.
    denoised : ndarray of shape (M, N)
        What any denoiser made of ``frame.image``, pixel by pixel.
    label, border
        As in `label_preservation`.

    Returns
    -------
    DenoisedColumns

    Raises
    ------
    ValueError
        As `label_preservation`.

    Examples
    --------
    >>> from scipy.ndimage import gaussian_filter
    >>> from stemzoo.simulate import find_session, simulate_session
    >>> (frame,) = simulate_session(find_session("wse2-dayA"), 1, (256, 256))
    >>> denoised_columns(frame, gaussian_filter(frame.image * 1.0, 1.5)).faults()
    ()
    """
    recorded, ours, clean = (
        label_preservation(frame, np.asarray(image, dtype=np.float64), label=label, border=border)
        for image in (frame.image, denoised, frame.clean)
    )
    shown = recorded.vacancies < (recorded.threshold + clean.contrast) / 2
    # Sites of one frame come in one order; a column without neighbours' intensity is left out.
    aligned = len(shown) == len(ours.vacancies)
    sure = ours.vacancies[shown] if aligned else ours.vacancies
    return DenoisedColumns(recorded, ours, clean, sure)


def peak_signal_to_noise(image: np.ndarray, truth: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio of an image, whatever its scale and offset.

    Parameters
    ----------
    image, truth : ndarray of shape (M, N)
        An image, and the one without noise.

    Returns
    -------
    float
        20 log10 of the range of the truth over the rms difference [dB]; the image's scale and
        offset, which mean nothing, are those of least squares.

    Examples
    --------
    >>> truth = np.array([[0.0, 1.0, 0.0, 1.0]])
    >>> round(peak_signal_to_noise(5 * truth + np.array([[0, 0, 1, 1]]), truth), 1)
    20.2
    """
    slope, offset = np.polyfit(np.ravel(image), np.ravel(truth), 1)
    error = np.sqrt(np.mean((slope * np.asarray(image) + offset - truth) ** 2))
    return float(20 * np.log10(np.ptp(truth) / max(error, np.finfo(float).tiny)))


def add_all(parts: Sequence[DenoisedColumns]) -> DenoisedColumns:
    """Add what was measured in several frames, one at least.

    Examples
    --------
    >>> known = Preservation(np.full(5, 0.5), np.ones(9), np.zeros(5))
    >>> add_all([DenoisedColumns(known, known, known, np.full(5, 0.5))] * 3).frame.labelled
    15
    """
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
