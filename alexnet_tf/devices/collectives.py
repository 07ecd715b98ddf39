"""What workers exchange: gradients, error counts, and the chief's state (ours).

With n workers, each with an equal share of the batch, the gradient of the batch's mean
loss is the mean of the workers' gradients:

  gradient = (gradient_0 + ... + gradient_(n-1)) / n

`MultiWorkerMirroredStrategy` connects the processes. The sums are collectives of our
own, one per device with all gradients of its tower packed into one vector: a strategy's
replica is one device, and would put both towers' sums on the first. The sums are taken
in the same order every time, so equal inputs give equal bits on all workers.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from alexnet_tf.devices import placement
from alexnet_tf.devices.peers import Peers
from alexnet_tf.devices.workers import ALONE, Workers
from tfrecords import errors

# Any number, the same for all workers; one group per device follows it.
_FIRST_GROUP = 2012
# Where numbers that are not gradients are added.
_HOST = "/device:CPU:0"
_PEER_ERRORS = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
)


class Collectives:
    """A single process: nothing is exchanged.

    Attributes:
      workers: all processes.
    """

    workers = ALONE

    def __enter__(self) -> Collectives:
        return self

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        """Leaves the other workers: well, or, after an error, so that they stop."""

    def average(
        self, gradients: Sequence[tf.Tensor], variables: Sequence[tf.Variable]
    ) -> list[tf.Tensor]:
        """The mean of all workers' gradients, each on its variable's device."""
        del variables
        return list(gradients)

    def combine(
        self, loss: tf.Tensor, counts: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The mean loss, float32 scalar, and the sums of the counts, int32 [2]."""
        return loss, counts

    def add(self, values: np.ndarray) -> np.ndarray:
        """The sum of all workers' arrays of one shape, float64 or int64."""
        return values

    def share(self, array: np.ndarray) -> np.ndarray:
        """The chief's array, of the same shape and type for all workers."""
        return array

    def share_json(self, value: Any) -> Any:
        """The chief's JSON value."""
        return value

    def agree(self, wants: bool) -> bool:
        """Whether any worker wants to; the same answer for all."""
        return wants

    def peer_errors(self) -> contextlib.AbstractContextManager[None]:
        """Within the context, a worker that is lost raises `PeerError`."""
        return contextlib.nullcontext()


class WorkerCollectives(Collectives):
    """Several processes; every worker calls the same methods in the same order.

    Make it before TensorFlow has used any device.
    """

    def __init__(self, workers: Workers, peers: Peers):
        self.workers, self._peers = workers, peers
        self._connect()
        self._num_collectives = 0
        self._groups: dict[str, int] = {}
        self._sum_flag = tf.function(self._make_sum(), autograph=False)

    def _connect(self) -> None:
        resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
            tf.train.ClusterSpec({"worker": list(self.workers.addresses)}),
            task_type="worker",
            task_id=self.workers.index,
        )
        # Kept, as its end would end the cluster. It makes no replica of anything.
        self._strategy = tf.distribute.MultiWorkerMirroredStrategy(resolver)

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        self._peers.close(says_goodbye=kind is None)

    def average(
        self, gradients: Sequence[tf.Tensor], variables: Sequence[tf.Variable]
    ) -> list[tf.Tensor]:
        """As in `Collectives`: one collective per device."""
        averaged: list[tf.Tensor | None] = [None] * len(gradients)
        for device in dict.fromkeys(variable.device for variable in variables):
            rows = [row for row, v in enumerate(variables) if v.device == device]
            with placement.scope(device):
                packed = tf.concat([tf.reshape(gradients[r], [-1]) for r in rows], 0)
                total = self._make_sum(device)(packed) / self.workers.count
                sizes = [variables[row].shape.num_elements() for row in rows]
                for row, part in zip(rows, tf.split(total, sizes), strict=True):
                    averaged[row] = tf.reshape(part, variables[row].shape)
        return averaged

    def combine(
        self, loss: tf.Tensor, counts: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """As in `Collectives`."""
        values = [[tf.cast(loss, tf.float64)], tf.cast(counts, tf.float64)]
        total = self._make_sum()(tf.concat(values, 0))
        return (
            tf.cast(total[0] / self.workers.count, tf.float32),
            tf.cast(total[1:], tf.int32),
        )

    def add(self, values: np.ndarray) -> np.ndarray:
        """As in `Collectives`."""
        with self.peer_errors():
            return self._make_sum()(tf.constant(values)).numpy()

    def share(self, array: np.ndarray) -> np.ndarray:
        """As in `Collectives`: a sum in which the other workers' terms are 0."""
        # Bytes, so that every type and every bit pattern is shared unchanged.
        data = np.frombuffer(np.ascontiguousarray(array).tobytes(), np.uint8)
        sent = data if self.workers.is_chief else np.zeros_like(data)
        total = self.add(_pad(sent).view(np.int32)).view(np.uint8)[: len(data)]
        return np.frombuffer(total.tobytes(), array.dtype).reshape(array.shape)

    def share_json(self, value: Any) -> Any:
        """As in `Collectives`."""
        data = np.frombuffer(json.dumps(value).encode(), np.uint8)
        length = int(self.share(np.array(len(data), np.int64)))
        own = data if self.workers.is_chief else np.zeros(length, np.uint8)
        return json.loads(self.share(own).tobytes())

    def agree(self, wants: bool) -> bool:
        """As in `Collectives`."""
        with self.peer_errors():
            return bool(self._sum_flag(tf.constant([wants], tf.int32))[0] > 0)

    @contextlib.contextmanager
    def peer_errors(self) -> Iterator[None]:
        """As in `Collectives`."""
        try:
            yield
        except _PEER_ERRORS as error:
            raise errors.PeerError(
                f"{self._peers.explain()} TensorFlow's error: "
                f"{placement.get_message(error)}"
            ) from error

    def _make_sum(self, device: str = _HOST) -> Any:
        """A function from a tensor to its sum over the workers, on `device`.

        Every function is one collective, with a number of its own.
        """
        group = self._groups.setdefault(device, _FIRST_GROUP + len(self._groups))
        self._num_collectives += 1
        number = self._num_collectives

        def add(x: tf.Tensor) -> tf.Tensor:
            with tf.device(device):
                return tf.raw_ops.CollectiveReduceV2(
                    input=x,
                    group_size=self.workers.count,
                    group_key=group,
                    instance_key=number,
                    ordering_token=[],
                    merge_op="Add",
                    final_op="Id",
                    communication_hint="auto",
                )

        return add


def connect(workers: Workers, peers: Peers) -> Collectives:
    """The collectives between `workers`, which have met (see `meeting`)."""
    return WorkerCollectives(workers, peers) if workers.count > 1 else Collectives()


def _pad(data: np.ndarray) -> np.ndarray:
    return np.pad(data, (0, -len(data) % 4))
