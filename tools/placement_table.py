"""Shows where a training step's ops run on this machine's devices and what crosses."""

from __future__ import annotations

import pathlib
import sys

from absl import flags

# A script of the checkout finds the checkout's packages, wherever it is called.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from tfrecords import errors
from tfrecords.console import command_line

_DEVICES = flags.DEFINE_string(
    "devices", "GPU:0,GPU:1", "Tower a's and tower b's device, or one for both."
)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 128, "Images per step.", lower_bound=1)
_PRECISION = flags.DEFINE_enum(
    "precision",
    "float32",
    ["float32", "mixed_bfloat16", "mixed_float16"],
    "The layers' arithmetic.",
)
_NUM_CLASSES = flags.DEFINE_integer(
    "num_classes", 1000, "The width of fc8.", lower_bound=1
)

_SPLIT_GPU = flags.DEFINE_bool(
    "split_gpu", False, "Make GPU:0 and GPU:1 of the first card, 8 GB each."
)
_WORKERS = flags.DEFINE_integer(
    "workers",
    1,
    "With 2 or more: the collectives of one of so many workers; nothing runs.",
    lower_bound=1,
)

_SYNOPSIS = """\
Shows where a training step's ops run on this machine's devices and what crosses.

One step of the paper's network on random images; then, from the graph that was
executed, the ops by device (forward, backward, update) and every tensor that one
device sent to the other.

  python tools/placement_table.py --devices=GPU:0,GPU:1
  python tools/placement_table.py --devices=CPU:0,CPU:1 --batch_size=2
  python tools/placement_table.py --devices=CPU:0,CPU:1 --batch_size=2 --workers=2
"""


def main() -> None:
    """Reads the flags, runs a step, prints the tables."""
    command_line.quiet_tensorflow()
    from alexnet_tf import stack
    from alexnet_tf.devices import placement
    from tools import placement_report
    from tools.benchmarks import steps

    if _SPLIT_GPU.value:
        _split_gpu()
    where = placement.make_placement(_DEVICES.value)
    if _WORKERS.value > 1:
        from tools import worker_collectives

        found = worker_collectives.list_collectives(
            where, _WORKERS.value, _BATCH_SIZE.value, _NUM_CLASSES.value
        )
        print(f"{where.describe()}; one of {_WORKERS.value} workers\n")
        print(worker_collectives.format_table(found))
        return
    settings = {
        "precision": _PRECISION.value,
        "batch_size": _BATCH_SIZE.value,
        # TensorFlow's own: what XLA compiles is one op of the graph.
        "model.normalization": "reference",
    }
    with placement.memory_errors("--batch_size or --num_classes"):
        built = steps.build_step(settings, _NUM_CLASSES.value, _DEVICES.value)
        placed, _ = placement_report.capture_placed_graph(*built)

    versions = ", ".join(f"{k} {v}" for k, v in stack.describe().items())
    print(f"{where.describe()}; batch {_BATCH_SIZE.value}; {_PRECISION.value}")
    print(f"{versions}\n")
    print(placement_report.format_report(placed))


def _split_gpu() -> None:
    """Makes two logical devices of the first GPU, before TensorFlow uses it."""
    import tensorflow as tf

    cards = tf.config.list_physical_devices("GPU")
    if not cards:
        raise errors.UserError("--split_gpu: TensorFlow sees no GPU on this machine.")
    half = tf.config.LogicalDeviceConfiguration(memory_limit=8192)  # megabytes
    tf.config.set_logical_device_configuration(cards[0], [half, half])


if __name__ == "__main__":
    command_line.run(main, __name__, _SYNOPSIS, prints_result=lambda: True)
