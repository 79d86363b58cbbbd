import logging
import sys
import warnings
from dataclasses import dataclass

import pytest

from stemzoo import cli


@dataclass(frozen=True)
class Run:
    code: int
    out: str
    err: str


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command line in this process, as the installed command does."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["stemzoo", *map(str, arguments)])
        capsys.readouterr()
        code = 0
        # The command line chooses itself which warnings it shows, and how.
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            try:
                cli.main()
            except SystemExit as stop:
                code = stop.code or 0
        return Run(code, *capsys.readouterr())

    # Many networks in one process make TensorFlow advise against that.
    logger = logging.getLogger("tensorflow")
    monkeypatch.setattr(logger, "disabled", True)
    monkeypatch.delenv("STEMZOO_DEBUG", raising=False)
    return call


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
