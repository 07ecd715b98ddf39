"""Training steps of our network as candidates, and the parts of a step.

The images are in memory already; the parts are from TensorFlow's own trace.
"""

from __future__ import annotations

import re
import resource
import sys
from collections.abc import Mapping
from typing import Any

from tools import step_traces
from tools.benchmarks.harness import Call, time_call

NUM_CLASSES = 1000

# Of an event's text, "alexnet/conv1a/Conv2D:Conv2D": the first part that fits has it.
_PATTERNS = {
    # XLA's loops come without their layer's name, and there are no others in a step.
    "response normalization": r"/c?(lrn|norm)\d|^CpuExecutable::ExecuteAsyncOnStream$",
    "convolutions, gradients of the filters": r":\w*Conv2DBackpropFilter",
    "convolutions, gradients of the inputs": r":\w*Conv2DBackpropInput",
    "convolutions, forward, with bias and ReLU": r":\w*Conv2D|/conv\d",
    "fully connected layers, forward and backward": r":\w*MatMul|/fc\d.*BiasAdd",
    "pooling, forward and backward": r":\w*(Max|Avg)Pool",
    "dropout": r"/drop\d",
    "gradients of the other ReLUs": r":\w*ReluGrad",
    "exchanges between the towers": r"/(exchange|images)",
    "update: decay, momentum, norms of the gradients": (
        r":L2Loss|^cond/|ApplyKerasMomentum|^(Any|AddN|Sqrt|add)(_\d+)?:"
    ),
    "weights and gradients from one type to another": r":Cast$",
    "the rest": "",
}
PARTS = tuple(_PATTERNS)
# An operation, "name:Type"; all else in a trace is TensorFlow's own bookkeeping.
_OPERATION = re.compile(r"^[^:\s]+:[A-Za-z_]\w*$|^CpuExecutable::ExecuteAsyncOnStream$")


def train_step(
    settings: Mapping[str, Any], num_classes: int = NUM_CLASSES, steps_per_call: int = 1
) -> Call:
    """Training steps with `settings` over the paper's, by dotted names."""
    step, images, labels = build_step(settings, num_classes)

    def call() -> None:
        for _ in range(steps_per_call):
            result = step(images, labels)
        result.loss.numpy()

    call()
    return call


def traced_step(settings: Mapping[str, Any], num_classes: int = NUM_CLASSES) -> Call:
    """Traces a training step; a call returns `sum_parts` of it."""
    step, images, labels = build_step(settings, num_classes)

    def call_step() -> None:
        step(images, labels).loss.numpy()

    call_step()
    return lambda: sum_parts(step_traces.record(call_step))


def find_part(event: str) -> str | None:
    """The part of a step, one of `PARTS`, that a trace's event belongs to, or None."""
    if not _OPERATION.search(event):
        return None
    return next(name for name, text in _PATTERNS.items() if re.search(text, event))


def sum_parts(trace: bytes) -> dict[str, float]:
    """Seconds of each of `PARTS` in a trace (`*.xplane.pb`).

    Of operations, from start to end: of two that ran at a time both count.
    """
    seconds = dict.fromkeys(PARTS, 0.0)
    for event in step_traces.read_events(trace):
        part = find_part(event.name)
        if part is not None:
            seconds[part] += (event.end - event.start) / 1e3
    return seconds


def placed_step(settings: Mapping[str, Any], devices: str, num_towers: int) -> Call:
    """A training step on the named devices.

    A call returns its `seconds`, the process's peak resident set (`peak_bytes`) and the
    bytes that one device sends to another per step (`crossing_bytes`).
    """
    from tools import placement_report

    step, images, labels = build_step(settings, NUM_CLASSES, devices, num_towers)
    placed, _ = placement_report.capture_placed_graph(step, images, labels)
    crossing = sum(t.num_bytes or 0 for t in placement_report.list_transfers(placed))

    def call() -> dict[str, float]:
        seconds = time_call(lambda: step(images, labels).loss.numpy())
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        peak *= 1 if sys.platform == "darwin" else 1024  # Linux counts kilobytes.
        return {"seconds": seconds, "peak_bytes": peak, "crossing_bytes": crossing}

    return call


def build_step(
    settings: Mapping[str, Any],
    num_classes: int,
    devices: str = "auto",
    num_towers: int = 2,
) -> tuple[Any, Any, Any]:
    """The training step of a new network, and images and labels to call it with.

    The settings are over the paper's, by dotted names.
    """
    import tensorflow as tf

    from alexnet_tf.config import overrides, schema
    from alexnet_tf.devices import placement, precision
    from alexnet_tf.network import build
    from alexnet_tf.network.networks import ALEXNET
    from alexnet_tf.network.parameters import list_parameters
    from alexnet_tf.network.tables import Network
    from alexnet_tf.optimization import keras_optimizers, loss_scale
    from alexnet_tf.training import steps

    where = placement.make_placement(devices)
    config = overrides.override(schema.Config(), dict(settings))
    precision.set_reproducible(config.reproducible)
    network = build.build_model(
        num_classes,
        config.model,
        crop_size=config.data.crop_size,
        precision=config.precision,
        placement=where,
        network=Network(num_towers, ALEXNET.rows),
    )
    device = where.get_shared_device()
    optimizer = keras_optimizers.make_optimizer(
        list_parameters(network), config.optimizer, device
    )
    optimizer.rates.assign(tf.fill(optimizer.rates.shape, 1e-3))
    scale = loss_scale.LossScale(config.precision, device)
    step = steps.make_train_step(network, optimizer, scale, device)
    size, crop = config.batch_size, config.data.crop_size
    images = 60.0 * tf.random.stateless_normal([size, crop, crop, 3], (0, 0))
    return step, images, tf.range(size, dtype=tf.int32) % num_classes
