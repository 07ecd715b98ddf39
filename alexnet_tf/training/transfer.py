"""A new run that begins with another's weights (fine-tuning; not the paper).

Layers of the same name and shape are taken over; the rest begin anew, and so do layers
that are random in the other run. The last layer is taken over only where it means the
same classes. The mean that the weights were trained with is subtracted, so that
statistics are the other run's too.
"""

from __future__ import annotations

import dataclasses
import os
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
from alexnet_tf.runs.data_summary import TrainingData
from tfrecords import errors
from tfrecords.shards import manifest


@dataclasses.dataclass(frozen=True)
class Origin:
    """What a run begins with.

    Attributes:
      path: the other run's directory.
      config: its settings by name, as `settings.to_dict` gives them.
      checkpoint: its last.
      training_data: its statistics and classes.
    """

    path: str
    config: Mapping[str, Any]
    checkpoint: checkpoint_lib.Checkpoint
    training_data: TrainingData


@dataclasses.dataclass(frozen=True)
class Beginning:
    """What a run begins with.

    Attributes:
      data: to train on, with the statistics to train with.
      text: sentences on what was taken over, what is new and which settings give the
        weights another meaning here; "" where no weights were assigned.
      untrained_layers: layers that are new, by the network's order; None where no
        weights were assigned.
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
    """What `train` does with the setting `init_from`.

    Args:
      config: the new run's; `init_from` is "" for none.
      workdir_path: of the run that begins or goes on.
      parameters: of its network.
      data: to train on.
      is_restored: whether a checkpoint has been taken up: then the other run is not
        needed any more.

    Raises:
      UserError, DataError: as `open_origin` and `take_over`, and where `init_layers`
        names what is no layer.
    """
    if not config.init_from:
        return Beginning(data)
    if is_restored:
        statistics = data_summary.load(workdir_path).statistics
        return Beginning(data.with_statistics(statistics))
    origin = open_origin(config.init_from)
    statistics = origin.training_data.statistics
    size = statistics.mean_image.shape[0]
    if size != data.image_size:
        raise errors.UserError(
            f"the images of {config.init_from} had {size} pixels a side, these have "
            f"{data.image_size}. Convert them alike."
        )
    asked = _check_layers(config.init_layers, parameters)
    text, new_layers = take_over(origin, parameters, data.manifest.classes, asked)
    sentences = [
        text,
        inheritance.describe_origin(origin.config, config),
        _describe_frozen(config, parameters, new_layers),
    ]
    return Beginning(
        data.with_statistics(statistics),
        " ".join(filter(None, sentences)),
        new_layers,
    )


def _describe_frozen(
    config: Config, parameters: Sequence[Parameter], new_layers: Sequence[str]
) -> str:
    # A sentence on new layers that are never trained, or "".
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
        f"warning: {', '.join(frozen)} will stay random, as "
        "--config.optimizer.rate_factors freezes what is new here."
    )


def _check_layers(
    asked: Sequence[str], parameters: Sequence[Parameter]
) -> Sequence[str]:
    # The layers that the setting `init_layers` names; where it is empty, all.
    known = list_layer_names(parameters)
    for name in asked:
        by_layer.check_layer(name, known, "config.init_layers")
    return asked or known


def open_origin(path: str) -> Origin:
    """Opens the run in `path`.

    Raises:
      UserError: where there is no run, or nothing was trained.
      DataError: where something in it is damaged.
    """
    record = run_record.read_record(path)
    checkpoints_dir = os.path.join(path, run_record.CHECKPOINTS_NAME)
    checkpoint = checkpoint_lib.load(checkpoints_dir, "last")
    return Origin(path, record["config"], checkpoint, data_summary.load(path))


def take_over(
    origin: Origin,
    parameters: Sequence[Parameter],
    classes: tuple[manifest.ClassInfo, ...],
    layers: Sequence[str],
) -> tuple[str, tuple[str, ...]]:
    """Assigns what fits to a new run's parameters.

    Args:
      origin: the other run.
      parameters: of the new network, at their first values.
      classes: of the new network.
      layers: those that may be taken over, without their towers: conv1.

    Returns:
      (a sentence: which layers were taken over, which begin anew, and why if they
      were to be taken; the layers that begin anew, without their towers).

    Raises:
      UserError: where nothing fits.
    """
    old_classes = origin.training_data.classes
    random_there = untrained.read(origin.checkpoint)
    same_classes = [c.synset for c in old_classes] == [c.synset for c in classes]
    arrays = {
        name.removeprefix("weights/"): array
        for name, array in origin.checkpoint.arrays.items()
        if name.startswith("weights/")
    }
    # By layer and tower, conv1a: kernel and bias belong together.
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
            f"nothing in {origin.path} fits this network: {'; '.join(new[:3])}. Give a "
            "run of the same width as --config.init_from."
        )
    unused = sorted({name.partition("/")[0] for name in arrays} - set(by_layer))
    text = f"from {origin.path}, step {origin.checkpoint.step:,}: {', '.join(taken)}"
    text += f"; new: {', '.join(new)}" if new else ""
    text += f"; not used: {', '.join(unused)}" if unused else ""
    return f"{text}.", tuple(new_layers)


def _find_obstacle(
    parameters: Sequence[Parameter], arrays: Mapping[str, np.ndarray]
) -> str:
    # Why a layer cannot be taken over, or "".
    for parameter in parameters:
        array, shape = arrays.get(parameter.name), tuple(parameter.variable.shape)
        if array is None:
            return "not there"
        if array.shape != shape:
            kind = parameter.name.partition("/")[2]
            return f"{kind} {array.shape} there, {shape} here"
    return ""
