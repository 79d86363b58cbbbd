import json
import logging
import shutil

import h5py
import numpy as np
import pytest

import stemzoo
from stemzoo.models import CycleGANSTEM
from stemzoo.zoo import hub, reading, registry
from stemzoo.zoo.hdf5 import read_shapes
from stemzoo.zoo.hub import load, save, verify


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).normal(size=(1, 64, 64, 1)).astype("float32")


@pytest.fixture
def folder(tiny_folder, tmp_path):
    """Return a copy of the tiny model's folder, to be changed."""
    return shutil.copytree(tiny_folder, tmp_path / "tiny")


def edit(folder, **changes):
    """Change entries of a config; None takes one away."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    arguments = changes.pop("config", None)
    config["config"].update(arguments or {})
    config.update(changes)
    config = {key: value for key, value in config.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")


def same_answers(model, other, image):
    answers = [kind(image, training=False).numpy() for kind in (model, other)]
    return abs(answers[0] - answers[1]).max() < 1e-5


def refused(source, error, *words):
    """Assert that a load fails with one line that holds the words."""
    with pytest.raises(error) as caught:
        hub.load(source)
    message = caught.value.args[0]
    assert "\n" not in message
    for word in words:
        assert word in message
    return message


def test_a_loaded_model_is_the_saved_one_to_the_bit(tiny_model, tiny_folder, image):
    model = stemzoo.load(tiny_folder)
    assert model.get_config() == tiny_model.get_config()
    assert len(model.weights) == len(tiny_model.weights)
    for loaded, saved in zip(model.weights, tiny_model.weights, strict=True):
        assert loaded.path == saved.path
        assert np.array_equal(loaded.numpy(), saved.numpy())
    assert same_answers(model, tiny_model, image)


def test_a_loaded_model_sees_intensities_by_rank_if_the_saved_one_did(make_model, tmp_path):
    for ranked in (False, True):
        stemzoo.save(make_model(ranked=ranked), tmp_path / str(ranked))
        assert stemzoo.load(tmp_path / str(ranked)).ranked is ranked


SAVED = {"config.json", "golden.npz", "model.weights.h5", "provenance.json"}


def test_a_folder_holds_four_files_and_nothing_else(tiny_folder):
    assert {p.name for p in tiny_folder.iterdir()} == SAVED
    config = json.loads((tiny_folder / "config.json").read_text(encoding="utf-8"))
    assert config["format"] == 1
    assert config["class"] == "DefectFCN"


def test_a_folder_is_loaded_by_text_or_path_absolute_or_not(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    for source in (str(folder), "./tiny", "tiny", folder, folder.relative_to(folder.parent)):
        assert hub.load(source).name == "tiny"


def test_a_saved_model_replaces_the_one_in_the_folder(folder, make_model, image):
    other = make_model(seed=1)
    stemzoo.save(other, folder)
    loaded = stemzoo.load(folder)
    assert same_answers(loaded, other, image)
    assert {p.name for p in folder.iterdir()} == SAVED


def test_saving_leaves_the_optimizer_alone_and_does_not_store_it(make_model, tmp_path):
    bare, trained = make_model(), make_model()
    trained.compile("adam", loss="sparse_categorical_crossentropy")
    optimizer = trained.optimizer
    optimizer.build(trained.trainable_variables)
    for name, model in (("bare", bare), ("trained", trained)):
        stemzoo.save(model, tmp_path / name)
    assert trained.optimizer is optimizer
    assert getattr(bare, "optimizer", None) is None
    sizes = [(tmp_path / n / "model.weights.h5").stat().st_size for n in ("bare", "trained")]
    # Adam would store two more numbers for each weight.
    assert sizes[0] == pytest.approx(sizes[1], rel=0.02)


def test_a_save_that_fails_leaves_folder_and_model_as_they_were(folder, make_model, monkeypatch):
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    model = make_model(seed=1)
    model.compile("adam", loss="sparse_categorical_crossentropy")
    optimizer = model.optimizer

    def fail(file):
        file.write(b"half of the weigh")
        raise OSError("no space left on device")

    monkeypatch.setattr(model, "save_weights", fail, raising=False)
    with pytest.raises(OSError, match="no space left"):
        stemzoo.save(model, folder)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
    assert model.optimizer is optimizer


def test_only_models_of_the_zoo_are_saved(tmp_path):
    with pytest.raises(ValueError, match="Expected one of .*DefectFCN.* Received: dict"):
        stemzoo.save({}, tmp_path / "folder")
    assert not (tmp_path / "folder").exists()


# Folders that are refused.


def test_missing_folders_and_files_are_named(folder, tmp_path):
    refused(tmp_path / "nowhere", FileNotFoundError, "nowhere", "Received: no folder")
    (folder / "model.weights.h5").unlink()
    refused(folder, FileNotFoundError, str(folder), "Received: no model.weights.h5")
    (folder / "config.json").unlink()
    refused(folder, FileNotFoundError, str(folder), "Received: no config.json")


def test_a_class_that_is_not_of_the_zoo_is_never_built(folder):
    for kind in ("Lambda", "os.system", "residual_block", "", 3, ["DefectFCN"]):
        edit(folder, **{"class": kind})
        known = "a class among CycleGANSTEM, DefectFCN"
        refused(folder, ValueError, "config.json", known, "Received: ", "class", repr(kind)[:9])


@pytest.mark.parametrize("number", [0, 2, "1"])
def test_a_folder_of_another_format_is_refused(folder, number):
    edit(folder, format=number)
    received = "format='1', where int is expected" if number == "1" else f"format {number}"
    refused(folder, ValueError, "model of format 1", f"Received: {received}")


@pytest.mark.parametrize(
    "changes",
    [
        {"config": {"filters": -1}},
        {"config": {"colour": "red"}},
        {"config": {"filters": "many"}},
        {"config": {"classes": None}},
        {"config": {"sampling": None}},
        {"format": None},
        {"class": None},
    ],
)
def test_a_config_that_builds_no_model_is_refused(folder, changes):
    edit(folder, **changes)
    refused(folder, ValueError, "config.json: expected a model of format 1", "Received: ")


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b'{"format": 1}'])
def test_a_damaged_config_is_refused(folder, text):
    (folder / "config.json").write_bytes(text)
    refused(folder, ValueError, "config.json: expected a model of format 1", "Received: ")


def test_truncated_weights_are_refused(folder):
    path = folder / "model.weights.h5"
    content = path.read_bytes()
    for length in (0, 10, 1000, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        refused(folder, ValueError, "model.weights.h5: expected the weights of a DefectFCN")
    path.write_text("not HDF5")
    refused(folder, ValueError, "model.weights.h5: expected the weights of a DefectFCN")


@pytest.mark.parametrize(
    "arguments", [{"filters": 8}, {"depth": 3}, {"depth": 1}, {"classes": ["a"]}]
)
def test_weights_of_another_shape_are_refused(folder, arguments):
    edit(folder, config=arguments)
    refused(folder, ValueError, "model.weights.h5: expected the weights of a DefectFCN")


# Names.


@pytest.fixture
def zoo(folder, tmp_path, monkeypatch):
    """Stand in for an installed package that bundles the tiny model."""
    package = tmp_path / "package"
    home = package / "weights" / "fcn-tiny"
    home.parent.mkdir(parents=True)
    shutil.copytree(folder, home)
    files = {p.name: {"sha256": hub.sha256(p), "size": p.stat().st_size} for p in home.iterdir()}
    record = {
        "name": "fcn-tiny",
        "task": "detection",
        "material": "wse2",
        "session": "wse2-randomised",
        "summary": "",
        "licence": "Apache-2.0",
        "files": files,
        "aliases": ["tiny-alias"],
        "supersedes": ["fcn-tiny-2023"],
    }
    manifest = {"format": 1, "weights": [record]}
    (package / "weights_manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    monkeypatch.setattr(registry, "PACKAGE", package)
    return home


def test_a_name_of_the_zoo_is_loaded_and_the_model_bears_it(zoo, tiny_model, image, caplog):
    with caplog.at_level(logging.WARNING):
        model = stemzoo.load("fcn-tiny")
    assert model.name == "fcn-tiny"
    assert same_answers(model, tiny_model, image)
    assert "another name" not in caplog.text


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("tiny-alias", "tiny-alias is another name of fcn-tiny"),
        ("fcn-tiny-2023", "fcn-tiny-2023 is superseded by fcn-tiny"),
    ],
)
def test_another_name_leads_to_the_same_weights_and_the_log_says_so(zoo, name, says, caplog):
    with caplog.at_level(logging.WARNING):
        assert stemzoo.load(name).name == "fcn-tiny"
    assert says in caplog.text


def test_an_unknown_name_offers_the_nearest(zoo):
    message = refused("fcn-tinny", KeyError, "Did you mean fcn-tiny", "Received: 'fcn-tinny'")
    assert "stemzoo list" in message


def test_a_path_is_never_taken_for_a_name(zoo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused("./fcn-tiny", FileNotFoundError, "Received: no folder")


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5"])
@pytest.mark.parametrize("where", [0, 1 / 3, 1])
def test_one_changed_byte_of_a_bundled_file_is_refused(zoo, name, where):
    content = bytearray((zoo / name).read_bytes())
    content[int(where * (len(content) - 1))] ^= 1
    (zoo / name).write_bytes(content)
    refused("fcn-tiny", ValueError, name, "sha256", "are not loaded", "Received: ")


def test_bundled_files_that_are_cut_extended_or_missing_are_refused(zoo):
    path = zoo / "model.weights.h5"
    content = path.read_bytes()
    for changed in (content[:-1], content + b"\0", b""):
        path.write_bytes(changed)
        refused("fcn-tiny", ValueError, f"Received: {len(changed)} bytes", "are not loaded")
    path.unlink()
    refused("fcn-tiny", ValueError, "model.weights.h5", "Received: none", "Install stemzoo again")


def test_nothing_is_built_from_files_that_differ(zoo, monkeypatch):
    monkeypatch.setattr(reading, "read_model", lambda *_: pytest.fail("was loaded"))
    (zoo / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ValueError, match="are not loaded"):
        stemzoo.load("fcn-tiny")


def test_a_registered_folder_is_loaded_by_its_name(zoo, make_model):
    other = zoo.parent / "fcn-other"
    stemzoo.save(make_model(seed=1), other)
    (other / "recipe.json").write_text("{}", encoding="utf-8")
    facts = {"task": "detection", "material": "wse2", "session": "s", "summary": "", "licence": "X"}
    entry = hub.register(other, **facts)
    assert (entry.name, entry.licence, entry.repo_id, entry.folder) == (
        "fcn-other",
        "X",
        None,
        other,
    )
    assert {file.name for file in entry.files} == {*SAVED, "recipe.json"}
    assert stemzoo.load("fcn-other").name == "fcn-other"
    # A second time replaces the entry, and others stay.
    stemzoo.save(make_model(seed=2), other)
    hub.register(other, **facts)
    assert stemzoo.load("fcn-other").name == "fcn-other"
    assert [e.name for e in stemzoo.list_weights()] == ["fcn-other", "fcn-tiny"]
    (other / "config.json").unlink()
    with pytest.raises(ValueError, match="expected config.json and model.weights.h5. Received"):
        hub.register(other, **facts)
    before = registry.manifest_path().read_bytes()
    for wrong in ({"colour": "red"}, {"mirrors": "https://example.org"}, {"revision": "main"}):
        with pytest.raises(ValueError, match="expected"):
            hub.register(zoo, **facts, **wrong)
    assert registry.manifest_path().read_bytes() == before


def test_the_bundled_detector_is_loaded_by_name(detector):
    assert detector.name == "fcn-wse2"
    assert detector.material == "wse2"
    assert "se_vacancy" in detector.classes


# From the Hub.


@pytest.fixture
def gan_files(tmp_path):
    from stemzoo.models import CycleGANSTEM

    model = CycleGANSTEM(filters=4, depth=2, discriminator_filters=4, patch_size=32)
    stemzoo.save(model, tmp_path / "gan")
    return {p.name: p.read_bytes() for p in (tmp_path / "gan").iterdir()}


def test_a_model_of_the_hub_is_the_uploaded_one(hub_server, tiny_folder, tiny_model, image):
    files = {p.name: p.read_bytes() for p in tiny_folder.iterdir()}
    commit = hub_server.put("alice/tiny", {**files, "README.md": b"# Good for tests"})
    model = stemzoo.load("hf://alice/tiny")
    assert same_answers(model, tiny_model, image)
    assert model.card == "# Good for tests"
    found = model.provenance
    assert (found.origin, found.repository, found.revision) == ("hub", "alice/tiny", commit)
    assert found.sha256 == hub.sha256(tiny_folder / "model.weights.h5")


def test_discriminators_are_fetched_when_they_are_asked_for(hub_server, gan_files):
    hub_server.put("alice/gan", gan_files)
    stemzoo.load("hf://alice/gan")
    assert hub_server.count("training.weights.h5") == 0
    model = stemzoo.load("hf://alice/gan", training=True)
    assert hub_server.count("GET .*training.weights.h5") == 0  # by LFS
    assert hub_server.count("HEAD .*training.weights.h5") > 0
    path = model.provenance.folder / "training.weights.h5"
    assert path.read_bytes() == gan_files["training.weights.h5"]


def test_a_model_without_discriminators_says_so_when_they_are_needed(hub_server, gan_files):
    del gan_files["training.weights.h5"]
    hub_server.put("alice/gan", gan_files)
    stemzoo.load("hf://alice/gan")
    with pytest.raises(FileNotFoundError, match=r"expected training.weights.h5, .* training=False"):
        stemzoo.load("hf://alice/gan", training=True)
    # The cache does not tell whether the repository holds them.
    hub_server.__exit__()
    with pytest.raises(FileNotFoundError, match="If you were offline, go online; else load it"):
        stemzoo.load("hf://alice/gan", training=True)


def test_a_repository_that_was_made_to_do_harm_is_refused(hub_server, folder):
    edit(folder, **{"class": "Lambda"})
    hub_server.put("eve/tiny", {p.name: p.read_bytes() for p in folder.iterdir()})
    refused("hf://eve/tiny", ValueError, "class 'Lambda'")


# Verification.


def test_a_folder_as_it_was_saved_passes(tiny_folder):
    found = hub.verify(tiny_folder)
    assert found.passed
    text = str(found)
    assert text.startswith(f"{tiny_folder}: PASS\n")
    assert "golden output: largest difference" in text
    assert "at most 5.0e-03 is rounding" in text


def test_other_weights_than_those_of_the_golden_pair_fail(folder, make_model, tmp_path):
    stemzoo.save(make_model(seed=1), tmp_path / "other")
    shutil.copy(tmp_path / "other" / "model.weights.h5", folder)
    found = hub.verify(folder)
    assert not found.passed
    assert "FAIL" in str(found)
    assert "golden output: largest difference" in found.differences[0]


def test_bundled_weights_are_compared_with_the_manifest(zoo):
    assert hub.verify("fcn-tiny").passed
    assert "4 files have the size and hash of the manifest" in str(hub.verify("fcn-tiny"))
    (zoo / "config.json").write_bytes(b"{}")
    (zoo / "golden.npz").unlink()
    found = hub.verify("fcn-tiny")
    assert [("config.json" in line, "golden.npz" in line) for line in found.differences] == [
        (True, False),
        (False, True),
    ]
    assert all("expected" in line and "Received" in line for line in found.differences)


def test_a_missing_or_damaged_golden_pair_is_reported(folder):
    (folder / "golden.npz").write_bytes(b"no arrays")
    found = hub.verify(folder)
    assert "golden.npz: expected arrays of floats" in found.differences[0]
    (folder / "golden.npz").unlink()
    with pytest.raises(FileNotFoundError, match=r"Received: no golden\.npz"):
        hub.verify(folder)


def test_weights_of_the_hub_are_verified(hub_server, tiny_folder):
    hub_server.put("alice/tiny", {p.name: p.read_bytes() for p in tiny_folder.iterdir()})
    found = hub.verify("hf://alice/tiny")
    assert found.passed
    assert "4 files have the size and hash of the Hub" in found.notes
    assert len(found.notes) == 2
    files = {p.name: p.read_bytes() for p in tiny_folder.iterdir() if p.name != "golden.npz"}
    hub_server.put("alice/half", files)
    found = hub.verify("hf://alice/half")
    assert "expected golden.npz, to compare the output with" in found.differences[0]


def test_a_folder_that_is_no_model_is_said_to_be(folder, tmp_path):
    edit(folder, format=9)
    assert "Received: format 9" in hub.verify(folder).differences[0]
    with pytest.raises(FileNotFoundError, match="no folder"):
        hub.verify(tmp_path / "nowhere")
    with pytest.raises(KeyError, match="No weights of that name"):
        hub.verify("fcn-tinny")


# The package as it is installed.

WITHOUT_NETWORK = """
import socket

