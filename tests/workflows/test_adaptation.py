import json
import shutil
import sys
import threading
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from quick_gan import quick_gan, quick_recipe

import stemzoo
from stemzoo import io
from stemzoo.adaptation.agreement import Agreement, HoldOut
from stemzoo.adaptation.appearance import find_appearance
from stemzoo.adaptation.detector_choice import Renewal
from stemzoo.adaptation.detector_scores import EstimatedScore, find_scorer
from stemzoo.adaptation.dopants import find_dopants
from stemzoo.adaptation.image_checks import prepare_images
from stemzoo.adaptation.judgement import Adaptation, Judgement, Stopped
from stemzoo.adaptation.recipes import JudgementLimits, RenewalRecipe
from stemzoo.analysis.lattice import find_rotation
from stemzoo.analysis.scan_errors import find_scan_errors
from stemzoo.simulate import find_session, simulate_session
from stemzoo.training.recipes import FCNRecipe
from stemzoo.workflows.adaptation import adapt_files

CLASSES = ("se_vacancy", "se_divacancy", "metal_dark", "bright")


def judgement(misfit, steps):
    agreement = Agreement(misfit, misfit, misfit)
    return Judgement(10.0 * steps, steps, agreement, None, misfit, True)


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """Two images of day B in the folder `today`, 512 pixels wide, and a CycleGAN; only read."""
    folder = tmp_path_factory.mktemp("day")
    (folder / "today").mkdir()
    for i, frame in enumerate(simulate_session(find_session("wse2-dayB"), 2, (512, 512), seed=3)):
        io.write_tiff(folder / f"today/{i}.tif", frame.image, sampling=0.2074)
    stemzoo.save(quick_gan(stemzoo.CycleGANSTEM), folder / "parent")
    return folder


