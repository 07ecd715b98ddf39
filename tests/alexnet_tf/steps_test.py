"""The steps: what they compute, and where. Placed on two logical CPU devices."""

import collections
import dataclasses
import json
import sys

import numpy as np
import pytest
import tensorflow as tf

from alexnet_tf import model as model_lib
from alexnet_tf import optimizer as optimizer_lib
from alexnet_tf import placement_report, steps
from alexnet_tf.config import ModelConfig, OptimizerConfig
from alexnet_tf.loss_scale import LossScale
from tests import processes

CROP = 67
SMALL = ModelConfig(width=0.0625)
A, B = "CPU:0", "CPU:1"

# Two logical CPU devices must be made before TensorFlow starts: a process of its own.
PLACED_SCRIPT = """
import json, sys
import numpy as np
import tensorflow as tf
from alexnet_tf import config, model, optimizer, placement, placement_report, steps
from alexnet_tf.loss_scale import LossScale

normalization, precision = sys.argv[1:]

def build(where):
    device = where.get_device(0)
    network = model.build_model(
        10, config.ModelConfig(width=0.0625, normalization=normalization),
        crop_size=67, precision=precision, placement=where)
    update = optimizer.MomentumOptimizer(
        optimizer.list_parameters(network), config.OptimizerConfig(), device)
    update.rates.assign(tf.fill(update.rates.shape, 0.01))
    scale = LossScale(precision, device)
    return network, update, scale, steps.make_train_step(network, update, scale, device)

def make_batch(number):
    rng = np.random.default_rng(number)
    images = 60 * rng.standard_normal((4, 67, 67, 3))
    labels = rng.integers(0, 10, 4)
    return tf.constant(images, tf.float32), tf.constant(labels, tf.int32)

placed = placement.make_placement("CPU:0,CPU:1")
result = {"losses": {}}
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
    done = processes.run_python("-c", PLACED_SCRIPT, *request.param)
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
        assert seen["backward", device] == tower
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
    # What else crosses is a scalar, by its shape, or no data at all.
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


# What the steps compute, on whatever device.


def build(config=SMALL, precision="float32", optimizer_config=None):
    model = model_lib.build_model(10, config, crop_size=CROP, precision=precision)
    optimizer = optimizer_lib.MomentumOptimizer(
        optimizer_lib.list_parameters(model), optimizer_config or OptimizerConfig()
    )
    optimizer.rates.assign(tf.fill(optimizer.rates.shape, 0.01))
    scale = LossScale(precision)
    return model, optimizer, scale, steps.make_train_step(model, optimizer, scale)


def make_batch(seed=0, size=4):
    rng = np.random.default_rng(seed)
    images = 60 * rng.standard_normal((size, CROP, CROP, 3))
    labels = rng.integers(0, 10, size)
    return tf.constant(images, tf.float32), tf.constant(labels, tf.int32)


def snapshot(optimizer):
    variables = [p.variable for p in optimizer.parameters] + optimizer.velocities
    return [v.numpy() for v in variables]


def test_a_step_is_loss_gradient_rule():
    model, optimizer, scale, train_step = build(
        dataclasses.replace(SMALL, dropout_rate=0.0)
    )
    images, labels = make_batch()
    variables = [p.variable for p in optimizer.parameters]
    before = [v.numpy().astype(np.float64) for v in variables]
    with tf.GradientTape() as tape:
        logits = model(images, training=True)
        log_probabilities = tf.nn.log_softmax(logits)
        loss = -tf.reduce_mean(tf.gather(log_probabilities, labels, batch_dims=1))
    gradients = [g.numpy() for g in tape.gradient(loss, variables)]

    result = train_step(images, labels)
    np.testing.assert_allclose(result.loss, loss, rtol=1e-6)
    assert bool(result.is_finite)
    norms = [np.linalg.norm(g.astype(np.float64)) for g in gradients]
    np.testing.assert_allclose(result.gradient_norms, norms, rtol=1e-4)
    for variable, weights, gradient in zip(variables, before, gradients, strict=True):
        velocity = -0.0005 * 0.01 * weights - 0.01 * gradient
        np.testing.assert_allclose(variable, weights + velocity, rtol=0, atol=1e-6)
    ranks = np.argsort(np.argsort(-logits.numpy(), axis=1), axis=1)
    label_ranks = ranks[np.arange(4), labels.numpy()]
    np.testing.assert_array_equal(
        result.errors, [(label_ranks >= 1).sum(), (label_ranks >= 5).sum()]
    )
    assert scale.scale.numpy() == 1


def test_a_step_learns():
    *_, train_step = build(dataclasses.replace(SMALL, initial_stddev=0.03))
    batch = make_batch()
    losses = [float(train_step(*batch).loss) for _ in range(40)]
    assert np.mean(losses[-5:]) < 0.8 * losses[0]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_pixel_that_is_no_number_changes_nothing(value):
    _, optimizer, scale, train_step = build()
    train_step(*make_batch())
    before = snapshot(optimizer)
    images, labels = make_batch(1)
    broken = images.numpy()
    broken[2, 30, 30, 1] = value
    result = train_step(tf.constant(broken), labels)
    assert not bool(result.is_finite)
    for old, new in zip(before, snapshot(optimizer), strict=True):
        np.testing.assert_array_equal(old, new)
    assert scale.scale.numpy() == 1
    # The next good batch is trained on.
    result = train_step(images, labels)
    assert bool(result.is_finite)
    assert not np.array_equal(before[0], snapshot(optimizer)[0])


def test_an_infinite_weight_is_found():
    _, optimizer, _, train_step = build()
    kernel = optimizer.parameters[-2].variable
    kernel.assign(tf.tensor_scatter_nd_update(kernel, [[0, 0]], [np.inf]))
    assert not bool(train_step(*make_batch()).is_finite)


def test_bfloat16_is_close_to_float32():
    # Without dropout and at weights that answer.
    config = dataclasses.replace(SMALL, dropout_rate=0.0, initial_stddev=0.03)
    results = {}
    for precision in ("float32", "mixed_bfloat16"):
        *_, scale, train_step = build(config, precision)
        results[precision] = train_step(*make_batch())
        assert scale.scale.numpy() == 1
    ours, reference = results["mixed_bfloat16"], results["float32"]
    assert ours.loss.dtype == tf.float32
    np.testing.assert_allclose(ours.loss, reference.loss, rtol=0.01)
    # Sums of a few cancelling terms in 8 bits: each roughly, all together closely.
    norms = ours.gradient_norms.numpy(), reference.gradient_norms.numpy()
    np.testing.assert_allclose(*norms, rtol=0.25)
    np.testing.assert_allclose(*map(np.linalg.norm, norms), rtol=0.02)


def test_float16_scales_the_loss_and_halves_on_overflow():
    config = ModelConfig(width=0.03, dropout_rate=0.0, initial_stddev=0.03)
    *_, reference_step = build(config)
    _, optimizer, scale, train_step = build(config, "mixed_float16")
    batch = make_batch(size=2)
    reference, result = reference_step(*batch), train_step(*batch)
    assert bool(result.is_finite)
    assert (scale.scale.numpy(), scale.good_steps.numpy()) == (2**15, 1)
    np.testing.assert_allclose(result.loss, reference.loss, rtol=0.01)
    # The gradients are those of the loss, not of the scaled loss.
    np.testing.assert_allclose(
        result.gradient_norms, reference.gradient_norms, rtol=0.05
    )
    # 2^24 times the gradient is beyond float16: skipped, halved, nothing changed.
    before = snapshot(optimizer)
    scale.scale.assign(2.0**24)
    assert not bool(train_step(*batch).is_finite)
    assert (scale.scale.numpy(), scale.good_steps.numpy()) == (2**23, 0)
    for old, new in zip(before, snapshot(optimizer), strict=True):
        np.testing.assert_array_equal(old, new)


def test_evaluation_averages_the_softmax_over_views():
    model, *_ = build(dataclasses.replace(SMALL, initial_stddev=0.05))
    eval_step = steps.make_eval_step(model)
    rng = np.random.default_rng(0)
    views = (60 * rng.standard_normal((3, 4, CROP, CROP, 3))).astype(np.float32)
    labels = np.array([0, 4, 9], np.int32)
    result = eval_step(views, labels)

    logits = np.stack([model(v, training=False).numpy() for v in views])
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=2, keepdims=True))
    probabilities = (shifted / shifted.sum(axis=2, keepdims=True)).mean(axis=1)
    np.testing.assert_allclose(result.probabilities, probabilities, rtol=1e-4)
    of_labels = probabilities[np.arange(3), labels]
    np.testing.assert_allclose(result.losses, -np.log(of_labels), rtol=1e-4)
    better = (probabilities > of_labels[:, None]).sum(axis=1)
    expected = np.stack([better >= 1, better >= 5], axis=1)
    np.testing.assert_array_equal(result.is_error, expected)


def test_evaluation_is_traced_once_for_any_batch():
    model, *_ = build()
    eval_step = steps.make_eval_step(model)
    for size, num_views in [(2, 1), (1, 1), (3, 10)]:
        views = np.zeros((size, num_views, CROP, CROP, 3), np.float32)
        assert eval_step(views, np.zeros(size, np.int32)).losses.shape == (size,)
    assert eval_step.experimental_get_tracing_count() == 1


def test_a_certain_error_has_a_finite_loss():
    model, *_ = build()
    kernel, bias = model.get_layer("fc8").get_weights()
    bias[3] = 1e4
    model.get_layer("fc8").set_weights([kernel, bias])
    views = np.zeros((1, 1, CROP, CROP, 3), np.float32)
    losses = steps.make_eval_step(model)(views, np.array([0], np.int32)).losses
    assert 80 < float(losses[0]) < 100


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
