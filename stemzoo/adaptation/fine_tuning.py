"""The fine-tuning of a CycleGAN on new images: a run that goes on where it was killed."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from stemzoo.adaptation.agreement import Agreement
from stemzoo.adaptation.best_weights import RestoreBestWeights
from stemzoo.adaptation.experimental import ExperimentalSession
from stemzoo.adaptation.judgement import Adaptation, Judge, Stopped, TranslationJudge
from stemzoo.adaptation.labels import label_probes
from stemzoo.adaptation.recipes import AdaptRecipe
from stemzoo.preprocessing import rescale_group
from stemzoo.simulate.dataset import simulate_session
from stemzoo.training.budget import TimeBudget, TimedRate
from stemzoo.training.callbacks import StopOnNaN
from stemzoo.training.patches import patch_dataset
from stemzoo.training.recipes import CycleGANRecipe
from stemzoo.training.state import TrainingState

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AdaptationResult:
    """A model that was adapted, and what was done.

    Parameters
    ----------
    model : CycleGANSTEM
        With its best weights.
    report : Adaptation
        How it came to them.
    """

    model: Any
    report: Adaptation


class AdaptationRun:
    """The fine-tuning of a CycleGAN on a session, which goes on where it was killed.

    Parameters
    ----------
    parent : CycleGANSTEM
        Pretrained; it is not changed.
    session : ExperimentalSession
        The new images.
    recipe : AdaptRecipe
        How to train.
    budget : TimeBudget
        How long.
    out : path-like, optional
        Folder of the run.
    seed : int
        Seed of the run.
    name : str, optional
        What to call the new conditions.
    simulated : sequence of ndarray of shape (M, N), optional
        Clean simulations at the model's pixel size, instead of its own.
    rival : Agreement, optional
        Of filtered simulations, which would be used instead of translations.
    report : callable
        Takes a line of text at each judgement.
    judge : Judge, optional
        A `TranslationJudge` where not given.
    """

    def __init__(
        self,
        parent: Any,
        session: ExperimentalSession,
        recipe: AdaptRecipe,
        budget: TimeBudget,
        out: Any = None,
        *,
        seed: int,
        name: str | None = None,
        simulated: Sequence[np.ndarray] | None = None,
        rival: Agreement | None = None,
        report: Callable[[str], None] = log.info,
        judge: Judge | None = None,
    ):
        clean = session.clean_session()
        if simulated is None:
            frames = simulate_session(clean, recipe.frames, (recipe.frame_size,) * 2, seed=seed)
            simulated = [frame.image for frame in frames]
        self.parent, self.session, self.recipe, self.budget = parent, session, recipe, budget
        self.simulated, self.seed, self.done = rescale_group(simulated), seed, 0
        self.state = None if out is None else TrainingState(out)
        self.model = successor(parent, name, session.rotation)
        if judge is None:
            judge = TranslationJudge(
                session.held_out,
                self.simulated,
                # Straight ones, whose columns can be told one by one.
                label_probes(
                    replace(clean, line_shifts=()), recipe.probes, recipe.probe_size, seed + 1
                ),
                patch=session.patch,
                noise=recipe.noise,
                seed=seed,
                limits=recipe.limits,
            )
        self.keeper = RestoreBestWeights(judge, budget, recipe, report, out, rival)

    def resume(self) -> None:
        """Go on from the state in the folder, if there is one, and judge the start if not."""
        self._compile()
        if self.state is not None:
            self.done = self.state.restore(self.model)
            if self.done:
                self.budget.add_used(self.state.rows[-1]["seconds"])
        self.keeper.start(self.parent, self.done * self.recipe.block)

    def run(self) -> AdaptationResult:
        """Train in the time that is left; call `resume` before.

        Returns
        -------
        AdaptationResult

        Raises
        ------
        FloatingPointError
            If a loss is not finite; the last saved state stays.
        """
        if self.budget.left > 0 and self.keeper.stopped == Stopped.NOT_STOPPED:
            patches = CycleGANRecipe(
                epochs=10_000,  # more than any budget has time for
                steps_per_epoch=self.recipe.block,
                batch_size=self.recipe.batch_size,
                patch=self.session.patch,
                noise=self.recipe.noise,
                seed=self.seed,
            )
            saver = [] if self.state is None else [self.state]
            self.model.fit(
                patch_dataset(
                    self.session.held_out.training,
                    self.simulated,
                    patches,
                    first_step=self.done * self.recipe.block,
                ),
                epochs=patches.epochs,
                initial_epoch=self.done,
                steps_per_epoch=self.recipe.block,
                shuffle=False,
                callbacks=[StopOnNaN(), self.budget, self.keeper, *saver],
                verbose=0,
            )
        report = self.keeper.finish(self.model)
        for network in (*self.model.generators, *self.model.discriminators):
            for layer in network.layers:
                layer.trainable = True
        return AdaptationResult(self.model, report)

    def _compile(self) -> None:
        """Freeze what the recipe says and set the optimizers, whose rates follow the budget."""
        if self.recipe.frozen == "discriminators":
            for network in self.model.discriminators:
                for name in ("down0", "down1", "down1_norm"):
                    network.get_layer(name).trainable = False
        rates = [self.budget.schedule(TimedRate(self.recipe.learning_rate)) for _ in range(2)]
        self.model.compile(*(keras.optimizers.Adam(rate, beta_1=0.5) for rate in rates))


def successor(model: Any, name: str | None, rotation: Sequence[float] | None) -> Any:
    """Return a copy of a model for new conditions.

    Parameters
    ----------
    model : CycleGANSTEM
        Pretrained.
    name : str or None
        What to call the conditions; after those of the model where not given.
    rotation : pair of float, or None
        Mean and standard deviation of the lattices' orientation [degrees].

    Returns
    -------
    CycleGANSTEM
    """
    return model.successor(
        session=name or adapted_name(str(model.session)),
        rotation=rotation,
        name=adapted_name(model.name),
    )


def adapted_name(name: str) -> str:
    """Return the name of a model that was adapted.

    Parameters
    ----------
    name : str
        Of the model before.

    Returns
    -------
    str

    Examples
    --------
    >>> adapted_name("fcn-wse2"), adapted_name("fcn-wse2-adapted")
    ('fcn-wse2-adapted', 'fcn-wse2-adapted')
    """
    return f"{name.removesuffix('-adapted')}-adapted"
