import json
import shutil

import pytest

import stemzoo
from stemzoo.analysis.calibration import Calibration
from stemzoo.inference.reporting import find_calibration
from stemzoo.simulate import find_session
from stemzoo.workflows.calibration import calibrate_folder, widened
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
