from dataclasses import replace

import pytest

from stemzoo.adaptation.agreement import Agreement
from stemzoo.adaptation.experimental import ExperimentalSession
from stemzoo.adaptation.frames import training_frames, ways_to_use
from stemzoo.simulate import find_session, simulate_session
from stemzoo.training.recipes import JudgementLimits, RenewalRecipe

CLASSES = ("se_vacancy", "se_divacancy", "metal_dark", "bright")
SMALL = RenewalRecipe(translated=2, simulated=4, frame_size=128)


class Translator:
    """A CycleGAN that leaves images as they are."""

    material, sampling, patch_size, rotation, session = "wse2", 0.2074, 32, (0.0, 3.0), "dayX"

    def __init__(self):
        self.sim_to_exp = self

    @staticmethod
    def predict_on_batch(batch):
        return batch


@pytest.fixture(scope="module")
def session():
    frames = simulate_session(find_session("wse2-dayA"), 2, (512, 512), seed=7)
    session = ExperimentalSession.of([frame.image for frame in frames], Translator())
    session.filtered_simulator(0, 128)  # of small frames
    return session


def test_training_frames_are_labelled_and_at_the_pixels_of_the_detector(session):
    frames, agreements = training_frames(Translator(), session, 0.19, SMALL, seed=1)
    assert set(agreements) == {"translated", "simulated"}
    # Of the way that is nearer, and half as many that are randomised.
    assert len(frames) == 4 + 2
    for frame in frames:
        assert frame.sampling == 0.19
        assert frame.classes == CLASSES
        assert frame.image.shape == frame.mask.shape
        assert (frame.mask > 0).any() == bool(len(frame.points))
    # 128 px of 0.2074 Å; randomised frames have pixels of their own.
    assert frames[0].image.shape == (139, 139)
    assert frames[-1].conditions.name == "wse2-randomised"


def test_what_was_measured_on_the_session_is_what_simulations_are_judged_by(session):
    _, agreements = training_frames(Translator(), session, 0.2074, SMALL, seed=1)
    assert agreements["simulated"] is session.filtered_simulator(0).agreement
    # This translator leaves simulations as they are, clean.
    assert agreements["simulated"].clearly_better_than(agreements["translated"])


def test_translations_that_are_not_wanted_are_not_made(session):
    frames, agreements = training_frames(
        Translator(), session, 0.2074, SMALL, translations=False, randomised=False, seed=1
    )
    assert set(agreements) == {"simulated"}
    assert len(frames) == 4


def test_translations_that_are_clearly_nearer_are_used_beside_simulations(session):
    anything = replace(SMALL, limits=JudgementLimits(nearer=0.0, nearer_spectra=0.0))
    frames, _ = training_frames(Translator(), session, 0.2074, anything, randomised=False, seed=1)
    assert len(frames) == 2 + 2


def test_without_appearances_there_are_translations_alone(session):
    blind = replace(session, held_out=session.held_out)
    blind.__dict__["appearances"] = ()  # as where no image shows its lattice well
    frames, agreements = training_frames(
        Translator(), blind, 0.2074, SMALL, translations=False, seed=1
    )
    assert set(agreements) == {"translated"}
    assert len(frames) == 2 + 1


@pytest.mark.parametrize(
    ("translated", "simulated", "ways"),
    [
        (0.1, None, ("translated",)),
        (0.1, 0.2, ("translated", "simulated")),
        (0.1, 0.12, ("simulated",)),
        (0.12, 0.1, ("simulated",)),
        (0.2, 0.1, ("simulated",)),
    ],
)
def test_translations_are_trained_on_only_where_they_are_clearly_nearer(
    translated, simulated, ways
):
    """The others' labels are true: on 'swaying' they alone gave 1.00, both 0.53."""
    agreements = {"translated": Agreement(translated, 100 * translated, 0.0)}
    if simulated is not None:
        agreements["simulated"] = Agreement(simulated, 100 * simulated, 0.0)
    assert ways_to_use(agreements) == ways


def test_a_nearer_kernel_distance_alone_makes_no_translations():
    """It did harm: 0.983 became 0.947 on a V-doped image, of which there was one."""
    agreements = {"translated": Agreement(0.07, 47, 0.0), "simulated": Agreement(0.1, 550, 0.0)}
    assert ways_to_use(agreements) == ("simulated",)
