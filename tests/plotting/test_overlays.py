import tracemalloc
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from stemzoo.inference.column_table import Columns
from stemzoo.inference.detections import Detections
from stemzoo.plotting import plot_columns, plot_detections, plot_training_log, scale_bar_length

LEGEND = 40  # [px]


def detections(positions, classes, shape, sampling=0.2, names=("se_vacancy", "bright")):
    positions = np.reshape(positions, (-1, 2)).astype(float)
    scores = np.full(len(positions), 0.9)
    return Detections(positions, classes, scores, sampling, "given", shape, names)


def picture(path):
    pixels = imread(path)
    assert pixels.ndim == 3
    return pixels[..., :3]


def share_of(pixels, colour):
    return (abs(pixels - to_rgb(colour)).max(-1) < 0.1).mean()


ORANGE, PINK = "#D55E00", "#CC79A7"
BLUE, YELLOW = "#56B4E9", "#F0E442"


@pytest.mark.parametrize("shape", [(1000, 1000), (1024, 900), (901, 2048)])
def test_a_large_image_keeps_its_pixels(tmp_path, shape):
    plot_detections(np.eye(*shape), detections([], (), shape), tmp_path / "a.png")
    assert picture(tmp_path / "a.png").shape[:2] == (shape[0] + LEGEND, shape[1])


def test_of_the_largest_images_every_second_pixel_is_shown(tmp_path):
    shape = (8400, 601)
    image = np.zeros(shape, np.uint8)
    image[4000:] = 200
    found = detections([(2000, 300)], ("se_vacancy",), shape, 0.05)
    plot_detections(image, found, tmp_path / "a.png")
    pixels = picture(tmp_path / "a.png")
    assert pixels.shape[:2] == (4200 + LEGEND, 300)
    assert (pixels[1995, 10].max(), pixels[2005, 10].min()) == (0, 1)
    # Rings of 1.1 Å radius: 22 px of the image, 11 of the picture.
    ring = np.argwhere((abs(pixels - to_rgb(ORANGE)).max(-1) < 0.1)[:4200])
    assert ring.mean(axis=0) == pytest.approx([1000, 150], abs=1)
    assert np.ptp(ring, axis=0) == pytest.approx([22, 22], abs=3)


def test_an_overlay_takes_little_more_memory_than_its_picture(tmp_path):
    image = np.random.default_rng(0).integers(0, 999, (3000, 4000)).astype(np.uint16)
    marks = [(k, k) for k in range(10, 3000, 10)]
    crystal = np.ones((1500, 2000), bool)
    crystal[:100] = False
    seen = SimpleNamespace(mask=SimpleNamespace(is_whole=False, crystal=crystal), block=2)
    found = replace(detections(marks, ("bright",) * len(marks), image.shape), crystal=seen)
    tracemalloc.start()
    try:
        plot_detections(image, found, tmp_path / "a.png")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # Of which the picture is 3; quantiles take the rest, of a part of larger images.
    assert peak < 10 * image.size
    pixels = picture(tmp_path / "a.png")[:3000]
    assert set(np.argwhere((pixels == to_rgb("#FFFF00")).all(-1))[:, 0]) >= {200, 2999}
    assert not (pixels[:200] == to_rgb("#FFFF00")).all(-1).any()


def test_a_small_image_is_enlarged_by_a_whole_number(tmp_path):
    plot_detections(np.eye(64, 100), detections([], (), (64, 100)), tmp_path / "a.png")
    assert picture(tmp_path / "a.png").shape[:2] == (64 * 9 + LEGEND, 900)


def test_grey_levels_are_those_of_the_image(tmp_path):
    image = np.tile(np.linspace(0, 1, 1000), (1000, 1))
    plot_detections(image, detections([], (), image.shape), tmp_path / "a.png")
    pixels = picture(tmp_path / "a.png")[500]
    assert pixels[:, 0] == pytest.approx(np.linspace(0, 1, 1000), abs=0.02)


