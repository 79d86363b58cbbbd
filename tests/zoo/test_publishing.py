"""Publishing, to a Hub that works and to one that does not: nothing is ever damaged."""

import base64
import json
import shutil
from types import SimpleNamespace

import hub_routes
import pytest
from huggingface_hub import ModelCard, constants

import stemzoo
from stemzoo.zoo import hub, registry
from stemzoo.zoo.manifest import sha256
from stemzoo.zoo.remote.cache import hub_cache
from stemzoo.zoo.sources import find_source

REPO = "alice/fcn-wse2-dayC"
NAME = "fcn-wse2-dayC"
FACTS = {"licence": "CC-BY-4.0", "session": "wse2-dayC"}
# The client's own, when it uploads.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")


@pytest.fixture
def folder(tiny_folder, tmp_path):
    """Model folder as a training leaves it."""
    folder = shutil.copytree(tiny_folder, tmp_path / "my-day")
    (folder / "training_state.npz").write_bytes(b"of no use to others")
    (folder / "notes.txt").write_text("private")
    (folder / ".env.json").write_text("HF_TOKEN=secret")
    (folder / "README.md").write_text("# My own words")
    (folder / "training_log.png").write_bytes(b"\x89PNG log")
    (folder / "samples").mkdir()
    for epoch in (5, 40):
        (folder / "samples" / f"epoch_{epoch:04d}.png").write_bytes(b"\x89PNG %d" % epoch)
    return folder


UPLOADED = {
    "README.md",
    "config.json",
    "golden.npz",
    "model.weights.h5",
    "provenance.json",
    "training_log.png",
}


@pytest.fixture(scope="module")
def verify_once():
    """Load and verify each model once: most tests publish the same one."""
    reports = {}

    def verify(source, **options):
        folder = find_source(source, **options).folder
        hashes = [sha256(path) for path in sorted(folder.glob("*.[hjn]*")) if path.is_file()]
        key = tuple(hashes)
        if key not in reports:
            reports[key] = hub.verify(source, **options)
        return reports[key]

    return verify


@pytest.fixture
def manifest(hub_server, tmp_path, monkeypatch, verify_once):
    """Stand in for the package: a manifest with one entry, and alice at the keyboard."""
    package = tmp_path / "package"
    package.mkdir()
    other = dict.fromkeys(("task", "material", "session", "summary", "licence"), "x")
    other = {**other, "name": "fcn-other", "repo_id": "bob/fcn-other", "aliases": ["default"]}
    path = package / "weights_manifest.json"
    path.write_text(json.dumps({"format": 1, "weights": [other]}), encoding="utf-8")
    monkeypatch.setattr(registry, "PACKAGE", package)
    monkeypatch.setenv("HF_TOKEN", "hf_alice")
    clock = SimpleNamespace(sleep=hub_server.pauses.append)
    monkeypatch.setattr("stemzoo.zoo.remote.upload.time", clock)
    monkeypatch.setattr("stemzoo.zoo.draft.verify", verify_once)
    registry.read_manifest.cache_clear()
    yield path
    registry.read_manifest.cache_clear()


def publish(folder, **options):
    return stemzoo.publish(folder, **{"repo": REPO, "name": NAME, **FACTS, **options})


def record_in(manifest, name=NAME):
    content = json.loads(manifest.read_text(encoding="utf-8"))
    return next((record for record in content["weights"] if record["name"] == name), None)


def head(hub_server, repo=REPO):
    return hub_server.repos[repo].branches["main"]


def files_at(hub_server, commit, repo=REPO):
    blobs = hub_server.repos[repo].commits[commit]
    return {path: blob.content for path, blob in blobs.items() if path != ".gitattributes"}


