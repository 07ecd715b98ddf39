"""The two tables that come with Kaggle's copy of ILSVRC-2012."""

from __future__ import annotations

import csv
import re

from tfrecords import errors
from tfrecords.durable import files

_MAX_TEXT_BYTES = 64 << 20
_SYNSET = re.compile(r"n\d{8}")


def read_words(path: str) -> dict[str, str]:
    """Reads `LOC_synset_mapping.txt`: the words by synset.

    Raises:
      DataError: if a line is not a synset with its words, or a synset is repeated.
      StorageError: if the file cannot be read.
    """
    words: dict[str, str] = {}
    for i, line in enumerate(_read_text(path)):
        synset, _, text = line.strip().partition(" ")
        if not _SYNSET.fullmatch(synset) or not text or synset in words:
            raise errors.DataError(
                f"{path}, line {i + 1}: {line[:40]!r} is not a new synset with its "
                'words, like "n01440764 tench, Tinca tinca". Download it again.'
            )
        words[synset] = text
    return words


def read_truth(path: str) -> dict[str, str]:
    """Reads `LOC_val_solution.csv`: "ILSVRC2012_val_00000001" to "n01751748".

    Raises:
      DataError: if a line is not an image with its class, or an image is repeated.
      StorageError: if the file cannot be read.
    """
    truth: dict[str, str] = {}
    for i, row in enumerate(csv.reader(_read_text(path), strict=False)):
        if i == 0 and row[:1] == ["ImageId"]:
            continue
        synset = row[1].split(" ", 1)[0] if len(row) == 2 else ""
        if not _SYNSET.fullmatch(synset) or row[0] in truth:
            raise errors.DataError(
                f"{path}, line {i + 1}: {','.join(row)[:60]!r} is not a new image with "
                'its class, like "ILSVRC2012_val_00000001,n01751748 0 0 9 9". Download '
                "it again."
            )
        truth[row[0]] = synset
    return truth


def _read_text(path: str) -> list[str]:
    with files.read_errors(path), open(path, "rb") as file:
        data = file.read(_MAX_TEXT_BYTES + 1)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise errors.DataError(
            f"{path}, byte {error.start}: this is not UTF-8 text. Download it again."
        ) from error
    if len(data) > _MAX_TEXT_BYTES:
        raise errors.DataError(
            f"{path} is larger than {_MAX_TEXT_BYTES:,} bytes, unlike the official "
            "file. Download it again."
        )
    return text.splitlines()
