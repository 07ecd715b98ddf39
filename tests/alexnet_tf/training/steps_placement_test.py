"""Where a training step runs: placed on two logical CPU devices, op by op."""

import collections
import json
import sys

import numpy as np
import pytest

from alexnet_tf.config.schema import ModelConfig
from tests import forked_processes
from tools import placement_report

pytestmark = pytest.mark.whole_run

CROP = 67
SMALL = ModelConfig(width=0.0625)
A, B = "CPU:0", "CPU:1"

# In a separate process: logical CPUs must be created before TensorFlow starts.
PLACED_SCRIPT = """
import json, sys
import numpy as np
import tensorflow as tf
from alexnet_tf.config import schema as config
from alexnet_tf.network import build as model
from alexnet_tf.optimization import momentum as optimizer
from alexnet_tf.training import steps
from alexnet_tf.devices import placement
from tools import placement_report
from alexnet_tf.optimization.loss_scale import LossScale
from alexnet_tf.network.parameters import list_parameters

normalization, precision = sys.argv[1:]

def build(where):
    device = where.get_device(0)
    network = model.build_model(
        10, config.ModelConfig(width=0.0625, normalization=normalization),
        crop_size=67, precision=precision, placement=where)
    update = optimizer.MomentumOptimizer(
        list_parameters(network), config.OptimizerConfig(), device)
    update.rates.assign(tf.fill(update.rates.shape, 0.01))
    scale = LossScale(precision, device)
    return network, update, scale, steps.make_train_step(network, update, scale, device)

def make_batch(number):
    rng = np.random.default_rng(number)
    images = 60 * rng.standard_normal((4, 67, 67, 3))
    labels = rng.integers(0, 10, 4)
    return tf.constant(images, tf.float32), tf.constant(labels, tf.int32)

placed = placement.make_placement("CPU:0,CPU:1")
result = {"losses": {}, "is_fused": normalization == "fused"}
for name, where in [
    ("placed", placed),
    ("one device", placement.make_placement("CPU:0")),
    ("unplaced", placement.Placement()),
]:
    network, update, scale, step = build(where)
    losses = []
    for number in range(20):
        batch = make_batch(number)
        if where is placed and number == 0:
            graph, first = placement_report.capture_placed_graph(step, *batch)
            result["ops"] = placement_report.list_ops(graph.partitions)
            result["counts"] = placement_report.count_ops(graph.partitions)
            result["transfers"] = [
                [placement_report.describe_op(t.op), t.source, t.target, t.is_control,
                 t.shape, t.num_bytes]
                for t in placement_report.list_transfers(graph)]
            result["parameters"] = [
                [p.name, p.variable.device, v.device]
                for p, v in zip(update.parameters, update.velocities)]
            result["draws"] = {
                layer.name: layer.draws.device
                for layer in network.layers if hasattr(layer, "draws")}
            result["scalars"] = [
                update.rates.device, scale.scale.device, scale.good_steps.device]
            losses.append(float(first.loss))
        else:
            losses.append(float(step(*batch).loss))
    result["losses"][name] = losses
print(json.dumps(result))
"""


@pytest.fixture(
    scope="module",
    params=[
        ("reference", "float32"),
        ("banded", "mixed_bfloat16"),
        ("fused", "float32"),
    ],
    ids="-".join,
)
def placed(request):
    """What a training step became on two devices, and losses with and without."""
    done = forked_processes.run_python("-c", PLACED_SCRIPT, *request.param)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


LAYERS = [
    *("conv1", "relu1", "lrn1", "pool1", "conv2", "relu2", "lrn2", "pool2"),
    *("exchange3", "conv3", "relu3", "conv4", "relu4", "conv5", "relu5", "pool5"),
    *("exchange6", "fc6", "relu6", "drop6", "exchange7", "fc7", "relu7", "drop7"),
]


