"""Settings in a file: an experiment's name and what differs from it, as JSON.

    {"format": "alexnet-settings", "version": 1,
     "experiment": "alexnet",
     "settings": {"model.normalization_bias": 1.5, "batch_size": 64},
     "origin": {...}}

`alexnet-tune` writes its best settings so, and `--experiment=FILE` reads them. A file
written by hand needs no format, version or origin; `origin` is for people.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from tfrecords import errors, limits
from tfrecords.durable import files

FORMAT_NAME = "alexnet-settings"
FORMAT_VERSION = 1

_KEYS = ("format", "version", "experiment", "settings", "origin")


@dataclasses.dataclass(frozen=True)
class SettingsFile:
    """What such a file says.

    Attributes:
      experiment: the starting point's name.
      settings: dotted name -> value, over the experiment's.
      origin: where the settings come from, JSON values.
    """

    experiment: str
    settings: Mapping[str, Any]
    origin: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def write(path: str, content: SettingsFile) -> None:
    """Writes `content` at `path` atomically; raises `StorageError`."""
    files.write_json(
        path,
        {
            "format": FORMAT_NAME,
            "version": FORMAT_VERSION,
            "experiment": content.experiment,
            "settings": dict(content.settings),
            "origin": dict(content.origin),
        },
    )


def read(path: str) -> SettingsFile:
    """Reads what `write` wrote, or somebody by hand.

    The names and values of the settings are for `settings.override` to check.

    Raises:
      UserError: where there is no such file, or it is no JSON of this form.
      StorageError: where it may not be read, or the disk fails.
    """
    try:
        with open(path, "rb") as file:
            value = json.load(file)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise errors.UserError(
            f"there is no file of settings {path} ({error.strerror}). alexnet-tune "
            "writes one, best.json in its directory."
        ) from error
    except OSError as error:
        limits.refuse(error)
        raise errors.StorageError(
            f"{path} could not be read: {error.strerror}."
        ) from error
    except (ValueError, RecursionError) as error:
        raise errors.UserError(
            f"{path} holds no settings: it is no JSON ({error}). Settings look so: "
            '{"experiment": "alexnet", "settings": {"batch_size": 64}}.'
        ) from error
    complaint = _find_fault(value)
    if complaint:
        raise errors.UserError(
            f"{path} holds no settings: {complaint}. Settings look so: "
            '{"experiment": "alexnet", "settings": {"batch_size": 64}}.'
        )
    return SettingsFile(
        value.get("experiment", "alexnet"), value["settings"], value.get("origin", {})
    )


def _find_fault(value: Any) -> str | None:
    if not isinstance(value, dict):
        return "it is no JSON object"
    unknown = [key for key in value if key not in _KEYS]
    if unknown:
        return f"it has the unknown key {unknown[0]!r}"
    found = value.get("format", FORMAT_NAME), value.get("version", FORMAT_VERSION)
    if found != (FORMAT_NAME, FORMAT_VERSION):
        return (
            f"its format is {found[0]!r}, version {found[1]!r}, where {FORMAT_NAME!r}, "
            f"version {FORMAT_VERSION}, is expected"
        )
    for key, kind, name in (
        ("experiment", str, "text"),
        ("settings", dict, "an object"),
        ("origin", dict, "an object"),
    ):
        if not isinstance(value.get(key, kind()), kind):
            return f"its {key!r} is not {name}"
    if "settings" not in value:
        return "it lacks the key 'settings'"
    if "experiment" in value["settings"]:
        return "'experiment' stands among the settings; it is a key beside them"
    return None
