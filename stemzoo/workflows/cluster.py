"""Images of a call shared between processes, of this computer or of a cluster, by dask."""

import logging
import os
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from stemzoo.workflows.engines import Engine, ThisProcess, Waiting
from stemzoo.workflows.image_task import ImageResult, ImageTask
from stemzoo.workflows.sources import Source
from stemzoo.workflows.worker import Order, apply_there, work

_LOCAL = re.compile(r"local:([1-9]\d{0,3})")
_ADDRESS = re.compile(r"(tcp|tls|ucx|ws|wss)://\S+")
# What a worker of this computer computes with, where the user has not set it; each is read once,
# when the process or a library starts.
_THREADS = ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
# dask has freed memory given back at once and fetched anew for each array: a quarter of the time.
_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(1 << 26), "MALLOC_MMAP_THRESHOLD_": str(1 << 25)}
# Ctrl-C, which reaches all processes of a terminal, is for the one that was called.
_IGNORE_INTERRUPTS = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
# So many images wait at each worker, so that it never waits for one.
_AHEAD = 2


def check_cluster(cluster: str | None) -> None:
    """See that a cluster is named rightly and dask is installed, before any work begins.

    Parameters
    ----------
    cluster : str or None
        ``"local:N"``, or the address of a scheduler; None for no cluster.

    Raises
    ------
    ValueError
        If it is neither.
    ModuleNotFoundError
        If dask.distributed is not installed.

    Examples
    --------
    >>> check_cluster("2")
    Traceback (most recent call last):
    ValueError: --cluster is local:N, with N processes, or tcp://HOST:PORT. Received: '2'
    """
    if cluster is None:
        return
    if not _LOCAL.fullmatch(cluster) and not _ADDRESS.fullmatch(cluster):
        raise ValueError(
            f"--cluster is local:N, with N processes, or tcp://HOST:PORT. Received: {cluster!r}"
        )
    if find_spec("distributed") is None:
        raise ModuleNotFoundError(
            "--cluster expects the package distributed. Received: it is not installed. Run: pip "
            "install 'stemzoo[dask]'.",
            name="distributed",
        )


@contextmanager
def open_engine(cluster: str | None) -> Iterator[Engine]:
    """Yield who looks at the images of a call: a cluster, or this process.

    Parameters
    ----------
    cluster : str or None
        As in `check_cluster`.

    Yields
    ------
    Engine

    Raises
    ------
    ValueError, ModuleNotFoundError
        As in `check_cluster`.
    ConnectionError
        If no scheduler answers.

    Examples
    --------
    >>> with open_engine("local:2") as engine:  # doctest: +SKIP
    ...     session = Session(Path("out"), task, task.load(None), engine=engine)
    """
    check_cluster(cluster)
    if cluster is None:
        yield ThisProcess()
        return
    with ExitStack() as stack:
        yield _connect(cluster, stack)


def _connect(cluster: str, stack: ExitStack) -> "DaskCluster":
    """Start workers, or find those of a scheduler; they are left when the stack is closed."""
    import dask
    from distributed import Client, LocalCluster

    # Workers that die, and what dask says of it, are our business.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    if (local := _LOCAL.fullmatch(cluster)) is not None:
        count = int(local[1])
        threads = str(max((os.cpu_count() or 1) // count, 1))
        environment = dict.fromkeys(_THREADS, threads) | _MEMORY
        given = {name: os.environ.get(name, value) for name, value in environment.items()}
        settings = {
            "distributed.nanny.pre-spawn-environ": given,
            "distributed.worker.profile.enabled": False,
        }
        with dask.config.set(settings):
            workers = LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                # A large image may need more than its share, as it may without a cluster.
                memory_limit=None,
                dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,
                preload=[_IGNORE_INTERRUPTS],
            )
        stack.enter_context(workers)
        client = stack.enter_context(Client(workers, set_as_default=False))
    else:
        try:
            client = stack.enter_context(Client(cluster, set_as_default=False))
        except OSError as error:
            raise ConnectionError(
                f"{cluster}: expected the scheduler of a dask cluster. Received: no answer "
                f"({' '.join(str(error).split())[:200]}). Start one with 'dask scheduler', or give "
                "--cluster local:2."
            ) from error
    engine = DaskCluster(client, cluster)
    if not client.nthreads():
        warnings.warn(
            f"{cluster}: no worker yet; waiting for one ('dask worker {cluster}')", stacklevel=2
        )
    return engine


@dataclass(frozen=True)
class DaskCluster:
    """Workers of a dask scheduler, which look at images; each loads the weights once.

    A worker that dies costs its image another try. Folders are to be on disks that all share.

    Parameters
    ----------
    client : distributed.Client
        Of the scheduler.
    name : str
        What the user called it.
    """

    client: Any
    name: str

    def ahead(self) -> int:
        """Return how many images are asked for while one is waited for: two a worker."""
        with self._explained():
            return max(_AHEAD * len(self.client.nthreads()), 1)

    def device(self) -> str:
        """Name what computes, for the record."""
        return f"cluster {self.name}"

    def submit(
        self, task: ImageTask, source: Source, model: Any, out: Path, digests: Mapping[str, str]
    ) -> Waiting:
        """Ask for an image; `digests` are those of the model, which the workers load themselves."""
        order = Order(task, source, out, Path.cwd(), out.stat().st_ino, dict(digests))
        return partial(self._wait, self.client.submit(work, order, pure=False))

    def apply(self, function: Callable[[Any], Any], items: Sequence[Any]) -> Sequence[Any]:
        """Have a function applied to each item; the results stay with the workers."""
        return self.client.map(partial(apply_there, function, Path.cwd()), items, pure=False)

    def gather(self, items: Sequence[Any]) -> list[Any]:
        """Fetch the results of `apply`."""
        with self._explained():
            return self.client.gather(list(items))

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Say in our words why there is no answer."""
        from distributed import KilledWorker

        try:
            yield
        except KilledWorker as error:
            raise MemoryError(
                f"{error.allowed_failures + 1} workers ended while they looked at it"
            ) from error
        except (CancelledError, OSError) as error:
            raise ConnectionError(
                f"expected an answer of {self.name}. Received: the scheduler is gone. Start it "
                "again; the same command with --resume goes on."
            ) from error

    def _wait(self, future: Any) -> ImageResult:
        with self._explained():
            answer = future.result()
        for text in answer.warnings:
            warnings.warn(text, stacklevel=2)
        for text in answer.logged:
            logging.getLogger("stemzoo").warning("%s", text)
        if answer.error is not None:
            raise answer.error
        assert answer.result is not None  # where there is no error
        return answer.result
