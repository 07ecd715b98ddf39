"""Trains a small network on two logical devices and on one, with several update rules.

python -m tests.programs.step_on_two_devices SETTINGS...

SETTINGS are JSON objects of `OptimizerConfig`. The devices must be made before
TensorFlow starts, so this is a process of its own. Prints a line of JSON for each:
`losses` of six steps on "two" and "one", what crosses between the devices in a step
(`transfers`: operation, shape, bytes), and the device of each of the rule's variables
(`slots`).
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import tensorflow as tf

from alexnet_tf.config import schema
from alexnet_tf.devices import placement
from alexnet_tf.network import build
from alexnet_tf.network.parameters import list_parameters
from alexnet_tf.optimization import keras_optimizers
from alexnet_tf.optimization.loss_scale import LossScale
from alexnet_tf.training import steps
from tools import placement_report


def train(
    settings: schema.OptimizerConfig, places: dict[str, placement.Placement]
) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    images = tf.constant(60 * rng.standard_normal((4, 67, 67, 3)), tf.float32)
    batch = images, tf.constant(rng.integers(0, 10, 4), tf.int32)
    result: dict[str, Any] = {"losses": {}}
    for name, where in places.items():
        device = where.get_device(0)
        network = build.build_model(
            10, schema.ModelConfig(width=0.0625), crop_size=67, placement=where
        )
        update = keras_optimizers.make_optimizer(
            list_parameters(network), settings, device
        )
        update.rates.assign(tf.fill(update.rates.shape, 0.01))
        scale = LossScale("float32", device)
        step = steps.make_train_step(network, update, scale, device)
        if name == "two":
            graph, first = placement_report.capture_placed_graph(step, *batch)
            result["transfers"] = [
                [placement_report.describe_op(t.op), t.shape, t.num_bytes]
                for t in placement_report.list_transfers(graph)
            ]
            result["slots"] = {n: v.device for n, v in update.get_variables().items()}
        else:
            first = step(*batch)
        result["losses"][name] = [float(first.loss)]
        result["losses"][name] += [float(step(*batch).loss) for _ in range(5)]
    return result


def main() -> None:
    # The devices are made first.
    places = {
        "two": placement.make_placement("CPU:0,CPU:1"),
        "one": placement.make_placement("CPU:0"),
    }
    for text in sys.argv[1:]:
        settings = schema.OptimizerConfig(**json.loads(text))
        print(json.dumps(train(settings, places)), flush=True)


if __name__ == "__main__":
    main()
