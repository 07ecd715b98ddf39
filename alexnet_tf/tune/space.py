"""The search space: settings and their ranges.

The paper chose k, n, alpha and beta of the response normalization on a validation set
(section 3.3) and set the learning rate by hand (section 5); these are the group
`paper`. The ranges are ours, as the paper does not give any.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from alexnet_tf.config import overrides, suggestions
from alexnet_tf.config.schema import Config
from tfrecords import errors

# KerasTuner sends numbers between processes as float32; four digits survive that and
# are enough.
_DIGITS = 4


@dataclasses.dataclass(frozen=True)
class Range:
    """A setting's search range: numbers between two bounds, or listed values."""

    name: str  # the setting's dotted name
    low: float | None = None  # the smallest number; None if there are `values`
    high: float | None = None  # the largest number, inclusive
    is_log: bool = False  # draws uniformly on a logarithmic scale
    values: tuple[Any, ...] = ()  # to choose from; empty if there are bounds

    @property
    def is_whole(self) -> bool:
        """True if only whole numbers are drawn."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def labels(self) -> list[str]:
        """The values as text, which is not rounded between processes."""
        return [str(v).lower() if isinstance(v, bool) else str(v) for v in self.values]

    def describe(self) -> str:
        """The range in the syntax of `parse_space`, without the name."""
        if self.values:
            return "|".join(self.labels)
        return f"{self.low:g}..{self.high:g}{':log' if self.is_log else ''}"


_KNOWN = {
    known.name: known
    for known in (
        Range("model.normalization_bias", 0.5, 8.0, is_log=True),
        Range("model.normalization_radius", 1, 5),
        Range("model.normalization_alpha", 1e-5, 1e-2, is_log=True),
        Range("model.normalization_beta", 0.25, 1.25),
        Range("optimizer.learning_rate", 1e-3, 3e-2, is_log=True),
        Range("optimizer.weight_decay", 1e-5, 1e-2, is_log=True),
        Range("optimizer.momentum", 0.8, 0.98),
        Range("optimizer.bias_rate_factor", values=(1.0, 2.0)),
        Range("model.dropout_rate", 0.0, 0.7),
        Range("model.width", values=(0.25, 0.5, 1.0)),
        Range("model.initial_stddev", 3e-3, 3e-2, is_log=True),
        Range("model.initial_stddev_conv345", 1e-2, 5e-2, is_log=True),
        Range("model.activation", values=("relu", "tanh")),
        Range("data.colour_shift_stddev", 0.0, 0.3),
        Range("batch_size", values=(32, 64, 128, 256)),
    )
}

# Section 3.3's four constants (n = 2 radius + 1) and section 5's rate.
PAPER = (
    "model.normalization_bias",
    "model.normalization_radius",
    "model.normalization_alpha",
    "model.normalization_beta",
    "optimizer.learning_rate",
)


def list_known() -> list[str]:
    """The settings that have a default range, with it, for a help text."""
    return [f"{name}={known.describe()}" for name, known in _KNOWN.items()]


def parse_space(entries: Sequence[str], config: Config) -> tuple[Range, ...]:
    """Parses the search space.

    Each entry is "paper" for the group, NAME for a setting with a default range, or
    NAME=LOW..HIGH, NAME=LOW..HIGH:log, NAME=A|B|C. A name's last part is enough if it
    is unique: "learning_rate". A later entry replaces an earlier one of the same name.
    Raises `UserError` if a name is unknown or does not affect results, or a range is
    invalid or exceeds the setting's limits.
    """
    ranges: dict[str, Range] = {}
    for entry in entries:
        name, equals, text = entry.strip().partition("=")
        if name == "paper" and not equals:
            ranges |= {known: _KNOWN[known] for known in PAPER}
            continue
        setting = _find_setting(name.strip(), config)
        if equals:
            ranges[setting.name] = _parse_range(setting, text.strip(), config)
        elif setting.name in _KNOWN:
            ranges[setting.name] = _KNOWN[setting.name]
        else:
            raise errors.UserError(
                f"there is no default range for {setting.name!r}. Give one: "
                f"{setting.name}=LOW..HIGH, with :log appended for a logarithmic "
                f"scale, or {setting.name}=A|B|C. There are default ranges for: "
                f"{', '.join(_KNOWN)}."
            )
    if not ranges:
        raise errors.UserError(
            "there is nothing to search. Give settings, or 'paper' for those that the "
            f"paper chose ({', '.join(PAPER)})."
        )
    return tuple(ranges.values())


def make_values(space: Sequence[Range], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """The chosen settings by dotted name, with numbers rounded to four digits.

    `chosen` gives, for at least the settings of `space`, a number or one of the range's
    `labels`.
    """
    values: dict[str, Any] = {}
    for entry in space:
        value = chosen[entry.name]
        if entry.values:
            values[entry.name] = entry.values[entry.labels.index(value)]
        elif entry.is_whole:
            values[entry.name] = int(value)
        else:
            values[entry.name] = float(f"{value:.{_DIGITS}g}")
    return values


def _find_setting(name: str, config: Config) -> overrides.Setting:
    known = {setting.name: setting for setting in overrides.list_settings(config)}
    found = [s for key, s in known.items() if name in (key, key.rpartition(".")[2])]
    if len(found) != 1:
        hint = suggestions.suggest(name, [*known, "paper"], 0.4)
        raise errors.UserError(f"there is no one setting {name!r} to search.{hint}")
    if found[0].may_change or found[0].name in ("experiment", "init_from"):
        raise errors.UserError(
            f"{found[0].name!r} cannot be searched: it does not affect results, or it "
            "sets the length or the start of training."
        )
    return found[0]


def _parse_range(setting: overrides.Setting, text: str, config: Config) -> Range:
    bounds, colon, scale = text.partition(":")
    low_text, dots, high_text = bounds.partition("..")
    if not dots:
        values = tuple(_read(setting, v, config) for v in text.split("|") if v)
        if len(set(values)) < 2:
            raise errors.UserError(
                f"{setting.name}={text} leaves nothing to choose. Give two or more "
                f"values, {setting.name}=A|B, or bounds, {setting.name}=LOW..HIGH."
            )
        return Range(setting.name, values=tuple(dict.fromkeys(values)))
    if setting.type not in (int, float) or (colon and scale != "log"):
        raise errors.UserError(
            f"{setting.name}={text} is not a range. Give numbers as LOW..HIGH or "
            "LOW..HIGH:log, and list other values as A|B|C."
        )
    low, high = (_read(setting, t, config) for t in (low_text, high_text))
    if not low < high or (colon and not low > 0):
        raise errors.UserError(
            f"{setting.name}={text} is not a range: the first bound must be below the "
            "second, and above 0 with :log."
        )
    return Range(setting.name, low, high, bool(colon))


def _read(setting: overrides.Setting, text: str, config: Config) -> Any:
    """Converts `text` to the setting's type; `override` raises if it is invalid."""
    changed = overrides.override(config, {setting.name: text.strip()})
    return overrides.to_dict(changed)[setting.name]
