"""The real napari, on a screen that nobody sees; its start takes most of the time."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from places import EXAMPLES

from stemzoo import app

pytestmark = pytest.mark.viewer
pytest.importorskip("napari")

SCRIPT = """
import json, sys, time
import napari
from npe2 import PluginManager, PluginManifest
from qtpy.QtWidgets import QApplication

manifest, image, table, picture = sys.argv[1:]
PluginManager.instance().register(PluginManifest.from_file(manifest))
viewer = napari.Viewer()
viewer.open(image, plugin="stemzoo")
_, dock = viewer.window.add_plugin_dock_widget("stemzoo", "Find defects")
dock()
end = time.time() + 240
while not dock.call_button.enabled and time.time() < end:
    QApplication.instance().processEvents()
    time.sleep(0.02)
points = [layer for layer in viewer.layers if isinstance(layer, napari.layers.Points)]
viewer.layers.selection = set(points)
written = viewer.layers.save(table, selected=True, plugin="stemzoo")
viewer.screenshot(picture, canvas_only=False, flash=False)
print(json.dumps({
    "scale": list(viewer.layers[0].scale),
    "said": dock[-1].value,
    "points": {layer.name: len(layer.data) for layer in points},
    "features": sorted(points[0].features),
    "written": written,
}))
viewer.close()
"""


@pytest.fixture(scope="module")
def screen():
    """Start a screen that nobody sees."""
    if shutil.which("Xvfb") is None:
        pytest.skip("needs Xvfb")
    command = ["Xvfb", "-displayfd", "1", "-screen", "0", "1600x1000x24"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        yield f":{server.stdout.readline().strip()}"
        server.terminate()


def test_an_image_is_opened_searched_and_its_defects_are_written(
    python, screen, tmp_path, monkeypatch
):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    table, picture = tmp_path / "table.csv", tmp_path / "screen.png"
    monkeypatch.setenv("DISPLAY", screen)
    monkeypatch.setenv("QT_QPA_PLATFORM", "xcb")
    done = python(
        *(script, Path(app.__file__).with_name("napari.json")),
        *(EXAMPLES / "wse2_dayB.tif", table, picture),
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["scale"] == pytest.approx([0.0207, 0.0207], abs=1e-4)
    assert found["points"]["se_vacancy in wse2_dayB"] > 150
    assert "weights fcn-wse2: the image shows wse2" in found["said"]
    assert {"score", "probability", "sigma"} <= set(found["features"])
    assert found["written"] == [str(table)]
    assert len(table.read_text().splitlines()) == 1 + sum(found["points"].values())
    assert picture.stat().st_size > 50000
