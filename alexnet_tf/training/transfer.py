"""Starts a run from another run's weights (fine-tuning; not the paper).

Layers of the same name and shape are copied; the others are initialized, and so are
layers that are still random in the other run. The last layer is copied only if both
runs have the same classes. The mean image and covariance come from the other run too,
as its weights expect them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from alexnet_tf.config import by_layer
from alexnet_tf.config.schema import Config
from alexnet_tf.data.directory import DataDirectory
from alexnet_tf.network.build import LAST_LAYER
from alexnet_tf.network.parameters import Parameter, list_layer_names
from alexnet_tf.runs import checkpoint as checkpoint_lib
from alexnet_tf.runs import data_summary, inheritance, run_record, untrained
from alexnet_tf.runs.checkpoint_files import Checkpoint
from alexnet_tf.runs.data_summary import TrainingData
from tfrecords import errors
from tfrecords.shards import manifest


@dataclasses.dataclass(frozen=True)
class Origin:
    """The run that provides the weights.

    Attributes:
      path: its directory.
      config: its settings by name, as from `overrides.to_dict`.
      checkpoint: its last checkpoint.
      training_data: its statistics and classes.
    """

    path: str
    config: Mapping[str, Any]
    checkpoint: Checkpoint
    training_data: TrainingData


@dataclasses.dataclass(frozen=True)
class Beginning:
    """Data and weights at the start of a run.

    Attributes:
      data: the training data, with the statistics to train with.
      text: which layers were copied, which are new, and which settings change the
        weights' meaning; "" if no weights were copied.
      untrained_layers: the new layers, in the network's order; None if no weights were
        copied.
    """

    data: DataDirectory
    text: str = ""
    untrained_layers: tuple[str, ...] | None = None


def begin(
    config: Config,
    workdir_path: str,
    parameters: Sequence[Parameter],
    data: DataDirectory,
    is_restored: bool,
) -> Beginning:
    """Applies the setting `init_from` of a run; it is "" for none.

    The parameters are those of the run's network. If a checkpoint `is_restored` from
    `workdir_path`, the other run is not read.

    Raises:
      UserError, DataError: as `open_origin` and `take_over`, and if `init_layers`
        names an unknown layer.
    """
    if not config.init_from:
        return Beginning(data)
    if is_restored:
        statistics = data_summary.load(workdir_path).statistics
        return Beginning(data.with_statistics(statistics, workdir_path))
    origin = open_origin(config.init_from)
    data = data.with_statistics(origin.training_data.statistics, config.init_from)
    known = list_layer_names(parameters)
    for name in config.init_layers:
        by_layer.check_layer(name, known, "config.init_layers")
    asked = config.init_layers or known
    text, new_layers = take_over(origin, parameters, data.manifest.classes, asked)
    sentences = [
        text,
        inheritance.describe_origin(origin.config, config),
        _describe_frozen(config, parameters, new_layers),
    ]
    return Beginning(data, " ".join(filter(None, sentences)), new_layers)


def _describe_frozen(
    config: Config, parameters: Sequence[Parameter], new_layers: Sequence[str]
) -> str:
    # A warning about new layers that are never trained, or "".
    factors = by_layer.resolve(
        config.optimizer.rate_factors,
        list_layer_names(parameters),
        1,
        "optimizer.rate_factors",
    )
    frozen = [layer for layer in new_layers if not factors[layer]]
    if not frozen:
        return ""
    return (
        f"warning: {', '.join(frozen)} will stay random, because "
        "--config.optimizer.rate_factors freezes layers that are new here."
    )


def open_origin(path: str) -> Origin:
    """Opens the run in `path`.

    Raises:
      UserError: if there is no run, or nothing was trained.
      DataError: if one of its files is damaged.
    """
    record = run_record.read_record(path)
    checkpoint = checkpoint_lib.load(run_record.get_checkpoints_dir(path), "last")
    return Origin(path, record["config"], checkpoint, data_summary.load(path))


def take_over(
    origin: Origin,
    parameters: Sequence[Parameter],
    classes: tuple[manifest.ClassInfo, ...],
    layers: Sequence[str],
) -> tuple[str, tuple[str, ...]]:
    """Copies the layers that fit, of those in `layers`, to a new run's parameters.

    Layers are named without tower suffix ("conv1"). The classes are the new network's.

    Returns:
      (text, new_layers): the text names the copied layers, the new layers, and why a
      layer in `layers` was not copied.

    Raises:
      UserError: if no layer fits.
    """
    old_classes = origin.training_data.classes
    random_there = untrained.read(origin.checkpoint)
    same_classes = [c.synset for c in old_classes] == [c.synset for c in classes]
    arrays = origin.checkpoint.get_weights()
    # By layer and tower (conv1a), so that kernel and bias stay together.
    by_layer: dict[str, list[Parameter]] = {}
    for parameter in parameters:
        by_layer.setdefault(parameter.name.partition("/")[0], []).append(parameter)
    taken: list[str] = []
    new: list[str] = []
    new_layers: dict[str, None] = {}
    for layer, own in by_layer.items():
        if own[0].layer not in layers:
            new.append(layer)
            new_layers[own[0].layer] = None
            continue
        reason = _find_obstacle(own, arrays)
        if own[0].layer in random_there:
            reason = reason or "random there"
        if own[0].layer == LAST_LAYER and not same_classes:
            reason = reason or "other classes"
        if reason:
            new.append(f"{layer} ({reason})")
            new_layers[own[0].layer] = None
            continue
        taken.append(layer)
        for parameter in own:
            parameter.variable.assign(arrays[parameter.name])
    if not taken:
        raise errors.UserError(
            f"no layer of {origin.path} fits this network: {'; '.join(new[:3])}. Set "
            "--config.init_from to a run of the same network and width."
        )
    unused = sorted({name.partition("/")[0] for name in arrays} - set(by_layer))
    text = f"from {origin.path}, step {origin.checkpoint.step:,}: {', '.join(taken)}"
    text += f"; new: {', '.join(new)}" if new else ""
    text += f"; not used: {', '.join(unused)}" if unused else ""
    return f"{text}.", tuple(new_layers)


def _find_obstacle(
    parameters: Sequence[Parameter], arrays: Mapping[str, np.ndarray]
) -> str:
    # Why a layer cannot be copied, or "".
    for parameter in parameters:
        array, shape = arrays.get(parameter.name), tuple(parameter.variable.shape)
        if array is None:
            return "not there"
        if array.shape != shape:
            kind = parameter.name.partition("/")[2]
            return f"{kind} {array.shape} there, {shape} here"
    return ""
