import importlib.util
import json

import pytest
from places import ROOT

from stemzoo.analysis.conditions import TrainingConditions
from stemzoo.zoo.file_names import CONDITIONS
from stemzoo.zoo.registry import list_weights, manifest_path

PATH = ROOT / ".github" / "write_conditions.py"
BUNDLED = [entry for entry in list_weights() if entry.bundled]


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("write_conditions", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("entry", BUNDLED, ids=lambda entry: entry.name)
def test_bundled_weights_know_their_conditions(script, entry):
    config = json.loads((entry.folder / "config.json").read_text(encoding="utf-8"))["config"]
    found = TrainingConditions.read(entry.folder / CONDITIONS)
    assert (found.session, found.material) == (entry.session, entry.material)
    # A network may take coarser pixels than frames are described at.
    assert found.sampling == script.conditions_sampling(config["sampling"])


def test_frames_are_described_at_the_pixels_of_the_network_or_finer_ones(script):
    assert [script.conditions_sampling(size) for size in (0.19, 0.2077, 0.4148)] == [
        0.19,
        0.2077,
        0.2074,
    ]


def test_frames_are_those_of_the_training(script):
    data = {
        name: script.read(script.find_weights(name).folder / script.TRAINING_DATA)
        for name in ("fcn-wse2-dayB", "cyclegan-wse2-dayB", "fcn-wse2")
    }
    assert script.seen_files(data["fcn-wse2-dayB"]) == data["cyclegan-wse2-dayB"]["experimental"]
    assert script.seen_files(data["fcn-wse2"]) == {}
    entry = script.find_weights("fcn-wse2-dayB")
    with pytest.raises(ValueError, match="the 60 files of training_data.json. Received: 0 files"):
        script.frames_of(entry, ["nowhere/*.tif"])


@pytest.mark.parametrize("entry", BUNDLED, ids=lambda entry: entry.name)
def test_an_entry_that_is_written_anew_keeps_its_facts(entry):
    manifest = json.loads(manifest_path().read_text(encoding="utf-8"))
    (record,) = [one for one in manifest["weights"] if one["name"] == entry.name]
    hashes = {"name", "repo_id", "revision", "files"}
    facts = json.loads(json.dumps(entry.facts))
    assert facts == {k: v for k, v in record.items() if k not in hashes}
