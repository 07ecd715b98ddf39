"""Settings files: an experiment's name and the settings that differ from it, as JSON.

    {"format": "alexnet-settings", "version": 1,
     "experiment": "alexnet",
     "settings": {"model.normalization_bias": 1.5, "batch_size": 64},
     "origin": {...}}

`alexnet-tune` writes its best settings in this format, and `--experiment=FILE` reads
them. A file written by hand needs no format, version or origin; `origin` is a note for
people.
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
    """The content of a settings file."""

    experiment: str  # name of the experiment to start from
    settings: Mapping[str, Any]  # dotted name -> value, overriding the experiment's
    # Where the settings come from, as JSON values.
    origin: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def write(path: str, content: SettingsFile) -> None:
    """Writes `content` at `path` atomically; raises `StorageError`."""
    header = {"format": FORMAT_NAME, "version": FORMAT_VERSION}
    files.write_json(path, {**header, **dataclasses.asdict(content)})


def read(path: str) -> SettingsFile:
    """Reads a settings file; `overrides.override` checks the names and values later.

    Raises:
      UserError: if the file is missing, or is not JSON in this format.
      StorageError: if the file cannot be read.
    """
    try:
        with open(path, "rb") as file:
            value = json.load(file)
        complaint = _find_fault(value)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise errors.UserError(
            f"there is no settings file {path} ({error.strerror}). alexnet-tune writes "
            "one, best.json, in its directory."
        ) from error
    except OSError as error:
        limits.refuse(error)
        raise errors.StorageError(
            f"{path} could not be read: {error.strerror}."
        ) from error
    except (ValueError, RecursionError) as error:
        complaint = f"it is not JSON ({error})"
    if complaint:
        raise errors.UserError(
            f"{path} is not a settings file: {complaint}. Example: "
            '{"experiment": "alexnet", "settings": {"batch_size": 64}}.'
        )
    return SettingsFile(
        value.get("experiment", "alexnet"), value["settings"], value.get("origin", {})
    )


def _find_fault(value: Any) -> str | None:
    if not isinstance(value, dict):
        return "it is not a JSON object"
    unknown = [key for key in value if key not in _KEYS]
    if unknown:
        return f"it has the unknown key {unknown[0]!r}"
    found = value.get("format", FORMAT_NAME), value.get("version", FORMAT_VERSION)
    if found != (FORMAT_NAME, FORMAT_VERSION):
        return (
            f"its format is {found[0]!r}, version {found[1]!r}, instead of "
            f"{FORMAT_NAME!r}, version {FORMAT_VERSION}"
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
        return "'experiment' is inside 'settings'; it must be next to it"
    return None
