"""JSON files into frozen dataclasses, with every field and its type checked.

`Class(**value)` would accept a number where a name belongs and fail far from the file
that is at fault. Here each value is compared with its field's type hint, and the error
names the file and the field.
"""

from __future__ import annotations

import collections.abc
import contextlib
import dataclasses
import hashlib
import json
import types
import typing
from collections.abc import Iterator
from typing import Any, TypeVar

from tfrecords import errors
from tfrecords.durable import files

# Far above the largest manifest; a larger file is not one of ours.
MAX_BYTES = 256 << 20
# The last entry of a sealed file: the SHA-256 of its text without this entry.
SEAL = "sha256"

_REMEDY = "Restore it from a copy, or choose another directory."

_Class = TypeVar("_Class")


def read(
    path: str,
    kind: type[_Class],
    *,
    remedy: str = _REMEDY,
    format_name: str | None = None,
    version: int | None = None,
    may_be_sealed: bool = False,
    ignore_unknown: bool = False,
) -> _Class:
    """Reads a JSON file as a `kind`.

    Args:
      path: of the file.
      kind: a dataclass, or another type that a field may have; see `convert`.
      remedy: the last sentence of a `DataError`: what the user should do.
      format_name: what "format" in the file must be; None where files of this kind do
        not name their format. A dataclass has no such field.
      version: what "version" in the file must be; given together with `format_name`.
      may_be_sealed: whether the file may end with its own checksum, see `write_sealed`.
      ignore_unknown: whether the file may have keys that `kind` does not.

    Raises:
      FileNotFoundError, NotADirectoryError: if there is no such file.
      UserError: if the file is of another version.
      DataError: if it is damaged, larger than `MAX_BYTES`, of another format, or a
        field is missing, unknown or of another type.
      StorageError: if it cannot be read.
    """
    text = _read_text(path, remedy)
    with explain_damage(path, remedy):
        value = json.loads(text)
        if format_name is not None:
            if value["format"] != format_name:
                raise ValueError(f"its format is {value['format']!r}")
            if value["version"] != version:
                raise errors.UserError(
                    f"{path} has version {value['version']}; this program reads "
                    f"version {version}. Use the program that wrote it, or make the "
                    "file again."
                )
        if may_be_sealed and SEAL in value:
            _check_seal(text, value)
        if format_name is not None and dataclasses.is_dataclass(kind):
            del value["format"], value["version"]
        return convert(kind, value, ignore_unknown=ignore_unknown)


def write_sealed(path: str, value: dict[str, Any]) -> None:
    """Writes `value` and its text's checksum atomically; raises `StorageError`."""
    files.write_json(path, {**value, SEAL: _compute_seal(value)})


@contextlib.contextmanager
def explain_damage(path: str, remedy: str = _REMEDY) -> Iterator[None]:
    """Turns the errors of checking a file's content into a `DataError`."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise errors.DataError(
            f"{path} is damaged or was not written by this program ({reason}). {remedy}"
        ) from error


def convert(
    kind: type[_Class], value: Any, where: str = "", *, ignore_unknown: bool = False
) -> _Class:
    """Makes a `kind` from a JSON value.

    Args:
      kind: str, int, float, bool, Any, a dataclass, `tuple[T, ...]`, `dict[str, T]`,
        `Mapping[str, T]`, or one of these or None. A field that has a default may be
        missing.
      value: what `json.loads` returned.
      where: the value's place in the file, for the message.
      ignore_unknown: whether `value` may have keys that `kind` does not.

    Raises:
      ValueError: naming the field that is missing, unknown or of another type.
    """
    return typing.cast(_Class, _convert(kind, value, where, ignore_unknown))


def _convert(hint: Any, value: Any, where: str, ignore_unknown: bool = False) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if dataclasses.is_dataclass(hint):
        return _make_dataclass(hint, value, where, ignore_unknown)
    if origin is tuple and isinstance(value, list):
        return tuple(
            _convert(arguments[0], item, f"{where}[{i}]")
            for i, item in enumerate(value)
        )
    if origin in (dict, collections.abc.Mapping) and isinstance(value, dict):
        return {
            key: _convert(arguments[1], item, _join(where, key))
            for key, item in value.items()
        }
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in arguments:
            return None
        (hint,) = [a for a in arguments if a is not type(None)]
        return _convert(hint, value, where)
    # To isinstance a bool is an int.
    if type(value) is hint or (hint is float and type(value) is int):
        return value
    name = getattr(hint, "__name__", str(hint))
    raise ValueError(f"{where or 'it'} is {value!r:.80}, not of type {name}")


def _make_dataclass(kind: Any, value: Any, where: str, ignore_unknown: bool) -> Any:
    if not isinstance(value, dict):
        raise ValueError(f"{where or 'the file'} is not an object")
    fields = {field.name: field for field in dataclasses.fields(kind)}
    unknown = sorted(value.keys() - fields.keys())
    if unknown and not ignore_unknown:
        raise ValueError(f"{_join(where, unknown[0])} is unknown")
    hints = typing.get_type_hints(kind)
    found = {}
    for name, field in fields.items():
        if name in value:
            found[name] = _convert(hints[name], value[name], _join(where, name))
        elif field.default is field.default_factory is dataclasses.MISSING:
            raise ValueError(f"{_join(where, name)} is missing")
    return kind(**found)


def _join(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _read_text(path: str, remedy: str) -> str:
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError:
        with files.read_errors(path):
            raise
    with explain_damage(path, remedy):
        if len(data) > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES:,} bytes")
        return data.decode()


def _compute_seal(value: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(value, indent=1).encode()).hexdigest()


def _check_seal(text: str, value: dict[str, Any]) -> None:
    """Removes the seal from `value`; raises `ValueError` if a byte was changed."""
    del value[SEAL]
    whole = {**value, SEAL: _compute_seal(value)}
    # The whole text is compared, so that no byte of it can change unnoticed.
    if text != json.dumps(whole, indent=1) + "\n":
        raise ValueError(f"its text does not match its {SEAL}")
