"""Finds and opens exports that `saved_model.export` wrote."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import tensorflow as tf

from alexnet_tf.devices import placement
from alexnet_tf.runs import tensorflow_files
from tfrecords import errors, limits
from tfrecords.console import directory_kinds
from tfrecords.durable import checksums, files, json_records, versions
from tfrecords.shards import manifest

EXTRA_NAME = "assets.extra"
RECORD_NAME = os.path.join(EXTRA_NAME, "export.json")
CHECKSUMS_NAME = os.path.join(EXTRA_NAME, checksums.NAME)
SAVED_MODEL_NAME = "saved_model.pb"


@dataclasses.dataclass(frozen=True)
class Record:
    """What is read of an export's record; old exports lack the last three."""

    classes: tuple[manifest.ClassInfo, ...]  # in the order of their labels
    image_size: int  # side of the images that the network was trained on, pixels
    # Layers whose weights are random; the field's name is `untrained.KEY`.
    untrained_layers: tuple[str, ...] = ()
    checksums: Any = None
    identity: str = ""  # of the network, see `trained_network.compute_identity`


def find_version(export_dir: str) -> str:
    """The newest version with a SavedModel, or `export_dir` if it is one itself.

    Raises `UserError` if there is none.
    """
    is_directory = os.path.isdir(export_dir)
    numbers = versions.list_versions(export_dir) if is_directory else []
    paths = [os.path.join(export_dir, str(number)) for number in reversed(numbers)]
    for path in [export_dir, *paths]:
        if os.path.exists(os.path.join(path, SAVED_MODEL_NAME)):
            return path
        # A version that lists a SavedModel but lacks it is damaged; falling back to an
        # older version would hide that.
        if _is_listed(path):
            return path
    kind = directory_kinds.recognize(export_dir)
    if kind == directory_kinds.RUN:
        raise errors.UserError(
            f"{export_dir} is a run's workdir, not an export. Give "
            f"--workdir={export_dir}."
        )
    if kind and kind != directory_kinds.EXPORT:
        raise errors.UserError(
            f"{export_dir} is {kind}, not an export. Give one that alexnet-export made."
        )
    raise errors.UserError(
        f"{export_dir} holds no SavedModel export. Make one: alexnet-export "
        f"--workdir=W --export_dir={export_dir}"
    )


def check_target(export_dir: str) -> None:
    """Raises `UserError` unless a version may be written to `export_dir`.

    It may be new, empty, or hold versions, but nothing of another kind.
    """
    if not os.path.isdir(export_dir):
        return  # Writing there makes it, or reports that it cannot.
    kind = directory_kinds.recognize(export_dir)
    with files.read_errors(export_dir):
        names = [name for name in os.listdir(export_dir) if not name.startswith(".")]
    if kind == directory_kinds.EXPORT and any(map(str.isdecimal, names)):
        return
    if kind:
        is_version = kind == directory_kinds.EXPORT
        what = "a version of an export" if is_version else kind
        raise errors.UserError(
            f"{export_dir} is {what}, and an export would be written into it. Give "
            "another --export_dir."
        )
    if names and not versions.list_versions(export_dir):
        raise errors.UserError(
            f"{export_dir} is not empty and holds no versions of an export, but "
            f"{min(names)}. Give a new --export_dir, such as "
            f"{os.path.join(export_dir, 'alexnet')}."
        )


def _is_listed(path: str) -> bool:
    try:
        with open(os.path.join(path, CHECKSUMS_NAME), encoding="utf-8") as file:
            return f"  {SAVED_MODEL_NAME}\n" in file.read()
    except (OSError, ValueError):
        return False


def open_version(path: str) -> tuple[Record, Any]:
    """Loads a version, from `find_version`, after verifying its files' checksums.

    Exports of older versions of this program have no checksums. A SavedModel is a
    program: load only files that you made or trust.

    Returns:
      The record, and the loaded object. Its `signatures` are functions of tensors by
      name, see `saved_model`; they need the object to stay alive.

    Raises:
      DataError: naming a damaged or missing file.
      DeviceMemoryError: if it does not fit into memory.
      StorageError: if a file cannot be read.
    """
    list_path = os.path.join(path, CHECKSUMS_NAME)
    has_list = os.path.lexists(list_path)
    if has_list:
        checksums.check(path, list_path)
    record_path = os.path.join(path, RECORD_NAME)
    with files.read_errors(record_path):
        record = json_records.read(
            record_path, Record, remedy="Export again.", ignore_unknown=True
        )
    if record.image_size < 1:
        raise _make_error(record_path, f"image_size is {record.image_size}")
    if record.checksums is not None and not has_list:
        raise _make_error(list_path, "it is missing")
    try:
        with (
            placement.memory_errors("network"),
            tensorflow_files.literal_path(path) as literal,
        ):
            loaded = tf.saved_model.load(literal)
        outputs = loaded.signatures["serving_default"].structured_outputs
        num_classes = outputs["probabilities"].shape[-1]
        if num_classes != len(record.classes):
            raise ValueError(f"it has {num_classes} classes, not {len(record.classes)}")
    except errors.UserError:
        raise
    except Exception as error:  # TensorFlow raises a dozen types for damaged files.
        limits.refuse(error)
        raise _make_error(path, error) from error
    return record, loaded


def _make_error(path: str, reason: object) -> errors.DataError:
    first = (str(reason).strip() or "no reason given").splitlines()[0]
    return errors.DataError(
        f"{path} is damaged or not an export of this program ({first:.200}). Export "
        "again."
    )
