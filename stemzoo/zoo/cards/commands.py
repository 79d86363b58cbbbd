"""The commands by which the figures of a CycleGAN's card are made, as a user types them."""

from collections.abc import Sequence
from dataclasses import dataclass

REPORT = "evaluation"  # folder that `stemzoo evaluate` writes to
PAPER_REPORT = "evaluation-khan2023"


@dataclass(frozen=True)
class CardCommands:
    """Simulate, translate and evaluate, as the README does.

    Parameters
    ----------
    weights : str
        Name of the zoo, or a model folder.
    material : str
        Entry of `MATERIALS`.
    sessions : sequence of str
        Named sessions whose frames take the place of measured images.
    measured, generated : int
        Number of frames, those of several sessions together, and of translations.
    size : int
        Edge of a frame [px].
    seed : int
        Of the measured frames; clean frames and the noise that goes in have the next one.
    classifier : bool
        Whether to make the two-sample test.
    patch : int
        Edge of the compared patches [px].

    Examples
    --------
    >>> CardCommands("my-gan", "wse2", ["wse2-dayB"]).lines()[1]
    "stemzoo translate 'clean/*.tif' --weights my-gan --seed 9001 --out realistic"
    """

    weights: str
    material: str
    sessions: Sequence[str]
    measured: int = 24
    generated: int = 12
    size: int = 1024
    seed: int = 9000
    classifier: bool = True
    patch: int = 256

    def lines(self) -> list[str]:
        """Return the commands: clean frames, translations, frames of the session, comparisons."""
        frames = f"--size {self.size} --seed"
        made = [
            f"stemzoo simulate --like {self.weights} -n {self.generated} {frames} {self.seed + 1} "
            "--out clean",
            f"stemzoo translate 'clean/*.tif' --weights {self.weights} --seed {self.seed + 1} "
            "--out realistic",
        ]
        each = -(-self.measured // len(self.sessions))
        made += [
            f"stemzoo simulate --session {name} -n {each} {frames} {self.seed} --out day"
            for name in self.sessions
        ]
        compare = (
            f"stemzoo evaluate 'day/*.tif' realistic --simulated clean --material {self.material} "
            f"--seed {self.seed}" + ("" if self.patch == 256 else f" --patch {self.patch}")
        )
        paper = f" --no-classifier --protocol khan2023 --out {PAPER_REPORT}"
        return [*made, compare + ("" if self.classifier else " --no-classifier"), compare + paper]
