"""Reports where a training step's ops ran and which tensors crossed devices.

It reads the placed graph, which TensorFlow executes after placement, optimization and
partitioning, with one graph per device. So it shows the actual placement, not the
requested one.
"""

from __future__ import annotations

import collections
import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import tensorflow as tf
from tensorflow.python.eager import context

KINDS = ("forward", "backward", "update", "other")

# Ops that do no work on a device.
_BOOKKEEPING_OPS = {"_Arg", "_Retval", "Const", "NoOp", "Placeholder"}
_SEND_OPS = {"_Send", "_HostSend"}
_RECEIVE_OPS = {"_Recv", "_HostRecv"}

# Keras 3 writes alexnet_1/conv1a_1/Conv2D, Keras 2 alexnet/conv1a/Conv2D.
_LAYER = re.compile(
    r"(?:^|/)alexnet(?:_\d+)?/"
    r"((?:(?:conv|relu|lrn|cnorm|pool|exchange|fc|drop)\d|images)[ab]?)(?:_\d+)?/"
)
_BACKWARD = re.compile(r"(?:^|/)gradients(?:_\d+)?/")
_UPDATE = re.compile(r"(?:^|/)cond(?:_\d+)?/")
# On GPUs, the layout optimizer transposes maps before they are sent.
_TRANSPOSED = re.compile(r"-\d+(?:-\d+)?-Transpose\w+-LayoutOptimizer$")


@dataclasses.dataclass(frozen=True)
class PlacedGraph:
    """A compiled function after placement: the executed graphs, one per device.

    `shapes` are the tensors', by the op's name in the traced function.
    """

    partitions: Sequence[tf.compat.v1.GraphDef]
    shapes: Mapping[str, tf.TensorShape]


@dataclasses.dataclass(frozen=True)
class Transfer:
    """A tensor that one device ("GPU:0") sends to another.

    `op` is its name in the placed graph, "alexnet/pool2a/MaxPool2d". One that
    `is_control` is a signal ("done", "this branch is taken") without data, of 0 bytes.
    Shape and bytes are None if unknown.
    """

    op: str
    source: str
    target: str
    is_control: bool
    shape: tuple[int, ...] | None
    num_bytes: int | None


def capture_placed_graph(function: Any, *args: Any) -> tuple[PlacedGraph, Any]:
    """Calls a `tf.function` and returns its placed graph and the call's result.

    It must not have been called before: TensorFlow reports the graph on creating it.
    The arguments are tensors of known shapes.
    """
    context.enable_run_metadata()
    try:
        result = function(*args)
        metadata = context.export_run_metadata()
    finally:
        context.disable_run_metadata()
    graphs = max(
        (graphs.partition_graphs for graphs in metadata.function_graphs),
        key=lambda partitions: sum(len(graph.node) for graph in partitions),
    )
    traced = function.get_concrete_function(*args).graph.as_graph_def(add_shapes=True)
    bodies: list[Iterable[Any]] = [body.node_def for body in traced.library.function]
    shapes = {}
    for nodes in [*bodies, traced.node]:
        for node in nodes:
            outputs = node.attr["_output_shapes"].list.shape
            if len(outputs) == 1:
                shapes[node.name] = tf.TensorShape(outputs[0])
    return PlacedGraph(list(graphs), shapes), result


def find_layer(op: str) -> str | None:
    """The layer that an op belongs to, forward or backward: "conv1a", "fc8", None."""
    match = _LAYER.search(op)
    return match[1] if match else None


def find_kind(op: str) -> str:
    """The kind of an op, one of `KINDS`, from its name.

    "update" ops are skipped if a gradient is not finite; "other" ops are the loss, the
    gradients' norms and the error counts.
    """
    if _BACKWARD.search(op):
        return "backward"
    if _UPDATE.search(op):
        return "update"
    return "forward" if find_layer(op) else "other"


def describe_op(op: str) -> str:
    """Describes an op's output, independently of the stack's naming.

    alexnet_1/pool2a_1/MaxPool2d -> "pool2a";
    gradients/alexnet/exchange6a/concat_grad/Slice_1 -> "gradient of exchange6a, b"
    (tower b's part of it). Any other op is described by its name.
    """
    layer = find_layer(op)
    if layer is None:
        return _TRANSPOSED.sub("", op)
    if find_kind(op) != "backward":
        return layer
    part = re.search(r"/Slice(?:_(\d+))?$", _TRANSPOSED.sub("", op))
    tower = f", {'ab'[int(part[1] or 0)]}" if part else ""
    return f"gradient of {layer}{tower}"


