"""Starting points by name: which settings differ, and what the paper reports."""

from __future__ import annotations

import dataclasses
import difflib
import os
from collections.abc import Callable

from alexnet_tf.config import overrides, settings_file
from alexnet_tf.config.schema import Config
from alexnet_tf.experiments import alexnet, alexnet_source, caffe, finetune, sample
from tfrecords import errors

__all__ = ["EXPERIMENTS", "get_config", "list_inherited", "list_told"]

EXPERIMENTS: dict[str, Callable[[], Config]] = {
    "alexnet": alexnet.get_config,
    "alexnet_source": alexnet_source.get_config,
    "caffe": caffe.get_config,
    "finetune": finetune.get_config,
    "sample": sample.get_config,
}


def get_config(name: str) -> Config:
    """The config of the experiment called `name`, or of a file of settings.

    Args:
      name: an experiment's, or the path of a file (it ends in .json, or a directory
        stands before it) as `alexnet-tune` writes it. Such a config is named after
        experiment and file, "alexnet+best.json", wherever the file lies.

    Raises:
      UserError: where there is no such experiment, naming the nearest; where the file
        is missing, no such file, or holds a setting or value that there is not.
      StorageError: where the file cannot be read.
    """
    if _is_file(name):
        return _read_config(name)
    if name not in EXPERIMENTS:
        near = difflib.get_close_matches(name, EXPERIMENTS, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise errors.UserError(
            f"there is no experiment {name!r}; there are: "
            f"{', '.join(EXPERIMENTS)}, and files of settings, FILE.json.{hint}"
        )
    return EXPERIMENTS[name]()


def list_inherited(name: str) -> tuple[str, ...]:
    """Settings that runs of an experiment take from the run in `init_from`.

    Args:
      name: as a config has it, "finetune" or "finetune+best.json".
    """
    return finetune.INHERITED if name.partition("+")[0] == "finetune" else ()


def list_told(name: str) -> tuple[str, ...]:
    """The settings that a file named as an experiment sets; none of an experiment.

    Raises:
      UserError, StorageError: as `get_config`.
    """
    return tuple(settings_file.read(name).settings) if _is_file(name) else ()


def _is_file(name: str) -> bool:
    return name.endswith(".json") or os.path.basename(name) != name


def _read_config(path: str) -> Config:
    content = settings_file.read(path)
    if content.experiment not in EXPERIMENTS:
        raise errors.UserError(
            f"{path} starts from the experiment {content.experiment!r}; there are: "
            f"{', '.join(EXPERIMENTS)}."
        )
    try:
        config = overrides.override(EXPERIMENTS[content.experiment](), content.settings)
    except errors.UserError as error:
        raise errors.UserError(f"{path}: {error}") from error
    name = f"{content.experiment}+{os.path.basename(path)}"
    return dataclasses.replace(config, experiment=name)
