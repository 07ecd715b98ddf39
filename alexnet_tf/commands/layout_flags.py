"""Flags that say how a file of weights is laid out, for reading and writing alike."""

from __future__ import annotations

import sys

from absl import flags

from alexnet_tf.weights import mapping


def define(module_name: str, images: str) -> list[flags.FlagHolder]:
    """Defines the three flags.

    Args:
      module_name: the command's `__name__`, whose help lists them.
      images: which images the channels' order is of, for the help: "of the images
        it was trained on".

    Returns:
      Their holders, for `read`.
    """
    texts = {
        "kernel_layout": "order of the kernels' axes; by default hwio, of PyTorch's "
        "files oihw",
        "fc6_order": "order of fc6's rows; by default hwc, of PyTorch's files chw",
        "channel_order": f"{images}; by default rgb, of .npy and .npz bgr",
    }
    values = {
        "kernel_layout": mapping.KERNEL_LAYOUTS,
        "fc6_order": mapping.FC6_ORDERS,
        "channel_order": mapping.CHANNEL_ORDERS,
    }
    # absl files the flags of a program under its name.
    key = sys.argv[0] if module_name == "__main__" else module_name
    return [
        flags.DEFINE_enum(name, None, list(values[name]), text, module_name=key)
        for name, text in texts.items()
    ]


def read(holders: list[flags.FlagHolder]) -> dict[str, str]:
    """The given ones, by name: fields of `mapping.Layout`."""
    return {holder.name: holder.value for holder in holders if holder.value}
