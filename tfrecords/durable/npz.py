"""NumPy archives, written atomically and read strictly.

`numpy.savez` stores the date 1980-01-01 for every member, so the bytes of an archive
depend only on its contents and their order; here names are sorted.
"""

from __future__ import annotations

import os
import struct
import zipfile
from collections.abc import Mapping
from typing import IO, Any

import numpy as np

from tfrecords import errors, limits
from tfrecords.durable import files

# The end record: signature, four counts, the directory's size and offset, a length.
_END = struct.Struct("<4s4H2LH")
_ZIP64 = 0xFFFFFFFF


def save(path: str, arrays: Mapping[str, Any]) -> None:
    """Writes `arrays` as an uncompressed `.npz`, atomically.

    Arrays have any numeric dtype and shape; their names may hold slashes.

    Raises:
      ValueError: if an array holds Python objects, which would be pickled.
      StorageError: if the disk is full, read-only, forbidden or failing.
    """
    with files.atomic_write(path) as file:
        write(file, arrays)


def write(file: IO[bytes], arrays: Mapping[str, Any]) -> None:
    """Writes `arrays` into an open, seekable file, as `save` does at a path."""
    for name, array in arrays.items():
        if np.asanyarray(array).dtype.hasobject:
            raise ValueError(f"the array {name} holds Python objects")
    np.savez(file, **dict(sorted(arrays.items())))


def load(path: str) -> dict[str, np.ndarray]:
    """Reads all arrays of an `.npz` file; never unpickles.

    Raises:
      DataError: if the file is not an archive of arrays or a checksum in it is wrong.
      FileNotFoundError: if there is no such file.
    """
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            assert archive.zip is not None
            check_directory(file, archive.zip)
            size = os.fstat(file.fileno()).st_size
            total = sum(member.file_size for member in archive.zip.infolist())
            # Ours are never compressed.
            if total > size:
                raise ValueError(f"it has {size:,} bytes and would unpack to {total:,}")
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise
    except Exception as error:  # zipfile, zlib and numpy raise a dozen types here
        limits.refuse(error)
        raise errors.DataError(
            f"{path} is damaged or is not a NumPy archive ({error}). Make it again or "
            "restore it from a copy."
        ) from error


def check_directory(file: IO[bytes], archive: zipfile.ZipFile) -> None:
    """Raises `ValueError` if the end record does not fit the members that were found.

    No checksum covers the archive's directory, and `zipfile` silently drops members if
    the size of the directory, or of an entry in it, is wrong.
    """
    num_members = len(set(archive.namelist()))
    end_offset = file.seek(-_END.size - len(archive.comment), os.SEEK_END)
    signature, _, _, _, total, size, offset, _ = _END.unpack(file.read(_END.size))
    if signature != b"PK\5\6" or total != num_members:
        raise ValueError(f"its directory lists {num_members} of {total} members")
    if offset != _ZIP64 and offset + size != end_offset:
        raise ValueError("its directory's size or place is wrong")
