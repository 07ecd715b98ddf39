"""Reads Parquet files of images: their columns, classes, labels and row groups.

Hugging Face stores its features in the schema's metadata, under the key "huggingface":
{"info": {"features": {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel",
"names": ["cat", "dog"]}}}}.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from tfrecords import errors
from tfrecords.durable import files

_IMAGE, _LABEL = "image", "label"


@dataclasses.dataclass(frozen=True)
class Columns:
    """Which columns of a file are the image and the label."""

    image: str
    label: str
    class_names: list[str] | None  # in the order of the labels; None if not known


@dataclasses.dataclass(frozen=True)
class Part:
    """What is listed of a file; lists have an entry for each row."""

    path: str
    labels: list[Any]  # int or str; None for null
    names: list[str | None]
    group_rows: np.ndarray  # int64 [number of row groups], rows of each
    group_bytes: np.ndarray  # int64, bytes of the images of each, unpacked


def import_pyarrow() -> Any:
    """Returns pyarrow with its Parquet reader; raises `UserError` without it."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise errors.UserError(
            f"--source=parquet needs pyarrow ({error}). Install it with pip install "
            "'alexnet-tf[parquet]'."
        ) from error
    return pyarrow


@contextlib.contextmanager
def _read_errors(path: str) -> Iterator[None]:
    """Raises `DataError` for a damaged file, and as `files.read_errors`."""
    pyarrow = import_pyarrow()
    try:
        yield
    # A UnicodeDecodeError is of a text column that is not UTF-8.
    except (OSError, pyarrow.ArrowException, UnicodeDecodeError) as error:
        if isinstance(error, OSError) and error.errno:
            with files.read_errors(path):
                raise
        text = " ".join(str(error).split())[:200]
        raise errors.DataError(
            f"{path} is damaged or is not a Parquet file ({text}). Download it again."
        ) from error


def open_file(path: str) -> Any:
    """Opens a `pyarrow.parquet.ParquetFile`.

    Raises:
      DataError: if it is damaged.
      StorageError: if it cannot be read.
    """
    with _read_errors(path):
        # A worker has a core of its own: no threads.
        return import_pyarrow().parquet.ParquetFile(path, pre_buffer=False)


def find_columns(file: Any, path: str) -> Columns:
    """Finds the columns of the image and the label.

    They are those that the metadata call an Image and a ClassLabel, or else `image` and
    `label`. Of several, those with these names are taken.

    Raises:
      UserError: if there are none, or several with other names.
      DataError: if the metadata are damaged.
    """
    found = file.schema_arrow
    features: dict[str, Any] = {}
    if text := (found.metadata or {}).get(b"huggingface"):
        try:
            features = dict(json.loads(text)["info"]["features"])
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise errors.DataError(
                f"{path}: its metadata for Hugging Face are damaged ({error!r:.80}). "
                "Save the data set again."
            ) from error
    kinds = {
        # Lists have no kind.
        name: feature.get("_type")
        for name, feature in features.items()
        if isinstance(feature, dict)
    }
    chosen = []
    for usual, kind in ((_IMAGE, "Image"), (_LABEL, "ClassLabel")):
        names = [n for n in found.names if kinds.get(n) == kind] or [usual]
        name = usual if usual in names else names[0]
        if (len(names) > 1 and usual not in names) or name not in found.names:
            raise errors.UserError(
                f"{path} has the columns {', '.join(found.names)[:200]}; a column "
                f"{usual} is needed. Rename one."
            )
        chosen.append(name)
    image, label = chosen
    image_type = found.field(image).type
    fields = {f.name: f.type for f in image_type} if _is_struct(image_type) else {}
    if "bytes" not in fields or not _is_binary(fields["bytes"]):
        raise errors.UserError(
            f"{path}: the column {image} is {image_type}, not a struct of bytes and "
            "path. Save the data set with its images embedded."
        )
    class_names = features.get(label, {}).get("names") if kinds.get(label) else None
    if class_names is not None and not (
        isinstance(class_names, list)
        and class_names
        and all(isinstance(name, str) for name in class_names)
    ):
        raise errors.DataError(
            f"{path} names its classes {str(class_names)[:80]}, which is not a list of "
            "names. Save the data set again."
        )
    return Columns(image, label, class_names)


def list_part(file: Any, columns: Columns, path: str) -> Part:
    """Reads the labels and names of a file, and its row groups' sizes.

    Raises:
      DataError: if it is damaged.
      StorageError: if it cannot be read.
    """
    pyarrow = import_pyarrow()
    image_type = file.schema_arrow.field(columns.image).type
    has_paths = any(
        field.name == "path" and pyarrow.types.is_string(field.type)
        for field in image_type
    )
    wanted = [columns.label, *[f"{columns.image}.path"] * has_paths]
    with _read_errors(path):
        table = file.read(columns=wanted, use_threads=False)
        labels = table.column(columns.label).to_pylist()
        names: list[str | None] = [None] * len(labels)
        if has_paths:
            rows = table.column(columns.image).to_pylist()
            names = [row["path"] if row else None for row in rows]
        groups = [
            file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)
        ]
    kinds = {type(label) for label in labels} - {type(None)}
    # Of classes that the metadata name, the column has the numbers.
    known = columns.class_names is not None
    if len(kinds) > 1 or not kinds <= ({int} if known else {int, str}):
        needed = "the number of its class" if known else "a number or a name"
        raise errors.UserError(
            f"{path}: the column {columns.label} is "
            f"{file.schema_arrow.field(columns.label).type}; {needed} for each image "
            "is needed."
        )
    image_bytes = f"{columns.image}.bytes"
    sizes = [
        next(
            group.column(i).total_uncompressed_size
            for i in range(group.num_columns)
            if group.column(i).path_in_schema == image_bytes
        )
        for group in groups
    ]
    return Part(
        path,
        labels,
        names,
        np.array([group.num_rows for group in groups], np.int64),
        np.array(sizes, np.int64),
    )


def read_group(file: Any, path: str, image_column: str, group: int) -> Any:
    """The encoded images of a row group: a pyarrow array of bytes.

    Raises:
      DataError: if the file is damaged.
      StorageError: if it cannot be read.
    """
    with _read_errors(path):
        table = file.read_row_group(
            group, columns=[f"{image_column}.bytes"], use_threads=False
        )
        column = table.column(image_column).combine_chunks()
        if isinstance(column, import_pyarrow().ChunkedArray):
            (column,) = column.chunks
        return column.field("bytes")


def _is_binary(kind: Any) -> bool:
    types = import_pyarrow().types
    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def _is_struct(kind: Any) -> bool:
    return bool(import_pyarrow().types.is_struct(kind))
