"""Draws the first layer's kernels (paper, figure 3): tower a's above tower b's."""

from __future__ import annotations

import os
import pathlib
import sys

from absl import flags

# A script of the checkout finds the checkout's packages, wherever it is called.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from alexnet_tf.figures import matplotlib_defaults
from alexnet_tf.runs import checkpoint as checkpoint_lib
from alexnet_tf.runs import untrained
from tfrecords.console import command_line
from tfrecords.durable import files
from tfrecords.plurals import counted

SYNOPSIS = """\
python tools/plot_kernels.py --workdir=RUN --output=kernels.png

Draws conv1's kernels, 11x11x3 each, as the paper's figure 3 does: the upper half is
tower a's, the lower tower b's, each kernel scaled to its own range."""

_WORKDIR = flags.DEFINE(
    command_line.PathParser(), "workdir", None, "the run's directory", required=True
)
_CHECKPOINT = flags.DEFINE_string("checkpoint", "last", "last, best or a step")
_OUTPUT = flags.DEFINE(
    command_line.PathParser(suffixes=matplotlib_defaults.SUFFIXES),
    "output",
    "kernels.png",
    "the figure: .png, .pdf or .svg",
)
_SCALE = flags.DEFINE_integer(
    "scale", 4, "pixels per weight", lower_bound=1, upper_bound=64
)


def main() -> None:
    """Reads the flags and draws."""
    files.check_target(_OUTPUT.value)
    checkpoint = checkpoint_lib.load(
        os.path.join(_WORKDIR.value, "checkpoints"), _CHECKPOINT.value
    )
    if "conv1" in untrained.read(checkpoint):
        print(untrained.describe(["conv1"]), file=sys.stderr)
    kernels = [
        checkpoint.arrays[name]
        for name in sorted(checkpoint.arrays)
        if name.startswith("weights/conv1") and name.endswith("/kernel")
    ]
    command_line.quiet_tensorflow()
    from alexnet_tf.training import diagnostics

    image = diagnostics.draw_kernels(kernels, _SCALE.value)
    matplotlib_defaults.save_pixels(image, _OUTPUT.value)
    print(
        f"wrote {_OUTPUT.value}: {counted(len(kernels), 'tower')}, step "
        f"{checkpoint.step:,}"
    )


if __name__ == "__main__":
    command_line.run(main, __name__, SYNOPSIS)
