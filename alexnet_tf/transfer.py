"""A new run that begins with another's weights (fine-tuning; not the paper).

Layers of the same name and shape are taken over; the rest begin anew. The last layer is
taken over only where it means the same classes. The pictures are freed of the mean that
the weights were trained with, so that statistics are the other run's too.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from alexnet_tf import checkpoint as checkpoint_lib
from alexnet_tf import layer_numbers, settings, training_data, workdir
from alexnet_tf.config import Config
from alexnet_tf.input_pipeline import DataSet
from alexnet_tf.optimizer import Parameter
from alexnet_tf.training_data import TrainingData
from tfrecords import errors, manifest

LAST_LAYER = "fc8"

# Settings of the network that leave the meaning of its weights alone: how the same
# formula is computed, how they began, and the width, which shapes show. (Dropout's rate
# is a factor of the outputs where `dropout_scaling` is "test".)
_WITHOUT_MEANING = {
    "model.normalization",
    "model.initial_stddev",
    "model.initial_stddev_conv345",
    "model.width",
}


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


def begin(
    config: Config,
    workdir_path: str,
    parameters: Sequence[Parameter],
    data: DataSet,
    is_restored: bool,
) -> tuple[DataSet, str]:
    """What `train` does with the setting `init_from`.

    Args:
      config: the new run's; `init_from` is "" for none.
      workdir_path: of the run that begins or goes on.
      parameters: of its network.
      data: to train on.
      is_restored: whether a checkpoint has been taken up: then the other run is not
        needed any more.

    Returns:
      (the data with the statistics to train with, sentences on what was taken over and
      which settings give it another meaning here, or "").

    Raises:
      UserError, DataError: as `open_origin` and `take_over`, and where `init_layers`
        names what is no layer.
    """
    if not config.init_from:
        return data, ""
    if is_restored:
        statistics = training_data.load(workdir_path).statistics
        return dataclasses.replace(data, statistics=statistics), ""
    origin = open_origin(config.init_from)
    statistics = origin.training_data.statistics
    size = statistics.mean_image.shape[0]
    if size != data.image_size:
        raise errors.UserError(
            f"the pictures of {config.init_from} had {size} pixels a side, these have "
            f"{data.image_size}. Convert them alike."
        )
    asked = _read_layers(config.init_layers, parameters)
    text = take_over(origin, parameters, data.manifest.classes, asked)
    if differences := _describe_differences(origin.config, config):
        text = f"{text} {differences}"
    return dataclasses.replace(data, statistics=statistics), text


def _read_layers(text: str, parameters: Sequence[Parameter]) -> Sequence[str]:
    # The layers that the setting `init_layers` names; where it is empty, all.
    known = list(dict.fromkeys(p.layer for p in parameters))
    for name in text.split():
        layer_numbers.check_layer(
            name, known, "config.init_layers takes names separated by spaces"
        )
    return text.split() or known


def open_origin(path: str) -> Origin:
    """Opens the run in `path`.

    Raises:
      UserError: where there is no run, or nothing was trained.
      DataError: where something in it is damaged.
    """
    record = workdir.read_record(path)
    checkpoints_dir = os.path.join(path, workdir.CHECKPOINTS_NAME)
    checkpoint = checkpoint_lib.load(checkpoints_dir, "last")
    return Origin(path, record["config"], checkpoint, training_data.load(path))


def _describe_differences(old: Mapping[str, Any], config: Config) -> str:
    # A sentence on the settings that make another function of the same weights, or "".
    new = settings.to_dict(config)
    different = [
        name
        for name in sorted(old.keys() & new.keys() - _WITHOUT_MEANING)
        if (name.startswith("model.") or name == "data.mean") and old[name] != new[name]
    ]
    if not different:
        return ""
    flags = " ".join(f"--config.{name}={old[name]}" for name in different)
    return (
        "The weights were learned with other settings than this run's: to keep what "
        f"they mean, give {flags}."
    )


def take_over(
    origin: Origin,
    parameters: Sequence[Parameter],
    classes: tuple[manifest.ClassInfo, ...],
    layers: Sequence[str],
) -> str:
    """Assigns what fits to a new run's parameters.

    Args:
      origin: the other run.
      parameters: of the new network, at their first values.
      classes: of the new network.
      layers: those that may be taken over, without their towers: conv1.

    Returns:
      A sentence: which layers were taken over, which begin anew, and why if they
      were to be taken.

    Raises:
      UserError: where nothing fits.
    """
    old_classes = origin.training_data.classes
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
    taken, new = [], []
    for layer, own in by_layer.items():
        if own[0].layer not in layers:
            new.append(layer)
            continue
        reason = _find_obstacle(own, arrays)
        if own[0].layer == LAST_LAYER and not same_classes:
            reason = reason or "other classes"
        if reason:
            new.append(f"{layer} ({reason})")
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
    return f"{text}."


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
