"""What runs elsewhere: workflows, their script, and the commands that documents name."""

import dataclasses
import hashlib
import importlib.util
import json
import re
import shlex
import tomllib
import zipfile
from fnmatch import fnmatch

import jsonschema
import pytest
import yaml
from places import ROOT
from typer.main import get_command

from stemzoo.cli.app import app
from stemzoo.zoo import registry
from stemzoo.zoo.cards.citations import bibtex
from stemzoo.zoo.file_names import is_record

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def read(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def steps(path):
    return [step for job in read(path)["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_has_what_github_asks_for(path):
    content = read(path)
    # YAML 1.1 reads the key `on` as true.
    assert set(content) == {"name", True, "permissions", "jobs"}
    for job in content["jobs"].values():
        systems = job.get("strategy", {}).get("matrix", {}).get("os", [job["runs-on"]])
        assert set(systems) <= {"ubuntu-latest", "windows-latest", "macos-latest"}
        assert job["runs-on"] in (systems[0], "${{ matrix.os }}")
        assert set(job.get("needs", "").split()) <= set(content["jobs"])
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            assert re.fullmatch(r"[\w-]+/[\w-]+@(v\d+|release/v1)", step.get("uses", "a/b@v1"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_runs_commands_that_exist(path):
    for step in steps(path):
        words = shlex.split(step.get("run", ""))
        if words[:1] == ["stemzoo"]:
            parse(words)
        for word in words:
            if word.startswith((".ci/", ".github/")):
                assert (ROOT / word).is_file()


def test_the_tests_run_on_the_versions_that_the_package_promises():
    (job,) = read(ROOT / ".github" / "workflows" / "tests.yml")["jobs"].values()
    versions = [c.split(" :: ")[2] for c in PROJECT["classifiers"] if "Python :: 3." in c]
    assert job["strategy"]["matrix"]["python"] == versions
    assert PROJECT["requires-python"] == f">={versions[0]}"


def needed(requirements):
    """Names and lowest versions, as conda spells them."""
    words = (re.fullmatch(r"([\w-]+)(>=[\d.]+)?", text) for text in requirements)
    names = {"huggingface-hub": "huggingface_hub", "matplotlib": "matplotlib-base"}
    return {names.get(word[1], word[1]): word[2] or "" for word in words}


def test_the_light_runtime_needs_no_more_and_no_newer_than_the_package():
    lines = (ROOT / "requirements-runtime.txt").read_text(encoding="utf-8").splitlines()
    light = needed(line for line in lines if not line.startswith("#"))
    whole = needed(PROJECT["dependencies"])
    others = {"onnxruntime": light["onnxruntime"], "pillow": light["pillow"]}
    assert light == {name: whole[name] for name in light if name not in others} | others


def test_the_conda_recipe_asks_for_what_the_package_asks_for():
    recipe = read(ROOT / ".github" / "conda" / "recipe.yaml")
    assert recipe["context"]["version"] == PROJECT["version"]
    light, whole = (
        needed(
            one.replace(" ", "")
            for one in output["requirements"]["run"]
            if not one.startswith(("python ", "$"))
        )
        for output in recipe["outputs"]
    )
    lines = (ROOT / "requirements-runtime.txt").read_text(encoding="utf-8").splitlines()
    assert light == needed(line for line in lines if not line.startswith("#"))
    package = needed(PROJECT["dependencies"])
    assert whole == {name: package[name] for name in package if name not in light}


# Commands in documents.


def parse(words):
    """Parse a command as stemzoo does, without running it."""
    command, rest = get_command(app), words[1:]
    while hasattr(command, "commands"):
        assert rest, words
        assert rest[0] in command.commands, words
        command, rest = command.commands[rest[0]], rest[1:]
    command.make_context(command.name, list(rest))


def commands(path):
    text = path.read_text(encoding="utf-8")
    lines = re.findall(r"^```(?:sh|console)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    joined = "".join(lines).replace("\\\n", " ").splitlines()
    return [line.removeprefix("$ ") for line in joined if re.match(r"(\$ )?stemzoo ", line)]


DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "examples").rglob("*.md"))]
COMMANDS = [(path.name, line) for path in DOCUMENTS for line in commands(path)]


def test_documents_name_commands():
    assert {"README.md", "publish.md"} <= {name for name, _ in COMMANDS}


@pytest.mark.parametrize(("name", "line"), COMMANDS)
def test_a_command_of_a_document_exists(name, line):
    parse(shlex.split(line, comments=True))


def test_extras_of_documents_exist():
    for path in [*DOCUMENTS, *(ROOT / "examples").rglob("*.py")]:
        for extra in re.findall(r"pip install '(?:stemzoo|\.)\[(\w+)\]'", path.read_text("utf-8")):
            assert extra in PROJECT["optional-dependencies"], path


# The schema of the manifest.

SCHEMA = json.loads((ROOT / "weights_manifest.schema.json").read_text(encoding="utf-8"))
ENTRY = SCHEMA["$defs"]["weights"]


def test_the_schema_knows_the_fields_of_an_entry():
    fields = {field.name: field for field in dataclasses.fields(registry.WeightsEntry)}
    assert set(ENTRY["properties"]) == set(fields)
    missing = dataclasses.MISSING
    needed = {n for n, f in fields.items() if f.default is missing and f.default_factory is missing}
    assert set(ENTRY["required"]) == needed
    assert SCHEMA["properties"]["format"]["const"] == registry.MANIFEST_FORMAT
    assert SCHEMA["$defs"]["name"]["pattern"] == f"^{registry.PLAIN_NAME.pattern}$"


def test_the_manifest_is_what_the_schema_says():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    content = json.loads(registry.manifest_path().read_text(encoding="utf-8"))
    jsonschema.validate(content, SCHEMA)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "../fcn"},
        {"task": "painting"},
        {"revision": "main"},
        {"files": {"config.json": {"sha256": "ab", "size": 1}}},
        {"sessions": "wse2-dayA"},
        {"colour": "red"},
    ],
)
def test_the_schema_refuses_what_no_entry_can_be(changes):
    content = json.loads(registry.manifest_path().read_text(encoding="utf-8"))
    content["weights"] = [{**content["weights"][0], **changes}]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, SCHEMA)