@pytest.fixture
def refused(hub_server, manifest, folder):
    """Assert that publishing fails with one line that holds the words, and nothing has changed."""

    def state():
        repos = {name: dict(repo.branches) for name, repo in hub_server.repos.items()}
        here = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
        cached = {p for p in hub_cache().rglob("*") if p.is_file()}
        # An empty repository is made before the first commit.
        filled = {n: b for n, b in repos.items() if len(hub_server.repos[n].commits) > 1}
        return manifest.read_bytes(), filled, here, cached

    def check(error, *words, what=folder, **options):
        before = state()
        with pytest.raises(error) as caught:
            publish(what, **options)
        message = caught.value.args[0]
        assert "\n" not in message
        assert 40 < len(message) < 600, message
        for word in words:
            assert word in message, message
        assert state() == before
        return message

    return check


# The way it should be.


def test_a_folder_goes_up_in_one_commit_and_into_the_manifest(hub_server, manifest, folder):
    other = record_in(manifest, "fcn-other")
    done = publish(folder)
    commit = head(hub_server)
    assert (done.entry.repo_id, done.entry.revision, done.entry.bundled) == (REPO, commit, False)
    # The first commit is the one that makes the repository.
    assert len(hub_server.repos[REPO].commits) == 2
    held = files_at(hub_server, commit)
    assert set(held) == UPLOADED
    assert held["model.weights.h5"] == (folder / "model.weights.h5").read_bytes()
    record = record_in(manifest)
    assert record == done.record
    assert (record["task"], record["material"], record["session"], record["licence"]) == (
        "detection",
        "wse2",
        "wse2-dayC",
        "CC-BY-4.0",
    )
    assert set(record["files"]) == UPLOADED
    for name, content in held.items():
        assert record["files"][name]["size"] == len(content)
    assert record["files"]["config.json"]["sha256"] == sha256(folder / "config.json")
    assert record_in(manifest, "fcn-other") == other
    assert commit in str(done)
    assert json.dumps(record, indent=1) in str(done)
    # What was read back is not left in the cache, nor is the folder changed.
    assert not hub_cache().exists()
    assert (folder / "README.md").read_text() == "# My own words"


def test_what_was_published_is_loaded_and_verified_by_its_name(manifest, folder, tiny_model):
    publish(folder)
    model = stemzoo.load(NAME)
    assert (model.name, model.provenance.origin, model.provenance.licence) == (
        NAME,
        "hub",
        "CC-BY-4.0",
    )
    assert model.card.startswith("---\nlicense: cc-by-4.0\n")
    found = stemzoo.verify(NAME)
    assert found.passed
    assert "golden output" in str(found)


def test_the_card_is_in_the_format_of_the_hub_and_shows_the_pictures(hub_server, manifest, folder):
    facts = {"name": "fcn-other", "repository": "bob/fcn-other", "revision": None}
    (folder / "provenance.json").write_text(json.dumps({"parent": facts}))
    (folder / "recipe.json").write_text('{"epochs": 3}')
    done = publish(folder, with_samples=True)
    card = ModelCard(files_at(hub_server, head(hub_server))["README.md"].decode())
    assert done.card == str(card)
    assert (card.data.license, card.data.library_name) == ("cc-by-4.0", "keras")
    assert (card.data.base_model, card.data.pipeline_tag) == ("bob/fcn-other", "image-segmentation")
    assert {"stem", "wse2"} <= set(card.data.tags)
    assert "![training log](training_log.png)" in card.text
    assert "![training samples](training_samples.png)" in card.text
    # Others find it by its address; and nobody knows that these images were simulated.
    assert f'stemzoo.load("hf://{REPO}")' in card.text
    assert "emulated" not in card.text


def test_pictures_of_measured_images_go_up_only_when_asked_for(hub_server, manifest, folder):
    (folder / "my_image.png").write_bytes(b"\x89PNG mine")
    card = publish(folder).card
    assert set(files_at(hub_server, head(hub_server))) == UPLOADED
    assert "training_samples.png" not in card
    assert "my_image.png" not in card
    publish(folder, with_samples=True, new_revision=True)
    held = files_at(hub_server, head(hub_server))
    assert set(held) == {*UPLOADED, "training_samples.png", "my_image.png"}
    assert held["training_samples.png"] == b"\x89PNG 40"
    # What is published may be published again as it is.
    assert publish(folder).entry.revision == head(hub_server)


