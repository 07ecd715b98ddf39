"""Sources whose images are files, or parts of archives."""

from __future__ import annotations

import dataclasses
import os
import zlib
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from tfrecords import errors, limits, sources, stable_random
from tfrecords.durable import files
from tfrecords.shards import manifest

# Of the archives of one source: a data set may have thousands.
_MAX_OPEN_FILES = 256


class TableBuilder:
    """Collects the images of a split, one container after the other."""

    def __init__(self) -> None:
        self._filenames: list[np.ndarray] = []
        self._columns: list[np.ndarray] = []

    def add(
        self,
        filenames: Collection[bytes],
        labels: Sequence[int] | int,
        container: int,
        offsets: Sequence[int] | int,
        sizes: Collection[int],
    ) -> None:
        """Adds images of one container, described in parallel or all alike.

        File names are unique in the split. `container` is the index in
        `StoredImages.containers`; offsets and sizes are of the images' bytes in it. An
        offset of -1 means that it is a directory and `filename` a file in it.
        """
        if filenames:
            columns = np.broadcast_arrays(labels, container, offsets, [*sizes])
            self._filenames.append(np.array([*filenames], dtype=np.bytes_))
            self._columns.append(np.array(columns, np.int64))

    @property
    def num_images(self) -> int:
        """How many were added."""
        return sum(map(len, self._filenames))

    def build(self) -> sources.ImageTable:
        """The table, sorted by file name, of one or more images; empties the builder.

        Raises `DataError` if two of them have the same name.
        """
        # Copies of 14 million images are large: names are held twice at most, and one
        # column at a time.
        filenames = np.concatenate(self._filenames)
        self._filenames.clear()
        order = np.argsort(filenames, kind="stable")
        filenames = filenames[order]
        if np.any(twice := filenames[1:] == filenames[:-1]):
            name = filenames[1:][twice][0].decode(errors="backslashreplace")
            raise errors.DataError(
                f"Two images of one split are called {name}. Remove or rename one."
            )
        dtypes = {
            "labels": np.int32,
            "container": np.int32,
            "offset": np.int64,
            "num_bytes": np.int64,
        }
        columns = {
            name: np.concatenate([part[row] for part in self._columns])[order].astype(
                dtype
            )
            for row, (name, dtype) in enumerate(dtypes.items())
        }
        self._columns.clear()
        return sources.ImageTable(filenames=filenames, **columns)


def build_tables(
    builders: Mapping[str, TableBuilder], labels: Mapping[str, np.ndarray]
) -> dict[str, sources.ImageTable]:
    """Tables of images that were added before the classes were known.

    Args:
      builders: by split; the label of the i-th image added is i.
      labels: by split, int32 [N], the right labels of the images as they were added.
    """
    tables = {split: builder.build() for split, builder in builders.items()}
    return {
        split: dataclasses.replace(table, labels=labels[split][table.labels])
        for split, table in tables.items()
    }


def shuffle_class(num_images: int, name: str, seed: int) -> np.ndarray:
    """A permutation of a class's images, to divide them: int64 [num_images].

    Seeded by the class's name, too, so that other classes have no influence.
    """
    return stable_random.make_permutation(num_images, seed, zlib.crc32(name.encode()))


def check_folder(path: str, expected: str) -> None:
    """Raises `UserError` if `path` is no folder; `expected` is what it should be."""
    if not os.path.isdir(path):
        fault = f"There is no folder {path}"
        if os.path.exists(path):
            fault = f"{path} is a file, not a folder"
        raise errors.UserError(f"{fault}. Set --source_dir to {expected}.")


def check_images(num_images: int, split: str, where: str) -> None:
    """Raises `UserError` if a split has no image; `where` is its file or folder."""
    if not num_images:
        raise errors.UserError(
            f"{where} has files of the split {split}, but not one image in them. Add "
            "images, or remove the files."
        )


def check_fraction(validation_fraction: float | None) -> None:
    """Raises `UserError` unless the fraction is None or between 0 and 1."""
    if validation_fraction is not None and not 0.0 < validation_fraction < 1.0:
        raise errors.UserError(
            f"The validation fraction is {validation_fraction}; it must be between 0 "
            "and 1, for example 0.1."
        )


def describe_input(path: str, compute_md5: bool = True) -> manifest.InputFile:
    """A file's entry in the manifest, without a verdict; raises as `read_errors`."""
    with files.read_errors(path):
        md5 = files.compute_digest(path, "md5") if compute_md5 else None
        return manifest.InputFile(
            os.path.basename(path), os.path.getsize(path), md5, None
        )


@dataclasses.dataclass(eq=False, kw_only=True)
class StoredImages(sources.Source):
    """A source whose tables say which bytes of which file an image is."""

    # Absolute paths, indexed by the tables' `container`: an archive, or the directory
    # in which an image's `filename` is a file.
    containers: tuple[str, ...]
    _descriptors: dict[str, int] = dataclasses.field(default_factory=dict, init=False)

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_descriptors": {}}

    def __del__(self) -> None:
        for descriptor in self.__dict__.get("_descriptors", {}).values():
            os.close(descriptor)

    def read_image(self, split: str, row: int) -> bytes:
        """The image's encoded bytes; see `Source.read_image`."""
        table = self.splits[split]
        container = self.containers[table.container[row]]
        offset, num_bytes = int(table.offset[row]), int(table.num_bytes[row])
        if offset >= 0:
            return self._read_within(container, offset, num_bytes)
        path = os.path.join(container, os.fsdecode(bytes(table.filenames[row])))
        with files.read_errors(path), open(path, "rb") as file:
            # An additional byte shows that the file has grown.
            data = file.read(num_bytes + 1)
        if len(data) != num_bytes:
            raise errors.DataError(
                f"{path} had {num_bytes:,} bytes when it was listed and now has "
                "another size. Do not change images while the command runs; run it "
                "again."
            )
        return data

    def _read_within(self, path: str, offset: int, num_bytes: int) -> bytes:
        with files.read_errors(path):
            data = os.pread(self._open(path), num_bytes, offset)
        if len(data) != num_bytes:
            raise errors.DataError(
                f"{path}, byte {offset}: an image of {num_bytes:,} bytes was listed "
                f"here, but only {len(data):,} are left. The file was cut; download it "
                "again."
            )
        return data

    def _open(self, path: str) -> int:
        if path not in self._descriptors:
            limit = min(_MAX_OPEN_FILES, limits.count_open_files() // 4)
            while len(self._descriptors) >= max(1, limit):
                # The one that was opened first.
                os.close(self._descriptors.pop(next(iter(self._descriptors))))
            self._descriptors[path] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        return self._descriptors[path]
