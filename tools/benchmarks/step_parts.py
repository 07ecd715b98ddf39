"""Which part of a training step takes how much of it, from TensorFlow's own trace."""

from __future__ import annotations

import re

from tools import step_traces

# Of an event's text, "alexnet/conv1a/Conv2D:Conv2D": the first part that fits has it.
_PARTS = {
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
NAMES = tuple(_PARTS)
# An operation, "name:Type"; all else in a trace is TensorFlow's own bookkeeping.
_OPERATION = re.compile(r"^[^:\s]+:[A-Za-z_]\w*$|^CpuExecutable::ExecuteAsyncOnStream$")


def find_part(event: str) -> str | None:
    """The part of a step, one of `NAMES`, that a trace's event belongs to, or None."""
    if not _OPERATION.search(event):
        return None
    return next(name for name, text in _PARTS.items() if re.search(text, event))


def sum_parts(trace: bytes) -> dict[str, float]:
    """Seconds of each of `NAMES` in a trace (`*.xplane.pb`).

    Of operations, from start to end: of two that ran at a time both count.
    """
    seconds = dict.fromkeys(NAMES, 0.0)
    for event in step_traces.read_events(trace):
        part = find_part(event.name)
        if part is not None:
            seconds[part] += (event.end - event.start) / 1e3
    return seconds
