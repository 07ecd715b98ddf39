"""Shards that TensorFlow Datasets wrote: `imagenet2012-train.tfrecord-00000-of-01024`.

A record is a `tf.train.Example` with the keys `image` (an encoded image), `label` (0 to
N-1; -1 in a split without labels) and, in ImageNet, `file_name`. Beside the shards are
`label.labels.txt`, whose line i is the name of class i (of ImageNet the synsets,
sorted), and `dataset_info.json` with the number of records of each shard.

TensorFlow Datasets itself is not needed. Every image data set that it prepared with
these keys is read, in the format `tfrecord`.
"""

from __future__ import annotations

import json
import os
import re
from typing import Any

import numpy as np

from tfrecords import errors, sources
from tfrecords.console import progress
from tfrecords.durable import files
from tfrecords.shards import (
    example_proto,
    manifest,
    record_file,
    record_index,
    record_reader,
)
from tfrecords.sources import (
    class_labels,
    folder_contents,
    shard_names,
    stored,
    synset_words,
    text_files,
    validation_split,
)
from tfrecords.sources.ilsvrc.release import ILSVRC2012

_SHARD_NAME = re.compile(
    r"(?P<name>\w+)-(?P<split>[a-z]+)\.tfrecord-(?P<number>\d{5})-of-(?P<total>\d{5})"
)
_IMAGE, _LABEL, _FILE_NAME = "image", "label", "file_name"
_CLASSES_NAME = "label.labels.txt"
_INFO_NAME = "dataset_info.json"
_IMAGENET = "imagenet2012"
_MEGABYTE = 1_000_000


def is_layout(names: list[str]) -> bool:
    """Whether these file names of a folder are such a data set's."""
    return any(map(_SHARD_NAME.fullmatch, names))


def open_tfds(
    source_dir: str, *, validation_fraction: float | None = None, seed: int = 0
) -> TfdsRecords:
    """Opens a data set, for which all its records are read and checked once.

    A record without a `file_name` is called by its shard and number. Without
    `label.labels.txt` the classes are called by their numbers. A file of synsets'
    words (`LOC_synset_mapping.txt`, `words.txt`) in the folder is used if it is there.

    Args:
      source_dir: the folder of the shards, such as `imagenet2012/5.1.0`.
      validation_fraction: of each class, if there is no validation split; or None.
      seed: of the division.

    Raises:
      UserError: if there are no shards, some are missing, or a split has no record.
      DataError: if a shard is damaged, or a record has other keys or a wrong label.
      StorageError: if a file cannot be read.
    """
    source_dir = os.path.abspath(source_dir)
    stored.check_folder(source_dir, "the folder of train.tfrecord-* shards")
    all_names = os.listdir(source_dir)
    parts = shard_names.find_parts(all_names, _SHARD_NAME, source_dir)
    if not parts:
        folder_contents.refuse(
            source_dir, "shards like imagenet2012-train.tfrecord-00000-of-01024"
        )
    shards = [(split, name) for split, names in parts.items() for name in names]
    paths = [os.path.join(source_dir, name) for _, name in shards]
    line = progress.Progress(
        "reading shards", sum(map(os.path.getsize, paths)) // _MEGABYTE, "MB"
    )
    builders = {split: stored.TableBuilder() for split in parts}
    for container, (split, _) in enumerate(shards):
        _list_shard(paths[container], builders[split], container, line)
    line.close()
    for split, builder in builders.items():
        stored.check_images(builder.num_images, split, source_dir)
    splits = {split: builder.build() for split, builder in builders.items()}
    remarks = _compare_counts(source_dir, splits)
    names = _read_class_names(source_dir, splits["train"], remarks)
    for split, table in splits.items():
        places = _Places(table, paths)
        class_labels.check_labels(table.labels, len(names), split, places)
    classes = synset_words.make_classes(names, source_dir)
    if classes == tuple(manifest.ClassInfo(name, name) for name in names):
        classes = class_labels.name_classes(names)
    match = _SHARD_NAME.fullmatch(parts["train"][0])
    if match and match["name"] == _IMAGENET:
        remarks += _compare_imagenet(names, splits)
    splits, settings, notes = validation_split.hold_out(
        splits, names, validation_fraction, seed
    )
    return TfdsRecords(
        name="tfds",
        containers=tuple(paths),
        classes=classes,
        splits=splits,
        inputs=tuple(stored.describe_input(path, compute_md5=False) for path in paths),
        settings=settings,
        remarks=(*remarks, *notes),
    )


class TfdsRecords(stored.StoredImages):
    """The tables' offsets and sizes are those of whole records."""

    def __getstate__(self) -> dict[str, object]:
        state = super().__getstate__()
        state.pop("_readers", None)
        return state

    def read_image(self, split: str, row: int) -> bytes:
        """The image of a record, whose checksums are compared."""
        readers: dict[str, record_reader.RecordReader]
        readers = self.__dict__.setdefault("_readers", {})
        if split not in readers:
            table = self.splits[split]
            readers[split] = record_reader.RecordReader(
                record_index.RecordIndex(
                    self.containers, table.container, table.offset, table.num_bytes
                )
            )
        features = example_proto.split_example(memoryview(readers[split].read(row)))
        (image,) = example_proto.decode_feature(features[_IMAGE])
        return bytes(image)


