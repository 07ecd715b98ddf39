"""Makes a workdir of an AlexNet's weights in another system's file."""

from __future__ import annotations

import dataclasses
import os
import sys
from typing import Any

import numpy as np
from absl import flags

from alexnet_tf import experiments, weights
from alexnet_tf.commands import shared_flags
from alexnet_tf.config import overrides
from alexnet_tf.network import networks
from alexnet_tf.runs import run_record
from alexnet_tf.weights import mapping
from alexnet_tf.weights import width as width_lib
from tfrecords import errors
from tfrecords.console import command_line

SYNOPSIS = """\
alexnet-import-weights --input=FILE --workdir=W --mean=R,G,B [--classes=FILE]

Makes of an AlexNet's weights, trained elsewhere, what alexnet-train makes of images:
a workdir that alexnet-evaluate, alexnet-export and alexnet-predict take, and
--config.init_from. The network is one with grouped convolutions, or our two towers.
No code in the file is run.

  alexnet-import-weights --input=bvlc_alexnet.npy --workdir=runs/caffe \\
    --mean=122.68,116.67,104.01 --classes=synset_words.txt
  alexnet-evaluate --workdir=runs/caffe --data_dir=data

Exit codes: 0 success, 2 wrong usage or bad input, 4 storage error; 129, 130 and
143 stopped by SIGHUP, SIGINT and SIGTERM."""

_INPUT = command_line.define_path(
    "input", "the weights: .npy, .npz, .h5, .keras, .pt, .safetensors", required=True
)
_WORKDIR = shared_flags.define_workdir("the directory to make")
_FORMAT = flags.DEFINE_enum(
    "format", "auto", ["auto", *weights.FORMATS], "auto: as the file's name says"
)
_EXPERIMENT = flags.DEFINE_enum(
    "experiment",
    "caffe",
    list(experiments.EXPERIMENTS),
    "the network that the weights are of: normalization, dropout, crops",
)
_NETWORK = flags.DEFINE_enum(
    "network", "alexnet", list(networks.NETWORKS), "as --config.model.network"
)
_WIDTH = flags.DEFINE_float(
    "width",
    None,
    "as --config.model.width; by default what gives the layers the file's sizes",
    lower_bound=0.0,
)
_LAYOUT = shared_flags.define_layout("of the images it was trained on")
_MEAN = flags.DEFINE_list(
    "mean", None, "R,G,B: the mean colour that was subtracted, grey levels of 0..255"
)
_MEAN_IMAGE = command_line.define_path(
    "mean_image",
    "instead: a .npy with the mean image, [256,256,3] or [3,256,256], channels as "
    "--channel_order",
)
_CLASSES = command_line.define_path(
    "classes",
    "a text file with a class on every line, in the order of the outputs: its synset "
    "ID and its name, or its name alone; or a data directory of these classes; by "
    "default they are numbered",
)


def main() -> None:
    """Reads the flags, makes the workdir, says what it holds."""
    if bool(_MEAN.value) == bool(_MEAN_IMAGE.value):
        raise errors.UserError(
            "give either --mean or --mean_image: what was subtracted from the images "
            "in training. --mean=0,0,0 where nothing was."
        )
    kind = weights.find_format(_INPUT.value, _FORMAT.value)
    given = shared_flags.read_layout(_LAYOUT)
    layout = dataclasses.replace(kind.layout, **given)
    arrays = kind.read(_INPUT.value)
    width = _WIDTH.value
    if width is None:
        network = networks.NETWORKS[_NETWORK.value]
        # If there is none, the error names the first layer that does not fit.
        width = width_lib.find_width(_INPUT.value, arrays, network) or 1.0
    values: dict[str, Any] = {
        "model.network": _NETWORK.value,
        "model.width": width,
    }
    if _MEAN.value:
        values["data.mean"] = "channel"
    config = overrides.override(experiments.get_config(_EXPERIMENT.value), values)

    command_line.quiet_tensorflow()
    from alexnet_tf.weights import imported_run

    imported_run.check_free(_WORKDIR.value)
    if _MEAN_IMAGE.value:
        order = layout.channel_order
        mean_image = imported_run.read_mean_image(_MEAN_IMAGE.value, order)
    else:
        mean_image = imported_run.make_mean_image(_read_levels(_MEAN.value or []))
    classes = (
        imported_run.read_classes(_CLASSES.value)
        if _CLASSES.value
        else imported_run.make_classes(_INPUT.value, arrays)
    )
    statistics = imported_run.make_statistics(mean_image)
    mapped = imported_run.write_run(
        _WORKDIR.value,
        config,
        classes,
        statistics,
        _INPUT.value,
        arrays,
        layout,
        sys.argv,
    )
    _report(mapped, arrays, layout, statistics.mean_rgb)
    if _WIDTH.value is None and width != 1:
        print(f"width {width:g}, from the layers' sizes")


def _read_levels(texts: list[str]) -> list[float]:
    try:
        return [float(text) for text in texts]
    except ValueError as error:
        raise errors.UserError(
            f"--mean={','.join(texts)} is not three numbers, R,G,B."
        ) from error


def _report(
    mapped: mapping.Mapped,
    arrays: dict[str, np.ndarray],
    layout: mapping.Layout,
    mean_rgb: np.ndarray,
) -> None:
    (start,) = run_record.read_record(_WORKDIR.value)["starts"]
    print(f"{_INPUT.value}: SHA-256 {start['weights']['sha256']}")
    print(
        f"{_INPUT.value}: kernels {layout.kernel_layout}, fc6's rows "
        f"{layout.fc6_order}, images {layout.channel_order}"
    )
    for layer, names in mapped.sources.items():
        parts = [f"{name} {list(arrays[name].shape)}" for name in names]
        print(f"  {layer:6} from {', '.join(parts)}")
    for layer in mapped.missing:
        print(f"  {layer:6} is not there, or not whole: its weights are random")
    if mapped.unused:
        print(f"  not used: {', '.join(mapped.unused)}")
    colour = ", ".join(f"{level:.2f}" for level in mean_rgb)
    print(
        f"mean colour {colour} (R, G, B); no colour shift (eigenvalues 0, eigenvectors "
        f"the identity)\nwrote {_WORKDIR.value} ({_EXPERIMENT.value})"
    )
    if chosen := start.get("precision"):
        print(f"precision: {chosen['precision']} ({chosen['reason']})")
    if not _CLASSES.value:
        print(
            "The classes have only numbers; data of named classes can be evaluated "
            "after an import with --classes=DATA."
        )
    name = os.path.normpath(_WORKDIR.value)
    print(
        f"  alexnet-evaluate --workdir={name} --data_dir=DATA\n"
        f"  alexnet-predict --workdir={name} IMAGES..."
    )


def run() -> None:
    """The console script."""
    command_line.run(main, __name__, SYNOPSIS)


if __name__ == "__main__":
    run()
