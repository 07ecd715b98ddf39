"""Named experiments: their settings and the results reported for them."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable

from alexnet_tf.config import overrides, settings_file, suggestions
from alexnet_tf.config.schema import Config
from alexnet_tf.experiments import (
    alexnet,
    alexnet_source,
    caffe,
    cifar10,
    conv6_source,
    finetune,
    sample,
)
from tfrecords import errors

__all__ = [
    "EXPERIMENTS",
    "describe_start",
    "get_config",
    "list_given",
    "list_inherited",
]

EXPERIMENTS: dict[str, Callable[[], Config]] = {
    "alexnet": alexnet.get_config,
    "alexnet_source": alexnet_source.get_config,
    "caffe": caffe.get_config,
    "cifar10_11pct": cifar10.get_11pct,
    "cifar10_13pct": cifar10.get_13pct,
    "cifar10_figure1": cifar10.get_figure1,
    "conv6_fall2009": conv6_source.get_fall2009_config,
    "conv6_fall2011": conv6_source.get_fall2011_config,
    "conv6_source": conv6_source.get_config,
    "finetune": finetune.get_config,
    "sample": sample.get_config,
    "sample_quarter": sample.get_quarter_config,
}

# Experiments that are nothing without the weights of another run.
_STARTS = {"finetune": "a trained network", **conv6_source.STARTS}


def get_config(name: str) -> Config:
    """The config of an experiment or of a settings file.

    A path to a file, as `alexnet-tune` writes it, ends in .json or has a directory. The
    config of a file is named after experiment and file: "alexnet+best.json".

    Raises:
      UserError: if there is no such experiment, naming the closest one; if the file is
        missing, is not a settings file, or has an invalid setting or value.
      StorageError: if the file cannot be read.
    """
    if _is_file(name):
        return _read_config(name)
    if name not in EXPERIMENTS:
        hint = suggestions.suggest(name, EXPERIMENTS)
        raise errors.UserError(
            f"there is no experiment {name!r}. Give one of "
            f"{', '.join(EXPERIMENTS)}, or a settings file, FILE.json.{hint}"
        )
    return EXPERIMENTS[name]()


def list_inherited(name: str) -> tuple[str, ...]:
    """The settings that an experiment inherits from the run in `init_from`."""
    return finetune.INHERITED if name.partition("+")[0] == "finetune" else ()


def describe_start(name: str) -> str:
    """What an experiment starts from, "a run of alexnet_source"; "" if from scratch."""
    return _STARTS.get(name.partition("+")[0], "")


def list_given(name: str) -> tuple[str, ...]:
    """The settings that the file `name` gives, if it is one; raises as `get_config`."""
    return tuple(settings_file.read(name).settings) if _is_file(name) else ()


def _is_file(name: str) -> bool:
    return name.endswith(".json") or os.path.basename(name) != name


def _read_config(path: str) -> Config:
    content = settings_file.read(path)
    if content.experiment not in EXPERIMENTS:
        raise errors.UserError(
            f"{path} starts from the unknown experiment {content.experiment!r}. There "
            f"are: {', '.join(EXPERIMENTS)}."
        )
    try:
        config = overrides.override(EXPERIMENTS[content.experiment](), content.settings)
    except errors.UserError as error:
        raise errors.UserError(f"{path}: {error}") from error
    name = f"{content.experiment}+{os.path.basename(path)}"
    return dataclasses.replace(config, experiment=name)
