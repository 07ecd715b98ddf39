"""The bare training step of a network of any settings, on images that lie ready."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

Call = Callable[[], Any]


def train_step(
    settings: Mapping[str, Any],
    num_classes: int,
    steps_per_call: int = 1,
    devices: str = "auto",
    num_towers: int = 2,
) -> Call:
    """A call that makes training steps.

    Args:
      settings: over the paper's, by dotted names.
      num_classes: the width of fc8.
      steps_per_call: how many a call makes.
      devices: the towers', as the setting says it.
      num_towers: 1 or 2.
    """
    step, images, labels = make_step(settings, num_classes, devices, num_towers)

    def call() -> None:
        for _ in range(steps_per_call):
            result = step(images, labels)
        result.loss.numpy()

    call()
    return call


def placed_step(
    settings: Mapping[str, Any], num_classes: int, devices: str, num_towers: int
) -> Call:
    """A step on named devices, and what it costs.

    The call returns `seconds`, `peak_bytes`, the most that the process has had in RAM,
    and `crossing_bytes`, what one device sends to another in a step.
    """
    from alexnet_tf.devices import placement_report

    step, images, labels = make_step(settings, num_classes, devices, num_towers)
    placed, _ = placement_report.capture_placed_graph(step, images, labels)
    crossing = sum(t.num_bytes or 0 for t in placement_report.list_transfers(placed))

    def call() -> dict[str, float]:
        start = time.perf_counter()
        step(images, labels).loss.numpy()
        seconds = time.perf_counter() - start
        return {
            "seconds": seconds,
            "peak_bytes": read_peak_bytes(),
            "crossing_bytes": crossing,
        }

    return call


def read_peak_bytes() -> int:
    """The most that this process has had in RAM."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Kilobytes on Linux, bytes on macOS.
    return peak if sys.platform == "darwin" else 1024 * peak


def make_step(
    settings: Mapping[str, Any],
    num_classes: int,
    devices: str = "auto",
    num_towers: int = 2,
) -> tuple[Any, Any, Any]:
    """The training step, and the images and labels that it is to be called with.

    Args: `train_step`'s.
    """
    import tensorflow as tf

    from alexnet_tf.config import overrides as settings_lib
    from alexnet_tf.config import schema
    from alexnet_tf.devices import placement, precision
    from alexnet_tf.network import build
    from alexnet_tf.network.parameters import list_parameters
    from alexnet_tf.network.tables import ALEXNET, Network
    from alexnet_tf.optimization import keras_optimizers, loss_scale
    from alexnet_tf.training import steps

    where = placement.make_placement(devices)
    precision.make_reproducible()
    chosen = settings_lib.override(schema.Config(), dict(settings))
    network = build.build_model(
        num_classes,
        chosen.model,
        crop_size=chosen.data.crop_size,
        precision=chosen.precision,
        placement=where,
        network=Network(num_towers, ALEXNET.rows),
    )
    device = where.get_device(0)
    updater = keras_optimizers.make_optimizer(
        list_parameters(network), chosen.optimizer, device
    )
    updater.rates.assign(tf.fill(updater.rates.shape, 1e-3))
    step = steps.make_train_step(
        network, updater, loss_scale.LossScale(chosen.precision, device), device
    )
    size, crop = chosen.batch_size, chosen.data.crop_size
    images = 60.0 * tf.random.stateless_normal([size, crop, crop, 3], (0, 0))
    return step, images, tf.range(size, dtype=tf.int32) % num_classes