def test_nobody_but_the_user_says_yes(hub_server, manifest, folder):
    lists = []
    with pytest.raises(PermissionError, match="expected a yes, to publish"):
        publish(folder, confirm=lambda plan: bool(lists.append(plan)))
    assert hub_server.repos == {}
    lines = lists[0].splitlines()
    assert lines[0] == f"would make the public repository hf://{REPO}"
    names = {line.split()[2].rstrip(",") for line in lines[1:]}
    assert names == UPLOADED
    size = (folder / "model.weights.h5").stat().st_size
    assert f"would upload model.weights.h5, {size} bytes" in lines
    assert publish(folder, confirm=lambda plan: True).entry.revision == head(hub_server)


def test_a_dry_run_needs_no_hub(hub_server, manifest, folder):
    hub_server.fail("", status=503)
    done = publish(folder, dry_run=True)
    assert done.lines[0].startswith(f"the Hub was not asked what hf://{REPO} holds: hf://")
    assert len(done.lines) == 1 + len(UPLOADED)


def test_large_files_go_by_lfs_and_once(hub_server, manifest, folder):
    (folder / "training_log.csv").write_bytes(b"1,2\n" * 3_000_000)
    publish(folder)
    assert hub_server.count("PUT /lfs-upload") == 2
    sent = b"1,2\n" * 3_000_000
    assert files_at(hub_server, head(hub_server))["training_log.csv"] == sent


def test_a_second_time_changes_nothing(hub_server, manifest, folder):
    first = publish(folder)
    before = manifest.read_bytes()
    writes = hub_server.count("^(POST|PUT)")
    second = publish(folder)
    assert second.entry == first.entry
    assert manifest.read_bytes() == before
    assert hub_server.count("^(POST|PUT)") == writes
    assert "was there" in str(second)


def test_facts_of_the_entry_can_be_changed_without_a_commit(hub_server, manifest, folder):
    first = publish(folder)
    publish(folder, summary="better words", mirrors=["https://example.org/dayC"])
    record = record_in(manifest)
    assert (record["summary"], record["revision"]) == ("better words", first.entry.revision)
    assert record["mirrors"] == ["https://example.org/dayC"]
    # What was given before is kept.
    publish(folder)
    assert record_in(manifest) == record


def test_a_dry_run_writes_nothing(hub_server, manifest, folder, monkeypatch):
    before = manifest.read_bytes()
    monkeypatch.delenv("HF_TOKEN")
    done = publish(folder, dry_run=True)
    assert hub_server.count("^(POST|PUT|DELETE)") == 0
    assert hub_server.repos == {}
    assert manifest.read_bytes() == before
    text = str(done)
    assert f"would make the public repository hf://{REPO}" in text
    size = (folder / "model.weights.h5").stat().st_size
    assert f"would upload model.weights.h5, {size} bytes" in text
    for private in ("notes.txt", "training_state", ".env", "secret"):
        assert private not in text
    assert done.card.startswith("---\n")
    assert done.url is None


def test_a_dry_run_says_what_is_there_already(hub_server, manifest, folder):
    publish(folder)
    assert "holds these files" in str(publish(folder, dry_run=True))
    (folder / "recipe.json").write_text("{}")
    text = str(publish(folder, dry_run=True, new_revision=True))
    assert f"would commit on top of hf://{REPO}@{head(hub_server)[:12]}" in text
    assert "would upload recipe.json, 2 bytes" in text


def test_a_manifest_of_ones_own_is_written(hub_server, manifest, folder, tmp_path):
    own = shutil.copy(manifest, tmp_path / "own.json")
    before = manifest.read_bytes()
    publish(folder, manifest=own)
    assert manifest.read_bytes() == before
    (_, entry) = sorted(registry.read_manifest(own), key=lambda entry: entry.name)
    assert entry.revision == head(hub_server)


