"""Flags that several commands have; each is listed in the help of the command."""

from __future__ import annotations

from typing import Any

from absl import flags

from alexnet_tf import experiments
from alexnet_tf.figures import matplotlib_defaults
from tfrecords import errors
from tfrecords.console import command_line

# absl gives the flags defined here to the module that calls a function below.
flags.disclaim_key_flags()


def define_figure(name: str, text: str) -> Any:
    """Defines the flag of a figure's path, by default None; refuses other suffixes."""
    parser = command_line.PathParser(suffixes=matplotlib_defaults.SUFFIXES)
    return flags.DEFINE(parser, name, None, f"{text}: a .png, .pdf or .svg file")


def define_workdir(text: str = "the run's directory", required: bool = True) -> Any:
    """Defines --workdir."""
    return command_line.define_path("workdir", text, required)


def define_checkpoint(condition: str = "") -> Any:
    """Defines --checkpoint; the help begins with the condition: "with --workdir: "."""
    parser = command_line.TextParser(("last", "best"))
    text = f"{condition}last, best, or the number of a step"
    return flags.DEFINE(parser, "checkpoint", "last", text)


def refuse_checkpoint() -> None:
    """Raises `UserError` if --checkpoint was given; called where an export is used."""
    if flags.FLAGS["checkpoint"].present:
        raise errors.UserError(
            "--checkpoint chooses one of a run, with --workdir; an export holds one "
            "checkpoint. Leave the flag out, or give --workdir."
        )


def define_views() -> Any:
    """Defines --views, "1" or "10"."""
    return flags.DEFINE_enum(
        "views",
        "1",
        ["1", "10"],
        "1: the central crop; 10: average the predictions for the corners and the "
        "centre, each also mirrored (section 4.1)",
    )


def define_experiment() -> Any:
    """Defines --experiment of a training: a name or a file."""
    return flags.DEFINE(
        command_line.PathParser(experiments.EXPERIMENTS),
        "experiment",
        "alexnet",
        f"the settings to start from: {', '.join(experiments.EXPERIMENTS)}, or a "
        "settings file, such as alexnet-tune's best.json",
    )


def define_layout(images: str) -> list[flags.FlagHolder]:
    """Defines how a file of weights is laid out, for reading and writing alike.

    `images` says which images the channels' order is of, for the help: "of the images
    it was trained on". `read_layout` takes the result.
    """
    # Here, as it loads h5py, which the other commands do not need.
    from alexnet_tf.weights import mapping

    kernels = "order of the kernels' axes; by default hwio, of PyTorch's files oihw"
    rows = "order of fc6's rows; by default hwc, of PyTorch's files chw"
    channels = f"{images}; by default rgb, of .npy and .npz bgr"
    return [
        flags.DEFINE_enum(name, None, list(values), text)
        for name, values, text in (
            ("kernel_layout", mapping.KERNEL_LAYOUTS, kernels),
            ("fc6_order", mapping.FC6_ORDERS, rows),
            ("channel_order", mapping.CHANNEL_ORDERS, channels),
        )
    ]


def read_layout(holders: list[flags.FlagHolder]) -> dict[str, str]:
    """The given ones, by name: fields of `mapping.Layout`."""
    return {holder.name: holder.value for holder in holders if holder.value}
