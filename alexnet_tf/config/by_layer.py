"""Per-layer settings: types, and conversion from and to text.

    conv1=0 fc8=10          numbers by layer; a number alone applies to every layer
    fc7=adamw fc8=adamw     names by layer
    25:0.001 72:conv1=0     rates that change at an epoch, for every layer or for one

A run's record stores this text. Layer names are checked later, against the network.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

from alexnet_tf.config.suggestions import suggest
from tfrecords import errors

# The key of a number that applies to every layer.
ALL_LAYERS = "all layers"


@dataclasses.dataclass(frozen=True)
class RateChange:
    """The learning rate of `layer`'s kernels (None: all layers') from `epoch` on."""

    epoch: float
    rate: float
    layer: str | None = None


def parse_numbers(text: str) -> dict[str, float]:
    """Reads `LAYER=NUMBER` or `NUMBER` entries, separated by spaces.

    The numbers are at least 0, by layer or `ALL_LAYERS`, in the order in which they
    apply. Raises `ValueError` naming the invalid entry.
    """
    table: dict[str, float] = {}
    for entry in text.split():
        layer, number = _split(entry)
        table.pop(layer, None)  # a later entry of the same layer applies later
        table[layer] = _parse_number(number, entry)
    return table


def _split(assignment: str) -> tuple[str, str]:
    layer, equals, value = assignment.rpartition("=")
    if equals and not layer:
        raise ValueError(f"{assignment!r} names no layer")
    return layer or ALL_LAYERS, value


def parse_names(text: str) -> dict[str, str]:
    """Reads `LAYER=NAME` entries, separated by spaces; raises ValueError."""
    pairs = [(entry, *entry.partition("=")) for entry in text.split()]
    for entry, layer, _, name in pairs:
        if not layer or not name:
            raise ValueError(f"{entry!r} is not LAYER=NAME")
    return {layer: name for _, layer, _, name in pairs}


def parse_changes(text: str) -> tuple[RateChange, ...]:
    """Reads `EPOCH:RATE` or `EPOCH:LAYER=RATE` entries; raises ValueError."""
    changes = []
    for entry in text.split():
        epoch, colon, assignment = entry.partition(":")
        if not colon:
            raise ValueError(f"{entry!r} has no colon")
        layer, rate = _split(assignment)
        changes.append(
            RateChange(
                _parse_number(epoch, entry),
                _parse_number(rate, entry),
                None if layer == ALL_LAYERS else layer,
            )
        )
    return tuple(changes)


def _parse_number(text: str, entry: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise ValueError(f"{text!r} in {entry!r} is not a number of at least 0")
    return number


def _format_number(number: float) -> str:
    short = f"{number:g}"
    return short if float(short) == number else repr(number)


def format_numbers(table: Mapping[str, float]) -> str:
    """The inverse of `parse_numbers`."""
    return " ".join(
        _format_number(number)
        if layer == ALL_LAYERS
        else f"{layer}={_format_number(number)}"
        for layer, number in table.items()
    )


def format_names(table: Mapping[str, str]) -> str:
    """The inverse of `parse_names`."""
    return " ".join(f"{layer}={name}" for layer, name in table.items())


def format_changes(changes: Sequence[RateChange]) -> str:
    """The inverse of `parse_changes`."""
    return " ".join(
        f"{_format_number(change.epoch)}:"
        + (f"{change.layer}=" if change.layer else "")
        + _format_number(change.rate)
        for change in changes
    )


def resolve(
    table: Mapping[str, float], layer_names: Sequence[str], default: float, setting: str
) -> dict[str, float]:
    """Returns every layer's number, `default` for those not in the table.

    Raises `UserError`, naming `setting`, if the table has a layer that the network
    lacks.
    """
    resolved = dict.fromkeys(layer_names, default)
    for layer, number in table.items():
        if layer == ALL_LAYERS:
            resolved = dict.fromkeys(layer_names, number)
        else:
            check_layer(layer, layer_names, f"config.{setting}")
            resolved[layer] = number
    return resolved


def check_layer(layer: str, layer_names: Sequence[str], subject: str) -> None:
    """Raises `UserError`, beginning with `subject`, if there is no such layer."""
    if layer not in layer_names:
        raise errors.UserError(
            f"{subject}: there is no layer {layer!r}; the layers are "
            f"{', '.join(layer_names)}.{suggest(layer, layer_names)}"
        )
