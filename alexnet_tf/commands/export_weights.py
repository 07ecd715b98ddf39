"""Writes a run's weights as another system's file."""

from __future__ import annotations

import dataclasses
import sys

from absl import flags

from alexnet_tf import weights
from alexnet_tf.commands import shared_flags
from alexnet_tf.config.schema import ModelConfig
from alexnet_tf.runs import checkpoint as checkpoint_lib
from alexnet_tf.runs import data_summary, run_record, untrained
from alexnet_tf.weights import mapping, numpy_files
from alexnet_tf.weights import mean_image as mean_image_lib
from tfrecords import errors
from tfrecords.console import command_line
from tfrecords.durable import files
from tfrecords.plurals import counted

SYNOPSIS = """\
alexnet-export-weights --workdir=W --output=FILE [--format=auto]

Writes the weights of the run in W: .npy, .npz, .pt and .safetensors as one network of
which conv2, conv4 and conv5 have two groups; .weights.h5 as the two towers that
load_weights of alexnet_tf.network.build.build_model's network takes.

  alexnet-export-weights --workdir=runs/alexnet --output=alexnet.safetensors

The mean that is subtracted from images is written beside it, here to
alexnet.safetensors.mean_rgb.npy, which alexnet-import-weights --mean_image reads.

Exit codes: 0 success, 2 wrong usage or bad input, 4 storage error; 129, 130 and
143 stopped by SIGHUP, SIGINT and SIGTERM."""

_WORKDIR = shared_flags.define_workdir()
_OUTPUT = command_line.define_path("output", "the file to write", required=True)
_CHECKPOINT = shared_flags.define_checkpoint()
_FORMAT = flags.DEFINE_enum(
    "format",
    "auto",
    ["auto", *(name for name, kind in weights.FORMATS.items() if kind.write)],
    "auto: as the file's name says",
)
_LAYOUT = shared_flags.define_layout("of the images it will be shown")


def main() -> None:
    """Reads the flags, writes the file, says what it needs to be used."""
    kind = weights.find_format(_OUTPUT.value, _FORMAT.value, is_written=True)
    given = shared_flags.read_layout(_LAYOUT)
    if kind.write is None:
        raise errors.UserError(
            f"{_OUTPUT.value}: files of this format are only read; a .weights.h5 is "
            "written for Keras."
        )
    if kind.has_towers and given:
        raise errors.UserError(
            f"{_OUTPUT.value} is for this package's own network, whose order is given: "
            f"leave out {', '.join('--' + name for name in given)}."
        )
    layout = dataclasses.replace(kind.layout, **given)
    mean_path = mean_image_lib.make_path(_OUTPUT.value, layout.channel_order)
    for path in (_OUTPUT.value, mean_path):
        files.check_target(path)
    config = run_record.read_config(_WORKDIR.value)
    checkpoint = checkpoint_lib.load(
        run_record.get_checkpoints_dir(_WORKDIR.value), _CHECKPOINT.value
    )
    statistics = data_summary.load(_WORKDIR.value).statistics
    if warning := untrained.describe(untrained.read(checkpoint)):
        print(warning, file=sys.stderr)
    mapping.check_layers(_WORKDIR.value, checkpoint.get_weights())
    arrays = mapping.sort_towers(checkpoint.get_weights())
    if kind.has_towers:
        form = "two towers, kernels hwio, fc6's rows hwc, images rgb"
    else:
        arrays = mapping.from_towers(arrays, layout)
        form = (
            f"groups in conv2, conv4, conv5; kernels {layout.kernel_layout}, fc6's "
            f"rows {layout.fc6_order}, images {layout.channel_order}"
        )
    kind.write(_OUTPUT.value, arrays)
    mean_image = mean_image_lib.make(config.data.mean, statistics, layout.channel_order)
    numpy_files.write_array(mean_path, mean_image)
    print(
        f"wrote {_OUTPUT.value}: step {checkpoint.step:,}, "
        f"{counted(len(arrays), 'array')}"
    )
    print(
        f"wrote {mean_path}: the mean to subtract, float32 {list(mean_image.shape)}, "
        f"{layout.channel_order}, levels of 0..255"
    )
    print(f"  {form}")
    print(f"  crops of {config.data.crop_size} pixels, conv1 padded by 3 after the end")
    print(f"  {_describe(config.model)}")


def _describe(config: ModelConfig) -> str:
    """What the weights take for granted and do not tell."""
    factor = 1 - config.dropout_rate if config.dropout_scaling == "test" else 1
    return (
        f"normalization {config.normalization} (k {config.normalization_bias:g}, alpha "
        f"{config.normalization_alpha:g} not divided by n, n "
        f"{2 * config.normalization_radius + 1}, beta {config.normalization_beta:g}, "
        f"scope {config.normalization_scope}); outputs of fc6 and fc7 times "
        f"{factor:g} at test"
    )


def run() -> None:
    """The console script."""
    command_line.run(main, __name__, SYNOPSIS)


if __name__ == "__main__":
    run()
