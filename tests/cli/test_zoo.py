import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

import stemzoo
from stemzoo.zoo import hub, registry

NAME = "fcn-tiny"
FACTS = {"task": "detection", "material": "wse2", "session": "wse2-dayC", "licence": "MIT"}
# The client's own, when it uploads.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")


@pytest.fixture
def package(tiny_folder, tmp_path, monkeypatch):
    """Stand in for the package: it bundles a tiny model."""
    package = tmp_path / "package"
    home = shutil.copytree(tiny_folder, package / "weights" / NAME)
    (package / "weights_manifest.json").write_text('{"format": 1, "weights": []}')
    monkeypatch.setattr(registry, "PACKAGE", package)
    registry.read_manifest.cache_clear()
    hub.register(home, **FACTS, summary="a line")
    yield package
    registry.read_manifest.cache_clear()


@pytest.fixture
def published(hub_server, package, tiny_folder):
    """Enter the same model as one that is on the Hub only."""
    files = {p.name: p.read_bytes() for p in tiny_folder.iterdir()}
    files["README.md"] = b"# Of the Hub\n"
    commit = hub_server.put("alice/fcn-far", files)
    path = package / "weights_manifest.json"
    content = json.loads(path.read_text())
    entry = {**content["weights"][0], "name": "fcn-far", "bundled": False}
    entry["files"] = {**entry["files"], "README.md": describe(b"# Of the Hub\n")}
    content["weights"].append({**entry, "repo_id": "alice/fcn-far", "revision": commit})
    path.write_text(json.dumps(content))
    registry.read_manifest.cache_clear()
    return commit


def describe(content):
    import hashlib

    return {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}


def one_line(done, code=2):
    """Return what a command that failed said."""
    assert (done.code, done.out) == (code, "")
    (line,) = done.err.splitlines()
    assert line.startswith("stemzoo: ")
    return line


# info and cite


def test_info_shows_entry_files_and_config(run, package):
    done = run("info", NAME)
    assert (done.code, done.err) == (0, "")
    for words in ("name: fcn-tiny", "licence: MIT", "origin: bundled", "class: DefectFCN"):
        assert words in done.out
    size = (package / "weights" / NAME / "config.json").stat().st_size
    assert f"config.json       {size} " in " ".join(done.out.splitlines())
    found = json.loads(run("info", NAME, "--json").out)
    assert found["config"]["classes"] == ["se_vacancy", "bright"]
    assert found["provenance"]["packages"]["stemzoo"] == stemzoo.__version__
    assert {file["name"] for file in found["files"]} >= {"config.json", "golden.npz"}


def test_info_fetches_nothing(run, published, hub_server):
    found = json.loads(run("info", "fcn-far", "--json").out)
    assert (found["origin"], found["revision"]) == ("hub", published)
    assert "config" not in found
    assert hub_server.requests == []
    run("download", "fcn-far")
    assert json.loads(run("info", "fcn-far", "--json").out)["config"]["material"] == "wse2"


def test_info_of_a_folder(run, package, tiny_folder):
    found = json.loads(run("info", tiny_folder, "--json").out)
    assert (found["name"], found["origin"]) == ("tiny", "folder")
    assert found["config"]["material"] == "wse2"


@pytest.mark.parametrize("verb", ["info", "cite", "download", "verify"])
def test_an_unknown_name_offers_the_nearest(run, package, verb):
    line = one_line(run(verb, "fcn-tinny"))
    assert "Did you mean fcn-tiny?" in line


def test_cite_prints_bibtex(run, published):
    done = run("cite", NAME)
    assert (done.code, done.err) == (0, "")
    assert done.out.count("@") == 2
    assert "10.1038/s41524-023-01042-3" in done.out
    # Somebody's own weights are cited with their page.
    assert "https://huggingface.co/alice/fcn-far" in run("cite", "fcn-far").out
    assert done.out.count("{") == done.out.count("}")


def test_real_data_is_cited_where_it_was_measured_with(run):
    assert "temworkshop29" in run("cite", "fcn-wse2").out


# download