def test_a_repository_that_was_made_by_hand_is_filled(hub_server, manifest, folder):
    hub_server.put(REPO, {"README.md": b"---\nlicense: mit\n---\n", "paper.pdf": b"%PDF"})
    publish(folder)
    held = files_at(hub_server, head(hub_server))
    assert set(held) == UPLOADED | {"paper.pdf"}
    assert held["README.md"].startswith(b"---\nlicense: cc-by-4.0\n")


def test_a_private_repository_is_read_with_a_token_only(hub_server, manifest, folder, monkeypatch):
    publish(folder, private=True)
    assert hub_server.repos[REPO].private
    assert publish(folder, private=True).entry.revision == head(hub_server)
    assert stemzoo.load(f"hf://{REPO}").name == NAME
    shutil.rmtree(hub_cache())
    monkeypatch.setenv("HF_TOKEN", "hf_bob")
    with pytest.raises(FileNotFoundError, match="private one"):
        stemzoo.load(NAME)


# Names and repositories that hold something else.


@pytest.fixture
def other_folder(make_model, tmp_path):
    stemzoo.save(make_model(seed=1), tmp_path / "other-day")
    return tmp_path / "other-day"


def test_other_bytes_are_refused_under_a_published_name(manifest, folder, other_folder, refused):
    publish(folder)
    words = (NAME, "other bytes of", "model.weights.h5", "--new-revision", "another --name")
    refused(FileExistsError, *words, what=other_folder)
    refused(FileExistsError, f"--repo {REPO}-2", "--new-revision", repo=f"{REPO}-2")


def test_other_bytes_are_refused_in_a_repository_that_holds_weights(
    hub_server, manifest, folder, refused
):
    commit = hub_server.put(REPO, {"config.json": b"{}", "model.weights.h5": b"theirs"})
    words = ("other bytes of config.json, model.weights.h5", "--new-revision", "another --repo")
    refused(FileExistsError, *words)
    refused(FileExistsError, *words, dry_run=True)
    assert head(hub_server) == commit


def test_a_new_revision_replaces_the_weights_and_leaves_no_part_of_the_old(
    hub_server, manifest, folder, other_folder
):
    (folder / "training_data.json").write_text('{"session": "wse2-dayC"}')
    first = publish(folder)
    second = publish(other_folder, new_revision=True)
    assert second.entry.revision == head(hub_server) != first.entry.revision
    held = files_at(hub_server, head(hub_server))
    assert held["model.weights.h5"] == (other_folder / "model.weights.h5").read_bytes()
    # Logs stay as files of the repository, but facts of other weights do not.
    assert "training_data.json" not in held
    assert "training_data.json" not in record_in(manifest)["files"]
    assert stemzoo.verify(NAME).passed
    # The old revision is still there for those who pinned it.
    old = files_at(hub_server, first.entry.revision)
    assert old["model.weights.h5"] == (folder / "model.weights.h5").read_bytes()


def test_other_names_and_their_repositories_are_not_taken(manifest, refused):
    refused(ValueError, "expected a new name", "default", "fcn-other", name="default")
    refused(ValueError, "expected a repository for", "fcn-other", repo="bob/fcn-other")


@pytest.fixture
def bundled(manifest, folder):
    """Enter the folder as weights that come with the package."""
    home = registry.PACKAGE / "weights" / NAME
    shutil.copytree(folder, home, ignore=shutil.ignore_patterns(".*", "*.txt", "*.md", "*state*"))
    facts = {"task": "detection", "material": "wse2", "summary": "a line"}
    hub.register(home, **FACTS, **facts)
    return home


def test_bundled_weights_are_published_by_name_with_the_bytes_of_the_package(
    hub_server, manifest, bundled
):
    before = record_in(manifest)
    done = stemzoo.publish(NAME, repo=REPO)
    assert done.entry.bundled
    assert record_in(manifest) == {**before, "repo_id": REPO, "revision": head(hub_server)}
    # Its frames are simulated, and the manifest names the picture.
    assert set(files_at(hub_server, head(hub_server))) == {*UPLOADED, "training_samples.png"}
    assert stemzoo.load(NAME).provenance.origin == "bundled"
    assert stemzoo.verify(NAME, revision=done.entry.revision).passed
    assert stemzoo.publish(NAME, repo=REPO).entry == done.entry


