"""Tests of `devices.copy_probe`, and of towers whose copies go through the host."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import tensorflow as tf

from alexnet_tf.devices import copy_probe, placement
from tests import forked_processes
from tfrecords import errors

GPUS = ("/device:GPU:0", "/device:GPU:1")


def lose(numbers, source, target):
    """A copy that gives zeros in one direction."""
    return numbers * 0 if (source, target) == GPUS else numbers


def flip(numbers, source, target):
    """A copy in which a single bit is wrong."""
    changed = numbers.copy()
    changed.view(np.uint32)[12345] ^= 1
    return changed


def test_copies_that_arrive_pass():
    assert copy_probe.find_broken(["/device:CPU:0"]) == []
    assert copy_probe.find_broken(GPUS, lambda numbers, *_: numbers) == []


def test_zeros_and_single_bits_are_found():
    assert copy_probe.find_broken(GPUS, lose) == [GPUS]
    assert copy_probe.find_broken(GPUS, flip) == [GPUS, GPUS[::-1]]


def test_a_copy_that_fails_has_not_arrived():
    def fail(numbers, source, target):
        raise tf.errors.InternalError(None, None, "peer access is not supported")

    assert copy_probe.find_broken(GPUS, fail) == [GPUS, GPUS[::-1]]


def test_a_card_without_memory_is_a_sentence(monkeypatch):
    def run_out(devices):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")

    monkeypatch.setattr(copy_probe, "find_broken", run_out)
    with pytest.raises(errors.DeviceMemoryError, match="too little memory"):
        placement._probe(GPUS)

    def copy(numbers, source, target):
        run_out(())

    monkeypatch.undo()
    with pytest.raises(tf.errors.ResourceExhaustedError):
        copy_probe.find_broken(GPUS, copy)


def test_the_devices_of_this_machine_are_intact():
    numbers = np.random.default_rng(0).random(100, np.float32)
    back = copy_probe.copy_between(numbers, "/device:CPU:0", "/device:CPU:0")
    np.testing.assert_array_equal(back, numbers)


@pytest.mark.parametrize("copy, is_broken", [(lose, True), (lambda n, *_: n, False)])
def test_two_gpus_are_probed(monkeypatch, copy, is_broken):
    find = copy_probe.find_broken
    monkeypatch.setattr(copy_probe, "find_broken", lambda devices: find(devices, copy))
    where = placement._probe(GPUS)
    assert where == placement.Placement(GPUS, through_host=is_broken)
    assert ("do not arrive intact" in where.describe()) == is_broken
    expected = "/device:CPU:0" if is_broken else GPUS[0]
    assert where.get_shared_device() == expected


def test_other_devices_are_not(monkeypatch):
    monkeypatch.setattr(copy_probe, "find_broken", None)
    for devices in ((), GPUS[:1], ("/device:CPU:0", "/device:CPU:1")):
        assert not placement._probe(devices).through_host


# Two towers and the host on three logical CPUs, in a process of its own.
SCRIPT = """
import json
import numpy as np
import tensorflow as tf
from alexnet_tf.config import schema
from alexnet_tf.devices import placement
from alexnet_tf.network import build
from alexnet_tf.network.parameters import list_parameters
from alexnet_tf.optimization import momentum
from alexnet_tf.optimization.loss_scale import LossScale
from alexnet_tf.training import steps
from tools import placement_report

devices = placement.make_placement("CPU:1,CPU:2").devices
rng = np.random.default_rng(0)
images = tf.constant(60 * rng.standard_normal((4, 67, 67, 3)), tf.float32)
labels = tf.constant(rng.integers(0, 10, 4), tf.int32)
result = []
for through_host in (False, True):
    where = placement.Placement(devices, through_host)
    device = where.get_shared_device()
    network = build.build_model(
        10, schema.ModelConfig(width=0.0625, normalization="reference"),
        crop_size=67, placement=where)
    parameters = list_parameters(network)
    update = momentum.MomentumOptimizer(parameters, schema.OptimizerConfig(), device)
    update.rates.assign(tf.fill(update.rates.shape, 0.01))
    scale = LossScale("float32", device)
    step = steps.make_train_step(network, update, scale, device)
    graph, first = placement_report.capture_placed_graph(step, images, labels)
    transfers = placement_report.list_transfers(graph)
    second = step(images, labels)
    result.append({
        "losses": [float(first.loss), float(second.loss)],
        # Keras lists the layers of each depth in another order.
        "norms": {
            parameter.name: float(norm)
            for parameter, norm in zip(parameters, second.gradient_norms)},
        "direct": [
            transfer.op for transfer in transfers
            if {transfer.source, transfer.target} == {"CPU:1", "CPU:2"}
            and not transfer.is_control],
        "through_host": sum("CPU:0" in (t.source, t.target) for t in transfers),
    })
print(json.dumps(result))
"""


@pytest.mark.whole_run
def test_nothing_goes_directly_and_the_numbers_are_the_same():
    done = forked_processes.run_python("-c", SCRIPT)
    assert done.returncode == 0, done.stderr
    direct, staged = json.loads(done.stdout)
    assert len(direct["direct"]) > 10 and staged["direct"] == []
    assert staged["through_host"] > 10
    assert staged["losses"] == direct["losses"]
    assert staged["norms"] == direct["norms"]
    assert direct["losses"][0] != direct["losses"][1]


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