def test_all_weights_become_model_folders(run, here, published):
    done = run("download", "--all", "--to", "copies")
    assert (done.code, done.err) == (0, "")
    assert done.out == f"{NAME}: copies/{NAME}\nfcn-far: copies/fcn-far\n"
    for name in (NAME, "fcn-far"):
        assert hub.verify(f"copies/{name}").passed
    assert Path("copies/fcn-far/README.md").read_text() == "# Of the Hub\n"
    # Those of the package get the card that they would have on the Hub.
    assert Path(f"copies/{NAME}/README.md").read_text().startswith("---\nlicense: mit\n")
    before = Path(f"copies/{NAME}/config.json").stat().st_mtime_ns
    assert run("download", NAME, "--to", "copies").code == 0
    assert Path(f"copies/{NAME}/config.json").stat().st_mtime_ns == before


def test_a_repository_is_copied_too(run, here, published):
    done = run("download", "hf://alice/fcn-far", "--to", "copies")
    assert done.out == "hf://alice/fcn-far: copies/fcn-far\n"


def test_one_that_fails_is_one_line_and_the_rest_is_copied(run, here, published, hub_server):
    hub_server.fail("", status=503)
    done = run("download", "--all", "--to", "copies")
    assert (done.code, done.out) == (2, f"{NAME}: copies/{NAME}\n")
    (line,) = [line for line in done.err.splitlines() if line.startswith("stemzoo: hf://")]
    assert "Received: 503" in line


@pytest.mark.parametrize("arguments", [(), (NAME, "--all")])
def test_download_wants_names_or_all(run, package, arguments):
    assert "expected NAME or --all" in one_line(run("download", *arguments))


# verify


def test_all_bundled_weights_are_verified(run, published, hub_server):
    done = run("verify")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"{NAME}: PASS\n")
    assert "golden output: largest difference" in done.out
    assert hub_server.requests == []


def test_weights_that_differ_give_the_exit_code_one(run, package):
    (package / "weights" / NAME / "config.json").write_text("{}")
    done = run("verify", NAME)
    assert (done.code, done.err) == (1, "")
    assert done.out.startswith(f"{NAME}: FAIL\n")
    assert "config.json: expected" in done.out


def test_published_weights_are_fetched_and_verified(run, published, hub_server):
    done = run("verify", "--published")
    assert done.code == 0
    assert done.out.startswith("fcn-far: PASS\n")
    assert hub_server.count("GET /lfs-download") == 1


def test_nothing_published_is_no_failure(run, package):
    done = run("verify", "--published")
    assert (done.code, done.out) == (0, "nothing is published yet\n")


# doctor


def test_the_doctor_finds_nothing(run, package, hub_server, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_alice")
    monkeypatch.setattr("stemzoo.zoo.doctor.ENOUGH_SPACE", 0)
    done = run("doctor")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["ok", name] for name in ("versions", "device", "manifest", "cache", "hub")
    ]
    for words in (f"stemzoo {stemzoo.__version__}", "CPU cores", "1 weights, 1 in the package"):
        assert words in done.out
    assert f"{hub_server.url}: logged in as alice" in done.out
    monkeypatch.delenv("HF_TOKEN")
    assert "401, no token" in run("doctor").out


