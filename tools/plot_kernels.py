"""Draws the first layer's kernels (paper, figure 3): tower a's above tower b's."""

from __future__ import annotations

import os
import pathlib
import sys

import numpy as np
from absl import flags

# A script of the checkout finds the checkout's packages, wherever it is called.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from alexnet_tf.figures import matplotlib_defaults
from alexnet_tf.runs import checkpoint as checkpoint_lib
from alexnet_tf.runs import run_record, untrained
from tfrecords.console import command_line
from tfrecords.durable import files
from tfrecords.plurals import counted

SYNOPSIS = """\
python tools/plot_kernels.py --workdir=RUN --output=kernels.png

Draws conv1's kernels, 11x11x3 each, as the paper's figure 3 does: the upper half is
tower a's, the lower tower b's. Each kernel is scaled to its own range, or all of both
towers to one, in which grey is 0. --order=colour begins with the most colourful."""

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
_RANGE = flags.DEFINE_enum(
    "range", "own", ["own", "shared"], "each kernel's own range, or one for all"
)
_ORDER = flags.DEFINE_enum(
    "order", "index", ["index", "colour"], "the kernels' own order, or by colour"
)
_SCALE = flags.DEFINE_integer(
    "scale", 4, "pixels per weight", lower_bound=1, upper_bound=64
)


def main() -> None:
    """Reads the flags and draws."""
    files.check_target(_OUTPUT.value)
    checkpoints_dir = run_record.get_checkpoints_dir(_WORKDIR.value)
    if not os.path.isdir(checkpoints_dir):
        run_record.read_record(_WORKDIR.value)  # Says what is there instead of a run.
    checkpoint = checkpoint_lib.load(checkpoints_dir, _CHECKPOINT.value)
    if "conv1" in untrained.read(checkpoint):
        print(untrained.describe(["conv1"]), file=sys.stderr)
    kernels = [
        checkpoint.arrays[name]
        for name in sorted(checkpoint.arrays)
        if name.startswith("weights/conv1") and name.endswith("/kernel")
    ]
    command_line.quiet_tensorflow()
    from alexnet_tf.reproduce import kernel_probes
    from alexnet_tf.training import diagnostics

    if _ORDER.value == "colour":
        orders = [np.argsort(-kernel_probes.compute_colour_shares(k)) for k in kernels]
        kernels = [k[..., order] for k, order in zip(kernels, orders, strict=True)]
    is_shared = _RANGE.value == "shared"
    image = diagnostics.draw_kernels(kernels, _SCALE.value, is_shared=is_shared)
    matplotlib_defaults.save_pixels(image, _OUTPUT.value)
    print(
        f"wrote {_OUTPUT.value}: {counted(len(kernels), 'tower')}, step "
        f"{checkpoint.step:,}"
    )


if __name__ == "__main__":
    command_line.run(main, __name__, SYNOPSIS)