# The release's look at a wheel.


@pytest.fixture(scope="module")
def check_wheel():
    path = ROOT / ".github" / "check_wheel.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_wheel(path, *, without=(), **changes):
    digest = hashlib.sha256(b"weights").hexdigest()
    files = {"model.weights.h5": {"sha256": digest, "size": 7}}
    entries = [
        {"name": "fcn", "files": files},
        {"name": "far", "bundled": False, "files": {"a": 1}},
    ]
    contents = {
        "weights_manifest.json": json.dumps({"weights": entries}),
        "weights_manifest.schema.json": "{}",
        "model_cards/fcn.md": "",
        "weights/fcn/model.weights.h5": "weights",
        **changes,
    }
    with zipfile.ZipFile(path, "w") as wheel:
        for name, content in contents.items():
            if name not in without:
                wheel.writestr(f"stemzoo/{name}", content)


def test_a_whole_wheel_lacks_nothing(check_wheel, tmp_path):
    write_wheel(tmp_path / "a.whl")
    assert check_wheel.find_faults(tmp_path / "a.whl") == []


@pytest.mark.parametrize(
    "name",
    [
        "weights_manifest.json",
        "weights_manifest.schema.json",
        "model_cards/fcn.md",
        "weights/fcn/model.weights.h5",
    ],
)
def test_what_a_wheel_lacks_is_named(check_wheel, tmp_path, name):
    write_wheel(tmp_path / "a.whl", without=[name])
    assert check_wheel.find_faults(tmp_path / "a.whl") == [f"stemzoo/{name}"]


def test_other_bytes_in_a_wheel_are_named(check_wheel, tmp_path):
    write_wheel(tmp_path / "a.whl", **{"weights/fcn/model.weights.h5": "others"})
    assert check_wheel.find_faults(tmp_path / "a.whl") == ["stemzoo/weights/fcn/model.weights.h5"]


@pytest.mark.parametrize("name", ["log.csv", "samples.png", "stage1_recipe.json"])
def test_what_only_records_a_training_is_too_much_for_a_wheel(check_wheel, tmp_path, name):
    write_wheel(tmp_path / "a.whl", **{f"weights/fcn/{name}": ""})
    assert check_wheel.find_faults(tmp_path / "a.whl") == [f"stemzoo/weights/fcn/{name}"]


def test_the_wheel_leaves_out_what_need_not_be_there_to_load_and_verify(check_wheel):
    names = {
        f"stemzoo/weights/{entry.name}/{file.name}": is_record(file.name)
        for entry in registry.list_weights()
        for file in entry.files
    }
    for name, record in names.items():
        assert any(fnmatch(name, pattern) for pattern in check_wheel.excluded()) == record, name
    assert 10 < sum(names.values()) < len(names) / 2


def test_manifest_schema_and_cards_are_put_into_the_wheel():
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]
    included = tool["build"]["targets"]["wheel"]["force-include"]
    names = ("weights_manifest.json", "weights_manifest.schema.json", "model_cards")
    assert included == {name: f"stemzoo/{name}" for name in names}
    sdist = tool["build"]["targets"]["sdist"]["include"]
    assert {f"/{name}" for name in names} <= set(sdist)


# What programs read of the project beside the package.


def test_the_citation_file_names_this_version_and_the_paper():
    citation = read(ROOT / "CITATION.cff")
    # What the Citation File Format 1.2.0 asks for.
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["cff-version"] == "1.2.0"
    assert (citation["version"], citation["license"]) == (PROJECT["version"], PROJECT["license"])
    (paper,) = citation["references"]
    assert {"type", "title", "authors"} <= set(paper)
    assert paper["doi"] in bibtex()


def test_the_changes_are_grouped():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = text.split("\n## ")[1]
    assert re.findall(r"^### (.*)", newest, re.MULTILINE) == ["Added", "Changed", "Fixed"]


def test_the_hooks_before_a_commit_are_pinned():
    for repository in read(ROOT / ".pre-commit-config.yaml")["repos"]:
        assert re.fullmatch(r"v\d+\.\d+\.\d+", repository["rev"])
        assert repository["hooks"]


def test_the_source_archive_holds_what_documents_name():
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]
    for path in tool["build"]["targets"]["sdist"]["include"]:
        assert (ROOT / path.removeprefix("/")).exists(), path
