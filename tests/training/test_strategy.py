import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

import stemzoo
from stemzoo.training import CycleGANRecipe, train_cyclegan
from stemzoo.training.several_hosts import check_same_epoch, wait_for_all
from stemzoo.training.strategy import is_chief, make_strategy

RECIPE = CycleGANRecipe(
    epochs=2,
    steps_per_epoch=2,
    batch_size=4,
    patch=32,
    ema=0.9,
    # The smallest networks: most of the time goes into tracing their layers.
    filters=2,
    depth=1,
    discriminator_filters=2,
    fft_discriminators=False,
)

# Devices and workers are set before TensorFlow starts, so each of these is a process of its own.
PROGRAM = """
import json, sys
from pathlib import Path
import numpy as np
import tensorflow as tf

folder, out, name, devices = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * devices)

import keras
from stemzoo.training import CycleGANRecipe, TrainingState, train_cyclegan
from stemzoo.training.callbacks import StopOnNaN
from stemzoo.training.several_hosts import check_same_epoch, wait_for_all
from stemzoo.training.strategy import fit_on_replicas, is_chief, make_strategy, on_replicas

strategy = make_strategy(name)
assert strategy.num_replicas_in_sync == 2
chief = is_chief(strategy)
recipe = CycleGANRecipe(**json.loads((folder / "recipe.json").read_text()))
images = np.load(folder / "images.npz")
model = train_cyclegan(
    [images["real"]], [images["simulated"]], recipe, sampling=0.2, out=out, strategy=strategy
)
if chief:
    np.savez(out / "weights.npz", *model.get_weights())
said = {"answer": float(keras.ops.std(model(np.eye(32)[None, ..., None])))}


def message(act):
    try:
        act()
    except (ValueError, FloatingPointError) as error:
        return str(error)


said["different"] = message(lambda: check_same_epoch(strategy, 0 if chief else 1, "there"))


class Line(keras.Model):
    def __init__(self):
        super().__init__()
        self.slope = self.add_weight(shape=(), initializer="ones")
        self.mean = keras.metrics.Mean(name="loss")
        self.built = True

    def get_config(self):
        return {}

    def train_step(self, data):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(self.slope * data[0] - data[1]))
        self.optimizer.apply(tape.gradient(loss, [self.slope]), [self.slope])
        self.mean.update_state(loss)
        return {"loss": self.mean.result()}


class Poison(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2 and (name == "mirrored" or not chief):
            self.model.slope.assign(np.nan)


def fit_line(folder, *callbacks):
    line = on_replicas(Line(), strategy, 4)
    with strategy.scope():
        line.compile(keras.optimizers.Adam(0.1))
        line.optimizer.build([line.slope])
    state = TrainingState(folder, writes=chief)
    done = state.restore(line)
    check_same_epoch(strategy, done, folder)
    x = np.random.default_rng(0).normal(size=(32, 1)).astype("float32")
    data = tf.data.Dataset.from_tensor_slices((x, 3 * x)).batch(4).skip(2 * done)
    fit_on_replicas(
        line, data, strategy, epochs=4, initial_epoch=done, steps_per_epoch=2,
        callbacks=[StopOnNaN(), state, *callbacks],
    )
    return done, float(line.slope.numpy())


said["whole"] = fit_line(folder / f"whole_{name}")
said["poisoned"] = message(lambda: fit_line(folder / f"cut_{name}", Poison()))
said["resumed"] = fit_line(folder / f"cut_{name}")
print(json.dumps(said))
wait_for_all(strategy)
"""


