"""CIFAR-10: the official Python archive of 32x32 colour images.

`cifar-10-python.tar.gz` holds five training batches and a test batch, each a pickled
dictionary. A pickle is a program; this reader executes only what such a dictionary
needs, with classes of its own in place of NumPy's.
"""

from __future__ import annotations

import dataclasses
import io
import os
import pickle
import re
from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np

from tfrecords import errors, sources
from tfrecords.durable import pickle_opcodes
from tfrecords.shards import manifest
from tfrecords.sources import stored
from tfrecords.sources.archives import tar_walk

_ARCHIVE_NAME = "cifar-10-python.tar.gz"
_ARCHIVE_MD5 = "c58f30108f718f92721af3b95e74349a"
_FOLDER = "cifar-10-batches-py/"
_TRAIN_BATCHES = tuple(f"data_batch_{i}" for i in range(1, 6))
_TEST_BATCH = "test_batch"
_NUM_IMAGES = {"train": 50_000, "validation": 10_000}
_NUM_CLASSES = 10
_SIDE = 32
_IMAGE_BYTES = 3 * _SIDE * _SIDE
# The official archive has 186 MB unpacked, and 50 % more if Python 3 wrote the pickles.
_MAX_ARCHIVE_BYTES = 512 << 20
_FILENAME = re.compile(rb"[A-Za-z0-9_.-]{1,100}")


def open_cifar10(source_dir: str) -> sources.Source:
    """Opens CIFAR-10.

    The 10,000 test images are the split "validation": the paper's CIFAR-10 errors
    (section 3.3) are on them. An image's file name is its position in the split and
    its name in the archive.

    Raises:
      UserError: if the archive is missing.
      DataError: if it is damaged or holds something else.
      StorageError: if it cannot be read.
    """
    path = os.path.join(os.path.abspath(source_dir), _ARCHIVE_NAME)
    if not os.path.isfile(path):
        raise errors.UserError(
            f"There is no file {path}. Set --source_dir to the folder that holds "
            f"{_ARCHIVE_NAME} as downloaded, not unpacked."
        )
    return Cifar10(path)


def compare(num_classes: int, num_images: Mapping[str, int]) -> list[str]:
    """Remarks about counts, of images by split, that are not the official ones."""
    remarks = []
    if num_classes != _NUM_CLASSES:
        remarks.append(
            f"{_ARCHIVE_NAME} has {num_classes} classes; the official archive has "
            f"{_NUM_CLASSES}."
        )
    for split, count in _NUM_IMAGES.items():
        if (found := num_images.get(split, 0)) != count:
            remarks.append(f"There are {found:,} {split} images; officially {count:,}.")
    return remarks


class Cifar10(sources.Source):
    """CIFAR-10 in `path`; every process that reads an image loads all (185 MB)."""

    def __init__(self, path: str):
        self._path = path
        self._pixels: dict[str, np.ndarray] | None
        names, splits, self._pixels = _load(path)
        file = stored.describe_input(path)
        is_official = file.md5 == _ARCHIVE_MD5
        remarks = []
        if not is_official:
            remarks.append(
                f"{_ARCHIVE_NAME} is not the official file: its MD5 sum is {file.md5} "
                f"instead of {_ARCHIVE_MD5}."
            )
        remarks += compare(
            len(names), {split: table.num_images for split, table in splits.items()}
        )
        super().__init__(
            name="cifar10",
            classes=tuple(manifest.ClassInfo(name, name) for name in names),
            splits=splits,
            inputs=(dataclasses.replace(file, official=is_official),),
            remarks=tuple(remarks),
        )

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_pixels": None}

    def read_image(self, split: str, row: int) -> np.ndarray:
        """The image: uint8 [32, 32, 3]; see `Source.read_image`."""
        if self._pixels is None:
            _, _, self._pixels = _load(self._path)
        if row >= len(self._pixels[split]):
            raise errors.DataError(
                f"{self._path} has changed since it was listed: it lacks image {row} "
                f"of {split}. Restore it and run the same command again."
            )
        planes = self._pixels[split][row].reshape(3, _SIDE, _SIDE)
        return np.ascontiguousarray(planes.transpose(1, 2, 0))


