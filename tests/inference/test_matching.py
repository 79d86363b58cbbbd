from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from stemzoo.analysis.conditions import TrainingConditions
from stemzoo.analysis.lattice import find_lattice
from stemzoo.inference import comparison
from stemzoo.inference.comparison import check_conditions, read_conditions
from stemzoo.inference.matching import match
from stemzoo.io import Image
from stemzoo.simulate import find_session, simulate_session
from stemzoo.simulate.materials import find_material
from stemzoo.zoo.file_names import CONDITIONS
from stemzoo.zoo.manifest import sha256
from stemzoo.zoo.registry import FileEntry

SAMPLINGS = {"wse2-dayA": 0.2074, "wse2-dayB": 0.2074, "graphene": 0.144}


def frames(name, n, seed, edge=256):
    return [
        Image(frame.image, frame.sampling)
        for frame in simulate_session(find_session(name), n, (edge, edge), seed=seed)
    ]


@pytest.fixture(scope="module")
def training():
    return {name: frames(name, 14, seed=1) for name in SAMPLINGS}


@pytest.fixture(scope="module")
def conditions(training):
    """Conditions of small frames of three sessions, and of both days together."""

    def made(session, images, sampling):
        material = find_session(session).material
        return TrainingConditions.from_frames(
            images, session=session, material=material, sampling=sampling
        )

    known = {name: made(name, training[name], SAMPLINGS[name]) for name in SAMPLINGS}
    both = training["wse2-dayA"] + training["wse2-dayB"]
    return {"both-days": made("wse2-dayA", both, 0.2074), **known}


@pytest.fixture(scope="module")
def unseen():
    return {name: frames(name, 5, seed=2) for name in SAMPLINGS}


@pytest.mark.parametrize("name", SAMPLINGS)
def test_frames_fit_their_own_session_best(name, conditions, unseen):
    for image in unseen[name]:
        best, *others = match(image, conditions=conditions)
        assert (best.weights, best.session) == (name, name)
        assert best.fits
        assert best.distance < 3
        # The weights for both days fit too, but are less specific.
        wider = [other.weights for other in others if other.fits]
        assert wider == (["both-days"] if name.startswith("wse2") else [])


def test_weights_of_the_material_that_an_image_shows_are_compared(conditions, unseen):
    found = match(unseen["graphene"][0], conditions=conditions)
    assert {one.material for one in found} == {"graphene"}
    wse2 = {key: one for key, one in conditions.items() if one.material == "wse2"}
    with pytest.raises(
        ValueError, match=r"images of wse2.*images of graphene.*detect IMAGE --weights fcn-graphene"
    ):
        match(unseen["graphene"][0], conditions=wse2)


def test_margins_and_bars_change_nothing(conditions, unseen):
    image = unseen["wse2-dayA"][0]
    data = image.data.copy()
    data[:30], data[:, -40:] = 0, 0
    whole = match(replace(image, data=image.data[30:, :-40]), conditions=conditions)
    assert match(replace(image, data=data), conditions=conditions)[0].distance == pytest.approx(
        whole[0].distance, rel=0.1
    )


def test_another_material_is_no_match(conditions, unseen):
    ranked = match(unseen["graphene"][0], material="wse2", conditions=conditions)
    found = {one.weights: one for one in ranked}
    for name in ("wse2-dayA", "wse2-dayB"):
        assert (found[name].distance, found[name].p_value) == (np.inf, 0)
        assert found[name].reason == "no lattice of wse2"


def test_a_material_can_be_asked_for(conditions, unseen):
    found = match(unseen["wse2-dayA"][0], material="WSe2", conditions=conditions)
    assert {one.material for one in found} == {"wse2"}
    with pytest.raises(KeyError, match="Unknown material"):
        match(unseen["wse2-dayA"][0], material="wse3", conditions=conditions)
    with pytest.raises(ValueError, match="Received: none for mos2"):
        match(unseen["wse2-dayA"][0], material="mos2", conditions=conditions)