def shorten_device(device: str) -> str:
    """/job:localhost/replica:0/task:0/device:CPU:0 -> CPU:0."""
    return device.rsplit("/device:", 1)[-1]


def list_ops(
    partitions: Sequence[tf.compat.v1.GraphDef],
) -> list[tuple[str, str, str]]:
    """(op name, op type, device) of every op that computes.

    Excludes arguments, results, constants and transfers.
    """
    left_out = _BOOKKEEPING_OPS | _SEND_OPS | _RECEIVE_OPS
    return [
        (node.name, node.op, shorten_device(node.device))
        for graph in partitions
        for node in graph.node
        if node.op not in left_out
    ]


def count_ops(
    partitions: Sequence[tf.compat.v1.GraphDef],
) -> dict[str, dict[str, int]]:
    """The number of ops by kind (all of `KINDS`, in order) and device."""
    counts = {kind: collections.Counter[str]() for kind in KINDS}
    for op, _, device in list_ops(partitions):
        counts[find_kind(op)][device] += 1
    return {kind: dict(sorted(counter.items())) for kind, counter in counts.items()}


def list_transfers(placed: PlacedGraph) -> list[Transfer]:
    """All tensors sent between devices, largest first."""
    transfers = []
    for graph in placed.partitions:
        for node in graph.node:
            if node.op not in _SEND_OPS:
                continue
            op = node.input[0].removeprefix("^").split(":")[0]
            is_control = "/ctrl/" in op
            shape = None if is_control else _find_shape(op, placed.shapes)
            num_bytes = 0 if is_control else None
            if shape is not None:
                dtype = tf.dtypes.as_dtype(node.attr["T"].type)
                num_bytes = dtype.size * tf.TensorShape(shape).num_elements()
            transfers.append(
                Transfer(
                    op,
                    shorten_device(node.attr["send_device"].s.decode()),
                    shorten_device(node.attr["recv_device"].s.decode()),
                    is_control,
                    shape,
                    num_bytes,
                )
            )
    return sorted(transfers, key=lambda t: (-(t.num_bytes or 0), t.op))


def format_report(placed: PlacedGraph) -> str:
    """Formats counts and transfers as two Markdown tables; scalars are only counted."""
    counts = count_ops(placed.partitions)
    devices = sorted({device for row in counts.values() for device in row})
    lines = ["| ops | " + " | ".join(devices) + " |", "|---" * (1 + len(devices)) + "|"]
    for kind, row in counts.items():
        cells = [f"{row.get(device, 0):,}" for device in devices]
        lines.append(f"| {kind} | " + " | ".join(cells) + " |")

    lines += ["", "| crosses | from | to | shape | bytes |", "|---|---|---|---|---|"]
    transfers = list_transfers(placed)
    scalars = [t for t in transfers if t.is_control or t.shape == ()]
    for transfer in transfers:
        if transfer in scalars:
            continue
        shape = "x".join(map(str, transfer.shape)) if transfer.shape else "?"
        size = "?" if transfer.num_bytes is None else f"{transfer.num_bytes:,}"
        lines.append(
            f"| {describe_op(transfer.op)} | {transfer.source} | {transfer.target} | "
            f"{shape} | {size} |"
        )
    routes = collections.Counter((t.source, t.target) for t in scalars)
    for (source, target), number in sorted(routes.items()):
        lines.append(f"| {number} scalars and signals | {source} | {target} | | |")
    return "\n".join(lines)


def _find_shape(
    op: str, shapes: Mapping[str, tf.TensorShape]
) -> tuple[int, ...] | None:
    name = _TRANSPOSED.sub("", op)
    # An op in a branch: cond/then/_0/cond/Select is cond/Select in its function.
    for candidate in (name, re.sub(r"^.*/then/_\d+/", "", name)):
        shape = shapes.get(candidate)
        if shape is not None and shape.is_fully_defined():
            return tuple(shape.as_list())
    return None