def start(*arguments, **environment):
    path = str(Path(stemzoo.__file__).parents[1])
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def free_ports(count):
    with_ports = [socket.socket() for _ in range(count)]
    for one in with_ports:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in with_ports]
    for one in with_ports:
        one.close()
    return ports


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """One device here, two devices in another process and two workers, all at the same time."""
    folder = tmp_path_factory.mktemp("strategy")
    rng = np.random.default_rng(0)
    real, simulated = rng.normal(100, 20, (40, 50)), np.sin(np.arange(48 * 48) / 9).reshape(48, 48)
    np.savez(folder / "images.npz", real=real, simulated=simulated)
    (folder / "recipe.json").write_text(json.dumps(asdict(RECIPE)))
    workers = [f"127.0.0.1:{port}" for port in free_ports(2)]
    configs = [
        {"cluster": {"worker": workers}, "task": {"type": "worker", "index": i}} for i in (0, 1)
    ]
    processes = [start(folder, folder / "mirrored", "mirrored", 2)]
    processes += [
        start(folder, folder / "multiworker", "multiworker", 1, TF_CONFIG=json.dumps(config))
        for config in configs
    ]
    try:
        model = train_cyclegan([real], [simulated], RECIPE, sampling=0.2, out=folder / "one")
        np.savez(folder / "one" / "weights.npz", *model.get_weights())
        said, end = [], time.monotonic() + 300
        for process in processes:
            out, err = process.communicate(timeout=max(1, end - time.monotonic()))
            assert process.returncode == 0, err
            said.append(json.loads(out.splitlines()[-1]))
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    return folder, said


@pytest.mark.parametrize("name", ["mirrored", "multiworker"])
def test_two_replicas_train_like_one_device_with_the_joint_batch(runs, name):
    folder, _ = runs
    states = [np.load(folder / run / "training_state.npz") for run in ("one", name)]
    logs = [json.loads(str(state["log"])) for state in states]
    assert [row["epoch"] for row in logs[1]] == [1, 2]
    for expected, found in zip(*logs, strict=True):
        np.testing.assert_allclose(
            [found[key] for key in expected], list(expected.values()), rtol=0, atol=1e-4
        )
    # Weights, averages and the optimizers' moments: twice the gradient would show in the moments,
    # to which Adam's weights are blind.
    for key in set(states[0].files) - {"log", "run"}:
        np.testing.assert_allclose(states[1][key], states[0][key], rtol=0, atol=1e-4)
    weights = [np.load(folder / run / "weights.npz") for run in ("one", name)]
    for key in weights[0].files:
        np.testing.assert_allclose(weights[1][key], weights[0][key], rtol=0, atol=1e-4)


def test_a_loss_that_is_not_finite_on_one_worker_stops_all_and_they_go_on(runs):
    for said in runs[1]:
        assert "'loss' is not finite after step 1" in said["poisoned"]
        assert said["whole"][0] == 0
        assert said["resumed"][0] == 2
        assert said["resumed"][1] == pytest.approx(said["whole"][1], abs=1e-6)


def test_workers_that_see_different_folders_all_stop(runs):
    _, (_, *workers) = runs
    for said in workers:
        assert "must see the same folder there" in said["different"]
        assert "[0, 1] finished epochs" in said["different"]


def test_every_process_ends_with_the_model_in_its_own_memory(runs):
    answers = [said["answer"] for said in runs[1]]
    assert answers[0] > 0
    np.testing.assert_allclose(answers, answers[0], atol=1e-4)


def test_files_are_those_of_one_device(runs):
    folder, _ = runs
    expected = sorted(path.name for path in (folder / "one").rglob("*"))
    for name in ("mirrored", "multiworker"):
        assert sorted(path.name for path in (folder / name).rglob("*")) == expected


def test_a_batch_that_cannot_be_split_is_refused(monkeypatch):
    strategy = make_strategy("mirrored")
    monkeypatch.setattr(type(strategy), "num_replicas_in_sync", 3)
    with pytest.raises(ValueError, match="multiple of their number, 3. Received: 4"):
        train_cyclegan([np.eye(40)], [np.eye(40)], RECIPE, sampling=0.2, strategy=strategy)


def test_without_a_strategy_this_process_is_the_chief_and_waits_for_nobody():
    assert make_strategy(None) is None
    assert is_chief(None)
    wait_for_all(None)
    check_same_epoch(make_strategy("mirrored"), 3, "folder")


@pytest.mark.parametrize(
    ("name", "config", "reason"),
    [
        ("fast", None, "mirrored or multiworker. Received: 'fast'"),
        ("multiworker", None, "TF_CONFIG on every host.* Received: nothing"),
        ("multiworker", "{'cluster'}", "Received: {'cluster'}"),
        ("multiworker", '{"cluster": {"worker": ["a:1"]}}', "TF_CONFIG on every host"),
        ("multiworker", "[1]", "TF_CONFIG on every host"),
    ],
)
def test_a_strategy_that_cannot_start_is_refused(monkeypatch, name, config, reason):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if config is not None:
        monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(ValueError, match=reason):
        make_strategy(name)