def test_the_pixel_size_may_be_unknown(conditions, unseen):
    plain = [image.data for image in unseen["wse2-dayB"]]
    assert match(plain[0], conditions=conditions)[0].weights == "wse2-dayB"
    assert match(np.array(plain), conditions=conditions)[0].weights == "wse2-dayB"
    plain[0] = plain[0][:200]
    assert match(plain, conditions=conditions)[0].weights == "wse2-dayB"


def test_the_reason_names_what_differs(conditions, unseen):
    image = unseen["wse2-dayA"][0]
    noise = np.random.default_rng(0).normal(size=image.data.shape)
    noisy = Image(image.data + image.data.std() * noise, image.sampling)
    found = check_conditions(noisy, conditions["wse2-dayA"], weights="mine")
    assert not found.fits
    assert found.weights == "mine"
    assert "noise of 2 to 4 px" in found.reason
    assert "x stronger" in found.reason
    assert "weaker" not in found.reason


def test_a_stated_pixel_size_overrides_that_of_the_image(conditions, unseen):
    image = unseen["wse2-dayA"][1]
    found = check_conditions(image, conditions["wse2-dayA"], sampling=image.sampling / 1.12)
    assert "stated pixels 1" in found.reason
    assert "% too small" in found.reason


def test_several_images_have_the_median_distance_and_a_bound_on_p(conditions, unseen):
    images, own = unseen["wse2-dayB"], conditions["wse2-dayB"]
    single = [check_conditions(image, own) for image in images]
    p = sorted(one.p_value for one in single)
    (found,) = match(images, conditions={"b": own})
    assert found.distance == np.median([one.distance for one in single])
    # Rüger's bound for the third of five p-values, and for the first of two.
    assert found.p_value == pytest.approx(min(p[2] * 5 / 3, 1))
    (found,) = match(images[:2], conditions={"b": own})
    assert found.p_value == pytest.approx(min(2 * min(one.p_value for one in single[:2]), 1))


def test_no_image_is_refused(conditions):
    with pytest.raises(ValueError, match="one image or more"):
        match([], conditions=conditions)


@pytest.fixture
def package(conditions, tmp_path, monkeypatch):
    """Stand in for the package: weights with conditions, weights without, weights of the Hub."""
    files = {name: FileEntry(name, None, None) for name in ("config.json", CONDITIONS)}
    entries = [
        SimpleNamespace(name="own", files=files.values(), bundled=True),
        SimpleNamespace(name="without", files=[files["config.json"]], bundled=True),
        SimpleNamespace(name="far", files=files.values(), bundled=False),
    ]
    for entry in entries:
        entry.folder = tmp_path / entry.name
        entry.folder.mkdir()
    path = tmp_path / "own" / CONDITIONS
    path.write_text(conditions["wse2-dayA"].to_json(), encoding="utf-8")
    files[CONDITIONS] = FileEntry(CONDITIONS, sha256(path), path.stat().st_size)
    entries[0].files = tuple(files.values())
    monkeypatch.setattr(comparison, "list_weights", lambda material: entries)
    return path


def test_conditions_are_read_from_the_package(package, conditions, unseen):
    assert list(read_conditions()) == ["own"]
    image = unseen["wse2-dayA"][0]
    (found,) = match(image)
    expected = check_conditions(image, conditions["wse2-dayA"])
    assert found.weights == "own"
    assert found.distance == pytest.approx(expected.distance, rel=1e-3)


def test_changed_conditions_of_the_package_are_not_used(package, unseen):
    package.write_bytes(package.read_bytes() + b" ")
    with pytest.raises(ValueError, match=r"conditions.json: expected .*sha256.* Install stemzoo"):
        match(unseen["wse2-dayA"][0])


def test_a_lattice_that_was_found_before_gives_the_same_answer(conditions, unseen):
    image, own = unseen["wse2-dayB"][0], conditions["wse2-dayB"]
    lattice = find_lattice(image.data, find_material("wse2"))
    found = check_conditions(image, own, lattice=lattice)
    assert found == check_conditions(image, own)
