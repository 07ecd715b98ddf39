"""What a data directory holds: `manifest.json`.

The manifest is written last, so a directory without one is unfinished. It names the
classes, counts the records of every shard and class, and holds the checksums of every
file and its own. The position of each record is in `index.npz` (see `record_index`).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from typing import Any

import numpy as np

from tfrecords import errors
from tfrecords.console import directory_kinds
from tfrecords.durable import files, json_records, npz

MANIFEST_NAME = "manifest.json"
INDEX_NAME = "index.npz"
STATISTICS_NAME = "statistics.npz"
CONTEST_NAME = "contest.npz"
FORMAT_NAME = "alexnet-tfrecords"
FORMAT_VERSION = 1

# The side to which images that keep their own sizes are resized when read, as in the
# paper (section 2).
STORED_SIZE = 256

_REMEDY = "Restore it from a copy or convert again."


@dataclasses.dataclass(frozen=True)
class ClassInfo:
    """A class: `synset` (its id: "n01440764", a folder's name) and `text` (words)."""

    synset: str
    text: str


@dataclasses.dataclass(frozen=True)
class ShardInfo:
    """A shard: file name, records, size in bytes, SHA-256 in hexadecimal."""

    name: str
    num_records: int
    num_bytes: int
    sha256: str


@dataclasses.dataclass(frozen=True)
class SplitInfo:
    """A split: its shards and how many records each class has.

    The sum of `class_counts` is `num_records`, or 0 in a split without labels: the test
    images of a contest.
    """

    shards: tuple[ShardInfo, ...]
    class_counts: tuple[int, ...]

    @property
    def is_labelled(self) -> bool:
        return any(self.class_counts) or not self.num_records

    @property
    def num_records(self) -> int:
        return sum(shard.num_records for shard in self.shards)


@dataclasses.dataclass(frozen=True)
class InputFile:
    """A file that was converted: name, size in bytes, MD5 or None, and the verdict.

    `official` is True if its size or MD5 is that of the official archive, False if it
    differs, and None if there is no official file of that name.
    """

    name: str
    num_bytes: int
    md5: str | None
    official: bool | None


@dataclasses.dataclass(frozen=True)
class Reject:
    """An image that could not be converted, and why."""

    split: str
    filename: str
    reason: str


@dataclasses.dataclass(frozen=True)
class Manifest:
    """A data directory's contents."""

    source: str  # the value of --source; "tfrecords" for another program's shards
    # Side of the stored images in pixels (256); 0 if the images keep their own sizes
    # (another program's shards) and are resized when read.
    image_size: int
    encoding: str  # "jpeg" or "raw"
    label_offset: int  # the label on disk of class 0: 0 for ours, often 1 elsewhere
    records_dir: str  # of the shards, relative to the data directory; "." for ours
    settings: dict[str, Any]  # everything else that determined the bytes
    classes: tuple[ClassInfo, ...]  # in the order of their labels
    splits: dict[str, SplitInfo]  # by name
    rejects: tuple[Reject, ...]  # in the order of the plan
    inputs: tuple[InputFile, ...]  # the files that were converted
    # SHA-256 of `index.npz`, `statistics.npz` and, if there is one, `contest.npz`.
    checksums: dict[str, str]

    @property
    def num_classes(self) -> int:
        return len(self.classes)

    @property
    def stored_size(self) -> int:
        """Side of the images as a reader gets them, pixels."""
        return self.image_size or STORED_SIZE

    @property
    def fingerprint(self) -> str:
        """SHA-256 over what a reader sees: classes, shards' checksums, statistics.

        Two directories with the same fingerprint hold the same data.
        """
        # Without the contest's, which data of an earlier version do not have.
        return self._hash(INDEX_NAME, STATISTICS_NAME)

    @property
    def images_fingerprint(self) -> str:
        """`fingerprint` without the statistics, which follow from the images.

        Earlier versions computed eigenvectors whose last bit depends on the processor.
        """
        return self._hash(INDEX_NAME)

    def _hash(self, *file_names: str) -> str:
        seen = {
            "classes": [dataclasses.astuple(c) for c in self.classes],
            "label_offset": self.label_offset,
            "splits": {
                name: [dataclasses.astuple(shard) for shard in split.shards]
                for name, split in sorted(self.splits.items())
            },
            "checksums": {name: self.checksums[name] for name in file_names},
        }
        return hashlib.sha256(json.dumps(seen).encode()).hexdigest()

    def find_records_dir(self, data_dir: str) -> str:
        """The path of the shards' directory."""
        return os.path.normpath(os.path.join(data_dir, self.records_dir))

    def get_split(self, name: str) -> SplitInfo:
        """The split called `name`; raises `UserError` naming those there are."""
        if name not in self.splits:
            known = ", ".join(sorted(self.splits)) or "none"
            raise errors.UserError(
                f"the data has no split {name!r}; it has: {known}. Choose one of them."
            )
        return self.splits[name]


def write_manifest(data_dir: str, manifest: Manifest) -> None:
    """Writes `manifest.json`, the last file of a conversion; raises `StorageError`."""
    header = {"format": FORMAT_NAME, "version": FORMAT_VERSION}
    path = os.path.join(data_dir, MANIFEST_NAME)
    json_records.write_sealed(path, {**header, **dataclasses.asdict(manifest)})


def read_manifest(data_dir: str) -> Manifest:
    """Reads `manifest.json`. Manifests of early versions have no checksum of their own.

    Raises:
      UserError: if the directory is missing, has no manifest (an unfinished conversion
        or another program's shards) or one of another version.
      DataError: if the manifest is damaged.
      StorageError: if it cannot be read.
    """
    path = os.path.join(data_dir, MANIFEST_NAME)
    try:
        manifest = json_records.read(
            path,
            Manifest,
            remedy=_REMEDY,
            format_name=FORMAT_NAME,
            version=FORMAT_VERSION,
            may_be_sealed=True,
        )
    except (FileNotFoundError, NotADirectoryError) as error:
        raise errors.UserError(_explain_missing(data_dir)) from error
    with json_records.explain_damage(path, _REMEDY):
        _check(manifest)
    return manifest


def load_arrays(
    data_dir: str, name: str, sha256: str | None = None
) -> dict[str, np.ndarray]:
    """The arrays of `index.npz`, `statistics.npz` or `contest.npz`.

    Raises:
      DataError: if the file is missing or damaged, or its SHA-256 is not the one given.
    """
    path = os.path.join(data_dir, name)
    try:
        if sha256 and files.compute_digest(path) != sha256:
            raise errors.DataError(
                f"{path} is not the one that the manifest names (SHA-256). {_REMEDY}"
            )
        return npz.load(path)
    except FileNotFoundError as error:
        raise errors.DataError(f"{path} is missing. {_REMEDY}") from error


def _explain_missing(data_dir: str) -> str:
    if not os.path.isdir(data_dir):
        return (
            f"there is no data directory {data_dir}. Make one with alexnet-convert, or "
            "correct --data_dir."
        )
    if kind := directory_kinds.recognize(data_dir):
        return (
            f"{data_dir} is {kind}, not a data directory. Give the shards that "
            "alexnet-convert or alexnet-index made."
        )
    return (
        f"{data_dir} has no {MANIFEST_NAME}: its conversion is unfinished, or another "
        "program wrote its shards. Run the same alexnet-convert again to finish the "
        "conversion, or alexnet-index to use another program's shards."
    )


def _check(manifest: Manifest) -> None:
    """Raises `ValueError` if the fields contradict each other."""
    if manifest.encoding not in ("jpeg", "raw"):
        raise ValueError(f"encoding is {manifest.encoding!r}, not 'jpeg' or 'raw'")
    if manifest.image_size < 0:
        raise ValueError(f"image_size is {manifest.image_size}")
    if set(manifest.checksums) - {CONTEST_NAME} != {INDEX_NAME, STATISTICS_NAME}:
        raise ValueError(f"checksums names {sorted(manifest.checksums)}")
    if not manifest.classes or len({c.synset for c in manifest.classes}) < len(
        manifest.classes
    ):
        raise ValueError("classes is empty or has a synset twice")
    for name, split in manifest.splits.items():
        names = [shard.name for shard in split.shards]
        # A name with a slash would make readers leave the directory.
        if len(set(names)) < len(names) or any(
            "/" in n or n in ("", ".", "..") for n in names
        ):
            raise ValueError(
                f"splits.{name} has a shard twice or outside its directory"
            )
        if any(s.num_records < 0 or s.num_bytes < 0 for s in split.shards):
            raise ValueError(f"splits.{name} has a negative count")
        if (
            len(split.class_counts) != manifest.num_classes
            or min(split.class_counts) < 0
            or sum(split.class_counts) not in (0, split.num_records)
        ):
            raise ValueError(
                f"splits.{name}.class_counts does not add up to the shards' records"
            )
