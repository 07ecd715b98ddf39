"""JSON values into frozen dataclasses, every field and type checked.

`Class(**value)` would take a number where a name belongs and fail far from the file
that is at fault; here each value is compared with its field's type hint.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from typing import Any, TypeVar

from tfrecords import errors, limits

_Class = TypeVar("_Class")


def read_record(
    path: str, format_name: str, version: int, keys: set[str]
) -> dict[str, Any]:
    """Reads a JSON object that names its format, as `run.json` does.

    Args:
      path: of the file.
      format_name: what its "format" must be.
      version: what its "version" must be.
      keys: what else it must hold.

    Raises:
      FileNotFoundError, NotADirectoryError: where there is no such file.
      StorageError: where it cannot be read.
      DataError: where it is damaged, or of another format.
    """
    try:
        with open(path, "rb") as file:
            record = json.load(file)
        found = record["format"], record["version"]
        if found != (format_name, version):
            raise ValueError(
                f"it says {found[0]!r}, version {found[1]!r}, where {format_name!r}, "
                f"version {version!r}, is expected"
            )
        if not keys <= record.keys():
            raise ValueError("parts of it are missing")
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        limits.refuse(error)
        raise errors.StorageError(
            f"{path} could not be read: {error.strerror}."
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise errors.DataError(
            f"{path} is damaged or is no record of this program ({error}). Restore it "
            "from a copy, or choose another directory."
        ) from error
    return record


def read_dataclass(kind: type[_Class], value: Any, where: str = "") -> _Class:
    """Makes a `kind` from the JSON object `value`.

    Args:
      kind: a dataclass whose fields are str, int, float, bool, Any, dataclasses,
        `tuple[T, ...]`, `dict[str, T]`, or one of these or None.
      value: what `json.loads` returned.
      where: the value's place in the file, for the message.

    Raises:
      ValueError: naming the field that is missing, unknown or of another type.
    """
    fields = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    if not isinstance(value, dict):
        raise ValueError(f"{where or 'the file'} is not an object")
    prefix = f"{where}." if where else ""
    for name in sorted(fields - value.keys()):
        raise ValueError(f"{prefix}{name} is missing")
    for name in sorted(value.keys() - fields):
        raise ValueError(f"{prefix}{name} is unknown")
    hints = typing.get_type_hints(kind)
    return kind(
        **{name: _read(hints[name], value[name], prefix + name) for name in fields}
    )


def _read(hint: Any, value: Any, where: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if dataclasses.is_dataclass(hint):
        return read_dataclass(typing.cast(type, hint), value, where)
    if origin is tuple and isinstance(value, list):
        return tuple(
            _read(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(value)
        )
    if origin is dict and isinstance(value, dict):
        return {k: _read(arguments[1], v, f"{where}.{k}") for k, v in value.items()}
    if origin is types.UnionType or origin is typing.Union:
        if value is None and type(None) in arguments:
            return None
        (hint,) = [a for a in arguments if a is not type(None)]
        return _read(hint, value, where)
    # A bool is an int to isinstance, and no number to a reader.
    if isinstance(hint, type) and type(value) is hint:
        return value
    name = getattr(hint, "__name__", str(hint))
    raise ValueError(f"{where} is {value!r:.80}, not of type {name}")
