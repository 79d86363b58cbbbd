import hashlib
import json

import numpy as np
import pytest

from stemzoo.adaptation.run import RUN, digest, run_seed

IMAGES = [np.arange(6.0).reshape(2, 3)]


def test_a_run_that_goes_on_keeps_its_seed(tmp_path):
    out = tmp_path / "new" / "run"
    seed = run_seed(out, np.random.default_rng(0), IMAGES, "parent")
    # The first draw of that source.
    assert seed == np.random.default_rng(0).integers(2**31)
    assert run_seed(out, np.random.default_rng(9), IMAGES, "parent") == seed
    assert json.loads((out / RUN).read_text()) == {
        "seed": seed,
        "images": digest(IMAGES),
        "parent": "parent",
    }


def test_a_run_of_an_older_version_goes_on_whatever_else_its_file_holds(tmp_path):
    known = {"seed": 77, "images": digest(IMAGES), "parent": "parent", "stopped": "time"}
    known["recipe"] = {"replay": 0.3, "ema": 0.98}
    (tmp_path / RUN).write_text(json.dumps(known))
    assert run_seed(tmp_path, None, IMAGES, "parent") == 77
    assert json.loads((tmp_path / RUN).read_text()) == known


@pytest.mark.parametrize(("images", "parent"), [([IMAGES[0] + 1], "parent"), (IMAGES, "other")])
def test_a_run_on_other_images_or_from_other_weights_is_one_line(tmp_path, images, parent):
    run_seed(tmp_path, np.random.default_rng(0), IMAGES, "parent")
    before = (tmp_path / RUN).read_bytes()
    with pytest.raises(ValueError, match="expected a new folder.*Received: a run of parent"):
        run_seed(tmp_path, None, images, parent)
    assert (tmp_path / RUN).read_bytes() == before


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "Expecting value"),
        ('{"seed": ', "Expecting value"),
        ("[7]", "no JSON object"),
        ('{"parent": "parent"}', "no seed"),
        ('{"seed": 1e400}', "finite numbers"),
        ('{"seed": -1}', "seed=-1"),
        ('{"seed": 1' + "0" * 500 + "}", "finite numbers"),
        ("[" * 100_000, "brackets"),
    ],
)
def test_a_damaged_record_of_a_run_is_refused_in_one_line_and_kept(tmp_path, content, reason):
    (tmp_path / RUN).write_text(content)
    with pytest.raises(ValueError, match=reason) as caught:
        run_seed(tmp_path, None, IMAGES, "parent")
    assert str(caught.value).startswith(f"{tmp_path / RUN}: expected JSON")
    assert "\n" not in str(caught.value)
    assert (tmp_path / RUN).read_text() == content


def test_a_run_without_a_folder_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    assert run_seed(None, rng, IMAGES, "parent") == np.random.default_rng(1).integers(2**31)
    assert not list(tmp_path.iterdir())


def test_a_digest_tells_shapes_and_pixels_apart():
    assert digest(IMAGES) == digest([IMAGES[0].copy()])
    assert digest(IMAGES) != digest([IMAGES[0].T])
    assert digest(IMAGES) != digest([IMAGES[0].reshape(3, 2)])
    assert digest(IMAGES) != digest([np.nextafter(IMAGES[0], 9)])


def test_a_digest_is_that_of_earlier_versions_whose_runs_go_on():
    pixels = np.arange(6.0).tobytes()
    assert digest(IMAGES) == hashlib.sha256(b"(2, 3)" + pixels).hexdigest()
