"""A directory of features: the vectors of all images of a split.

    I/features.json         what they are, written last
    I/build.json            the same without the counts, written first
    I/features-00000.npy    float32 [block, D]: the first images' vectors
    I/labels-00000.npy      int32 [block]
    I/probe.npy             float32 [D], the features of a fixed image

Each file is complete or absent, so an interrupted build resumes with the next block.
The order is that of the split's records. Blocks are mapped into memory, not read.
"""

from __future__ import annotations

import dataclasses
import io
import os
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfrecords import errors
from tfrecords.durable import files, json_records
from tfrecords.shards import manifest

RECORD_NAME = "features.json"
BUILD_NAME = "build.json"
PROBE_NAME = "probe.npy"
FORMAT_NAME = "alexnet-features"
FORMAT_VERSION = 1
# 64 MiB of 4096 float32 each.
BLOCK_ROWS = 4096
_READ_BYTES = 1 << 20

_REMEDY = "Build the features again, in another directory."


@dataclasses.dataclass(frozen=True)
class Source:
    """What the features are of."""

    layer: str
    split: str
    data_dir: str  # as the user named it
    data_fingerprint: str
    # Of the data settings that choose the split's images: a run's folds.
    num_folds: int
    fold: int
    fraction: float
    crop_size: int
    network: str  # the run or export, as the user named it
    is_untrained: bool  # whether the weights were random, for comparison
    classes: tuple[manifest.ClassInfo, ...]  # in the order of their labels
    num_images: int
    num_features: int  # D
    block_rows: int
    # Of the network, see `trained_network.compute_identity`; "" if it is not known.
    identity: str = ""
    # CRC-32 of each file by its name, once all are written.
    checksums: Mapping[str, int] = dataclasses.field(default_factory=dict)

    @property
    def num_blocks(self) -> int:
        """The number of blocks of a complete directory."""
        return -(-self.num_images // self.block_rows)

    def get_block_size(self, block: int) -> int:
        """How many rows a block has."""
        return min(self.block_rows, self.num_images - block * self.block_rows)


@dataclasses.dataclass(frozen=True)
class Features:
    """An open, complete directory: its source, and `probe`, float32 [D]."""

    path: str
    source: Source
    probe: np.ndarray
    # The files whose checksums were compared.
    _checked: set[str] = dataclasses.field(default_factory=set, compare=False)

    def read_block(self, block: int) -> np.ndarray:
        """A block of vectors, float32 [rows, D], mapped into memory.

        Its checksum is compared the first time. Raises `DataError` if the file is
        missing or damaged.
        """
        path = get_block_path(self.path, block)
        self._check(path)
        return self._map_block(path, block)

    def _map_block(self, path: str, block: int) -> np.ndarray:
        shape = self.source.get_block_size(block), self.source.num_features
        return _load(path, np.float32, shape)

    def _check(self, path: str) -> None:
        if path not in self._checked:
            _check_checksum(path, self.source)
            self._checked.add(path)

    def read_rows(self, rows: np.ndarray) -> np.ndarray:
        """The vectors of some rows, int64 [n], as float32 [n, D].

        They are read without the rest of their blocks, so no checksum is compared.
        """
        found = np.empty((len(rows), self.source.num_features), np.float32)
        blocks = rows // self.source.block_rows
        for block in np.unique(blocks):
            places = np.flatnonzero(blocks == block)
            within = rows[places] % self.source.block_rows
            path = get_block_path(self.path, int(block))
            found[places] = self._map_block(path, int(block))[within]
        return found

    def read_labels(self) -> np.ndarray:
        """The labels of all images, int32 [N], -1 where there is none.

        Raises `DataError` if a file is missing or damaged.
        """
        blocks = range(self.source.num_blocks)
        return np.concatenate([self.read_block_labels(block) for block in blocks])

    def read_block_labels(self, block: int) -> np.ndarray:
        """A block's labels, int32 [rows]; raises as `read_labels`."""
        path = get_labels_path(self.path, block)
        self._check(path)
        labels = _load(path, np.int32, (self.source.get_block_size(block),))
        if labels.min() < -1 or labels.max() >= len(self.source.classes):
            raise errors.DataError(f"{path} has labels of no class. {_REMEDY}")
        return labels


def get_block_path(path: str, block: int) -> str:
    """Where the vectors of a block are."""
    return os.path.join(path, f"features-{block:05d}.npy")


def get_labels_path(path: str, block: int) -> str:
    """Where the labels of a block are."""
    return os.path.join(path, f"labels-{block:05d}.npy")


def save_array(path: str, array: np.ndarray) -> None:
    """Writes an array as `.npy`, atomically; raises `StorageError`."""
    # Into memory first: NumPy's own error of a full disk has no number.
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    with files.atomic_write(path) as file:
        file.write(content.getbuffer())


def write_source(path: str, name: str, source: Source) -> None:
    """Writes `RECORD_NAME` or `BUILD_NAME`; raises `StorageError`."""
    header = {"format": FORMAT_NAME, "version": FORMAT_VERSION}
    value: dict[str, Any] = dataclasses.asdict(source)
    json_records.write_sealed(os.path.join(path, name), {**header, **value})


def read_source(path: str, name: str) -> Source | None:
    """Reads `RECORD_NAME` or `BUILD_NAME`; None if there is none.

    Raises `DataError` if it is damaged, `UserError` if it is of another version.
    """
    record_path = os.path.join(path, name)
    try:
        source = json_records.read(
            record_path,
            Source,
            remedy=_REMEDY,
            format_name=FORMAT_NAME,
            version=FORMAT_VERSION,
            may_be_sealed=True,
        )
    except (FileNotFoundError, NotADirectoryError):
        return None
    if min(source.num_images, source.num_features, source.block_rows) < 1:
        raise errors.DataError(f"{record_path} has numbers below 1. {_REMEDY}")
    return source


def read_probe(path: str, source: Source) -> np.ndarray:
    """The probe of a directory, float32 [D]; raises `DataError` if it is damaged."""
    probe_path = os.path.join(path, PROBE_NAME)
    _check_checksum(probe_path, source)
    return np.array(_load(probe_path, np.float32, (source.num_features,)))


def compute_checksums(path: str, source: Source) -> dict[str, int]:
    """CRC-32 of the complete files, by name; raises as `read_errors`."""
    blocks = range(source.num_blocks)
    paths = [
        os.path.join(path, PROBE_NAME),
        *(get_block_path(path, block) for block in blocks),
        *(get_labels_path(path, block) for block in blocks),
    ]
    return {os.path.basename(each): compute_checksum(each) for each in paths}


def compute_checksum(path: str) -> int:
    """CRC-32 of a file; raises as `read_errors`."""
    checksum = 0
    with files.read_errors(path), open(path, "rb") as file:
        while data := file.read(_READ_BYTES):
            checksum = zlib.crc32(data, checksum)
    return checksum


def identify(features: Features) -> int:
    """CRC-32 of the record; codes and indexes keep it, to recognize the features."""
    return compute_checksum(os.path.join(features.path, RECORD_NAME))


def _check_checksum(path: str, source: Source) -> None:
    """Raises `DataError` if a file is not the one that was recorded."""
    expected = source.checksums.get(os.path.basename(path))
    if expected is not None and compute_checksum(path) != expected:
        raise errors.DataError(
            f"{path} is damaged: it does not match its checksum in {RECORD_NAME}. "
            "Repeat the command that builds the features, which makes blocks again, "
            "or build them in another directory."
        )


def open_features(path: str) -> Features:
    """Opens a directory that a build has finished.

    Raises:
      UserError: if there is none, or the build was interrupted.
      DataError: if a file is damaged.
    """
    source = read_source(path, RECORD_NAME)
    if source is None:
        if read_source(path, BUILD_NAME) is not None:
            raise errors.UserError(
                f"the features in {path} are not complete. Repeat the command that "
                "builds them; it resumes."
            )
        raise errors.UserError(
            f"{path} holds no features. Make them with alexnet-retrieve build "
            f"--index_dir={path}."
        )
    return Features(path, source, read_probe(path, source))


def _load(path: str, dtype: Any, shape: tuple[int, ...]) -> np.ndarray:
    with files.read_errors(path), json_records.explain_damage(path, _REMEDY):
        try:
            array = np.load(path, mmap_mode="r", allow_pickle=False)
        except EOFError as error:
            raise ValueError("it is empty") from error
        except ValueError as error:
            # NumPy's sentence advises to load what may be a program.
            raise ValueError("it is no array") from error
        if array.dtype != dtype or array.shape != shape:
            raise ValueError(
                f"it has {array.dtype} {array.shape}, not {np.dtype(dtype)} {shape}"
            )
    return array
