"""Lists the network's parameters and assigns them from arrays."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from alexnet_tf.network import batch_normalization
from alexnet_tf.network import build as model_lib
from alexnet_tf.stack import get_tf_variable, keras
from tfrecords import errors

KERNEL, BIAS, STATISTIC = 0, 1, 2


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A trained variable, with the facts that the update rule needs."""

    name: str  # "conv1a/kernel"
    variable: tf.Variable  # float32, on its tower's device
    layer: str  # "conv1", without the tower
    kind: int  # `KERNEL` or `BIAS`; `STATISTIC` for what training measures


def list_parameters(model: keras.Model) -> list[Parameter]:
    """The network's trained variables, in the order of its layers."""
    return [
        _get(layer, kind_name, kind)
        for layer in model.layers
        if layer.weights
        for kind, kind_name in ((KERNEL, "kernel"), (BIAS, "bias"))
    ]


def list_statistics(model: keras.Model) -> list[Parameter]:
    """Batch normalization's averages, which training measures."""
    return [
        _get(layer, name, STATISTIC)
        for layer in model.layers
        if isinstance(layer, batch_normalization.BatchNormalization)
        for name in ("mean", "variance")
    ]


def _get(layer: keras.layers.Layer, name: str, kind: int) -> Parameter:
    variable = get_tf_variable(getattr(layer, name))
    layer_name = model_lib.get_layer_name(layer.name)
    return Parameter(f"{layer.name}/{name}", variable, layer_name, kind)


def list_weights(model: keras.Model) -> list[Parameter]:
    """The trained variables and, after them, batch normalization's averages."""
    return list_parameters(model) + list_statistics(model)


def list_layer_names(parameters: Sequence[Parameter]) -> tuple[str, ...]:
    """The layers that have parameters, without towers: conv1, ..., fc8."""
    return tuple(dict.fromkeys(parameter.layer for parameter in parameters))


def load_weights(
    network: keras.Model, arrays: Mapping[str, np.ndarray], path: str
) -> None:
    """Assigns the arrays `weights/...` of the checkpoint at `path`, cast to the dtype.

    Raises `DataError` if the checkpoint belongs to another network.
    """
    wanted = {f"weights/{p.name}": p.variable for p in list_weights(network)}
    weights = {k: array for k, array in arrays.items() if k.startswith("weights/")}
    for name in wanted.keys() & weights.keys():
        if weights[name].dtype == np.float32:
            # Rounds half to even if the network's weights have fewer bits.
            with np.errstate(over="ignore"):
                weights[name] = weights[name].astype(wanted[name].dtype.as_numpy_dtype)
    assign_arrays(wanted, weights, path)


def assign_arrays(
    variables: Mapping[str, tf.Variable], arrays: Mapping[str, np.ndarray], path: str
) -> None:
    """Assigns every array, from the file at `path`, to the variable of the same name.

    Raises `DataError`, and assigns nothing, if arrays are missing, unknown or of
    another shape or dtype.
    """
    complaints = [f"it lacks {name}" for name in sorted(set(variables) - set(arrays))]
    unknown = sorted(set(arrays) - set(variables))
    complaints += [f"{name} is unknown" for name in unknown]
    complaints += [
        f"{name} is {arrays[name].dtype} {arrays[name].shape} instead of "
        f"{variable.dtype.name} {tuple(variable.shape)}"
        for name, variable in sorted(variables.items())
        if name in arrays
        and (
            arrays[name].shape != tuple(variable.shape)
            or arrays[name].dtype != variable.dtype.as_numpy_dtype
        )
    ]
    if complaints:
        more = f" and {len(complaints) - 3} more" if len(complaints) > 3 else ""
        raise errors.DataError(
            f"{path} belongs to another network: {'; '.join(complaints[:3])}{more}. "
            "Give the settings that it was trained with."
        )
    for name, variable in variables.items():
        variable.assign(arrays[name])