def _load(
    path: str,
) -> tuple[list[str], dict[str, sources.ImageTable], dict[str, np.ndarray]]:
    """Class names, tables, and the pixels of each split as uint8 [N, 3072]."""
    members = tar_walk.read_gzip_tar(path, _MAX_ARCHIVE_BYTES)

    def read(name: str) -> dict[bytes, Any]:
        if _FOLDER + name not in members:
            raise errors.DataError(
                f"{path} has no member {_FOLDER}{name}. Download CIFAR-10's Python "
                "version again."
            )
        return _unpickle(bytes(members[_FOLDER + name]), f"{name} in {path}")

    names = read("batches.meta").get(b"label_names")
    if not isinstance(names, list) or not all(isinstance(n, bytes) for n in names):
        _fail(f"batches.meta in {path}", "it lists no class names")
    tables, pixels = {}, {}
    for split, batches in (("train", _TRAIN_BATCHES), ("validation", (_TEST_BATCH,))):
        builder = stored.TableBuilder()
        arrays: list[np.ndarray] = []
        for container, batch in enumerate(batches):
            where = f"{batch} in {path}"
            data, labels, filenames = _check_batch(read(batch), where, len(names))
            first = sum(map(len, arrays))
            builder.add(
                [b"%05d_%s" % (first + i, name) for i, name in enumerate(filenames)],
                labels,
                container,
                range(0, len(data) * _IMAGE_BYTES, _IMAGE_BYTES),
                [_IMAGE_BYTES] * len(data),
            )
            arrays.append(data)
        tables[split] = builder.build()
        pixels[split] = np.concatenate(arrays)
    return [name.decode("ascii", "replace") for name in names], tables, pixels


def _check_batch(
    batch: dict[bytes, Any], where: str, num_classes: int
) -> tuple[np.ndarray, list[int], list[bytes]]:
    data, labels, filenames = map(batch.get, (b"data", b"labels", b"filenames"))
    if not isinstance(data, _PickledArray) or data.pixels is None:
        _fail(where, "its data are not an array of bytes")
    pixels = data.pixels
    if pixels.ndim != 2 or pixels.shape[1] != _IMAGE_BYTES or not len(pixels):
        _fail(where, f"its data have the shape {pixels.shape}, not [N, 3072]")
    if not isinstance(labels, list) or not isinstance(filenames, list):
        _fail(where, "it lacks labels or file names")
    if not len(labels) == len(filenames) == len(pixels):
        _fail(where, "the numbers of images, labels and file names differ")
    if not all(type(v) is int and 0 <= v < num_classes for v in labels):
        _fail(where, f"a label is not one of 0 to {num_classes - 1}")
    if not all(isinstance(n, bytes) and _FILENAME.fullmatch(n) for n in filenames):
        _fail(where, "a file name is not made of letters, digits, '_', '-' and '.'")
    return pixels, labels, filenames


def _fail(where: str, problem: str) -> NoReturn:
    raise errors.DataError(f"{where} is damaged: {problem}. Download it again.")


class _PickledType:
    """Replaces `numpy.dtype`; accepts only bytes."""

    def __init__(self, name: Any, align: Any, copy: Any):
        if name not in ("u1", b"u1"):
            raise pickle.UnpicklingError(f"an array of {name!r}, not of bytes")

    def __setstate__(self, state: Any) -> None:
        """Ignores the byte order and the like, which bytes do not have."""


class _PickledArray:
    """Replaces `numpy.ndarray`; the pickled state sets its pixels."""

    pixels: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, is_fortran, data = state
        if not isinstance(kind, _PickledType) or not isinstance(data, bytes):
            raise pickle.UnpicklingError("an array that is not of bytes")
        self.pixels = np.frombuffer(data, np.uint8).reshape(
            tuple(int(n) for n in shape), order="F" if is_fortran else "C"
        )


def _reconstruct(kind: Any, shape: Any, typecode: Any) -> _PickledArray:
    return _PickledArray()


def _encode(text: Any, encoding: Any) -> bytes:
    """How Python 3 writes bytes in protocol 2."""
    if not isinstance(text, str) or encoding not in ("latin1", b"latin1"):
        raise pickle.UnpicklingError("a call of encode that writes no bytes")
    return text.encode("latin1")


def _make_empty_bytes() -> bytes:
    """How Python 3 writes b"" in protocol 2; takes no size, unlike bytes(10**12)."""
    return b""


_ADMITTED = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): _PickledArray,
    ("numpy", "dtype"): _PickledType,
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): _make_empty_bytes,
}


class _BatchUnpickler(pickle.Unpickler):
    """Builds dictionaries, lists, numbers, strings and arrays of bytes only."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ADMITTED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"it asks for {module}.{name}, which a batch of images does not need"
            ) from None


def _unpickle(data: bytes, where: str) -> dict[bytes, Any]:
    try:
        stream = io.BytesIO(data)
        pickle_opcodes.check(stream)
        value = _BatchUnpickler(stream, encoding="bytes").load()
    except Exception as error:  # a damaged pickle raises almost anything
        raise errors.DataError(
            f"{where} is damaged or not a batch of images ({type(error).__name__}: "
            f"{error}). Download it again from the official site."
        ) from error
    if not isinstance(value, dict):
        _fail(where, "it is not a dictionary")
    return value
