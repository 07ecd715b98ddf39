"""Hugging Face's `imagefolder`: images, and a table of their classes beside them.

`train/`, `validation/` and `test/` each hold a `metadata.csv` or `metadata.jsonl` with
the columns `file_name`, relative to it, and `label`, a name or a number. One table for
all may be in the folder above; then a name begins with that of its split's folder
(`train/0001.jpg`), or all images are for training.

Class folders without a table are read by `folder`.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
import stat
from collections.abc import Iterator

from tfrecords import errors
from tfrecords.console import printing, progress
from tfrecords.durable import files
from tfrecords.images import listing
from tfrecords.plurals import counted
from tfrecords.sources import (
    class_labels,
    folder_contents,
    shard_names,
    stored,
    text_files,
    validation_split,
)

_CSV_NAME, _JSONL_NAME = "metadata.csv", "metadata.jsonl"
_FILE_NAME, _LABEL = "file_name", "label"
# A line for each of 14 million images.
_MAX_TABLE_BYTES = 4 << 30


@dataclasses.dataclass(frozen=True)
class _Row:
    where: str  # the table and the line, for errors
    file_name: str  # relative to the table
    label: str  # "" for none


def is_layout(source_dir: str) -> bool:
    """Whether the folder has a table of its images."""
    return bool(_find_tables(source_dir))


def open_imagefolder(
    source_dir: str, *, validation_fraction: float | None = None, seed: int = 0
) -> stored.StoredImages:
    """Opens a folder with tables.

    File names in the source's tables are relative to the folder of the split. The
    classes are those of the training images, in the order of their numbers or names.

    Args:
      source_dir: as described at the top of this module.
      validation_fraction: of each class, if there is no validation split; or None.
      seed: of the division.

    Raises:
      UserError: if there is no table, a column is missing, or an image has no class.
      DataError: if a table is damaged, or names a file that is not there, outside of
        its folder, or twice.
      StorageError: if a file cannot be read.
    """
    source_dir = os.path.abspath(source_dir)
    stored.check_folder(source_dir, "a folder with metadata.csv in it, or in train")
    tables = _find_tables(source_dir)
    if not tables:
        folder_contents.refuse(
            source_dir,
            f"{_CSV_NAME} or {_JSONL_NAME}, neither directly nor in folders train, "
            "validation and test",
        )
    containers: dict[str, str] = {}
    rows: dict[str, list[_Row]] = {}
    for folder, path in tables.items():
        for split, row in _read_rows(folder, path):
            rows.setdefault(split, []).append(row)
        containers |= {
            split: os.path.join(source_dir, folder)
            for split in rows
            if split not in containers
        }
    if "train" not in rows:
        raise errors.UserError(
            f"{source_dir} has no training images in {', '.join(tables.values())}. "
            "Training images define the classes and the mean image: add them."
        )
    values = {split: [row.label for row in found] for split, found in rows.items()}
    where = {split: rows[split][0].where.rpartition(",")[0] for split in rows}
    classes, labels = class_labels.number_classes(values, where)
    line = progress.Progress("listing", sum(map(len, rows.values())), "images")
    builders = {split: stored.TableBuilder() for split in rows}
    for container, split in enumerate(rows):
        builders[split].add(
            [os.fsencode(row.file_name) for row in rows[split]],
            labels[split].tolist(),
            container,
            -1,
            [_get_size(containers[split], row, line) for row in rows[split]],
        )
    line.close()
    splits, settings, remarks = validation_split.hold_out(
        {split: builder.build() for split, builder in builders.items()},
        [info.synset for info in classes],
        validation_fraction,
        seed,
    )
    remarks += _count_unlisted(set(containers.values()), rows)
    return stored.StoredImages(
        name="imagefolder",
        containers=tuple(containers[split] for split in rows),
        classes=classes,
        splits=splits,
        inputs=tuple(
            dataclasses.replace(
                stored.describe_input(path), name=os.path.relpath(path, source_dir)
            )
            for path in tables.values()
        ),
        applies_orientation=True,
        settings=settings,
        remarks=tuple(remarks),
    )


def _find_tables(source_dir: str) -> dict[str, str]:
    """The path of the table by the folder that has it, "" for `source_dir`."""
    tables = {}
    for folder in ["", *shard_names.SPLIT_NAMES]:
        paths = [
            os.path.join(source_dir, folder, name) for name in (_CSV_NAME, _JSONL_NAME)
        ]
        found = [path for path in paths if os.path.isfile(path)]
        if len(found) == 2:
            raise errors.UserError(
                f"{found[0]} and {found[1]} are both there. Remove one."
            )
        if found:
            tables[folder] = found[0]
    if "val" in tables or "valid" in tables:
        splits = [shard_names.SPLIT_NAMES.get(folder) for folder in tables]
        if splits.count("validation") > 1:
            raise errors.UserError(
                f"{source_dir} has two folders of validation images with a table. "
                "Merge them or remove one."
            )
    if "" in tables and len(tables) > 1:
        *_, other = tables.values()
        raise errors.UserError(
            f"{tables['']} and {other} are both there: the images are listed either "
            "in one table or in one for each split. Remove the others."
        )
    return tables


def _read_rows(folder: str, path: str) -> Iterator[tuple[str, _Row]]:
    """The rows of a table with their splits."""
    text = text_files.read_text(path, _MAX_TABLE_BYTES)
    read = _read_csv if path.endswith(_CSV_NAME) else _read_jsonl
    num_rows = 0
    for row in read(text, path):
        parts = row.file_name.split("/")
        is_wrong = "\0" in row.file_name or not text_files.is_text(row.file_name)
        if is_wrong or any(part in ("", ".", "..") for part in parts):
            raise errors.DataError(
                f"{row.where}: the file_name {printing.escape(row.file_name)!r} is not "
                "a path below the table's folder. Correct it."
            )
        split = folder or (parts[0] if len(parts) > 1 else "train")
        num_rows += 1
        yield shard_names.SPLIT_NAMES.get(split, "train"), row
    if not num_rows:
        raise errors.UserError(
            f"{path} lists no image. Add a line for each, or remove it."
        )


def _read_csv(text: str, path: str) -> Iterator[_Row]:
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        header = next(reader, [])
        for column in (_FILE_NAME, _LABEL):
            # Test images may be without labels; training images are checked later.
            if column not in header and not (column == _LABEL and _FILE_NAME in header):
                shown = ", ".join(header)[:80] or "nothing"
                raise errors.UserError(
                    f"{path} must begin with a line that names the columns file_name "
                    f"and label; it begins with {shown!r}. Add that line."
                )
        name_column = header.index(_FILE_NAME)
        label_column = header.index(_LABEL) if _LABEL in header else None
        for fields in reader:
            if not fields:
                continue
            if len(fields) != len(header):
                raise errors.DataError(
                    f"{path}, line {reader.line_num}: there are {len(fields)} fields "
                    f"where the header has {len(header)}. Put quotes around fields "
                    "with commas."
                )
            label = "" if label_column is None else fields[label_column].strip()
            where = f"{path}, line {reader.line_num}"
            yield _Row(where, fields[name_column], label)
    except csv.Error as error:
        raise errors.DataError(
            f"{path}, line {reader.line_num}: {error}. Write the table again."
        ) from error


def _read_jsonl(text: str, path: str) -> Iterator[_Row]:
    for i, line in enumerate(text.split("\n")):
        if not line.strip():
            continue
        where = f"{path}, line {i + 1}"
        try:
            value = json.loads(line)
            file_name, label = value[_FILE_NAME], value.get(_LABEL)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise errors.DataError(
                f"{where}: {line[:60]!r} is not an object with file_name and label, "
                'like {"file_name": "1.jpg", "label": "cat"}. Correct it.'
            ) from None
        if not isinstance(file_name, str) or type(label) not in (str, int, type(None)):
            raise errors.DataError(
                f"{where}: file_name must be a text, and label a name or a number, not "
                f"{file_name!r:.40} and {label!r:.40}. Correct it."
            )
        yield _Row(where, file_name, "" if label is None else str(label))


def _get_size(directory: str, row: _Row, line: progress.Progress) -> int:
    path = os.path.join(directory, row.file_name)
    line.advance()
    try:
        with files.read_errors(path):
            status = os.stat(path)
    except errors.StorageError:
        raise
    except errors.DataError as error:
        raise errors.DataError(
            f"{row.where}: there is no file {printing.escape(path)}. Add the image or "
            "remove the line."
        ) from error
    if not stat.S_ISREG(status.st_mode):
        raise errors.DataError(
            f"{row.where}: {printing.escape(path)} is "
            f"{listing.describe_kind(status.st_mode)}, not an image. Correct the line."
        )
    return status.st_size


def _count_unlisted(directories: set[str], rows: dict[str, list[_Row]]) -> list[str]:
    """A remark if there are images that no table lists."""
    num_images = 0
    for directory in directories:
        for _, found in listing.walk(directory, lambda path, error: None):
            num_images += sum(
                name.lower().endswith(listing.IMAGE_SUFFIXES) for name in found.files
            )
    num_unlisted = num_images - sum(map(len, rows.values()))
    if num_unlisted <= 0:
        return []
    return [f"{counted(num_unlisted, 'image')} that no table lists ignored."]
