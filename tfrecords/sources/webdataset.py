"""WebDataset: tars of samples, `train-000000.tar` and so on.

A sample is the files of one tar that have the same name up to its first dot: an image
(`n01440764_1.jpg`, or .jpeg, .png, .webp, ...), its class (`n01440764_1.cls`: a number
or a name), and others that are not read. Without a `.cls`, the class is the "label" of
a `.json`. The tars are read in place.
"""

from __future__ import annotations

import json
import os
import re

from tfrecords import errors
from tfrecords.console import printing
from tfrecords.images import listing
from tfrecords.plurals import counted
from tfrecords.sources import (
    class_labels,
    folder_contents,
    shard_names,
    stored,
    validation_split,
)
from tfrecords.sources.archives import archive_reader, tar_walk

# "train-000000.tar", also with a name before it ("imagenet1k-train-0000.tar"), and
# "00000.tar" for training alone.
_SHARD_NAME = re.compile(
    r"(?:(?:[\w.-]+[-_])?(?P<split>train|validation|val|valid|test)[-_])?"
    r"(?P<number>\d{1,9})\.tar"
)
_IMAGES = {suffix.removeprefix(".") for suffix in listing.IMAGE_SUFFIXES}
_CLASS, _JSON = "cls", "json"
_MAX_CLASS_BYTES = 1000
_MAX_JSON_BYTES = 1 << 20

_Sample = dict[str, tar_walk.Member]  # by suffix


def is_layout(names: list[str]) -> bool:
    """Whether these file names of a folder are such a data set's."""
    return any(map(_SHARD_NAME.fullmatch, names))


def open_webdataset(
    source_dir: str, *, validation_fraction: float | None = None, seed: int = 0
) -> stored.StoredImages:
    """Opens the tars of a folder, whose headers are read once.

    An image is called by its name in the tar, folders included. The classes are those
    of the training samples, in the order of their numbers or names.

    Args:
      source_dir: the folder of the tars.
      validation_fraction: of each class, if there is no validation split; or None.
      seed: of the division.

    Raises:
      UserError: if there are no tars, some are missing, or a sample has no class.
      DataError: if a tar is damaged, or holds links or two equal names.
      StorageError: if one cannot be read.
    """
    source_dir = os.path.abspath(source_dir)
    stored.check_folder(source_dir, "the folder of train-000000.tar, ...")
    parts = shard_names.find_parts(os.listdir(source_dir), _SHARD_NAME, source_dir)
    if not parts:
        folder_contents.refuse(source_dir, "tars like train-000000.tar")
    values: dict[str, list[str]] = {}
    builders = {split: stored.TableBuilder() for split in parts}
    paths: list[str] = []
    num_without = num_ignored = 0
    for split, names in parts.items():
        values[split] = []
        for name in names:
            paths.append(os.path.join(source_dir, name))
            with archive_reader.ArchiveReader(paths[-1], compute_md5=False) as reader:
                samples = _list_samples(reader)
                images = _find_images(samples, paths[-1])
                found = [_read_class(reader, s, key) for key, s in images.items()]
            num_without += len(samples) - len(images)
            num_ignored += sum(
                suffix not in (_CLASS, _JSON)
                for sample in samples.values()
                for suffix in sample
            ) - len(images)
            members = [_get_image(sample) for sample in images.values()]
            first = len(values[split])
            builders[split].add(
                [member.name for member in members],
                range(first, first + len(members)),
                len(paths) - 1,
                [member.offset for member in members],
                [member.num_bytes for member in members],
            )
            values[split] += found
        if not values[split]:
            raise errors.UserError(
                f"{source_dir}: the tars of the split {split} hold no images "
                f"({', '.join(sorted(_IMAGES))}). Add samples or remove the tars."
            )
    where = {split: f"{source_dir}, split {split}," for split in values}
    classes, labels = class_labels.number_classes(values, where)
    splits = stored.build_tables(builders, labels)
    splits, settings, remarks = validation_split.hold_out(
        splits, [info.synset for info in classes], validation_fraction, seed
    )
    if num_without:
        remarks.append(f"{counted(num_without, 'sample')} without an image ignored.")
    if num_ignored:
        remarks.append(f"{counted(num_ignored, 'file')} with other suffixes ignored.")
    return stored.StoredImages(
        name="webdataset",
        containers=tuple(paths),
        classes=classes,
        splits=splits,
        inputs=tuple(stored.describe_input(path, compute_md5=False) for path in paths),
        settings=settings,
        remarks=tuple(remarks),
    )


