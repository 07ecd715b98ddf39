"""Texts that give layers a number each: `0.001`, `conv1=0.001`, `conv1=0 fc8=10`."""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence

from tfrecords import errors


def parse_assignment(
    text: str, layer_names: Sequence[str], complaint: str, number_name: str = "rate"
) -> tuple[str | None, float]:
    """Reads `NUMBER` or `LAYER=NUMBER`.

    Args:
      text: the part to be read.
      layer_names: the network's layers.
      complaint: the sentence's beginning where it cannot be read.
      number_name: what the number is.

    Returns:
      (layer, number); layer None means all layers.

    Raises:
      UserError: where it is neither.
    """
    layer, equals, value = text.rpartition("=")
    if equals:
        check_layer(layer, layer_names, complaint)
    number = parse_number(value, f"{complaint}: {value!r} is no {number_name}")
    return (layer or None, number)


def check_layer(layer: str, layer_names: Sequence[str], complaint: str) -> None:
    """Raises `UserError`, beginning with `complaint`, where there is no such layer."""
    if layer not in layer_names:
        near = difflib.get_close_matches(layer, layer_names, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise errors.UserError(
            f"{complaint}: there is no layer {layer!r}, there are "
            f"{', '.join(layer_names)}.{hint}"
        )


def parse_number(text: str, complaint: str) -> float:
    """Reads a finite number of at least 0; raises `UserError`."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise errors.UserError(f"{complaint}; it is a number, 0 or more.")
    return number


def parse_table(
    text: str, layer_names: Sequence[str], default: float, setting: str
) -> dict[str, float]:
    """Reads a setting of `LAYER=NUMBER` entries separated by spaces.

    Args:
      text: the setting's value; `NUMBER` alone is for all layers.
      layer_names: the network's layers.
      default: of the layers that are not named.
      setting: its name, for the sentence.

    Returns:
      Every layer's number; later entries win.

    Raises:
      UserError: naming the first entry that cannot be read.
    """
    table = dict.fromkeys(layer_names, default)
    for entry in text.split():
        layer, number = parse_assignment(
            entry,
            layer_names,
            f"config.{setting}: the entry {entry!r} is not NUMBER or LAYER=NUMBER, "
            "such as conv1=0",
            "number",
        )
        table.update(dict.fromkeys([layer] if layer else layer_names, number))
    return table
