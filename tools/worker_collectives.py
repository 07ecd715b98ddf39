"""The collectives in the training step of one of several workers.

They are read from the step's graph. Nothing runs, so there are no other workers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import tensorflow as tf

from alexnet_tf.config.schema import ModelConfig, OptimizerConfig
from alexnet_tf.devices import collectives
from alexnet_tf.devices.peers import Peers
from alexnet_tf.devices.placement import Placement
from alexnet_tf.devices.workers import Workers
from alexnet_tf.network import build
from alexnet_tf.network.parameters import list_parameters
from alexnet_tf.optimization.loss_scale import LossScale
from alexnet_tf.optimization.momentum import MomentumOptimizer
from alexnet_tf.training import steps


@dataclasses.dataclass(frozen=True)
class Collective:
    """A sum over the workers.

    Attributes:
      device: where it runs, such as "GPU:1".
      num_values: the elements of its vector.
      type: the vector's dtype.
      num_workers: how many workers take part.
    """

    device: str
    num_values: int
    type: str
    num_workers: int


class _Unconnected(collectives.WorkerCollectives):
    """Collectives without a cluster, which build the same graph."""

    def _connect(self) -> None:
        pass


def list_collectives(
    where: Placement, num_workers: int, batch_size: int, num_classes: int
) -> list[Collective]:
    """Those of the paper's network on `where`, in the order of the graph.

    `batch_size` counts the images of this worker.
    """
    workers = Workers(tuple(f"worker{i}:2222" for i in range(num_workers)), 0)
    network = build.build_model(
        num_classes,
        ModelConfig(normalization="reference"),
        placement=where,
        workers=workers,
    )
    device = where.get_shared_device()
    step = steps.make_train_step(
        network,
        MomentumOptimizer(list_parameters(network), OptimizerConfig(), device),
        LossScale("float32", device),
        device,
        _Unconnected(workers, Peers()),
    )
    graph = step.get_concrete_function(
        tf.TensorSpec([batch_size, 224, 224, 3]), tf.TensorSpec([batch_size], tf.int32)
    ).graph
    return [
        Collective(
            op.device.rpartition("/device:")[2],
            op.inputs[0].shape.num_elements(),
            op.inputs[0].dtype.name,
            int(tf.get_static_value(op.inputs[1])),
        )
        for op in graph.get_operations()
        if op.type == "CollectiveReduceV2"
    ]


def format_table(found: Sequence[Collective]) -> str:
    """A Markdown table with a row for each."""
    lines = ["| device | values | type | workers |", "|---|---|---|---|"]
    for c in found:
        lines.append(f"| {c.device} | {c.num_values:,} | {c.type} | {c.num_workers} |")
    return "\n".join(lines)
