import io
import json
import zipfile

import keras
import numpy as np
import pytest

from stemzoo.training import TrainingState

RUN = {"recipe": {"seed": 0}, "images": "ab"}


def tiny_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), loss="mse")
    model.optimizer.build(model.trainable_variables)
    return model


@pytest.fixture
def folder(tmp_path):
    """The state of a model after two epochs."""
    state = TrainingState(tmp_path, run=RUN)
    state.set_model(tiny_model())
    for epoch in range(2):
        state.on_epoch_end(epoch, {"loss": 0.5})
    return tmp_path


def test_a_state_comes_back(folder):
    state = TrainingState(folder, run=RUN)
    assert state.restore(tiny_model()) == 2
    assert state.rows[1]["epoch"] == 2
    assert state.rows[1]["loss"] == 0.5


def test_weights_that_are_not_finite_are_not_saved(folder):
    model = tiny_model()
    state = TrainingState(folder, run=RUN)
    state.restore(model)
    before = (folder / "training_state.npz").read_bytes()
    model.layers[0].kernel.assign([[np.inf], [0.0]])
    with pytest.raises(FloatingPointError, match="not finite after epoch 3. The last saved epoch"):
        state.on_epoch_end(2, {"loss": 0.5})
    assert (folder / "training_state.npz").read_bytes() == before


def changed(folder, **changes):
    with np.load(folder / "training_state.npz") as state:
        arrays = {name: state[name] for name in state.files}
    buffer = io.BytesIO()
    np.savez(buffer, **{k: v for k, v in {**arrays, **changes}.items() if v is not None})
    return buffer.getvalue()


def compressed(folder):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("v0.npy", bytes(10**7))
    return buffer.getvalue()


def forged_shape(folder):
    """A header that declares 8 TB."""
    data = (folder / "training_state.npz").read_bytes()
    return data.replace(b"'shape': (2, 1), }        ", b"'shape': (1000000, 1000000), }"[:26], 1)


def log(*rows):
    return json.dumps(rows)


DAMAGED = {
    "empty": lambda folder: b"",
    "cut": lambda folder: (folder / "training_state.npz").read_bytes()[:500],
    "no archive": lambda folder: b"PK\x03\x04" + bytes(100),
    "one flipped bit": lambda folder: flip((folder / "training_state.npz").read_bytes()),
    "compressed": compressed,
    "forged shape": forged_shape,
    "a pickle": lambda folder: changed(folder, v0=np.array([{}], dtype=object)),
    "empty log": lambda folder: changed(folder, log="[]"),
    "no log": lambda folder: changed(folder, log=None),
    "log of text": lambda folder: changed(folder, log="epoch 1"),
    "log with NaN": lambda folder: changed(folder, log=log({"epoch": 1, "loss": np.nan})),
    "log with a huge number": lambda folder: changed(folder, log='[{"epoch": 1' + "0" * 400 + "}]"),
    "log with a gap": lambda folder: changed(folder, log=log({"epoch": 7})),
    "log of other columns": lambda folder: changed(
        folder, log=log({"epoch": 1, "loss": 1.0}, {"epoch": 2})
    ),
    "deep log": lambda folder: changed(folder, log="[" * 100_000),
    "weights with NaN": lambda folder: changed(folder, v0=np.full((2, 1), np.nan, np.float32)),
    "damaged fingerprint": lambda folder: changed(folder, run="{"),
    "text for weights": lambda folder: changed(folder, v0=np.array([["a"], ["b"]])),
}


def flip(data):
    middle = data.index(b"v0.npy") + 156  # in the first weight
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_state_is_refused_in_one_line_and_kept(folder, damage):
    content = DAMAGED[damage](folder)
    (folder / "training_state.npz").write_bytes(content)
    model = tiny_model()
    before = model.get_weights()
    with pytest.raises(ValueError, match="Received: ") as caught:
        TrainingState(folder, run=RUN).restore(model)
    text = str(caught.value)
    assert text.startswith(str(folder / "training_state.npz"))
    assert text.endswith("Delete it to train anew, or choose another folder.")
    assert "\n" not in text
    assert (folder / "training_state.npz").read_bytes() == content
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        ({"recipe": {"seed": 1}, "images": "ab"}, "Received: seed 0, now 1"),
        ({"recipe": {"seed": 0}, "images": "cd"}, "Received: other images"),
    ],
)
def test_a_state_of_another_run_is_refused(folder, run, reason):
    with pytest.raises(ValueError, match="holds another training") as caught:
        TrainingState(folder, run=run).restore(tiny_model())
    assert str(caught.value).endswith(reason)


def test_what_only_one_version_knows_does_not_count(folder):
    run = {**RUN, "recipe": {"seed": 0, "new": 3}, "start": None}
    assert TrainingState(folder, run=run).restore(tiny_model()) == 2
    assert TrainingState(folder).restore(tiny_model()) == 2
