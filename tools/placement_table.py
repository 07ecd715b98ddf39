"""Shows where a training step's ops run on this machine's devices and what crosses."""

from __future__ import annotations

import pathlib
import sys

from absl import flags

# A script of the checkout finds the checkout's packages, wherever it is called.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

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

_SYNOPSIS = """\
Shows where a training step's ops run on this machine's devices and what crosses.

One step of the paper's network on random images; then, from the graph that was
executed, the ops by device (forward, backward, update) and every tensor that one
device sent to the other.

  python tools/placement_table.py --devices=GPU:0,GPU:1
  python tools/placement_table.py --devices=CPU:0,CPU:1 --batch_size=2
"""


def main() -> None:
    """Reads the flags, runs a step, prints the tables."""
    command_line.quiet_tensorflow()
    import tensorflow as tf

    from alexnet_tf import stack
    from alexnet_tf.config.schema import Config, ModelConfig
    from alexnet_tf.devices import placement
    from alexnet_tf.training import run_state, steps
    from tools import placement_report

    where = placement.make_placement(_DEVICES.value)
    # TensorFlow's own normalization: what XLA compiles is one op of the graph.
    config = Config(
        precision=_PRECISION.value, model=ModelConfig(normalization="reference")
    )
    with placement.memory_errors("--batch_size or --num_classes"):
        state = run_state.build_run_state(config, _NUM_CLASSES.value, where)
        step = steps.make_train_step(
            state.model, state.optimizer, state.loss_scale, where.get_device(0)
        )
        crop = config.data.crop_size
        images = tf.random.stateless_normal([_BATCH_SIZE.value, crop, crop, 3], (0, 0))
        labels = tf.zeros([_BATCH_SIZE.value], tf.int32)
        placed, _ = placement_report.capture_placed_graph(step, images, labels)

    versions = ", ".join(f"{k} {v}" for k, v in stack.describe().items())
    print(f"{where.describe()}; batch {_BATCH_SIZE.value}; {config.precision}")
    print(f"{versions}\n")
    print(placement_report.format_report(placed))


if __name__ == "__main__":
    command_line.run(main, __name__, _SYNOPSIS, prints_result=lambda: True)