def _list_samples(reader: archive_reader.ArchiveReader) -> dict[bytes, _Sample]:
    samples: dict[bytes, _Sample] = {}
    for member in tar_walk.walk(
        reader, tar_walk.ANY_FILE, example="n01440764_1.jpg", padding_notes=[]
    ):
        folder, slash, name = member.name.rpartition(b"/")
        key, _, ending = name.partition(b".")
        sample = samples.setdefault(folder + slash + key, {})
        suffix = ending.decode("utf-8", "backslashreplace").lower()
        # "a.jpg" and "a.JPG" are two members of the tar.
        if suffix in sample and suffix in {_CLASS, _JSON, *_IMAGES}:
            raise errors.DataError(
                f"{reader.path}: the sample {_show(folder + slash + key)} has two "
                f"files .{suffix}, which differ in upper and lower case. Samples of "
                "one image and one class are read: remove one."
            )
        sample[suffix] = member
    return samples


def _find_images(samples: dict[bytes, _Sample], path: str) -> dict[bytes, _Sample]:
    """The samples that have an image; raises `DataError` if one has two."""
    found = {}
    for key, sample in samples.items():
        images = sorted(sample.keys() & _IMAGES)
        if len(images) > 1:
            raise errors.DataError(
                f"{path}: the sample {_show(key)} has {len(images)} images "
                f"({', '.join(images)}). Samples of one image are read."
            )
        if images:
            found[key] = sample
    return found


def _get_image(sample: _Sample) -> tar_walk.Member:
    return next(sample[suffix] for suffix in sample if suffix in _IMAGES)


def _read_class(
    reader: archive_reader.ArchiveReader, sample: _Sample, key: bytes
) -> str:
    """The class as text; "" if the sample has none."""
    where = f"{reader.path}: the sample {_show(key)}"
    if member := sample.get(_CLASS):
        return _read_text(reader, member, _MAX_CLASS_BYTES, where).strip()
    if not (member := sample.get(_JSON)):
        return ""
    try:
        value = json.loads(_read_text(reader, member, _MAX_JSON_BYTES, where))
    except (ValueError, RecursionError) as error:
        raise errors.DataError(
            f"{where} has a .json that is damaged ({error}). Make the tar again."
        ) from error
    label = value.get("label", "") if isinstance(value, dict) else ""
    if type(label) not in (int, str):
        raise errors.DataError(
            f"{where} has the label {label!r} in its .json, which is neither a number "
            "nor a name. Make the tar again with one class for each sample."
        )
    return str(label)


def _read_text(
    reader: archive_reader.ArchiveReader,
    member: tar_walk.Member,
    max_bytes: int,
    where: str,
) -> str:
    name = printing.escape(member.name.decode("utf-8", "backslashreplace"))
    if member.num_bytes > max_bytes:
        raise errors.DataError(
            f"{where} has a file {name} of {member.num_bytes:,} bytes, more than any "
            "class needs. Make the tar again."
        )
    try:
        return reader.read_at(member.offset, member.num_bytes).decode()
    except UnicodeDecodeError as error:
        raise errors.DataError(
            f"{where} has a file {name} that is not UTF-8 text. Make the tar again."
        ) from error


def _show(key: bytes) -> str:
    return printing.escape(key.decode("utf-8", "backslashreplace"))
