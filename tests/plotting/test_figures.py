from io import BytesIO

import numpy as np
import pytest
from matplotlib.collections import EllipseCollection
from matplotlib.figure import Figure
from matplotlib.image import imread

from stemzoo.inference.detections import Detections
from stemzoo.io import Image

POINTS = np.array([[10.0, 20.0], [30.0, 40.0], [50.0, 5.0]])


@pytest.fixture
def found():
    names = ("se_vacancy", "bright")
    labels = (*names, names[0])
    return Detections(
        POINTS, labels, np.full(3, 0.9), 0.2, "given", (64, 80), ("se_vacancy", "bright")
    )


def test_the_figure_has_a_ring_around_each_defect_by_class(found):
    axes = found.plot(np.eye(64, 80)).axes[0]
    rings = [one for one in axes.collections if isinstance(one, EllipseCollection)]
    assert [one.get_label() for one in rings] == ["se_vacancy", "bright"]
    # x and y, as Matplotlib counts: columns, then rows.
    assert rings[0].get_offsets().tolist() == [[20, 10], [5, 50]]
    assert rings[0].get_widths().tolist() == [pytest.approx(2 * 1.1 / 0.2)] * 2
    assert [text.get_text() for text in axes.get_legend().texts] == ["se_vacancy (2)", "bright (1)"]
    assert (*axes.get_xlim(), *axes.get_ylim()) == (-0.5, 79.5, 63.5, -0.5)


def test_a_ring_is_drawn_where_the_defect_is(found):
    axes = Figure(figsize=(8, 6.4), dpi=100).add_axes((0, 0, 1, 1))
    assert found.plot(np.zeros((64, 80)), axes=axes) is axes.figure
    target = BytesIO()
    axes.figure.savefig(target, format="png")
    target.seek(0)
    pixels = imread(target)[..., :3]
    pink = np.argwhere(abs(pixels - np.array([0xCC, 0x79, 0xA7]) / 255).max(-1) < 0.1)
    # The only defect of its class; ten pixels of the picture for one of the image.
    assert pink.mean(axis=0) / 10 - 0.5 == pytest.approx(POINTS[1], abs=0.2)
    assert np.ptp(pink, axis=0) / 10 == pytest.approx([11, 11], abs=0.5)


def test_a_figure_of_its_own_shows_itself_in_a_notebook(found):
    assert found.plot(Image(np.eye(64, 80), 0.2))._repr_png_()[:4] == b"\x89PNG"


def test_missing_pixels_and_an_even_image_are_drawn(found):
    image = np.full((64, 80), 7, np.uint8)
    shown = found.plot(image).axes[0].images[0]
    assert shown.get_array().tolist() == image.tolist()
    assert found.plot(np.full((64, 80), np.nan)).axes[0].images[0].get_array().mask.all()


def test_another_image_or_none_is_one_line(found):
    with pytest.raises(ValueError, match=r"of 64 x 80 pixels. Received: shape \(80, 64\)"):
        found.plot(np.eye(80, 64))
    with pytest.raises(ValueError, match=r"found.plot\(image\)"):
        found.plot()
