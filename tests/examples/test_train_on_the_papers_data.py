"""What can be tested without the record, which needs internet: arguments, and the use of pooch."""

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from places import EXAMPLES
from typer.main import get_command

from stemzoo.cli.app import app

SCRIPT = EXAMPLES / "train_on_the_papers_data.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location(SCRIPT.stem, SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Record:
    """Stand in for pooch.Pooch: fetch gives a path, or with a processor those of the archive."""

    def __init__(self, path, base_url):
        self.path, self.base_url, self.registry = Path(path), base_url, {}

    def load_registry_from_doi(self):
        assert self.base_url == "doi:10.5281/zenodo.7696721/"
        self.registry = {"readme.txt": "md5:0", "dayA.zip": "md5:1", "dayB.tar.gz": "md5:2"}

    def fetch(self, name, processor=None):
        return str(self.path / name) if processor is None else processor(self.path / name)


@pytest.fixture
def pooch(monkeypatch):
    def unpack(kind):
        return lambda: lambda archive: [str(archive) + f".{kind}/1.tif"]

    fake = SimpleNamespace(create=Record, Unzip=unpack("unzip"), Untar=unpack("untar"))
    monkeypatch.setitem(sys.modules, "pooch", fake)


@pytest.mark.usefixtures("pooch")
def test_archives_are_unpacked_and_other_files_are_taken_as_they_are(script):
    found = script.fetch(Path("data"))
    assert [path.as_posix() for path in found] == [
        "data/dayA.zip.unzip/1.tif",
        "data/dayB.tar.gz.untar/1.tif",
        "data/readme.txt",
    ]


def test_the_training_is_a_command_of_stemzoo_with_the_papers_size(script):
    options = ["data", "--images", "dayA/*.tif", "--pixel-size", "20.74", "--out", "a"]
    _, *command = script.training_command(script.parse(options))
    assert command[:4] == ["-m", "stemzoo.cli", "train", "cyclegan"]
    train = get_command(app).commands["train"].commands["cyclegan"]
    given = train.make_context("cyclegan", command[4:]).params
    assert given["experimental"] == [Path("data/dayA/*.tif")]
    assert (given["size"], given["material"], given["pixel_size"]) == ("paper", "wse2", 20.74)
    assert given["out"] == Path("a")


def test_without_a_pattern_the_files_are_only_listed(script):
    assert script.parse(["data"]).images is None
