import logging
import os
import subprocess
import sys
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hub_server import HubServer, point_client_at

import stemzoo
from stemzoo import cli
from stemzoo.simulate.dataset import simulate_session
from stemzoo.simulate.named_sessions import find_session

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@dataclass(frozen=True)
class Run:
    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def frames():
    """Four simulated frames of noisy WSe2 with some ten defects each; they know their labels."""
    session = find_session("wse2-randomised")
    return list(simulate_session(session, 4, (256, 256), seed=1))


@pytest.fixture(scope="session")
def day_a():
    """Three frames of day A; they know their labels."""
    return list(simulate_session(find_session("wse2-dayA"), 3, (256, 256), seed=3))


@pytest.fixture(scope="session")
def day_b():
    """Three frames of day B."""
    return list(simulate_session(find_session("wse2-dayB"), 3, (256, 256), seed=3))


@pytest.fixture(scope="session")
def make_model():
    """Build a tiny network that was not trained but answers differently for each pixel."""

    def make(classes=("se_vacancy", "bright"), seed=0, **options):
        import keras

        from stemzoo.models import DefectFCN

        keras.utils.set_random_seed(seed)
        options = {"filters": 4, "depth": 2, "material": "wse2", "name": "tiny", **options}
        model = DefectFCN(classes, **options)
        rng = np.random.default_rng(seed)
        for variable in model.weights:
            # Also moves the statistics of the normalisation from 0 and 1; variances stay positive.
            noise = rng.normal(0, 0.2, variable.shape)
            noise = abs(noise) if "variance" in variable.path else noise
            variable.assign(variable.numpy() + noise)
        return model

    return make


@pytest.fixture(scope="session")
def tiny_model(make_model):
    return make_model()


@pytest.fixture(scope="session")
def tiny_folder(tiny_model, tmp_path_factory):
    """Model folder of the tiny network; tests that change it work on a copy."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    stemzoo.save(tiny_model, folder)
    return folder


@pytest.fixture(scope="session")
def day_conditions():
    """Conditions of small frames of day A, which frames of `wse2-randomised` are unlike."""
    from stemzoo.analysis.conditions import TrainingConditions
    from stemzoo.io import Image

    session = find_session("wse2-dayA")
    return TrainingConditions.from_frames(
        [Image(f.image, f.sampling) for f in simulate_session(session, 13, (192, 192), seed=1)],
        session="wse2-dayA",
        material="wse2",
        sampling=0.2074,
    )


@pytest.fixture(scope="session")
def detector():
    """Return the bundled detector of vacancies in WSe2."""
    return stemzoo.load("fcn-wse2")


@pytest.fixture(scope="session")
def python():
    """Run Python code in a new process that imports the package under test."""

    def run(*arguments, **options):
        environment = {**os.environ, "PYTHONPATH": str(Path(stemzoo.__file__).parents[1])}
        # What a user without these settings would see.
        for name in ("TF_CPP_MIN_LOG_LEVEL", "STEMZOO_DEBUG"):
            environment.pop(name, None)
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            capture_output=True,
            text=True,
            env=environment,
            timeout=120,
            **options,
        )

    return run


@pytest.fixture
def hub_server(tmp_path, monkeypatch):
    """Start a Hub that the real client talks to; the cache is empty and nobody is logged in."""
    with HubServer() as server:
        point_client_at(server, tmp_path / "home", monkeypatch)
        yield server


@pytest.fixture
def small_files():
    """Let this process write no file beyond a number of bytes, as on a disk that is nearly full."""
    resource = pytest.importorskip("resource")

    @contextmanager
    def limit(size):
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limit


@pytest.fixture
def command_line(monkeypatch, capsys):
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
