import resource
from contextlib import contextmanager

import pytest


@pytest.fixture
def small_files():
    """Let this process write no file beyond a number of bytes, as on a disk that is nearly full."""

    @contextmanager
    def limit(size):
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limit
