"""Image data sets in Parquet as on Hugging Face: `train-00000-of-00005.parquet`.

A row has an `image`, a struct of `bytes` (an encoded image) and `path` (its name or
null), and a `label`. The schema's metadata say which columns these are, if they have
other names, and what the classes are called. It needs pyarrow (extra `parquet`).

Parquet compresses rows in groups, and an image can only be read with its group. The
converter reads images in a random order, so that this costs one group per image unless
the groups are still in memory.
"""

from __future__ import annotations

import collections
import dataclasses
import os
import re
from typing import Any

import numpy as np

from tfrecords import errors, sources
from tfrecords.console import progress
from tfrecords.shards import manifest, schema
from tfrecords.sources import (
    class_labels,
    folder_contents,
    parquet_files,
    shard_names,
    stored,
    validation_split,
)

# Uploads may have a hash after the number of parts.
_PART_NAME = re.compile(
    r"(?P<split>train|validation|val|valid|test)-(?P<number>\d{5})-of-(?P<total>\d{5})"
    r"(?:-[0-9a-f]+)?\.parquet"
)
_FOLDERS = ("", "data")
_CACHE_BYTES = 256 << 20
_MAX_OPEN_FILES = 32
# A group of 110 MB took 77 ms to read, ten times as long as an image to convert.
_LARGE_GROUP_BYTES = 64 << 20


def is_layout(source_dir: str) -> bool:
    """Whether the folder, or `data` in it, has such files."""
    return _find_folder(source_dir) is not None


def open_parquet(
    source_dir: str, *, validation_fraction: float | None = None, seed: int = 0
) -> ParquetImages:
    """Opens a data set; only labels and names are read, not the images.

    An image is called by its path if every image of the split has one of its own,
    otherwise by its file and row. The numbers of bytes in the tables are means of
    the row groups.

    Args:
      source_dir: the folder of the files, or the one above their folder `data`.
      validation_fraction: of each class, if there is no validation split; or None.
      seed: of the division.

    Raises:
      UserError: if pyarrow is missing, there are no files, columns are missing, or a
        split has no row.
      DataError: if a file is damaged, or a label is not that of a class.
      StorageError: if a file cannot be read.
    """
    parquet_files.import_pyarrow()
    source_dir = os.path.abspath(source_dir)
    stored.check_folder(source_dir, "the folder of train-00000-of-*.parquet")
    folder = _find_folder(source_dir)
    if folder is None:
        folder_contents.refuse(
            source_dir, "files like train-00000-of-00005.parquet, directly or in data"
        )
    parts = shard_names.find_parts(os.listdir(folder), _PART_NAME, folder)
    paths = [os.path.join(folder, name) for names in parts.values() for name in names]
    line = progress.Progress("reading labels", len(paths), "files")
    columns: parquet_files.Columns | None = None
    listed: dict[str, list[parquet_files.Part]] = {}
    for split, names in parts.items():
        for name in names:
            path = os.path.join(folder, name)
            file = parquet_files.open_file(path)
            found = parquet_files.find_columns(file, path)
            if columns not in (None, found):
                raise errors.DataError(
                    f"{path} has other columns or classes than {paths[0]}. Get both "
                    "again from one version of the data set."
                )
            columns = found
            part = parquet_files.list_part(file, found, path)
            listed.setdefault(split, []).append(part)
            line.advance()
    line.close()
    assert columns is not None
    for split, own in listed.items():
        stored.check_images(sum(len(part.labels) for part in own), split, folder)
    classes, labels = _number_labels(listed, columns, folder)
    tables = {}
    container = 0
    for split, own in listed.items():
        tables[split] = _make_table(own, labels[split], container)
        container += len(own)
    splits, settings, remarks = validation_split.hold_out(
        tables, [info.synset for info in classes], validation_fraction, seed
    )
    largest = max(part.group_bytes.max() for own in listed.values() for part in own)
    total = sum(part.group_bytes.sum() for own in listed.values() for part in own)
    if largest > _LARGE_GROUP_BYTES and total > _CACHE_BYTES:
        remarks.append(
            f"A row group has up to {largest / 1e6:,.0f} MB, which are read for each "
            "image: the conversion will be slow. Rewrite the files with row groups of "
            "100 rows (row_group_size) to make it faster."
        )
    return ParquetImages(
        name="parquet",
        paths=tuple(paths),
        image_column=columns.image,
        group_starts=tuple(
            np.concatenate([[0], np.cumsum(part.group_rows)])
            for own in listed.values()
            for part in own
        ),
        classes=classes,
        splits=splits,
        inputs=tuple(stored.describe_input(path, compute_md5=False) for path in paths),
        # As Hugging Face's own reader shows them.
        applies_orientation=True,
        settings=settings,
        remarks=tuple(remarks),
    )


