"""Prints the collectives of one of three workers' training step: device and elements.

Nothing runs, so there are no other workers.
"""

from __future__ import annotations

import collections
import json

import tensorflow as tf

from alexnet_tf.config.schema import ModelConfig, OptimizerConfig
from alexnet_tf.devices import collectives, placement
from alexnet_tf.devices.peers import Peers
from alexnet_tf.devices.workers import Workers
from alexnet_tf.network import build
from alexnet_tf.network.parameters import list_parameters
from alexnet_tf.optimization.loss_scale import LossScale
from alexnet_tf.optimization.momentum import MomentumOptimizer
from alexnet_tf.training import steps


class Unconnected(collectives.WorkerCollectives):
    """Collectives without a cluster, which build the same graph."""

    def _connect(self) -> None:
        pass


def main() -> None:
    """Traces the step."""
    where = placement.make_placement("CPU:0,CPU:1")
    workers = Workers(("a:1", "b:1", "c:1"), 1)
    network = build.build_model(
        10,
        ModelConfig(width=0.0625, normalization="reference"),
        crop_size=67,
        placement=where,
        workers=workers,
    )
    device = where.get_device(0)
    optimizer = MomentumOptimizer(list_parameters(network), OptimizerConfig(), device)
    step = steps.make_train_step(
        network,
        optimizer,
        LossScale("float32", device),
        device,
        Unconnected(workers, Peers()),
    )
    graph = step.get_concrete_function(
        tf.TensorSpec([4, 67, 67, 3]), tf.TensorSpec([4], tf.int32)
    ).graph
    own: collections.Counter[str] = collections.Counter()
    for parameter in optimizer.parameters:
        name = parameter.variable.device.rpartition("/device:")[2]
        own[name] += parameter.variable.shape.num_elements()
    found = [
        [
            op.device.rpartition("/device:")[2],
            op.inputs[0].shape.num_elements(),
            int(tf.get_static_value(op.inputs[1])),
        ]
        for op in graph.get_operations()
        if op.type == "CollectiveReduceV2"
    ]
    print(json.dumps({"parameters": own, "collectives": found}))


if __name__ == "__main__":
    main()
