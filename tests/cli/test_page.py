import sys

import pytest


def test_without_gradio_one_line_says_how_to_get_it(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)  # as if it were not installed
    done = run("app")
    assert done.code == 2
    assert done.out == ""
    assert done.err == (
        "stemzoo: app expects the package gradio. Received: it is not installed. Run: pip install "
        "'stemzoo[app]'\n"
    )


def test_the_module_says_so_too(monkeypatch, capsys):
    from stemzoo.app.__main__ import main

    monkeypatch.setitem(sys.modules, "gradio", None)
    assert main([]) == 2
    assert "pip install 'stemzoo[app]'" in capsys.readouterr().err


@pytest.mark.parametrize("option", [["--port", "0"], ["--visits", "none"]])
def test_options_that_make_no_sense_are_refused(run, option):
    assert run("app", *option).code == 2