@dataclasses.dataclass(eq=False, kw_only=True)
class ParquetImages(sources.Source):
    """The tables' containers are files, their offsets rows."""

    paths: tuple[str, ...]
    image_column: str
    # Of each file: its row groups' first rows and the number of rows, int64 [G + 1].
    group_starts: tuple[np.ndarray, ...]
    _files: collections.OrderedDict[int, Any] = dataclasses.field(
        default_factory=collections.OrderedDict, init=False
    )
    # Columns of images by file and row group, the least recently used first.
    _groups: collections.OrderedDict[tuple[int, int], Any] = dataclasses.field(
        default_factory=collections.OrderedDict, init=False
    )

    def __getstate__(self) -> dict[str, object]:
        empty = collections.OrderedDict[Any, Any]
        return {**self.__dict__, "_files": empty(), "_groups": empty()}

    def read_image(self, split: str, row: int) -> bytes:
        """The image's encoded bytes, b"" for null; see `Source.read_image`."""
        table = self.splits[split]
        container, position = int(table.container[row]), int(table.offset[row])
        starts = self.group_starts[container]
        group = int(np.searchsorted(starts, position, side="right")) - 1
        images = self._read_group(container, group)
        image: bytes | None = images[position - int(starts[group])].as_py()
        return image or b""

    def _read_group(self, container: int, group: int) -> Any:
        key = (container, group)
        if key not in self._groups:
            file = self._open_file(container)
            path = self.paths[container]
            self._groups[key] = parquet_files.read_group(
                file, path, self.image_column, group
            )
            while (
                len(self._groups) > 1
                and sum(column.nbytes for column in self._groups.values())
                > _CACHE_BYTES
            ):
                self._groups.popitem(last=False)
        self._groups.move_to_end(key)
        return self._groups[key]

    def _open_file(self, container: int) -> Any:
        if container not in self._files:
            if len(self._files) >= _MAX_OPEN_FILES:
                self._files.popitem(last=False)[1].close()
            path = self.paths[container]
            file = parquet_files.open_file(path)
            if file.metadata.num_rows != self.group_starts[container][-1]:
                raise errors.DataError(
                    f"{path} has changed since it was listed. Restore it and run the "
                    "same command again."
                )
            self._files[container] = file
        self._files.move_to_end(container)
        return self._files[container]


def _find_folder(source_dir: str) -> str | None:
    for folder in _FOLDERS:
        path = os.path.join(source_dir, folder) if folder else source_dir
        if os.path.isdir(path) and any(map(_PART_NAME.fullmatch, os.listdir(path))):
            return path
    return None


def _number_labels(
    listed: dict[str, list[parquet_files.Part]],
    columns: parquet_files.Columns,
    folder: str,
) -> tuple[tuple[manifest.ClassInfo, ...], dict[str, np.ndarray]]:
    """The classes, and the labels of each split in the order of its files."""
    values = {
        split: [label for part in parts for label in part.labels]
        for split, parts in listed.items()
    }
    if columns.class_names is None:
        where = {split: f"{folder}, split {split}," for split in listed}
        as_text = {
            split: ["" if v in (None, schema.NO_LABEL) else str(v) for v in found]
            for split, found in values.items()
        }
        return class_labels.number_classes(as_text, where)
    labels = {}
    for split, parts in listed.items():
        # Numbers of any size, which are checked before they become int32.
        found = np.array(
            [schema.NO_LABEL if v is None else v for v in values[split]], object
        )
        class_labels.check_labels(
            found, len(columns.class_names), split, _Places(parts)
        )
        labels[split] = found.astype(np.int32)
    class_labels.check_names(columns.class_names, folder)
    return class_labels.name_classes(columns.class_names), labels


class _Places:
    """Where the rows are, made only for the one that an error names."""

    def __init__(self, parts: list[parquet_files.Part]):
        self._parts = parts

    def __getitem__(self, row: int) -> str:
        for part in self._parts:
            if row < len(part.labels):
                return f"{part.path}: row {row}"
            row -= len(part.labels)
        raise IndexError(row)


def _make_table(
    parts: list[parquet_files.Part], labels: np.ndarray, first_container: int
) -> sources.ImageTable:
    names = [name for part in parts for name in part.names]
    has_paths = all(names) and len(set(names)) == len(names)
    builder = stored.TableBuilder()
    start = 0
    for number, part in enumerate(parts):
        end = start + len(part.labels)
        file_name = os.path.basename(part.path)
        means = part.group_bytes // np.maximum(part.group_rows, 1)
        builder.add(
            [
                (name or "").encode()
                if has_paths
                else b"%s#%06d" % (file_name.encode(), row)
                for row, name in enumerate(names[start:end])
            ],
            labels[start:end].tolist(),
            first_container + number,
            range(len(part.labels)),
            np.repeat(means, part.group_rows).tolist(),
        )
        start = end
    return builder.build()
