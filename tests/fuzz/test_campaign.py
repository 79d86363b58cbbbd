"""A fixed sample of the campaigns of `python -m tests.fuzz` and `python -m tests.fuzz.kills`."""

import numpy as np
import pytest
from fuzz import answers, folders, images, kills
from fuzz.seeds import good_folders, good_images

# Of each kind of lie one that once was believed, or cost memory, disk or time without end.
SAMPLE = (
    "the commit is None",
    "the commit is '../../../escaped'",
    "a file is named '../escaped.txt'",
    "the ETag is '/tmp/stemzoo_escaped'",
    "the listing is nested without end",
    "the listing is endless",
    "a file is endless",
    "a file is a packed bomb",
)


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    """Good images and good model folders."""
    folder = tmp_path_factory.mktemp("seeds")
    return good_images(folder), good_folders(folder)


def faults(found):
    return [f"{case}: {line}" for case, wrong in found for line in wrong]


def test_changed_images_are_read_or_refused_in_a_line(seeds, tmp_path):
    pictures, models = seeds
    found = images.attack(pictures, models[0], tmp_path, seed=3, cases=25)
    assert faults(found) == []


def test_changed_model_folders_are_loaded_or_refused_in_a_line(seeds, tmp_path):
    assert faults(folders.attack(seeds[1], tmp_path, seed=3, cases=25)) == []


@pytest.mark.parametrize("name", SAMPLE)
def test_a_lying_hub_is_refused_in_a_line_and_writes_nothing(seeds, tmp_path, name):
    (lie,) = [lie for lie in answers.LIES if lie.name == name]
    assert faults(answers.attack(seeds[1][0], tmp_path, lies=[lie])) == []


@pytest.mark.parametrize("name", ["simulate", "save", "download"])
def test_a_command_that_was_killed_ends_as_an_undisturbed_one(tmp_path, name):
    kills.make_inputs(tmp_path / "inputs")
    (verb,) = [verb for verb in kills.VERBS if verb.name == name]
    rng = np.random.default_rng(3)
    assert faults(kills.attack(verb, tmp_path / "inputs", tmp_path, rng=rng, kills=1)) == []


def test_the_campaign_tells_what_is_wrong(seeds, tmp_path):
    # A command that fails on purpose: its words are not for users, and no image has a fate.
    broken = tmp_path / "no_model"
    found = images.attack(seeds[0], broken, tmp_path, seed=3, cases=2)
    assert any("results []" in line for line in faults(found))
