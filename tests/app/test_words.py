from dataclasses import replace

from stemzoo.app import words
from stemzoo.app.corrections import Edit
from stemzoo.app.trainings import Progress


def test_an_image_that_was_not_looked_at_says_what_its_file_tells(bench, visit, upload):
    text = words.facts(bench.add(visit, upload()))
    assert "256 × 256 px" in text
    assert "looking" in text


def test_what_was_found_says_how_far_it_is_to_be_believed(looked):
    looked.found = replace(
        looked.found,
        doubts=("no <i>lattice</i> was found",),
        notes=("raise --threshold (threshold=)",),
    )
    looked.edits.append(Edit(0, None))
    text = words.facts(looked)
    assert "Not to be trusted: no &lt;i&gt;lattice&lt;/i&gt; was found" in text
    assert "raise the lowest probability" in text
    assert "corrected by hand: 1 removed" in text
    assert "20.00 pm (given)" in text


def test_nothing_that_a_file_says_is_markup(looked):
    looked.path = looked.path.with_name("<script>.tif")
    looked.warnings = ('<img src="x" onerror="alert(1)">',)
    looked.found = replace(looked.found, model_classes=("se_vacancy", "bright", "<b>x</b>"))
    text = words.facts(looked)
    assert "<script" not in text
    assert "<img" not in text
    assert "<b>" not in text


def test_the_bar_shows_the_end_of_what_was_said():
    lines = tuple(f"epoch {k} <b>" for k in range(30))
    text = words.progress(Progress(0.5, 61.0, lines, "running"))
    assert "50 %" in text
    assert "1:01 min" in text
    assert "epoch 29 &lt;b&gt;" in text
    assert "epoch 3 " not in text
