"""Reads the small text files that come with a data set: lists, tables, mappings."""

from __future__ import annotations

from tfrecords import errors
from tfrecords.durable import files

# More than any list of the official data sets has.
MAX_BYTES = 64 << 20


def read_text(path: str, max_bytes: int = MAX_BYTES) -> str:
    """The whole text of a file, whose line ends are kept.

    Raises:
      DataError: if it is missing, not UTF-8, or has more than `max_bytes`.
      StorageError: if it cannot be read.
    """
    with files.read_errors(path), open(path, "rb") as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise errors.DataError(
            f"{path} is larger than {max_bytes:,} bytes, unlike any file of this "
            "kind. Download it again."
        )
    return decode(data, path)


def decode(data: bytes, where: str) -> str:
    """The text of a file's bytes, without a byte order mark; raises `DataError`.

    `where` is the file, for the error.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise errors.DataError(
            f"{where}, byte {error.start}: this is not UTF-8 text. Download it again."
        ) from error


def is_text(text: str) -> bool:
    """Whether a text can be encoded in UTF-8; half of a surrogate pair cannot.

    JSON can contain one, and file names that are not UTF-8 are read as such halves.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