def test_bundled_weights_are_not_replaced_by_others(bundled, other_folder, refused):
    words = ("expected the files that come with the package", "stemzoo.zoo.hub.register")
    refused(ValueError, *words, what=other_folder)
    refused(ValueError, *words, what=other_folder, new_revision=True)
    (bundled / "config.json").write_text("{}")
    refused(ValueError, "config.json", "Nothing was published", what=NAME)


# Folders that are not fit to be published.


def test_a_folder_is_checked_as_load_does(folder, refused, other_folder):
    shutil.copy(other_folder / "model.weights.h5", folder)
    refused(ValueError, "golden output: largest difference", "Nothing was published")
    (folder / "golden.npz").unlink()
    refused(FileNotFoundError, "no golden.npz")
    (folder / "model.weights.h5").write_bytes(b"half")
    (folder / "golden.npz").touch()
    refused(ValueError, "model.weights.h5: expected the weights of a DefectFCN")
    (folder / "config.json").unlink()
    refused(FileNotFoundError, "no config.json")
    refused(ValueError, "on the Hub already", what="hf://alice/model")


def test_facts_that_nobody_knows_are_asked_for(manifest, folder, refused):
    refused(ValueError, "expected to know the licence", "--licence", licence=None)
    refused(ValueError, "expected to know the session", "--session", session=None)
    refused(ValueError, "expected fields of a WeightsEntry", "colour", colour="red")
    refused(ValueError, "expected a name", name="day C")
    refused(ValueError, "user/repository", repo="fcn-wse2")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("metrics.json", "{", "metrics.json: expected JSON"),
        ("metrics.json", '{"test_sets": 3}', "expected JSON as training and measuring write it"),
        ("training_data.json", "[]", "training_data.json: expected JSON as stemzoo"),
    ],
)
def test_facts_that_make_no_card_are_named(folder, refused, name, text, words):
    (folder / name).write_text(text)
    refused(ValueError, words)


def test_a_manifest_that_is_missing_or_damaged_is_found_before_the_upload(
    hub_server, folder, refused, tmp_path
):
    refused(FileNotFoundError, "no such file", "Copy", manifest=tmp_path / "nowhere.json")
    (tmp_path / "damaged.json").write_text("{")
    refused(ValueError, "damaged.json: expected a weights man", manifest=tmp_path / "damaged.json")
    assert hub_server.requests == []


def test_a_manifest_that_cannot_be_written_to_is_found_before_the_upload(
    hub_server, refused, monkeypatch
):
    monkeypatch.setattr("stemzoo.zoo.publishing.os.access", lambda *_: False)
    refused(PermissionError, "that you can write to", "--manifest")
    assert hub_server.requests == []


@pytest.mark.parametrize("name", ["STEMZOO_OFFLINE"])
def test_publishing_needs_a_network(refused, monkeypatch, name):
    monkeypatch.setenv(name, "1")
    refused(ConnectionError, "expected to be online", name)


# A Hub that refuses.


