"""The locked conditions: another simulator, whose truth is where its images say."""

import ast
from pathlib import Path

import numpy as np
import pytest
from places import EXAMPLES
from scipy import ndimage

SCRIPTS = EXAMPLES / "reproduce" / "scripts"


@pytest.fixture
def microscope(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)
    import independent_microscope

    return independent_microscope


def test_it_shares_no_code_with_the_simulator():
    tree = ast.parse(Path(SCRIPTS / "independent_microscope.py").read_text(encoding="utf-8"))
    names = {
        alias.name if isinstance(node, ast.Import) else node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    # `stemzoo` itself is there to write files.
    assert not any(name.startswith("stemzoo.") for name in names)


def test_a_seed_gives_the_same_frame_and_another_one_another(microscope):
    first, again, other = (microscope.draw_frame("plain", seed, 128) for seed in (3, 3, 4))
    assert (first.image == again.image).all()
    assert first.sampling == again.sampling != other.sampling


@pytest.mark.parametrize("name", ["plain", "swaying", "finely sampled", "edge"])
def test_a_vacancy_is_darker_than_the_columns_around_it(microscope, name):
    frame = microscope.draw_frame(name, 1, 384)
    blurred = ndimage.gaussian_filter(frame.image, 0.25 / frame.sampling)
    inside = np.all(abs(frame.vacancies - 192) < 170, axis=1)
    chosen = frame.vacancies[inside]
    chosen = chosen[frame.crystal[tuple(np.rint(chosen).astype(int).T)]]
    assert len(chosen) > 2
    reach = int(2.4 / frame.sampling)  # its three metal neighbours are 1.9 Å away
    for row, column in np.rint(chosen).astype(int):
        around = blurred[row - reach : row + reach + 1, column - reach : column + reach + 1]
        # Half of half a W column: far below the brightest, and no hole.
        assert 0.1 * around.max() < blurred[row, column] < 0.6 * around.max()


def test_all_conditions_make_frames_that_are_finite_and_mostly_crystal(microscope):
    for name in microscope.CONDITIONS:
        frame = microscope.draw_frame(name, 0, 128)
        assert np.isfinite(frame.image).all(), name
        assert frame.image.std() > 0, name
        assert frame.crystal.mean() > 0.3, name


def test_every_crystal_is_of_a_material_and_lacks_atoms(microscope):
    from stemzoo.simulate import find_material

    for name, kind in microscope.CRYSTALS.items():
        material = find_material(name)
        # Other measurements of the constants than the table's: within 1 %.
        assert abs(kind.constant / material.lattice_constant - 1) < 0.01
        assert kind.label.removesuffix("_vacancy").capitalize() in {
            s.symbol for s in material.sites
        }
        assert len(microscope.draw_frame("plain", 0, 256, name).vacancies) > 0
