import io
import pickle
from collections import OrderedDict

import numpy as np
import pytest

from stemzoo.metrics import torch_state
from stemzoo.metrics.torch_state import read_torch_state


def pickled(*objects):
    return b"".join(pickle.dumps(thing, protocol=2) for thing in objects)


HEADER = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})


class Harmful:
    def __reduce__(self):
        return (pytest.fail, ("code of the pickle was run",))


@pytest.mark.parametrize("thing", [Harmful(), io.BytesIO, np.zeros(3)])
@pytest.mark.parametrize("place", [0, 3])
def test_a_pickle_that_names_anything_else_is_refused(thing, place):
    contents = [*HEADER, OrderedDict()]
    contents[place] = thing
    with pytest.raises(pickle.UnpicklingError, match="refused"):
        read_torch_state(pickled(*contents))


def test_another_format_is_refused():
    with pytest.raises(ValueError, match="torch's format"):
        read_torch_state(pickled(1, 2, {}))


class Storage:
    """Stands for torch's storage when a file is made."""


def torch_file(values, offset, shape, strides):
    """Write one tensor as torch did before version 1.6."""

    class Tensor:
        def __reduce__(self):
            storage = Storage()
            return (torch_state._rebuild_tensor, (storage, offset, shape, strides, False, None))

    class Pickler(pickle.Pickler):
        def persistent_id(self, thing):
            if isinstance(thing, Storage):
                return ("storage", "FloatStorage", "7", "cpu", len(values), None)
            return None

    stream = io.BytesIO()
    stream.write(pickled(*HEADER))
    Pickler(stream, protocol=2).dump({"a": Tensor()})
    stream.write(pickled(["7"]))
    stream.write(len(values).to_bytes(8, "little") + values.astype("<f4").tobytes())
    # The names that torch itself would have written.
    ours = f"c{torch_state.__name__}\n_rebuild_tensor\n".encode()
    assert ours in stream.getvalue()
    return stream.getvalue().replace(ours, b"ctorch._utils\n_rebuild_tensor_v2\n")


@pytest.fixture
def known_storage(monkeypatch):
    """Accept the type of a storage by name, which only torch can write as a class."""
    load = torch_state._StateUnpickler.persistent_load

    def by_name(self, pid):
        return load(self, (pid[0], "<f4", *pid[2:]))

    monkeypatch.setattr(torch_state._StateUnpickler, "persistent_load", by_name)


@pytest.mark.usefixtures("known_storage")
def test_a_tensor_is_a_strided_view_of_its_storage():
    values = np.arange(10.0)
    found = read_torch_state(torch_file(values, 1, (2, 3), (1, 3)))
    # Element (i, j) lies at 1 + i + 3 j.
    np.testing.assert_array_equal(found["a"], [[1, 4, 7], [2, 5, 8]])


@pytest.mark.usefixtures("known_storage")
@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [(0, (2, 3), (1, 5)), (-1, (2,), (1,)), (5, (2,), (-1,)), (10, (), ())],
)
def test_a_tensor_outside_its_storage_is_refused(offset, shape, strides):
    with pytest.raises(ValueError, match="expected a tensor inside its storage of 10"):
        read_torch_state(torch_file(np.arange(10.0), offset, shape, strides))


@pytest.mark.usefixtures("known_storage")
def test_a_cut_file_is_refused():
    with pytest.raises(ValueError, match="damaged"):
        read_torch_state(torch_file(np.arange(10.0), 0, (2,), (1,))[:-1])