def test_without_a_token_one_is_asked_for(hub_server, refused, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    words = ("expected a token", "Received: none", "/settings/tokens", "hf auth login", "HF_TOKEN")
    refused(PermissionError, *words)
    assert hub_server.requests == []


def test_a_token_that_is_refused_is_named(hub_server, folder, refused, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_nobody")
    words = ("valid token", "Received: 401", "hf auth login")
    refused(PermissionError, *words)
    assert hub_server.repos == {}
    monkeypatch.setenv("HF_TOKEN", "hf_alice")
    publish(folder)
    monkeypatch.setenv("HF_TOKEN", "hf_nobody")
    refused(PermissionError, *words)


def test_a_revision_that_is_gone_is_named(hub_server, manifest, folder, refused):
    publish(folder)
    del hub_server.repos[REPO]
    refused(FileNotFoundError, "Received: 404", "--new-revision publishes it again")
    assert publish(folder, new_revision=True).entry.revision == head(hub_server)


@pytest.mark.parametrize("token", ["hf_reader", "hf_bob"])
@pytest.mark.parametrize("exists", [False, True])
def test_a_token_that_may_not_write_is_named(hub_server, refused, monkeypatch, token, exists):
    if exists:
        hub_server.put(REPO, {"paper.pdf": b"%PDF"})
    monkeypatch.setenv("HF_TOKEN", token)
    words = ("token that may write", "Received: 403", "--repo of your own", "/settings/tokens")
    words = (*words, "--create-pr")
    refused(PermissionError, *words)


def test_somebody_elses_private_repository_looks_like_none(hub_server, refused, monkeypatch):
    hub_server.put(REPO, {"paper.pdf": b"%PDF"}, private=True)
    monkeypatch.setenv("HF_TOKEN", "hf_bob")
    refused(PermissionError, "Received: 403", "--repo of your own")


def test_nothing_private_goes_to_a_public_repository(hub_server, refused):
    hub_server.put(REPO, {"paper.pdf": b"%PDF"})
    words = ("expected a private repository", "Received: a public one", "settings")
    refused(ValueError, *words, private=True)
    refused(ValueError, *words, private=True, dry_run=True)


def test_a_repository_that_somebody_made_in_between_is_used(hub_server, manifest, folder):
    hub_server.put(REPO, {"paper.pdf": b"%PDF"})
    absent = {"X-Error-Code": "RepoNotFound"}
    hub_server.fail("GET /api/models", times=1, status=404, headers=absent)
    publish(folder)
    # The Hub answered 409 to this.
    assert hub_server.count("POST /api/repos/create") == 1
    assert set(files_at(hub_server, head(hub_server))) == UPLOADED | {"paper.pdf"}


def test_a_commit_in_between_is_noticed(hub_server, manifest, folder, refused, monkeypatch):
    first = hub_server.put(REPO, {"paper.pdf": b"%PDF"})
    route = hub_routes.Handler.route_commit

    def late(self, **found):
        hub_server.put(REPO, {"paper.pdf": b"%PDF 2"})
        route(self, **found)

    monkeypatch.setattr(hub_routes.Handler, "route_commit", late)
    before = manifest.read_bytes()
    with pytest.raises(ValueError, match="somebody committed in between") as caught:
        publish(folder)
    for word in ("Received: 412", "/commits/main", "run the same command again"):
        assert word in str(caught.value)
    assert manifest.read_bytes() == before
    assert files_at(hub_server, head(hub_server)) == {"paper.pdf": b"%PDF 2"}
    monkeypatch.setattr(hub_routes.Handler, "route_commit", route)
    assert publish(folder).entry.revision == head(hub_server) != first


def test_what_the_hub_says_of_the_card_is_passed_on(hub_server, refused, monkeypatch):
    def refuse(self):
        self._json({"errors": [{"message": '"license" must be one of'}]}, 400)

    monkeypatch.setattr(hub_routes.Handler, "route_validate_yaml", refuse)
    words = ("expected the Hub to take the files", '"license" must be one of', "not changed")
    refused(ValueError, *words)


def test_files_that_the_hub_does_not_take_are_said_to_be(hub_server, refused):
    says = {"X-Error-Message": "Your storage is full"}
    hub_server.fail("POST .*/commit/", status=413, headers=says)
    refused(ValueError, "Received: 413", "Your storage is full")


# A Hub that is busy, gone or returns other bytes.


def test_a_busy_hub_is_named_and_the_rest_is_done_later(hub_server, manifest, folder, refused):
    hub_server.fail("POST .*/commit/", status=429, headers={"Retry-After": "300"})
    words = ("Received: 429", "Try again in 300 s", "run the same command again")
    refused(ConnectionError, *words)
    hub_server.faults.clear()
    publish(folder)
    # What is too large for a commit was kept.
    assert hub_server.count("PUT /lfs-upload") == 1


@pytest.mark.parametrize("status", [500, 503])
@pytest.mark.parametrize("where", ["POST .*/commit/", "POST /api/repos/create"])
def test_one_fault_is_passed_over(hub_server, manifest, folder, status, where, caplog):
    hub_server.fail(where, times=1, status=status)
    caplog.set_level("INFO", "stemzoo")
    assert publish(folder).entry.revision == head(hub_server)
    assert f"Received: {status}" in caplog.text
    assert "Trying again in 1 s" in caplog.text
    assert len(hub_server.repos[REPO].commits) == 2


@pytest.mark.parametrize("where", ["POST .*/commit/", "POST /api/repos/create"])
def test_a_lasting_fault_is_named(hub_server, manifest, folder, refused, where, caplog):
    hub_server.fail(where, status=503)
    words = (hub_server.url, "Received: 503", "not you", "run the same command again")
    refused(ConnectionError, *words)
    assert hub_server.count(where) == 3
    # Neither the client's warnings nor ours hide the one line.
    assert caplog.text == ""
    hub_server.faults.clear()
    assert publish(folder).entry.revision == head(hub_server)


def test_a_store_of_large_files_with_a_lasting_fault_is_named(
    hub_server, manifest, folder, refused
):
    hub_server.fail("PUT /lfs-upload", status=503)
    refused(ConnectionError, "Received: 503", "run the same command again")
    hub_server.faults.clear()
    publish(folder)


def test_a_commit_that_was_made_and_answered_with_a_fault_is_not_made_twice(
    hub_server, manifest, folder, monkeypatch
):
    route = hub_routes.Handler.route_commit
    answers = []

    def lose_the_answer(self, **found):
        if not answers:
            answers.append("lost")
            self._json = lambda *_: self._send(502, b"", {})
        route(self, **found)
        self.__dict__.pop("_json", None)

    monkeypatch.setattr(hub_routes.Handler, "route_commit", lose_the_answer)
    done = publish(folder)
    assert done.entry.revision == head(hub_server)
    assert len(hub_server.repos[REPO].commits) == 2


@pytest.mark.parametrize("where", ["PUT /lfs-upload", "POST .*/commit/"])
@pytest.mark.parametrize("fault", [{"hang_up": True}, {"cut_after": 0}])
def test_a_connection_that_is_cut_while_sending_is_named(
    hub_server, manifest, folder, refused, where, fault, caplog
):
    # Before the request is read, or before it is answered.
    hub_server.fail(where, **fault)
    if (where, fault) == ("POST .*/commit/", {"cut_after": 0}):
        # The commit was made; only the manifest does not know yet.
        before = manifest.read_bytes()
        with pytest.raises(ConnectionError, match="Check the network") as caught:
            publish(folder)
        assert "\n" not in str(caught.value)
        assert manifest.read_bytes() == before
    else:
        refused(ConnectionError, hub_server.url, "Received: ", "Check the network")
    assert caplog.text == ""
    hub_server.faults.clear()
    assert publish(folder).entry.revision == head(hub_server)
    assert len(hub_server.repos[REPO].commits) == 2


@pytest.mark.parametrize("fault", [{"hang_up": True}, {"cut_after": 1000}])
def test_a_connection_that_is_cut_on_reading_back_is_named(hub_server, manifest, folder, fault):
    hub_server.fail("GET /lfs-download", **fault)
    before = manifest.read_bytes()
    with pytest.raises(ConnectionError, match="Check the network") as caught:
        publish(folder)
    assert "\n" not in str(caught.value)
    assert manifest.read_bytes() == before
    hub_server.faults.clear()
    commit = head(hub_server)
    assert publish(folder).entry.revision == commit == head(hub_server)


def test_a_slow_hub_is_no_fault(hub_server, manifest, folder):
    hub_server.fail("", times=12, delay=0.2)
    hub_server.chunk, hub_server.wait = 20_000, 0.02
    assert publish(folder).entry.revision == head(hub_server)


def test_a_hub_that_does_not_answer_is_given_up(hub_server, refused, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 0.2)
    hub_server.fail("GET /api/models", delay=0.5)
    refused(ConnectionError, hub_server.url, "Received: ", "Check the network")


def test_a_repository_that_changes_at_the_same_time_is_named(hub_server, manifest, folder, refused):
    # What the Hub answers to two commits at once.
    hub_server.fail("POST .*/commit/", status=409)
    refused(ValueError, "Received: 409", "somebody committed in between", "/commits/main")
    hub_server.faults.clear()
    assert publish(folder).entry.revision == head(hub_server)


def test_a_hub_that_is_gone_is_named(hub_server, refused):
    hub_server.__exit__()
    refused(ConnectionError, hub_server.url, "Connection refused", "Check the network")


def test_a_page_that_is_no_hub_is_recognised(hub_server, refused):
    hub_server.fail("", status=200, headers={"Content-Type": "text/html"})
    refused(ConnectionError, "the answer of a Hub", "HF_ENDPOINT")


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5"])
def test_other_bytes_than_were_sent_do_not_enter_the_manifest(hub_server, manifest, folder, name):
    pattern = "GET /lfs-download" if name.endswith("h5") else f"GET .*/{name}"
    before = manifest.read_bytes()
    hub_server.fail(pattern, wrong_bytes=True)
    with pytest.raises(ValueError, match="read back twice") as caught:
        publish(folder)
    message = str(caught.value)
    assert "\n" not in message
    for word in (name, sha256(folder / name), "Received: ", "run the same command again"):
        assert word in message
    assert manifest.read_bytes() == before
    assert not hub_cache().exists()
    hub_server.faults.clear()
    commit = head(hub_server)
    assert publish(folder).entry.revision == commit == head(hub_server)


def test_other_bytes_once_are_passed_over(hub_server, manifest, folder):
    hub_server.fail("GET .*/config.json", times=1, wrong_bytes=True)
    assert publish(folder).entry.revision == head(hub_server)


def test_a_manifest_that_fails_at_the_end_is_written_the_next_time(
    hub_server, manifest, folder, monkeypatch
):
    def full(*_):
        raise OSError(28, "No space left on device")

    before = manifest.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("stemzoo.io.writers.os.replace", full)
        patch.setattr("stemzoo.zoo.draft.write_text", lambda path, text: path.write_text(text))
        with pytest.raises(OSError, match="No space left"):
            publish(folder)
    assert manifest.read_bytes() == before
    assert list(manifest.parent.iterdir()) == [manifest]
    assert publish(folder).entry.revision == head(hub_server)


# Pull requests.


@pytest.mark.parametrize("token", ["hf_alice", "hf_bob"])
def test_a_pull_request_waits_for_the_merge(hub_server, manifest, folder, monkeypatch, token):
    commit = hub_server.put(REPO, {"paper.pdf": b"%PDF"})
    before = manifest.read_bytes()
    # Also who may not write may propose.
    monkeypatch.setenv("HF_TOKEN", token)
    done = publish(folder, create_pr=True)
    assert done.url == f"{hub_server.url}/{REPO}/discussions/1"
    assert "after the merge run this without --create-pr" in str(done)
    assert head(hub_server) == commit
    assert manifest.read_bytes() == before
    # A second time finds the first one.
    assert publish(folder, create_pr=True).url == done.url
    repo = hub_server.repos[REPO]
    assert len(repo.pull_requests) == 1
    repo.merge(1)
    assert publish(folder).entry.revision == head(hub_server) == done.entry.revision


def test_a_pull_request_needs_a_repository(hub_server, refused):
    refused(FileNotFoundError, "Received: 404", "Check the name", create_pr=True)
    refused(FileNotFoundError, "Received: 404", create_pr=True, dry_run=True)


def test_a_file_travels_as_it_is(hub_server, manifest, folder):
    # Small files travel in the commit, as base64.
    content = base64.b64decode("AAEC/w==")
    (folder / "plot.png").write_bytes(content)
    publish(folder, with_samples=True)
    assert files_at(hub_server, head(hub_server))["plot.png"] == content
    assert constants.ENDPOINT == hub_server.url
