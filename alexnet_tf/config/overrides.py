"""Lists, overrides, compares and serializes settings by dotted name.

`schema` defines the settings; the command line, a run's record and a resumed run use
these functions on them.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar, get_type_hints

from alexnet_tf.config import by_layer
from alexnet_tf.config.by_layer import RateChange
from alexnet_tf.config.schema import Config
from alexnet_tf.config.suggestions import suggest
from tfrecords import errors
from tfrecords.console import paths

# Settings that are local paths.
PATHS = ("init_from",)

# Upper bounds of fields without one of their own: TensorFlow takes counts as int32, and
# numbers must be finite in float32.
_LARGEST = {int: 2**31, float: 3.4e38}

# Types written as text on the command line and in a run's record.
_NUMBERS, _NAMES = Mapping[str, float], Mapping[str, str]
_CHANGES = tuple[RateChange, ...]
_PARSERS: dict[Any, Callable[[str], Any]] = {
    _NUMBERS: by_layer.parse_numbers,
    _NAMES: by_layer.parse_names,
    _CHANGES: by_layer.parse_changes,
}
_FORMATS: dict[Any, Callable[[Any], str]] = {
    _NUMBERS: by_layer.format_numbers,
    _NAMES: by_layer.format_names,
    _CHANGES: by_layer.format_changes,
}
_EXPECTED: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    tuple[int, ...]: "whole numbers separated by commas",
    tuple[str, ...]: "names separated by commas or spaces",
    _NUMBERS: "LAYER=NUMBER entries separated by spaces, such as 'conv1=0 fc8=10'",
    _NAMES: "LAYER=RULE entries separated by spaces, such as 'fc7=adamw fc8=adamw'",
    _CHANGES: "EPOCH:RATE or EPOCH:LAYER=RATE entries separated by spaces, such as "
    "'25:0.001 72:conv1=0'",
}

# Settings that earlier versions lacked, with the value that matches their behaviour.
_EARLIER = {"model.initial_scaling": "none", "data.crop_origin": "corner"}

_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}

_Part = TypeVar("_Part")


@dataclasses.dataclass(frozen=True)
class Setting:
    """One field of a config: dotted name, type, value and allowed values."""

    name: str
    type: type
    value: Any
    doc: str
    choices: tuple[str, ...]
    minimum: float | None
    below: float | None
    may_change: bool
    separator: str

    def format(self) -> Any:
        """The value as a JSON value, as in a run's record and in the help."""
        if self.type in _FORMATS:
            return _FORMATS[self.type](self.value)
        if self.type == tuple[str, ...]:
            return self.separator.join(self.value)
        return list(self.value) if isinstance(self.value, tuple) else self.value


def list_settings(part: Any, prefix: str = "") -> Iterator[Setting]:
    """Yields the settings of a config or of a part of it, in order of declaration."""
    hints = get_type_hints(type(part))
    for field in dataclasses.fields(part):
        value = getattr(part, field.name)
        if dataclasses.is_dataclass(value):
            yield from list_settings(value, f"{prefix}{field.name}.")
        else:
            yield Setting(
                f"{prefix}{field.name}", hints[field.name], value, **field.metadata
            )


def override(config: Config, values: Mapping[str, Any]) -> Config:
    """Returns the config with the given settings replaced.

    They are given by dotted name ("model.activation"), of the field's type or as text.
    Raises `UserError` for an unknown name (suggesting the closest one), a value of the
    wrong type, or a value out of range, such as a URL for a path.
    """
    settings = {setting.name: setting for setting in list_settings(config)}
    for name, value in values.items():
        if name not in settings:
            hint = suggest(name, settings, 0.4)
            raise errors.UserError(f"there is no setting {name!r}.{hint}")
        config = _replace(config, name.split("."), _convert(settings[name], value))
    return config


def _replace(part: _Part, path: list[str], value: Any) -> _Part:
    if len(path) > 1:
        value = _replace(getattr(part, path[0]), path[1:], value)
    return dataclasses.replace(part, **{path[0]: value})  # type: ignore[type-var]


def _convert(setting: Setting, value: Any) -> Any:
    try:
        converted = _read(setting.type, value)
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        reason = f" {error}." if setting.type in _PARSERS else ""
        raise errors.UserError(
            f"config.{setting.name} must be {_EXPECTED[setting.type]}; {value!r} is "
            f"not.{reason}"
        ) from error
    if setting.name in PATHS:
        return paths.expand(converted)
    if setting.choices and converted not in setting.choices:
        raise errors.UserError(
            f"config.{setting.name} must be one of {', '.join(setting.choices)}; "
            f"{value!r} is not.{suggest(str(converted), setting.choices)}"
        )
    if setting.minimum is not None and not converted >= setting.minimum:
        raise errors.UserError(
            f"config.{setting.name} must be at least {setting.minimum:g}; "
            f"{value!r} is not."
        )
    below = _LARGEST.get(setting.type) if setting.below is None else setting.below
    if below is not None and not converted < below:
        raise errors.UserError(
            f"config.{setting.name} must be below {below}; {value!r} is not."
        )
    return converted


def _read(kind: Any, value: Any) -> Any:
    if kind is bool:
        return _BOOLEANS[str(value).lower()]
    if kind is str:
        if not isinstance(value, str):
            raise TypeError(value)
        return value
    if kind in (int, float):
        if isinstance(value, bool):
            raise TypeError(value)
        number = kind(value)
        # int(2.5) would round silently; NaN would pass every range check.
        if not math.isfinite(number) or (isinstance(value, float) and number != value):
            raise ValueError(value)
        return number
    if kind in _PARSERS:
        if isinstance(value, str):
            return _PARSERS[kind](value)
        # Already typed, as in an experiment; its text form is checked.
        return _PARSERS[kind](_FORMATS[kind](value))
    if kind == tuple[str, ...]:
        parts = re.split(r"[\s,]+", value) if isinstance(value, str) else value
        return tuple(_read(str, part) for part in parts if part != "")
    parts = value.split(",") if isinstance(value, str) else value
    return tuple(_read(int, part) for part in parts if part != "")


def to_dict(config: Config) -> dict[str, Any]:
    """The settings by dotted name, as JSON values."""
    return {setting.name: setting.format() for setting in list_settings(config)}


def from_dict(values: Mapping[str, Any]) -> Config:
    """The inverse of `to_dict`; raises `UserError` like `override`.

    A setting missing from an earlier version's record gets the value that matches that
    version's behaviour.
    """
    return override(Config(), {**_EARLIER, **values})


def list_earlier(config: Config) -> dict[str, Any]:
    """The settings of a run that are what earlier versions did, not the defaults.

    The run keeps them: otherwise the command that began it could not resume it.
    """
    values = to_dict(config)
    return {name: value for name, value in _EARLIER.items() if values[name] == value}


def find_differences(old: Config, new: Config) -> list[tuple[str, Any, Any]]:
    """(name, old, new) of every setting that differs and must not change in a run."""
    return [
        (before.name, before.format(), after.format())
        for before, after in zip(list_settings(old), list_settings(new), strict=True)
        if before.value != after.value and not before.may_change
    ]
