"""Starts a run from another run's weights (fine-tuning; not the paper).

Layers of the same name and shape are copied; the others are initialized, and so are
layers that are still random in the other run. The last layer is copied only if both
runs have the same classes. The mean image and covariance come from the other run too,
as its weights expect them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from alexnet_tf.config import by_layer
from alexnet_tf.config.schema import Config
from alexnet_tf.data.directory import DataDirectory
from alexnet_tf.network.parameters import Parameter, list_layer_names
from alexnet_tf.runs import checkpoint as checkpoint_lib
from alexnet_tf.runs import data_summary, inheritance, run_record, untrained
from alexnet_tf.runs.checkpoint_files import Checkpoint
from tfrecords import errors


def begin(
    config: Config,
    workdir_path: str,
    parameters: Sequence[Parameter],
    data: DataDirectory,
    is_restored: bool,
) -> tuple[DataDirectory, str, tuple[str, ...] | None]:
    """Applies the setting `init_from` of a run to its parameters.

    If a checkpoint `is_restored` from `workdir_path`, the other run is not read.

    Returns:
      (data, text, new_layers): the data with the statistics to train with; which layers
      were copied, which are new, and which settings change the weights' meaning; the
      new layers, in the network's order. "" and None if no weights were copied.

    Raises:
      UserError: if there is no other run, nothing was trained there, no layer fits, its
        images have another size, or `init_layers` names an unknown layer.
      DataError: if one of its files is damaged.
    """
    path = config.init_from
    if not path:
        return data, "", None
    if is_restored:
        statistics = data_summary.load(workdir_path).statistics
        return data.with_statistics(statistics, workdir_path), "", None
    old_config = run_record.read_record(path)["config"]
    checkpoint = checkpoint_lib.load(run_record.get_checkpoints_dir(path), "last")
    kept = data_summary.load(path)
    data = data.with_statistics(kept.statistics, path)
    known = list_layer_names(parameters)
    for name in config.init_layers:
        by_layer.check_layer(name, known, "config.init_layers")
    synsets = [info.synset for info in data.manifest.classes]
    text, new_layers = _take_over(
        path,
        checkpoint,
        parameters,
        config.init_layers or known,
        [info.synset for info in kept.classes] == synsets,
    )
    sentences = [
        text,
        inheritance.describe_origin(old_config, config),
        _describe_frozen(config, parameters, new_layers),
    ]
    return data, " ".join(filter(None, sentences)), new_layers


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


def _take_over(
    path: str,
    checkpoint: Checkpoint,
    parameters: Sequence[Parameter],
    layers: Sequence[str],
    same_classes: bool,
) -> tuple[str, tuple[str, ...]]:
    """Copies the layers that fit, of those in `layers`, to a new run's parameters.

    Layers are named without tower suffix ("conv1").

    Returns:
      (text, new_layers): the text names the copied layers, the new layers, and why a
      layer in `layers` was not copied.

    Raises:
      UserError: if no layer fits.
    """
    random_there = untrained.read(checkpoint)
    last_layer = list_layer_names(parameters)[-1]
    arrays = checkpoint.get_weights()
    # By layer and tower (conv1a), so that kernel and bias stay together.
    towers: dict[str, list[Parameter]] = {}
    for parameter in parameters:
        towers.setdefault(parameter.name.partition("/")[0], []).append(parameter)
    taken: list[str] = []
    new: list[str] = []
    new_layers: dict[str, None] = {}
    for layer, own in towers.items():
        reason = _find_obstacle(own, arrays)
        if own[0].layer in random_there:
            reason = reason or "random there"
        if own[0].layer == last_layer and not same_classes:
            reason = reason or "other classes"
        if own[0].layer in layers and not reason:
            taken.append(layer)
            for parameter in own:
                parameter.variable.assign(arrays[parameter.name])
        else:
            new.append(f"{layer} ({reason})" if own[0].layer in layers else layer)
            new_layers[own[0].layer] = None
    if not taken:
        raise errors.UserError(
            f"no layer of {path} fits this network: {'; '.join(new[:3])}. Set "
            "--config.init_from to a run of the same network and width."
        )
    unused = sorted({name.partition("/")[0] for name in arrays} - set(towers))
    text = f"from {path}, step {checkpoint.step:,}: {', '.join(taken)}"
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
