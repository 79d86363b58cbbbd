import os
import subprocess
import sys
from pathlib import Path

import pytest

import stemzoo
from stemzoo.models.start import quiet_start

CHANGES = """
import os
before = dict(os.environ)
import stemzoo
assert dict(os.environ) == before
"""
LOADS = """
import stemzoo
import numpy as np
model = stemzoo.load("fcn-wse2")
print(model(np.zeros((1, 32, 32, 1), "float32")).shape)  # background and four classes
"""
# Jupyter replaces sys.stderr by an object without a file; a program without a console has neither.
NOTEBOOK = "import io, sys; sys.stderr = io.StringIO()" + LOADS
NO_CONSOLE = "import os, sys; sys.stderr = None; os.close(2)" + LOADS


def test_importing_the_package_sets_no_environment_variable(python):
    assert python("-c", CHANGES).returncode == 0


@pytest.mark.parametrize("code", [LOADS, NOTEBOOK, NO_CONSOLE])
def test_a_model_is_loaded_without_a_word(python, code):
    done = python("-c", code)
    assert (done.stderr, done.stdout) == ("", "(1, 32, 32, 5)\n")


def test_what_trains_is_imported_without_a_word(python):
    assert python("-c", "import stemzoo; stemzoo.train_fcn, stemzoo.fit_adapt").stderr == ""


def test_messages_of_the_start_are_dropped_and_later_ones_are_not(capfd):
    with quiet_start():
        os.write(2, b"oneDNN custom operations are on\n")
    os.write(2, b"later\n")
    print("and later", file=sys.stderr)
    assert capfd.readouterr().err == "later\nand later\n"


def test_messages_of_a_start_that_fails_are_shown(capfd):
    def start():
        with quiet_start():
            os.write(2, b"this processor lacks AVX\n")
            raise ImportError("no such library")

    with pytest.raises(ImportError, match="no such library"):
        start()
    assert capfd.readouterr().err == "this processor lacks AVX\n"


def test_the_level_of_messages_is_left_as_it_was(monkeypatch):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    with quiet_start():
        assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "3"
    assert "TF_CPP_MIN_LOG_LEVEL" not in os.environ
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    with quiet_start():
        assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "0"
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "0"


def test_a_backend_that_is_not_installed_is_named(tmp_path):
    """By the variable or by keras.json, on the command line as well."""
    (tmp_path / "keras.json").write_text('{"backend": "nobackend"}')
    environment = {**os.environ, "PYTHONPATH": str(Path(stemzoo.__file__).parents[1])}
    environment.pop("KERAS_BACKEND", None)
    for change in ({"KERAS_BACKEND": "nobackend"}, {"KERAS_HOME": str(tmp_path)}):
        for verb, code in (("verify", 2), ("doctor", 1)):
            done = subprocess.run(
                [sys.executable, "-m", "stemzoo.cli", verb],
                env={**environment, "STEMZOO_OFFLINE": "1", **change},
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == code
            said = done.stderr if verb == "verify" else done.stdout
            assert "expected a backend of Keras. Received: 'nobackend'" in said
            assert "Set KERAS_BACKEND=tensorflow" in said
            assert "unexpected" not in said
