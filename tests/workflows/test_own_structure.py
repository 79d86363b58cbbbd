"""A crystal of one's own, from its frames to detections with weights that know it."""

import json
from dataclasses import replace

import numpy as np
import pytest
from known_structures import gallium_nitride, molybdenum_disulphide, tungsten_ditelluride

from stemzoo import io
from stemzoo.analysis.conditions import TrainingConditions
from stemzoo.inference.atom_columns import find_columns
from stemzoo.inference.detection import detect
from stemzoo.inference.seen_crystal import crystal_of
from stemzoo.models import DefectFCN
from stemzoo.simulate import find_material, simulate_frame, simulate_session
from stemzoo.simulate.material_files import read_material
from stemzoo.simulate.materials import Material, own_structure
from stemzoo.simulate.wide_sessions import structure_sessions
from stemzoo.workflows.calibration import candidates_in
from stemzoo.workflows.datasets import training_set
from stemzoo.workflows.frames import write_frame
from stemzoo.zoo.hub import load, save, verify

NITRIDE = Material.from_structure(gallium_nitride(), (1, 1, 0))
CLASSES = ("metal_dark", "bright")


def detector(structure=NITRIDE):
    model = DefectFCN(CLASSES, filters=2, depth=2, material=structure.name)
    model.structure = own_structure(structure)
    return model


def frames(material, n=1, side=256, seed=3):
    return list(simulate_session(structure_sessions(material)[0], n, (side, side), seed=seed))


def test_a_folder_keeps_the_crystal(tmp_path):
    save(detector(), tmp_path / "gan")
    assert read_material(tmp_path / "gan" / "structure.json") == NITRIDE
    model = load(tmp_path / "gan")
    assert (model.material, model.structure, crystal_of(model)) == ("gan-110", NITRIDE, NITRIDE)
    assert verify(tmp_path / "gan").passed
    save(model, tmp_path / "again")
    assert load(tmp_path / "again").structure == NITRIDE


def test_folders_of_the_table_have_no_such_file(tmp_path):
    save(detector(find_material("mos2")), tmp_path / "mos2")
    assert not (tmp_path / "mos2" / "structure.json").exists()
    assert crystal_of(load(tmp_path / "mos2")) == "mos2"


def test_another_structure_in_a_folder_is_refused_by_name(tmp_path):
    save(detector(), tmp_path / "gan")
    path = tmp_path / "gan" / "structure.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "name": "other"}))
    with pytest.raises(ValueError, match=r"structure.json: expected the structure of gan-110"):
        load(tmp_path / "gan")
    path.write_text("{}")
    with pytest.raises(ValueError, match=r"structure.json: expected JSON as stemzoo writes it"):
        load(tmp_path / "gan")


def test_a_detector_finds_its_crystal_without_the_cif(tmp_path):
    save(detector(), tmp_path / "gan")
    (frame,) = frames(NITRIDE)
    found = detect(frame.image, load(tmp_path / "gan"))
    # Pixel size by the lattice alone.
    assert found.sampling == pytest.approx(frame.sampling, rel=0.02)  # the scan drifts
    assert found.crystal.has_lattice
    assert found.doubts == ()
    area = (256 * frame.sampling) ** 2
    cell = 3.189 * 3**0.5 / 2 * 5.186
    assert found.sites["Ga"] == pytest.approx(2 * area / cell, rel=0.05)
    assert len(candidates_in(frame, load(tmp_path / "gan")).positions) > 0.8 * found.sites["Ga"]


def test_an_image_of_another_crystal_is_doubtful():
    other = Material.from_structure(tungsten_ditelluride(), layers=1)
    session = structure_sessions(other, {"te_vacancy": 0.03})[0]
    image = simulate_frame(session, (256, 256), rng=np.random.default_rng(0))
    with pytest.warns(UserWarning, match=r"not to be trusted|disagree"):
        found = detect(image.image, detector(), sampling=image.sampling)
    assert "no gan-110 lattice was found" in found.doubts[0]


def test_columns_that_lie_otherwise_are_doubtful():
    rng = np.random.default_rng(0)
    places = np.column_stack([rng.random((6, 2)), np.zeros(6)])
    atoms = tungsten_ditelluride()[:6]
    atoms.set_cell([3.477, 6.249, 9.0])
    atoms.set_scaled_positions(places)
    wrong = Material.from_structure(atoms, name="wrong")
    (frame,) = frames(wrong)
    layer = Material.from_structure(tungsten_ditelluride(), layers=1, name="layer")
    with pytest.warns(UserWarning, match="not to be trusted"):
        found = detect(frame.image, detector(layer), sampling=frame.sampling)
    assert "columns that lie as in layer" in found.doubts[0]


def test_a_hexagonal_lattice_alone_does_not_tell_which_crystal_it_is():
    octahedral = Material.from_structure(molybdenum_disulphide("1T"))
    assert octahedral.name == "mos2-own"
    (frame,) = frames(octahedral)
    with pytest.warns(UserWarning, match="nothing but the symmetry of its lattice says"):
        found = detect(frame.image, detector(octahedral))
    assert not found.trusted
    assert detect(frame.image, detector(octahedral), sampling=frame.sampling).doubts == ()


def test_frames_in_a_folder_bring_their_crystal(tmp_path):
    for index, frame in enumerate(frames(NITRIDE, 2, 128)):
        write_frame(frame, tmp_path, f"f{index}", seed=3, index=index)
    found = training_set([], [tmp_path], frames=1, size=128, seed=0)
    assert found.material == NITRIDE
    assert json.loads((tmp_path / "f0.json").read_text())["material"] == "gan-110"


def test_sessions_of_a_structure_are_simulated_like_named_ones():
    coarse, fine, *_ = structure_sessions(NITRIDE)
    assert (coarse.name, fine.name) == ("gan-110-randomised", "gan-110-randomised-fine")
    found = training_set([coarse], [], frames=2, size=96, seed=0)
    assert (found.material, found.classes) == (NITRIDE, CLASSES)


def test_conditions_know_the_crystal():
    own = replace(NITRIDE, name="nitride")  # which the table does not have
    images = [io.Image(f.image, f.sampling) for f in frames(own, 12, 192)]
    told = TrainingConditions.from_frames(images, session="s", material=own, sampling=0.2074)
    assert (told.material, told.crystal) == ("nitride", own)
    again = TrainingConditions.from_json(told.to_json(), own)
    assert again.crystal == own
    with pytest.raises(ValueError, match="Unknown material"):
        TrainingConditions.from_json(told.to_json())


def test_columns_are_measured_without_a_network():
    layer = Material.from_structure(tungsten_ditelluride(), layers=1, name="layer")
    (frame,) = frames(layer)
    found = find_columns(frame.image, layer, sampling=frame.sampling)
    counts = found.counts()
    assert counts["Te"] == pytest.approx(2 * counts["W"], rel=0.05)
    assert found.material == "layer"
