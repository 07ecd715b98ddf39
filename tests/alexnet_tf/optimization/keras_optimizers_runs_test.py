"""The other update rules in whole runs, and on two devices."""

from __future__ import annotations

import dataclasses
import json
import sys

import numpy as np
import pytest

from alexnet_tf.evaluation import evaluate
from alexnet_tf.runs import trained_network
from tests import data_directories, forked_processes, training_runs
from tests.alexnet_tf.update_rules import (
    NAMES,
    RUNS,
    every_name,
    list_available,
    make_config,
)
from tfrecords import errors
from tools import placement_report

pytestmark = pytest.mark.whole_run

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


@pytest.fixture(scope="module")
def placed_steps():
    """What `step_on_two_devices` prints, by the rule's name; all share a process."""
    names = list_available()
    settings = []
    for name in names:
        changes = {k.removeprefix("optimizer."): v for k, v in RUNS[name].items()}
        settings.append(json.dumps(dataclasses.asdict(make_config(name, **changes))))
    program = ("-m", "tests.programs.step_on_two_devices")
    done = forked_processes.run_python(*program, *settings, timeout=900)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    return dict(zip(names, map(json.loads, lines), strict=True))


@every_name
def test_on_two_devices_slots_and_updates_stay_beside_their_parameters(
    placed_steps, name
):
    result = placed_steps[name]
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
