"""The words of synsets: "n01440764" is "tench, Tinca tinca".

Two files have them: Kaggle's `LOC_synset_mapping.txt`, whose lines are a synset, a
space and its words, and ImageNet's `words.txt`, with a tab.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from tfrecords import errors
from tfrecords.shards import manifest
from tfrecords.sources import text_files
from tfrecords.sources.ilsvrc.release import SYNSET

MAPPING_NAME = "LOC_synset_mapping.txt"
WORDS_NAME = "words.txt"
_SEPARATORS = {MAPPING_NAME: " ", WORDS_NAME: "\t"}


def make_classes(
    names: Sequence[str], source_dir: str
) -> tuple[manifest.ClassInfo, ...]:
    """The classes called `names`, in their order, with words if they are synsets.

    The words are those of one of the two files in `source_dir`, if it is there. Raises
    as `read_words`.
    """
    words: dict[str, str] = {}
    if all(SYNSET.fullmatch(name) for name in names):
        for file_name in _SEPARATORS:
            path = os.path.join(source_dir, file_name)
            if os.path.isfile(path):
                words = read_words(path)
                break
    return tuple(manifest.ClassInfo(name, words.get(name, name)) for name in names)


def read_words(path: str) -> dict[str, str]:
    """Reads either file: the words by synset.

    Raises:
      DataError: if a line is not a new synset with its words.
      StorageError: if it cannot be read.
    """
    lines = text_files.read_text(path).splitlines()
    return parse_words(lines, path, _SEPARATORS[os.path.basename(path)])


def parse_words(
    lines: Iterable[str], where: str, separator: str = "\t"
) -> dict[str, str]:
    """Reads the lines of either file, see `read_words`; `where` is for the error."""
    words: dict[str, str] = {}
    for i, line in enumerate(lines):
        synset, _, text = line.strip().partition(separator)
        if not SYNSET.fullmatch(synset) or not text or synset in words:
            raise errors.DataError(
                f"{where}, line {i + 1}: {line[:40]!r} is not a new synset with its "
                f'words, like "n01440764{separator}tench, Tinca tinca". Download it '
                "again."
            )
        words[synset] = text
    return words