@pytest.fixture
def files(day, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(day / "today", "today")
    return [Path("today/*.tif")]


@pytest.fixture
def parent(day):
    """Return a CycleGAN of a folder, so that it knows where it comes from."""
    return stemzoo.load(day / "parent", training=True)


@pytest.fixture
def calls(monkeypatch):
    """Adapt and renew in no time, and note with what."""
    noted = {}

    def fit_adapt(model, measured, **options):
        noted["adapt"] = (measured, options)
        adapted = model.successor(session=options["session"])
        judged = (judgement(1.0, 0), judgement(0.5, 3), judgement(float("nan"), 4))
        adapted.adaptation = Adaptation(judged, 100.0, Stopped.NOT_STOPPED)
        return adapted

    def renew(model, translator, measured, **options):
        noted["renew"] = (translator, measured, options)
        renewed = type(model)(**model.get_config())
        renewed.set_weights(model.get_weights())
        scores = {"tiny": EstimatedScore(1, 2, 3), "renewed": EstimatedScore(2, 3, 3)}
        agreements = {"translated": Agreement(0.1, float("inf"), 0.3)}
        renewed.renewal = Renewal(scores, "renewed", True, agreements, 20.0, 64)
        return renewed

    monkeypatch.setattr("stemzoo.adaptation.fit_adapt", fit_adapt)
    monkeypatch.setattr("stemzoo.adaptation.renew_detector", renew)
    return noted


def strict(path):
    def fail(constant):
        raise AssertionError(f"{path} holds {constant}")

    return json.loads(Path(path).read_text(encoding="utf-8"), parse_constant=fail)


def test_a_model_folder_of_the_zoo_is_written(files, parent, calls):
    done = adapt_files(files, parent, Path("out"), minutes=2.0, seed=4)
    assert done.detector is None
    model = stemzoo.load("./out", training=True)
    assert (model.session, model.material) == ("out", "wse2")
    facts = strict("out/provenance.json")
    assert facts["parent"]["sha256"] == parent.provenance.sha256
    data = strict("out/training_data.json")
    assert data["from"] == "quick"
    assert list(data["adapted_to"]) == ["0.tif", "1.tif"]
    assert (data["minutes"], data["seed"], data["session"]) == (2.0, 4, "out")
    assert stemzoo.verify("./out").passed


def test_what_was_judged_is_written_as_strict_json(files, parent, calls):
    adapt_files(files, parent, Path("out"))
    content = strict("out/adaptation.json")
    assert [one["misfit"] for one in content["judgements"]] == [1.0, 0.5, None]
    assert content["stopped"] == "time"
    assert content["result"].startswith("after 3 steps")


def test_what_the_scan_did_is_undone_and_that_is_said_and_written(files, parent, calls):
    image = io.read_image("today/0.tif").data.astype(np.float32)
    gain = 1 + 0.2 * np.random.default_rng(4).standard_normal(len(image))
    io.write_tiff("today/0.tif", image * gain[:, None].astype(np.float32), sampling=0.2074)
    lines = []
    adapt_files(files, parent, Path("out"), report=lines.append)
    (said,) = (line for line in lines if "undone" in line)
    assert said.startswith("today/0.tif: row gain ")
    undone = strict("out/adaptation.json")["undone"]
    assert list(undone) == ["0.tif"]
    assert said.split(": ")[1] == ", ".join(undone["0.tif"])


def test_the_seed_of_a_run_is_kept(files, parent, calls):
    Path("out").mkdir()
    Path("out/adaptation.json").write_text('{"seed": 77}', encoding="utf-8")
    adapt_files(files, parent, Path("out"))
    assert strict("out/adaptation.json")["seed"] == 77


def test_parts_of_few_images_make_their_conditions(files, parent, calls):
    adapt_files(files, parent, Path("out"), session="dayZ")
    conditions = stemzoo.load("./out").conditions
    assert (conditions.session, conditions.material) == ("dayZ", "wse2")
    assert conditions.frames >= 12


def test_images_too_small_for_conditions_are_warned_of(files, parent, calls, recwarn):
    image = io.read_image("today/0.tif").data
    io.write_tiff("small.tif", image[:200, :200], sampling=0.2074)
    adapt_files([Path("small.tif")], parent, Path("out"))
    found = [str(one.message) for one in recwarn if one.category is UserWarning]
    assert len(found) == 1
    assert found[0].startswith("out: too few images to describe their conditions")
    assert not Path("out/conditions.json").exists()
    assert stemzoo.load("./out").conditions is None


def test_a_detector_is_renewed_in_a_folder_of_its_own(files, parent, calls, make_model):
    detector, lines = make_model(CLASSES), []
    stemzoo.save(detector, "detector")
    detector = stemzoo.load("./detector")
    options = {"detector": detector, "renewal": RenewalRecipe(calibrated=2)}
    done = adapt_files(files, parent, Path("out"), minutes=6.0, report=lines.append, **options)
    translator, session, options = calls["renew"]
    assert translator is done.translator
    assert len(session.images) == 2
    # What is measured on the images is measured once, for both.
    assert calls["adapt"][0] is session
    # Half of the time is the CycleGAN's, checking the images included; it says that it took 100 s.
    assert calls["adapt"][1]["minutes"] == pytest.approx(3.0, abs=0.5)
    assert calls["adapt"][1]["for_detector"]
    assert options["minutes"] < 6.0 - 100 / 60
    assert options["out"] == Path("out/detector")
    model = stemzoo.load("./out/detector")
    assert model.classes == CLASSES
    assert strict("out/detector/provenance.json")["parent"]["sha256"] == detector.provenance.sha256
    assert strict("out/detector/training_data.json")["translate"] == ["out"]
    content = strict("out/detector/adaptation.json")
    assert content["scores"]["renewed"] == {"true": 2, "detected": 3, "present": 3}
    assert content["agreements"]["translated"]["kernel_distance"] is None
    assert any(line.startswith("renewed is best") for line in lines)
    assert model.conditions.session == "out"


def test_without_a_cyclegan_a_detector_alone_is_renewed(files, calls, make_model):
    stemzoo.save(make_model(CLASSES), "detector")
    detector, lines = stemzoo.load("./detector"), []
    options = {"detector": detector, "renewal": RenewalRecipe(calibrated=0)}
    done = adapt_files(files, None, Path("out"), report=lines.append, **options)
    assert done.translator is None
    assert "adapt" not in calls
    translator, session, options = calls["renew"]
    assert translator is None
    assert (session.material, len(session.images)) == ("wse2", 2)
    # It has all of the time.
    assert options["minutes"] > 4
    assert not Path("out/config.json").exists()
    assert strict("out/detector/training_data.json")["translate"] == []
    assert stemzoo.load("./out/detector").conditions.session == "out"


def test_a_detector_that_masters_the_images_is_kept_as_it_is(files, parent, detector):
    for i, frame in enumerate(simulate_session(find_session("wse2-dayA"), 2, (512, 512), seed=3)):
        io.write_tiff(f"today/{i}.tif", frame.image, sampling=0.2074)
    lines = []
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # it is no fault
        done = adapt_files(
            files, parent, Path("out"), detector=detector, seed=5, report=lines.append
        )
    assert done.detector.renewal.mastered
    assert done.translator.adaptation.stopped == Stopped.MASTERED
    (line,) = (line for line in lines if line.startswith("fcn-wse2 masters these images"))
    assert "--force" in line
    content = strict("out/detector/adaptation.json")
    assert (content["chosen"], content["mastered"], content["steps"]) == ("fcn-wse2", True, 0)
    assert content["expected"]["fcn-wse2"]["f1"]["value"] >= 0.95
    assert strict("out/adaptation.json")["stopped"] == "mastered"
    # What the folder holds does as the old one does: calibrated, and for what it was trained on.
    kept = stemzoo.load("./out/detector")
    image = io.read_image("today/0.tif")
    before, after = (stemzoo.detect(image, model) for model in (detector, kept))
    np.testing.assert_allclose(before.positions, after.positions)
    np.testing.assert_allclose(before.probability, after.probability)
    assert kept.conditions.session == detector.conditions.session
    # The same run can be forced on, in the same folder.
    assert strict("out/detector/adaptation.json")["seed"] > 0


def test_a_pixel_size_that_is_stated_is_that_of_all_images(files, parent, calls):
    adapt_files(files, parent, Path("out"), sampling=0.2)
    # 512 px of 0.2 Å are 493.7 of the 0.2074 Å per pixel of the model.
    assert [image.shape for image in calls["adapt"][0].images] == 2 * [(493, 493)]


def test_a_pixel_size_that_files_lack_is_measured(files, parent, calls):
    image = io.read_image("today/0.tif").data
    np.save("bare.npy", image)
    adapt_files([Path("bare.npy")], parent, Path("out"))
    (measured,) = calls["adapt"][0].images
    # It is 0.2074 Å, as the model's.
    assert measured.shape == pytest.approx(image.shape, rel=0.02)


@pytest.fixture
def counted():
    """Count the calls of functions that measure images, in all threads, and what they are given."""
    measuring = (find_scan_errors, find_rotation, find_dopants, find_appearance, prepare_images)
    measuring += (find_scorer, HoldOut.split.__func__)
    codes, calls, shapes = {f.__code__: f.__name__ for f in measuring}, Counter(), Counter()

    def count(frame, event, argument):
        if event == "call" and frame.f_code in codes:
            name = codes[frame.f_code]
            calls[name] += 1
            if "image" in frame.f_locals:
                shapes[name, frame.f_locals["image"].shape] += 1

    sys.setprofile(count)
    threading.setprofile(count)
    yield calls, shapes
    sys.setprofile(None)
    threading.setprofile(None)


@pytest.mark.filterwarnings("ignore:adapting", "ignore:parent", "ignore:small", "ignore:renewed")
def test_each_image_is_measured_once_in_all(files, parent, make_model, counted):
    """By a real run with a detector, that adapts and renews."""
    limits = JudgementLimits(least_seconds=0.0)
    training = FCNRecipe(epochs=10_000, steps_per_epoch=2, batch_size=2, patch=32)
    renewal = RenewalRecipe(translated=2, simulated=2, frame_size=128, training=training)
    detector = make_model(CLASSES, name="small")
    recipe = quick_recipe(limits=limits)
    done = adapt_files(
        files, parent, Path("out"), minutes=0.2, detector=detector, recipe=recipe, renewal=renewal
    )
    assert done.translator.adaptation.judgements
    calls, shapes = counted
    for name in ("prepare_images", "split", "find_rotation", "find_dopants", "find_scorer"):
        assert calls[name] == 1, name
    # Of both images.
    assert calls["find_appearance"] == 2
    # Of both as they are and, again, of the parts that are learnt from: those are rescaled first.
    # As they are they are also their own middles, where two functions look at columns.
    assert shapes["find_scan_errors", (512, 512)] == 2 + 2 * 2
    assert shapes["find_scan_errors", (512 - 512 // 5, 512)] == 2
    assert calls["find_scan_errors"] == 8


@pytest.fixture
def no_time(monkeypatch):
    monkeypatch.setattr("stemzoo.adaptation.fit_adapt", pytest.fail)


def refused(*arguments, **options):
    with pytest.raises(ValueError, match="Received") as caught:
        adapt_files(*arguments, Path("out"), **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_files_that_cannot_be_used_are_one_line(files, parent, no_time):
    io.write_tiff("flat.tif", np.ones((200, 200)), sampling=0.2)
    bad = np.random.default_rng(0).normal(size=(200, 200)).astype(np.float32)
    io.write_tiff("noise.tif", bad, sampling=None)
    assert "no file matches none_*.tif" in refused([Path("none_*.tif")], parent)
    assert "flat.tif: expected an image with contrast" in refused([Path("flat.tif")], parent)
    with pytest.raises(ValueError, match="noise.tif: the file states no pixel size"):
        adapt_files([Path("noise.tif")], parent, Path("out"))
    assert not Path("out").exists()


@pytest.mark.parametrize("sampling", [0.0, -0.2, 20.74])
def test_an_impossible_pixel_size_is_one_line(files, parent, no_time, sampling):
    assert "--pixel-size" in refused(files, parent, sampling=sampling)
    assert not Path("out").exists()


def test_a_detector_of_another_material_is_one_line_before_any_time_is_spent(
    files, parent, no_time, make_model
):
    text = refused(files, parent, detector=make_model(CLASSES, material="graphene"))
    assert "Expected detectors of wse2" in text
    assert not Path("out").exists()


def test_a_file_in_place_of_the_folder_is_one_line(files, parent, no_time):
    Path("out").write_text("mine", encoding="utf-8")
    assert "--out expects a folder" in refused(files, parent)
    assert Path("out").read_text(encoding="utf-8") == "mine"