def test_the_doctor_ends_with_one_where_something_is_wrong(run, package, hub_server, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_nobody")
    done = run("doctor")
    assert (done.code, done.err) == (1, "")
    assert "NO  hub" in done.out


# publish; what can go wrong is in zoo/test_publishing.py.


@pytest.fixture
def day(hub_server, package, tiny_folder, here, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_alice")
    clock = SimpleNamespace(sleep=hub_server.pauses.append)
    monkeypatch.setattr("stemzoo.zoo.remote.upload.time", clock)
    return shutil.copytree(tiny_folder, here / "my-day")


OPTIONS = ("--repo", "alice/my-day", "--licence", "CC-BY-4.0", "--session", "wse2-dayC", "--yes")


def test_publish_prints_what_it_did_and_the_entry(run, day, package, hub_server):
    done = run("publish", "my-day", "--name", "fcn-dayC", *OPTIONS, "--summary", "of one day")
    assert (done.code, done.err) == (0, "")
    commit = hub_server.repos["alice/my-day"].branches["main"]
    first, second, *entry = done.out.splitlines()
    assert f"/alice/my-day/commit/{commit}: 5 files" in first
    assert "read back and the same" in first
    assert second == f"{package / 'weights_manifest.json'}: entered fcn-dayC"
    record = json.loads("\n".join(entry))
    assert (record["revision"], record["summary"]) == (commit, "of one day")
    assert run("detect", "--help").code == 0
    assert json.loads(run("list", "--json").out)[0]["name"] == "fcn-dayC"


def test_a_dry_run_shows_the_card(run, day, hub_server):
    done = run("publish", "my-day", *OPTIONS, "--dry-run", "--private")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("would make the private repository hf://alice/my-day\n")
    assert "\n---\nlicense: cc-by-4.0\n" in done.out
    assert "# my-day" in done.out
    assert hub_server.repos == {}


def test_publish_lists_every_file_and_asks(run, day, hub_server, monkeypatch):
    asked = []

    def answer(said):
        def confirm(question):
            asked.append(question)
            return said

        return confirm

    options = OPTIONS[:-1]
    assert "expected --yes, or a terminal" in one_line(run("publish", "my-day", *options))
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("typer.confirm", answer(False))
    done = run("publish", "my-day", *options)
    assert done.code == 2
    assert "expected a yes, to publish. Received: no" in done.err
    assert hub_server.repos == {}
    monkeypatch.setattr("typer.confirm", answer(True))
    done = run("publish", "my-day", *options)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("will make the public repository hf://alice/my-day\n")
    for path in day.iterdir():
        assert f"\nwill upload {path.name}, {path.stat().st_size} bytes\n" in done.out
    assert asked == ["Publish these files?"] * 2


def test_a_dry_run_needs_no_hub(run, day, hub_server, monkeypatch):
    monkeypatch.setenv("STEMZOO_OFFLINE", "1")
    done = run("publish", "my-day", *OPTIONS, "--dry-run")
    assert (done.code, done.err) == (0, "")
    assert "the Hub was not asked what hf://alice/my-day holds: STEMZOO_OFFLINE" in done.out
    for path in day.iterdir():
        assert f"would upload {path.name}, {path.stat().st_size} bytes" in done.out
    assert hub_server.requests == []


@pytest.mark.parametrize(
    ("pattern", "fault", "words"),
    [
        ("POST .*/commit/", {"status": 412}, "run the same command again"),
        ("POST .*/commit/", {"status": 403}, "a token with the write role"),
        ("POST .*/commit/", {"status": 429}, "Try again in some minutes"),
        ("GET .*/config.json", {"wrong_bytes": True}, "read back twice"),
        ("POST .*/commit/", {"status": 500}, "not you; try again later"),
        ("GET /lfs-download", {"status": 503}, "not you; try again later"),
    ],
)
def test_what_goes_wrong_is_one_line(run, day, package, hub_server, pattern, fault, words):
    hub_server.fail(pattern, **fault)
    before = (package / "weights_manifest.json").read_bytes()
    assert words in one_line(run("publish", "my-day", *OPTIONS))
    assert (package / "weights_manifest.json").read_bytes() == before


@pytest.mark.slow
def test_nothing_but_the_result_appears_on_the_terminal(run, python, day, hub_server, monkeypatch):
    manifest = shutil.copy(registry.manifest_path(), "manifest.json")
    environment = {"HF_ENDPOINT": hub_server.url, "HF_HOME": "hf", "HF_HUB_DISABLE_XET": "1"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    command = ("-m", "stemzoo.cli", "publish", "my-day", *OPTIONS, "--manifest", manifest)
    done = python(*command)
    assert (done.returncode, done.stderr) == (0, "")
    assert "entered my-day" in done.stdout
    hub_server.fail("", status=401)
    done = run(*command[2:])
    assert (done.code, done.out) == (2, "")
    assert done.err.count("\n") == 1
    assert "Received: 401" in done.err


def test_save_writes_a_folder_that_passes_and_names_its_parent(package, run, tmp_path):
    done = run("save", NAME, tmp_path / "copy")
    assert done.code == 0, done.err
    assert hub.verify(tmp_path / "copy").passed
    provenance = json.loads((tmp_path / "copy" / "provenance.json").read_text())
    assert provenance["parent"]["name"] == NAME


def test_save_may_be_repeated_but_takes_the_place_of_nothing_else(package, run, tmp_path):
    folder = tmp_path / "copy"
    for half in ((), ("--half",)):
        for _ in range(2):
            done = run("save", NAME, folder, *half)
            assert done.code == 0, done.err
        shutil.rmtree(folder)
    run("save", NAME, folder)
    assert "expected an empty or new folder" in one_line(run("save", NAME, folder, "--half"))
    (folder / "golden.npz").unlink()
    assert "expected an empty or new folder" in one_line(run("save", NAME, folder))


def test_save_keeps_what_a_folder_holds(package, run, tmp_path):
    folder = tmp_path / "full"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    assert "expected an empty or new folder" in one_line(run("save", NAME, folder))
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