def _list_shard(
    path: str,
    builder: stored.TableBuilder,
    container: int,
    line: progress.Progress,
) -> None:
    names, labels, offsets, sizes = [], [], [], []
    num_shown = 0
    with files.read_errors(path):
        for number, (offset, data) in enumerate(record_file.scan(path)):
            try:
                label, name = _parse_record(memoryview(data))
            except errors.DataError as error:
                raise errors.DataError(
                    f"{path}: record {number} at byte {offset}: {error}. The source "
                    "tfds needs the keys image and label; for shards with "
                    "image/encoded there is alexnet-index."
                ) from error
            names.append(name or b"%s#%06d" % (os.path.basename(path).encode(), number))
            labels.append(label)
            offsets.append(offset)
            sizes.append(len(data))
            done = (offset + len(data)) // _MEGABYTE
            line.advance(done - num_shown)
            num_shown = done
    builder.add(names, labels, container, offsets, sizes)


def _parse_record(record: memoryview) -> tuple[int, bytes]:
    """A record's label, and its file name or b""."""
    features = example_proto.split_example(record)
    values: dict[str, Any] = {}
    for key, kind in ((_IMAGE, memoryview), (_LABEL, int), (_FILE_NAME, memoryview)):
        if key not in features:
            if key == _FILE_NAME:
                continue
            found = ", ".join(sorted(features)[:6]) or "nothing"
            raise errors.DataError(f"the record has no {key} (it has {found})")
        decoded = example_proto.decode_feature(features[key])
        if len(decoded) != 1 or not isinstance(decoded[0], kind):
            expected = "integer" if kind is int else "byte string"
            raise errors.DataError(f"the record's {key} is not one {expected}")
        values[key] = decoded[0]
    if abs(values[_LABEL]) > np.iinfo(np.int32).max:
        raise errors.DataError(f"the record's label is {values[_LABEL]}")
    return values[_LABEL], bytes(values.get(_FILE_NAME, b""))


def _read_class_names(
    source_dir: str, train: sources.ImageTable, remarks: list[str]
) -> list[str]:
    path = os.path.join(source_dir, _CLASSES_NAME)
    if os.path.isfile(path):
        lines = text_files.read_text(path).split("\n")
        names = [line.strip() for line in lines if line.strip()]
        if len(set(names)) == len(names) > 0:
            return names
        problem = "it names a class twice" if names else "it is empty"
        raise errors.DataError(f"{path} is damaged: {problem}. Download it again.")
    count = int(train.labels.max()) + 1
    if not 0 < count <= train.num_images:
        raise errors.DataError(
            f"{source_dir} has no {_CLASSES_NAME}, and its {train.num_images:,} "
            f"training records have labels up to {count - 1:,}, which do not show how "
            "many classes there are. Get that file."
        )
    remarks.append(
        f"{_CLASSES_NAME} is missing: the classes are called by their numbers, and "
        f"there are as many, {count:,}, as the training labels show."
    )
    return [f"label-{label:04d}" for label in range(count)]


class _Places:
    """Where the records are, made only for the one that an error names."""

    def __init__(self, table: sources.ImageTable, paths: list[str]):
        self._table, self._paths = table, paths

    def __getitem__(self, row: int) -> str:
        path = self._paths[self._table.container[row]]
        return f"{path}: the record at byte {self._table.offset[row]}"


def _compare_counts(
    source_dir: str, splits: dict[str, sources.ImageTable]
) -> list[str]:
    """Remarks about numbers of records that are not those of `dataset_info.json`."""
    path = os.path.join(source_dir, _INFO_NAME)
    if not os.path.isfile(path):
        return []
    try:
        infos = json.loads(text_files.read_text(path))["splits"]
        expected = {
            shard_names.SPLIT_NAMES.get(info["name"]): sum(
                int(length) for length in info["shardLengths"]
            )
            for info in infos
        }
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise errors.DataError(
            f"{path} is damaged or does not list splits with shardLengths "
            f"({type(error).__name__}: {error}). Get it again, or remove it."
        ) from error
    return [
        f"There are {table.num_images:,} {split} records; {_INFO_NAME} says "
        f"{expected[split]:,}."
        for split, table in splits.items()
        if split in expected and expected[split] != table.num_images
    ]


def _compare_imagenet(
    names: list[str], splits: dict[str, sources.ImageTable]
) -> list[str]:
    """Remarks about what is not as in the official ILSVRC-2012."""
    remarks = ILSVRC2012.compare_train(len(names), splits["train"].num_images)
    if "validation" in splits:
        count = splits["validation"].num_images
        remarks += ILSVRC2012.compare_split("validation", count, count)
    if sorted(names) != names:
        remarks.append(
            f"The classes in {_CLASSES_NAME} are not sorted: networks trained on the "
            "official archives number them differently."
        )
    return remarks