def test_every_op_of_a_tower_is_on_its_device_both_ways(placed):
    seen = collections.defaultdict(set)
    for name, _, device in placed["ops"]:
        kind = placement_report.find_kind(name)
        layer = placement_report.find_layer(name)
        if kind in ("forward", "backward") and layer:
            assert device == (B if layer.endswith("b") else A), name
            seen[kind, device].add(layer)
    for suffix, device in (("a", A), ("b", B)):
        tower = {name + suffix for name in LAYERS}
        if suffix == "a":
            tower |= {"exchange8a", "fc8"}
        # The fused normalization computes the gradient of the ReLU before it.
        joint = {"relu1" + suffix, "relu2" + suffix} if placed["is_fused"] else set()
        assert seen["backward", device] == tower - joint
        # Forward, a convolution may be fused into its ReLU, which names the two.
        fused = {name for name in tower if name.startswith(("conv", "fc"))}
        assert seen["forward", device] - {"images" + suffix} >= tower - fused
        assert seen["forward", device] - {"images" + suffix} <= tower


def test_kernels_gradients_are_made_where_the_kernels_are(placed):
    counts = collections.Counter()
    for name, _, device in placed["ops"]:
        if name.startswith("gradients/"):
            last = name.rsplit("/", 1)[-1]
            counts[last, device] += last in ("Conv2DBackpropFilter", "MatMul_1")
            counts["sums", device] += last.startswith("AddN")
    for device in (A, B):
        assert counts["Conv2DBackpropFilter", device] == 5
        # pool2's, pool5's and drop6's maps are read on both devices: two gradients.
        assert counts["sums", device] == 3
    # The fully-connected kernels' gradients: fc6, fc7, and fc8 on a.
    assert (counts["MatMul_1", A], counts["MatMul_1", B]) == (3, 2)


def number_of(name):
    """cond/ResourceApplyKerasMomentum_12 -> 12."""
    last = name.rsplit("/", 1)[-1]
    return int(last.split("_")[-1]) if "_" in last else 0


def expect_device(parameter_name):
    return B if parameter_name.split("/")[0].endswith("b") else A


def test_updates_norms_and_velocities_are_beside_their_parameters(placed):
    names = [name for name, _, _ in placed["parameters"]]
    assert len(names) == 30
    for name, variable, velocity in placed["parameters"]:
        assert placement_report.shorten_device(variable) == expect_device(name)
        assert placement_report.shorten_device(velocity) == expect_device(name)
    for op_type in ("ResourceApplyKerasMomentum", "L2Loss"):
        found = {
            number_of(name): device
            for name, op, device in placed["ops"]
            if op == op_type
        }
        assert found == {i: expect_device(name) for i, name in enumerate(names)}
        assert collections.Counter(found.values()) == {A: 16, B: 14}


def test_counters_are_in_their_tower_and_scalars_on_the_first_device(placed):
    for name, device in placed["draws"].items():
        assert placement_report.shorten_device(device) == expect_device(name)
    for device in placed["scalars"]:
        assert placement_report.shorten_device(device) == A
    for name, _, device in placed["ops"]:
        if "SoftmaxCrossEntropy" in name or name.startswith(("Mean", "IsFinite")):
            assert device == A, name


def test_only_the_exchanges_cross(placed):
    crossing = sorted(
        (what, source, target)
        for what, source, target, is_control, shape, _ in placed["transfers"]
        if not is_control and shape != []
    )
    expected = [
        ("images", A, B),
        # conv3, fc6, fc7 see both towers' maps; fc8, on a, needs b's units.
        *(("pool2a", A, B), ("pool2b", B, A)),
        *(("pool5a", A, B), ("pool5b", B, A)),
        *(("drop6a", A, B), ("drop6b", B, A), ("drop7b", B, A)),
        # Their gradients: what device a computed of tower b's maps, and the reverse.
        *(("gradient of exchange3a, b", A, B), ("gradient of exchange3b, a", B, A)),
        *(("gradient of exchange6a, b", A, B), ("gradient of exchange6b, a", B, A)),
        *(("gradient of exchange7a, b", A, B), ("gradient of exchange7b, a", B, A)),
        ("gradient of exchange8a, b", A, B),
    ]
    assert crossing == sorted(expected)
    # All other transfers are scalars or control signals.
    assert all(
        num_bytes is not None and num_bytes <= 4
        for _, _, _, is_control, shape, num_bytes in placed["transfers"]
        if is_control or shape == []
    )


def test_placed_and_unplaced_give_the_same_losses(placed):
    losses = placed["losses"]
    assert len(set(losses["placed"])) == 20
    np.testing.assert_allclose(losses["placed"], losses["unplaced"], rtol=1e-5)
    np.testing.assert_allclose(losses["one device"], losses["unplaced"], rtol=1e-5)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
