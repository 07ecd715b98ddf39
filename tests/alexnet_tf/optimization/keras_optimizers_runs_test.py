"""The other update rules in whole runs, and on two devices."""

from __future__ import annotations

import dataclasses
import json
import sys

import numpy as np
import pytest

from alexnet_tf.devices import placement_report
from alexnet_tf.evaluation import evaluate
from alexnet_tf.runs import trained_network
from tests import data_directories, processes, training_runs
from tests.alexnet_tf.update_rules import NAMES, RUNS, every_name, make_config
from tfrecords import errors

# Whole runs: 12 images in batches of 5, epochs that end after steps 3 and 5.
LAST_STEP = 5


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    path = tmp_path_factory.mktemp("data")
    data_directories.write_data_directory(path, num_classes=2, per_class=6)
    return str(path)


def get_values(name):
    return {"optimizer.name": name, **RUNS[name]}


@pytest.fixture(scope="module", params=NAMES)
def whole_run(request, tmp_path_factory, data_dir):
    path = tmp_path_factory.mktemp("whole") / "run"
    training_runs.run(data_dir, path, get_values(request.param))
    return request.param, str(path)


def test_killed_after_an_evaluation_it_goes_on_bit_for_bit(
    tmp_path, data_dir, whole_run
):
    """There averages and weights have changed places and back, here they have not."""
    name, whole = whole_run
    path = training_runs.copy_as_killed(whole, 3, tmp_path / "run")
    state = training_runs.run(data_dir, path, get_values(name))
    assert state.step == LAST_STEP
    for step in range(3, LAST_STEP + 1):
        assert training_runs.compute_digest(path, step) == training_runs.compute_digest(
            whole, step
        ), f"step {step}"
    assert training_runs.read_metrics(path) == training_runs.read_metrics(whole)


def test_what_is_saved_is_what_was_evaluated(whole_run):
    """And, with averages, not what was trained."""
    name, path = whole_run
    for line in training_runs.read_metrics(path, "validation"):
        _, result, _ = evaluate.evaluate_checkpoint(path, line["step"], "validation", 1)
        assert result.counts.loss == line["loss"]
    arrays = training_runs.load_checkpoint(path).arrays
    network = trained_network.load(path)
    for layer in network.model.layers:
        if layer.weights:
            saved = arrays[f"weights/{layer.name}/kernel"]
            np.testing.assert_array_equal(layer.get_weights()[0], saved)
    averages = name in ("moving_average", "swa")
    assert ("training_weights/fc8/kernel" in arrays) == averages
    if averages:
        trained = arrays["training_weights/fc8/kernel"]
        assert not np.array_equal(trained, arrays["weights/fc8/kernel"])


def test_another_rule_is_another_run(data_dir, whole_run):
    name, path = whole_run
    with pytest.raises(errors.UserError, match=f"optimizer.name: '{name}' there"):
        training_runs.run(data_dir, path, {**RUNS[name], "optimizer.per_layer": ""})


def test_averages_begin_with_the_weights_of_init_from(tmp_path, data_dir, whole_run):
    name, origin = whole_run
    values = {**get_values(name), "init_from": origin, "num_epochs": 0}
    training_runs.run(data_dir, tmp_path / "run", values)
    taken = training_runs.load_checkpoint(origin).arrays
    for array_name, array in training_runs.load_checkpoint(
        tmp_path / "run"
    ).arrays.items():
        slot, _, parameter = array_name.partition("/")
        if slot in ("weights", "training_weights", "slow"):
            np.testing.assert_array_equal(array, taken[f"weights/{parameter}"])


# Two logical CPU devices must be made before TensorFlow starts: a process of its own.
PLACED_SCRIPT = """
import json, sys
import numpy as np
import tensorflow as tf
from alexnet_tf.config import schema as config
from alexnet_tf.optimization import keras_optimizers as keras_optimizer
from alexnet_tf.network import build as model
from alexnet_tf.devices import placement
from alexnet_tf.devices import placement_report
from alexnet_tf.training import steps
from alexnet_tf.optimization.loss_scale import LossScale
from alexnet_tf.network.parameters import list_parameters

placed = placement.make_placement("CPU:0,CPU:1")
settings = config.OptimizerConfig(**json.loads(sys.argv[1]))
rng = np.random.default_rng(0)
batch = (tf.constant(60 * rng.standard_normal((4, 67, 67, 3)), tf.float32),
         tf.constant(rng.integers(0, 10, 4), tf.int32))
result = {"losses": {}}
for name, where in [("two", placed), ("one", placement.make_placement("CPU:0"))]:
    device = where.get_device(0)
    network = model.build_model(
        10, config.ModelConfig(width=0.0625), crop_size=67, placement=where)
    update = keras_optimizer.make_optimizer(
        list_parameters(network), settings, device)
    update.rates.assign(tf.fill(update.rates.shape, 0.01))
    step = steps.make_train_step(network, update, LossScale("float32", device), device)
    if where is placed:
        graph, first = placement_report.capture_placed_graph(step, *batch)
        result["transfers"] = [
            [placement_report.describe_op(t.op), t.shape, t.num_bytes]
            for t in placement_report.list_transfers(graph)]
        result["slots"] = {n: v.device for n, v in update.get_variables().items()}
    else:
        first = step(*batch)
    result["losses"][name] = [float(first.loss)] + [
        float(step(*batch).loss) for _ in range(5)]
print(json.dumps(result))
"""


@every_name
def test_on_two_devices_slots_and_updates_stay_beside_their_parameters(name):
    changes = {k.removeprefix("optimizer."): v for k, v in RUNS[name].items()}
    config = dataclasses.asdict(make_config(name, **changes))
    done = processes.run_python("-c", PLACED_SCRIPT, json.dumps(config))
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    np.testing.assert_allclose(
        result["losses"]["two"], result["losses"]["one"], rtol=1e-5
    )
    assert len(set(result["losses"]["two"])) == 6
    for slot, device in result["slots"].items():
        in_b = slot.split("/")[1].endswith("b")
        assert placement_report.shorten_device(device) == ("CPU:1" if in_b else "CPU:0")
    # As with the paper's rule, the exchanges and the images are all that crosses,
    # besides scalars and the rates' table.
    for what, shape, num_bytes in result["transfers"]:
        exchanged = what == "images" or what.startswith(("pool", "drop", "gradient of"))
        is_small = shape == [8, 2] or (num_bytes is not None and num_bytes <= 8)
        assert exchanged or is_small, (what, shape)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
