import json
import sys

import numpy as np
import pytest
from places import EXAMPLES


@pytest.fixture
def plots(monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.syspath_prepend(EXAMPLES / "reproduce" / "scripts")
    import plot_adaptation

    return plot_adaptation


def run(session, images, minutes, f1, spectrum=0.1):
    others = {"intensity_kl": 0.3, "frechet_of_spectra_and_intensities": 4.0}
    before, after = ({"spectrum_rms": value, **others} for value in (0.4, spectrum))
    return {
        **{"session": session, "images": images, "minutes": minutes},
        **{"default": {"f1": 0.2}, "adapted": {"f1": f1}},
        **{"before": before, "after": after},
    }


REPORT = {
    "oracle": {"first": {"f1": 0.95}},
    "runs": [
        run("first", 6, 5, 0.9),
        run("first", 6, 5, 0.8),
        run("first", 1, 5, 0.5, spectrum=0.2),
        run("first", 6, 1, None),
        run("second", 6, 5, 0.7),
    ],
}


def test_sessions_are_drawn_with_the_usual_images_and_minutes_only(plots):
    (axes,) = plots.draw_sessions(REPORT).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["first", "second"]
    # Default, adapted and oracle of the first, default and adapted of the second.
    drawn = [np.asarray(one.get_offsets())[:, 0].tolist() for one in axes.collections]
    assert drawn == [[0.2], [0.9, 0.8], [0.95], [0.2], [0.7]]


def test_budgets_are_drawn_where_there_is_more_than_one(plots):
    figure = plots.draw_budgets(REPORT)
    images, minutes, spectra = figure.axes[:3]
    expected = ((images, [0.5, 0.85], 0.2), (minutes, [0.0, 0.85], 0.2), (spectra, [0.2, 0.1], 0.4))
    for axes, means, start in expected:
        line, before = axes.lines
        assert line.get_label() == "first"
        np.testing.assert_allclose(line.get_ydata(), means)
        np.testing.assert_allclose(before.get_ydata(), start)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["first"]


def test_a_figure_that_is_not_known_is_not_taken_for_a_good_one(plots):
    unknown = run("first", 6, 5, None, spectrum=None)
    assert plots.figure_of(unknown, "adapted", "f1") == 0.0
    assert np.isnan(plots.figure_of(unknown, "after", "spectrum_rms"))


def test_both_pictures_are_written(plots, tmp_path, monkeypatch):
    report = tmp_path / "report.json"
    report.write_text(json.dumps(REPORT))
    pictures = [tmp_path / "sessions.png", tmp_path / "budgets.png"]
    monkeypatch.setattr(sys, "argv", ["plot_adaptation.py", *map(str, (report, *pictures))])
    plots.main()
    assert [path.read_bytes()[:4] for path in pictures] == [b"\x89PNG"] * 2
