import pytest
from scipy.stats import binomtest

from stemzoo.io.tables import figure_rows, share, table
from stemzoo.metrics.estimate import Estimate
from stemzoo.metrics.evaluation import Evaluation, Metric
from stemzoo.zoo.cards.tables import measured


@pytest.mark.parametrize(("hits", "total"), [(0, 18), (8, 10), (367, 444), (5, 5), (1, 1)])
def test_a_share_has_wilsons_interval(hits, total):
    expected = binomtest(hits, total).proportion_ci(method="wilson")
    ends = f"({expected.low:.3f} to {expected.high:.3f})"
    assert share(hits, total) == f"{hits / total:.3f} {ends}"


def test_a_share_of_nothing_is_a_dash():
    assert share(0, 0) == "-"


def test_a_share_is_scaled_with_the_ends_of_its_interval():
    assert share(8, 10, lambda p: 10 * p) == "8.000 (4.902 to 9.433)"


def test_a_table_and_the_terminal_show_the_same_figures():
    value = Estimate(0.25, 0.125, 0.5)
    found = Evaluation((Metric("KID", "", value, Estimate(0.0625), None),), {}, {}, 0.2, None, 64)
    expected = [("KID", "0.25 (0.125 to 0.5)", "0.0625", "-")]
    assert found.rows() == figure_rows(found.to_dict()["metrics"]) == expected


def metrics_of(session):
    # By hand: precision 3/4, recall 3/5, F1 = 6/9.
    counts = {"hits": 3, "false_alarms": 1, "misses": 2}
    nothing = {"hits": 0, "false_alarms": 0, "misses": 1}
    classes = {"se_vacancy": counts, "bright": nothing}
    part = {"session": session, "frames": 3, "classes": classes}
    return {"test_sets": [part], "threshold": 0.35, "matching_radius_angstrom": 1.5555}


def test_detections_have_labels_and_intervals():
    text = measured({"metrics": metrics_of("graphene")})
    assert "| `graphene` | se_vacancy | 5 | 0.750 (" in text
    assert "| 0.600 (" in text
    assert "| 0.667 (" in text
    # Nothing was found: no precision, and neither NaN.
    assert (
        "| `graphene` | bright | 1 | - | 0.000 (0.000 to 0.793) | 0.000 (0.000 to 0.885) |" in text
    )
    assert "nan" not in text
    assert "3 frames" in text


def test_detections_stand_beside_the_papers_on_its_days():
    assert "CycleGAN-A 0.89 on day A" in measured({"metrics": metrics_of("wse2-dayA")})
    assert "The paper" not in measured({"metrics": metrics_of("graphene")})


def test_nothing_measured_is_no_section():
    assert measured({}) == ""
    assert measured({"metrics": {}}) == ""


def test_a_table_is_markdown():
    assert table(("a", "b"), [(1, "x")]) == "| a | b |\n|---|---|\n| 1 | x |"


def test_figures_of_labelled_images_are_on_the_card():
    figure = {"value": 0.9, "low": 0.8, "high": 0.95}
    row = {"class": "s_vacancy", "labelled": 20, "precision": None, "recall": figure, "f1": figure}
    report = {
        "threshold": 0.35,
        "tolerance_angstrom": 1.0,
        "border_angstrom": 2.0,
        "scores": [row],
        "images": [{"image": "scan.tif", "doubts": ["trained on"]}],
    }
    text = measured({"metrics_real": report})
    assert "| `s_vacancy` | 20 | - | 0.900 (0.800 to 0.950) | 0.900 (0.800 to 0.950) |" in text
    assert "on 1 labelled images (scan.tif), threshold 0.35, matches within 1.00 Å" in text
    assert "**Not to be trusted**: trained on." in text


def test_a_denoiser_is_judged_by_columns_first():
    frame = {"f1": 0.9, "removed_per_1000": 20.0, "invented_per_1000": 10.0, "contrast": 0.45}
    ways = {
        "frame": {**frame, "psnr": 20.0},
        "gaussian": {**frame, "psnr": 22.0},
        "denoised": {**frame, "f1": 0.85, "psnr": 27.0, "contrast_of_sure": 0.5},
        "clean": {**frame, "contrast": 0.47},
    }
    row = {
        "condition": "low dose",
        "labelled": 200,
        "intact": 4000,
        "ways": ways,
        "faults": ["F1 by columns is 0.85, in the frame 0.90"],
        "error_by_deviation": 1.1,
    }
    metrics = {"weights": "mine", "seed": 1, "size": 640, "frames": 3, "columns": [row]}
    text = measured({"metrics": metrics})
    assert "| low dose | 200 | 0.900, 0.850 | 20, 20 | 10, 10 | 0.50, 0.47 |" in text
    assert "- low dose: F1 by columns is 0.85, in the frame 0.90." in text
    assert "| low dose | 20.0 dB | 22.0 dB | 27.0 dB | 1.10 |" in text
    assert "measure_denoisers.py mine --frames 3 --size 640 --seed 1`" in text
    assert text.index("F1 by columns") < text.index("Pixels")
