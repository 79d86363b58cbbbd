import json
import shutil

import pytest

import stemzoo
from stemzoo.analysis.calibration import Calibration
from stemzoo.inference.reporting import find_calibration
from stemzoo.models import DefectFCN
from stemzoo.simulate import find_session
from stemzoo.simulate.labels import session_classes
from stemzoo.simulate.named_sessions import choose_session
from stemzoo.workflows.calibration import calibrate_folder, calibrate_trained, widened
from stemzoo.zoo.registry import find_weights


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    target = tmp_path_factory.mktemp("own") / "detector"
    shutil.copytree(find_weights("fcn-wse2").folder, target)
    record = json.loads((target / "provenance.json").read_text())
    record.pop("calibration", None)
    (target / "provenance.json").write_text(json.dumps(record))
    return target


def test_a_folder_is_calibrated_and_keeps_what_it_said(folder):
    before = json.loads((folder / "provenance.json").read_text())
    assert find_calibration(stemzoo.load(folder)) is None
    with pytest.raises(KeyError, match="Expected one of se_vacancy"):
        calibrate_folder(folder, frames=4, least_intensity={"dull": 1.2})
    assert json.loads((folder / "provenance.json").read_text()) == before
    fitted = calibrate_folder(
        folder, sessions=["wse2-randomised"], frames=4, least_intensity={"bright": 1.6}
    )
    assert fitted.classes["bright"].least_intensity == 1.6
    record = json.loads((folder / "provenance.json").read_text())
    assert Calibration.from_record(record.pop("calibration")).frames == 4
    assert record == before
    # One of two atoms is left, less what blur and haze take or add.
    assert fitted.classes["se_vacancy"].levels["Se"][0] == pytest.approx(0.45, abs=0.12)
    assert find_calibration(stemzoo.load(folder)).sessions == ("wse2-randomised",)


def test_only_detectors_are_calibrated():
    with pytest.raises(ValueError, match="expected a detector"):
        calibrate_folder(find_weights("cyclegan-wse2-dayB").folder)


def test_wider_conditions_have_less_dose_and_more_blur():
    session = find_session("wse2-dayB")
    wide = widened(session)
    assert wide.source_size.high > session.source_size.mean
    assert wide.efficiency.low < session.efficiency.mean
    assert wide.material == session.material


def test_a_detector_whose_classes_are_not_simulated_is_left_as_it_is(tmp_path):
    stemzoo.save(
        DefectFCN(("se_vacancy", "dull"), filters=2, depth=1, material="wse2"), tmp_path / "own"
    )
    before = (tmp_path / "own" / "provenance.json").read_bytes()
    with pytest.raises(ValueError, match="Session srtio3 is of srtio3"):
        calibrate_folder(tmp_path / "own", sessions=["srtio3"], frames=4)
    lines = []
    assert calibrate_trained(tmp_path / "own", report=lines.append) is None
    assert lines[0].startswith("probabilities: not fitted, detections are reported by score (")
    assert "Received: no dull in wse2-randomised, " in lines[0]
    assert (tmp_path / "own" / "provenance.json").read_bytes() == before


@pytest.mark.parametrize("material", ["mos2", "graphene"])
def test_a_detector_of_any_material_is_calibrated_after_its_training(material, tmp_path):
    session = choose_session(None, material)
    model = DefectFCN(session_classes(session), filters=2, depth=1, material=material)
    stemzoo.save(model, tmp_path / "own")
    lines = []
    fitted = calibrate_trained(tmp_path / "own", frames=3, report=lines.append)
    assert find_calibration(stemzoo.load(tmp_path / "own")) is not None
    assert lines == [f"probabilities: fitted on 3 frames of {', '.join(fitted.sessions)}"]
    assert {name.split("-")[0] for name in fitted.sessions} == {material}