def refuse(*_, **__):
    raise AssertionError("the network was used")

for name in ("connect", "connect_ex", "bind", "sendto"):
    setattr(socket.socket, name, refuse)
socket.getaddrinfo = socket.create_connection = refuse

import numpy as np
import stemzoo

model = stemzoo.load("fcn-wse2")
stemzoo.detect(np.random.default_rng(0).normal(size=(128, 128)), model, sampling=0.2074)
"""


@pytest.mark.slow
def test_bundled_weights_need_no_network(python, tmp_path):
    done = python("-c", WITHOUT_NETWORK, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_weights_in_half_precision_take_half_the_space_and_do_nearly_the_same(tmp_path):
    model = CycleGANSTEM(filters=4, depth=3, discriminator_filters=4, patch_size=32)
    save(model, tmp_path / "full")
    save(model, tmp_path / "half", half=True)
    loaded = load(tmp_path / "half")
    image = np.random.default_rng(0).normal(0, 0.3, (1, 64, 64, 1)).astype("float32")
    for name in ("sim_to_exp", "discriminator_exp"):
        full, half = (np.asarray(getattr(m, name)(image, training=False)) for m in (model, loaded))
        np.testing.assert_allclose(half, full, atol=5e-3)
    for name in ("model.weights.h5", "training.weights.h5"):
        read = [read_shapes(tmp_path / kind / name) for kind in ("full", "half")]
        assert read[0] == read[1]
    with h5py.File(tmp_path / "half" / "model.weights.h5") as file:
        kinds = set()
        file.visititems(lambda _, x: kinds.add(x.dtype) if hasattr(x, "dtype") else None)
    assert kinds == {np.dtype("float16")}
    assert verify(tmp_path / "half").passed
