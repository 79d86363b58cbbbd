import json

import numpy as np
import pytest

import stemzoo
from stemzoo.models import CycleGANSTEM, DenoisingUNet
from stemzoo.zoo.onnx_export import export_onnx

pytestmark = pytest.mark.backends
pytest.importorskip("tf2onnx")


@pytest.fixture(params=["detector", "denoiser", "cyclegan"])
def folder(request, tiny_model, tmp_path):
    kinds = {
        "detector": lambda: tiny_model,
        "denoiser": lambda: DenoisingUNet(filters=4, depth=2),
        "cyclegan": lambda: CycleGANSTEM(
            filters=4, depth=2, discriminator_filters=4, patch_size=32
        ),
    }
    folder = tmp_path / request.param
    stemzoo.save(kinds[request.param](), folder)
    return folder


def test_an_exported_network_answers_as_keras(folder):
    where, difference = export_onnx(folder)
    assert where == folder
    assert difference < 1e-5
    assert stemzoo.verify(folder).passed
    assert stemzoo.load(folder, runtime="onnx").stride == 4


def test_a_folder_elsewhere_has_all_that_is_needed(folder, tmp_path):
    (folder / "recipe.json").write_text(json.dumps({"noise": 0.2}))
    where, _ = export_onnx(folder, tmp_path / "elsewhere")
    names = {path.name for path in where.iterdir()}
    assert {"config.json", "model.weights.h5", "golden.npz", "recipe.json"} <= names
    assert "training.weights.h5" not in names
    assert stemzoo.verify(where).passed
    assert not list(folder.glob("*.onnx"))


@pytest.mark.parametrize("direction", ["sim-to-exp", "exp-to-sim"])
@pytest.mark.filterwarnings("ignore:a CycleGAN that takes noise away")
def test_generators_translate_as_those_of_keras(tmp_path, direction):
    options = {"filters": 4, "depth": 2, "discriminator_filters": 4, "patch_size": 32}
    stemzoo.save(CycleGANSTEM(**options), tmp_path / "gan")
    export_onnx(tmp_path / "gan")
    image = np.random.default_rng(0).normal(size=(70, 90))
    mine, its = (
        stemzoo.translate(image, stemzoo.load(tmp_path / "gan", runtime=runtime), direction)
        for runtime in ("onnx", "keras")
    )
    np.testing.assert_allclose(mine, its, atol=1e-5)
