import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import stemzoo
from stemzoo import io
from stemzoo.app.limits import Limits
from stemzoo.app.looking import Bench
from stemzoo.app.visits import Visits
from stemzoo.inference.bundled_detectors import BundledDetectors
from stemzoo.inference.detections import Detections


@pytest.fixture
def found():
    """Three defects of two classes; an image of 80 x 100 pixels of 0.2 Å."""
    return Detections(
        np.array([[10.0, 20.0], [30.0, 40.0], [50.0, 60.0]]),
        ("se_vacancy", "se_vacancy", "bright"),
        np.array([0.9, 0.8, 0.7]),
        0.2,
        "given",
        (80, 100),
        model_classes=("se_vacancy", "bright"),
        probability=np.array([0.95, 0.6, 0.5]),
        model="fcn-wse2",
        threshold=0.35,
    )


@pytest.fixture
def limits():
    return Limits(upload_mb=2, images=3, visits=2, return_seconds=0.0)


@pytest.fixture
def visits(tmp_path, limits):
    """All visits of a page; those that are left at the end of a test are ended."""
    known = Visits(tmp_path / "visits", limits)
    yield known
    known.end_all()


@pytest.fixture
def visit(visits):
    return visits.of("anna")


@pytest.fixture
def bench(tmp_path, limits, tiny_model):
    """A bench whose detectors are all the tiny network."""
    tiny = BundledDetectors()
    tiny.load = lambda name: tiny_model
    (tmp_path / "uploads").mkdir()
    return Bench(tmp_path / "uploads", limits, tiny)


@pytest.fixture
def upload(bench, frames):
    """Upload a frame as a server does: into a folder of its own below the uploads."""

    def put(name="scan.tif", content=None, number=0):
        folder = bench.uploads / f"{len(list(bench.uploads.iterdir())):040x}"
        folder.mkdir()
        path = folder / name
        if content is not None:
            path.write_bytes(content)
        else:
            io.write_tiff(path, frames[number].image, sampling=frames[number].sampling)
        return path

    return put


@pytest.fixture
def looked(bench, visit, upload, found):
    """An image of a visit with known detections, as if it had been looked at."""
    image = bench.add(visit, upload())
    shape = image.shape
    image.found, image.detector = replace(found, shape=shape), "fcn-wse2"
    return image


# Runs before the page in its process: notes whom it asks for a connection.
WATCH = """
import os, socket

def noted(name):
    plain = getattr(socket.socket, name)

    def connect(self, address):
        if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1", "localhost"):
            with open(os.environ["ASKED"], "a") as file:
                print(address, file=file)
        return plain(self, address)

    setattr(socket.socket, name, connect)

noted("connect")
noted("connect_ex")
"""


@pytest.fixture(scope="session")
def serve():
    """Serve the page in a process of its own; a context that yields its address."""
    return serving


@contextmanager
def serving(*options, folder):
    """Serve the page in a process of its own; yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "watch").mkdir()
    (folder / "watch" / "sitecustomize.py").write_text(WATCH)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(
            [str(folder / "watch"), str(Path(stemzoo.__file__).parents[1])]
        ),
        "TMPDIR": str(folder),
        "ASKED": str(folder / "asked"),
    }
    command = [sys.executable, "-m", "stemzoo.app", "--port", port, *options]
    with (folder / "page.log").open("w+") as said:
        process = subprocess.Popen(
            [*map(str, command)], env=environment, stdout=said, stderr=subprocess.STDOUT
        )
        try:
            wait_for_port(port, process, folder / "page.log")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)


def wait_for_port(port, process, log):
    for _ in range(600):
        assert process.poll() is None, log.read_text()
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(log.read_text())