def test_each_defect_is_ringed_in_the_colour_of_its_class(tmp_path):
    image = np.zeros((1000, 1000))
    image[0] = 1
    # Row 300 and column 700: rows go down, columns to the right.
    found = detections([(300, 700), (600, 200)], ("se_vacancy", "bright"), image.shape, 0.1)
    plot_detections(image, found, tmp_path / "a.png")
    pixels = picture(tmp_path / "a.png")
    for (row, column), colour in (((300, 700), ORANGE), ((600, 200), PINK)):
        # Half of 2.2 Å, at 0.1 Å/px.
        for dy, dx in ((0, 11), (0, -11), (11, 0), (-11, 0)):
            window = pixels[row + dy - 2 : row + dy + 3, column + dx - 2 : column + dx + 3]
            assert share_of(window, colour) > 0.1
        # The column itself stays visible.
        assert share_of(pixels[row - 7 : row + 8, column - 7 : column + 8], colour) == 0
    # Nowhere else in the image.
    assert share_of(pixels[:1000], ORANGE) < 2e-4


def test_the_legend_names_every_class_even_without_detections(tmp_path):
    image = np.eye(1000)
    plot_detections(image, detections([], (), image.shape), tmp_path / "a.png")
    legend = picture(tmp_path / "a.png")[1000:]
    assert share_of(legend, ORANGE) > 0
    assert share_of(legend, PINK) > 0


def test_thescale_bar_length_has_the_length_that_it_says(tmp_path):
    # 1000 px of 0.2 Å are 20 nm: a bar of 5 nm is 250 px long.
    image = np.zeros((1000, 1000))
    image[0] = 1
    plot_detections(image, detections([], (), image.shape), tmp_path / "a.png")
    corner = picture(tmp_path / "a.png")[970:990, :400]
    bright = (corner.min(-1) > 0.9).any(axis=0)
    assert bright.sum() == pytest.approx(250, abs=3)


@pytest.mark.parametrize(
    ("width", "bar"), [(20, 5), (21.2, 5), (7.9, 1), (8, 2), (40, 10), (0.5, 0.1), (3.99, 0.5)]
)
def test_thescale_bar_length_is_a_round_length_of_at_most_a_quarter(width, bar):
    assert scale_bar_length(width) == pytest.approx(bar)


def test_there_is_ascale_bar_length_for_every_width():
    for exponent in range(-4, 6):
        for width in (np.nextafter(4 * 10.0**exponent, 0), 4 * 10.0**exponent):
            assert 0.09 < scale_bar_length(width) / width <= 0.25


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int64, np.float64])
def test_any_data_type_is_drawn(tmp_path, dtype):
    image = np.random.default_rng(0).integers(0, 200, (64, 64)).astype(dtype)
    plot_detections(image, detections([(5, 5)], ("bright",), image.shape), tmp_path / "a.png")
    assert picture(tmp_path / "a.png").std() > 0.1


def test_a_training_log_is_drawn_without_touching_open_figures(tmp_path):
    import matplotlib.pyplot

    before = matplotlib.pyplot.get_fignums()
    rows = [{"epoch": k + 1, "learning_rate": 0.1, "loss": 1 / (k + 1)} for k in range(5)]
    rows = [{**row, "val_loss": 2 * row["loss"]} for row in rows]
    plot_training_log(rows, tmp_path / "log.png")
    assert matplotlib.pyplot.get_fignums() == before
    pixels = picture(tmp_path / "log.png")
    # Two curves in matplotlib's first colours; the learning rate is not a loss.
    assert share_of(pixels, "C0") > 1e-3
    assert share_of(pixels, "C1") > 1e-3
    assert share_of(pixels, "C2") == 0


def test_columns_are_dots_by_sublattice_and_odd_ones_are_ringed(tmp_path):
    positions = np.array([(300.0, 700.0), (600.0, 200.0), (100, 100), (100, 200), (100, 300)])
    crystal = SimpleNamespace(mask=SimpleNamespace(is_whole=True))
    found = Columns(
        positions,
        ("W", "Se2", "Se2", "Se2", "Se2"),
        np.array([1.0, 0.5, 1.02, 1.0, 0.98]),
        np.zeros((5, 2)),
        material="wse2",
        sampling=0.1,
        sampling_source="given",
        shape=(1000, 1000),
        crystal=crystal,
    )
    plot_columns(np.zeros((1000, 1000)), found, tmp_path / "a.png")
    pixels = picture(tmp_path / "a.png")
    for (row, column), colour, ring in ((positions[0], BLUE, 0), (positions[1], YELLOW, ORANGE)):
        row, column = int(row), int(column)
        assert share_of(pixels[row - 1 : row + 2, column - 1 : column + 2], colour) > 0.9
        # 1.1 Å below, at 0.1 Å/px.
        below = pixels[row + 9 : row + 14, column - 2 : column + 3]
        assert (share_of(below, ring) > 0.1) if ring else (below == 0).all()
