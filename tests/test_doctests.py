"""The examples in docstrings say what happens."""

import doctest
import importlib
import pkgutil

import pytest

import stemzoo

MODULES = [found.name for found in pkgutil.walk_packages(stemzoo.__path__, "stemzoo.")]


@pytest.mark.parametrize("name", [name for name in MODULES if not name.endswith("__main__")])
def test_examples_in_docstrings_hold(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = doctest.testmod(importlib.import_module(name))
    assert found.failed == 0


def test_there_are_examples():
    # 151 when they were first run.
    modules = map(importlib.import_module, MODULES)
    finder = doctest.DocTestFinder()
    tests = [test for module in modules for test in finder.find(module) if test.examples]
    assert len(tests) > 140
