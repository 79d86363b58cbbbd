"""Round trips with the programs themselves: HyperSpy and napari (pytest -m backends)."""

import os
import subprocess
import sys

import numpy as np
import pytest
from places import EXAMPLES, ROOT

from stemzoo.inference.detections import Detections
from stemzoo.io.any_image import as_image
from stemzoo.io.label_files import read_labels

pytestmark = [
    pytest.mark.backends,
    # Of the programs, not of stemzoo.
    pytest.mark.filterwarnings("ignore"),
]
POINTS = np.array([[10.0, 20.0], [30.25, 40.25], [50.0, 5.0]])
LABELS = ("se_vacancy", "bright", "se_vacancy")
NAMES = ("se_vacancy", "w_vacancy", "bright")


@pytest.fixture
def found():
    return Detections(
        POINTS, LABELS, np.array([0.9, 0.6, 0.7]), 0.2, "given", (64, 80), model_classes=NAMES
    )


def test_markers_lie_in_the_axes_of_a_hyperspy_signal_and_come_back(found, tmp_path):
    hs = pytest.importorskip("hyperspy.api")
    signal = hs.signals.Signal2D(np.random.default_rng(0).random((64, 80)))
    for axis, offset in zip(signal.axes_manager.signal_axes, (3.0, -1.0), strict=True):
        axis.scale, axis.offset, axis.units = 0.02, offset, "nm"
    markers = found.to_hyperspy_markers(signal)
    assert [one.name for one in markers] == ["se_vacancy", "bright"]  # of what was found
    signal.add_marker(markers, permanent=True, plot_marker=False)
    signal.save(tmp_path / "scan.hspy")
    back = hs.load(tmp_path / "scan.hspy").metadata.Markers
    x, y = back.bright.get_current_kwargs()["offsets"][0]
    axes = signal.axes_manager.signal_axes
    # HyperSpy itself says which pixel a place on an axis is.
    assert (axes[1].value2index(float(y)), axes[0].value2index(float(x))) == (30, 40)
    assert (x, y) == pytest.approx((3 + 40.25 * 0.02, -1 + 30.25 * 0.02))
    assert back.bright.get_current_kwargs()["sizes"] == pytest.approx(0.22)  # nm across
    # Without the signal, in nm.
    assert found.to_hyperspy_markers()[1].get_current_kwargs()["offsets"] == pytest.approx(
        found.positions_nm[1:2]
    )


def test_a_signal_with_markers_is_drawn_and_another_signal_refused(found):
    import matplotlib

    matplotlib.use("agg")
    hs = pytest.importorskip("hyperspy.api")
    signal = hs.signals.Signal2D(np.zeros((64, 80)))
    signal.plot()
    signal.add_marker(found.to_hyperspy_markers(signal))
    assert signal._plot.signal_plot.ax.collections
    with pytest.raises(ValueError, match="of 64 x 80 pixels"):
        found.to_hyperspy_markers(hs.signals.Signal2D(np.zeros((80, 64))))


def test_a_signal_goes_in_with_its_axes_lazy_or_not():
    hs = pytest.importorskip("hyperspy.api")
    signal = hs.signals.Signal2D(np.arange(64.0 * 80).reshape(64, 80))
    for axis in signal.axes_manager.signal_axes:
        axis.scale, axis.units = 0.02, "nm"
    for one in (signal, signal.as_lazy()):
        image = as_image(one)
        assert image.sampling == pytest.approx(0.2)
        assert np.array_equal(image.data, signal.data)


def test_layers_of_napari_hold_points_and_features_and_are_read_again(found, tmp_path):
    layers = pytest.importorskip("napari.layers")
    components = pytest.importorskip("napari.components")
    viewer = components.ViewerModel()
    image = np.random.default_rng(0).random((64, 80))
    for one in found.to_napari(image):
        viewer.add_layer(layers.Layer.create(*one))
    assert [one.name for one in viewer.layers] == ["image", *NAMES]
    vacancies = viewer.layers["se_vacancy"]
    assert vacancies.data.tolist() == POINTS[[0, 2]].tolist()
    assert vacancies.features["score"].tolist() == [0.9, 0.7]
    assert len(viewer.layers["w_vacancy"].data) == 0
    # What its users save by File > Save is read as labels.
    write = pytest.importorskip("napari_builtins.io").napari_write_points
    saved = write(str(tmp_path / "points.csv"), *vacancies.as_layer_data_tuple()[:2])
    assert read_labels(saved, shape=(64, 80)).points == pytest.approx(POINTS[[0, 2]])


def test_the_function_of_the_example_marks_each_image_of_a_stack(tmp_path):
    hs = pytest.importorskip("hyperspy.api")
    ran = subprocess.run(
        [sys.executable, EXAMPLES / "hyperspy_stack.py", "--out", tmp_path / "out.hspy"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr
    assert "Se vacancies by image: [" in ran.stdout
    signal = hs.load(tmp_path / "out.hspy")
    counts = []
    for number in range(2):
        signal.axes_manager.navigation_axes[0].index = number
        marker = signal.metadata.Markers.Circles
        counts.append(len(marker.get_current_kwargs()["offsets"]))
    assert f"{counts}" in ran.stdout
    assert min(counts) > 0
