"""ILSVRC-2012 as Kaggle hands it out: single files, the truth in a table.

`ILSVRC/Data/CLS-LOC/train/<synset>/*.JPEG`, `ILSVRC/Data/CLS-LOC/val/*.JPEG` flat, and
beside `ILSVRC` the files `LOC_val_solution.csv` ("ImageId,PredictionString", the
second being "n01440764 x y x y", once per object) and `LOC_synset_mapping.txt`
("n01440764 tench, Tinca tinca"). The pictures are those of the official archives.
"""

from __future__ import annotations

import csv
import os
import re
from typing import TextIO

from tfrecords import durable, errors, manifest, progress, sources
from tfrecords.sources import stored
from tfrecords.sources.release import Release

_PICTURES_DIR = os.path.join("ILSVRC", "Data", "CLS-LOC")
_TRUTH_NAME = "LOC_val_solution.csv"
_WORDS_NAME = "LOC_synset_mapping.txt"
_MAX_TEXT_BYTES = 64 << 20
_SYNSET = re.compile(r"n\d{8}")


def is_kaggle(source_dir: str) -> bool:
    """Whether Kaggle's layout lies in `source_dir`."""
    return os.path.isdir(os.path.join(source_dir, _PICTURES_DIR, "train"))


def open_kaggle(
    source_dir: str, release: Release, progress_stream: TextIO | None
) -> stored.StoredPictures:
    """Opens Kaggle's layout; names and labels are those of the official archives.

    Args:
      source_dir: the folder that holds `ILSVRC`.
      release: the year.
      progress_stream: where the live line goes; standard error by default.

    Raises:
      UserError: if a file is missing.
      DataError: if a file is damaged or a picture lies in another class's folder.
      StorageError: if one cannot be read.
    """
    train_dir = os.path.join(source_dir, _PICTURES_DIR, "train")
    validation_dir = os.path.join(source_dir, _PICTURES_DIR, "val")
    truth_path = os.path.join(source_dir, _TRUTH_NAME)
    words_path = os.path.join(source_dir, _WORDS_NAME)
    inputs: list[manifest.InputFile] = []
    remarks: list[str] = []

    with durable.read_errors(train_dir):
        synsets = sorted(
            entry.name
            for entry in os.scandir(train_dir)
            if entry.is_dir() and _SYNSET.fullmatch(entry.name)
        )
    containers = [os.path.join(train_dir, synset) for synset in synsets]
    builder = stored.TableBuilder()
    listing = progress.Progress(
        "listing pictures", len(synsets), "classes", stream=progress_stream
    )
    num_ignored = 0
    for label, synset in enumerate(synsets):
        pattern = re.compile(re.escape(synset.encode()) + rb"_\d+\.JPEG")
        names, sizes, num_others = _list_files(containers[label], pattern)
        if not names:
            raise errors.DataError(
                f"{containers[label]} holds no picture {synset}_*.JPEG. Put the "
                "class's pictures there, or remove the folder."
            )
        builder.add(names, [label] * len(names), label, [-1] * len(names), sizes)
        num_ignored += num_others
        listing.advance()
    listing.close()
    if not synsets:
        raise errors.DataError(
            f"{train_dir} holds no folder called like n01440764. Unpack Kaggle's "
            "archive again."
        )
    splits = {"train": builder.build()}
    remarks += release.compare_train(len(synsets), splits["train"].num_pictures)

    words: dict[str, str] = {}
    if os.path.isfile(words_path):
        words = _read_words(words_path)
        inputs.append(_describe(words_path))
    else:
        remarks.append(
            f"{_WORDS_NAME} is missing: the classes are called by their synsets alone."
        )
    if os.path.isdir(validation_dir):
        if not os.path.isfile(truth_path):
            raise errors.UserError(
                f"{source_dir} has no file {_TRUTH_NAME}, which tells the classes of "
                f"the pictures in {validation_dir}. Put it beside ILSVRC."
            )
        truth = _read_truth(truth_path)
        inputs.append(_describe(truth_path))
        names, sizes, num_others = _list_files(
            validation_dir, release.validation_pattern
        )
        table = _label_validation(names, sizes, truth, synsets, truth_path)
        num_kept = table.num_pictures if table else 0
        remarks += release.compare_validation(len(names), num_kept)
        num_ignored += num_others
        if table:
            splits["validation"] = table
    else:
        remarks.append(
            f"{validation_dir} is missing: there is no validation split, and training "
            "will need --config.schedule.name=fixed."
        )
    if num_ignored:
        remarks.append(f"{num_ignored:,} files with other names were left out.")
    return stored.StoredPictures(
        name=release.name,
        containers=[*containers, validation_dir],
        classes=[manifest.ClassInfo(s, words.get(s, s)) for s in synsets],
        splits=splits,
        inputs=inputs,
        applies_orientation=False,
        settings={},
        remarks=remarks,
    )


def _label_validation(
    names: list[bytes],
    sizes: list[int],
    truth: dict[str, str],
    synsets: list[str],
    truth_path: str,
) -> sources.PictureTable | None:
    """The pictures of known classes; None if there is none."""
    labels_by_synset = {synset: label for label, synset in enumerate(synsets)}
    kept: list[tuple[bytes, int, int]] = []
    for name, size in zip(names, sizes, strict=True):
        synset = truth.get(os.path.splitext(name.decode())[0])
        if synset is None:
            raise errors.DataError(
                f"{truth_path} has no line for {name.decode()}. Download it again."
            )
        if synset in labels_by_synset:
            kept.append((name, labels_by_synset[synset], size))
    if not kept:
        return None
    kept_names, labels, kept_sizes = zip(*kept, strict=True)
    builder = stored.TableBuilder()
    builder.add(kept_names, labels, len(synsets), [-1] * len(kept), kept_sizes)
    return builder.build()


def _list_files(
    directory: str, pattern: re.Pattern[bytes]
) -> tuple[list[bytes], list[int], int]:
    """Names and sizes of the files that match, and how many others there are."""
    names, sizes, num_others = [], [], 0
    with durable.read_errors(directory), os.scandir(directory) as entries:
        for entry in entries:
            name = os.fsencode(entry.name)
            if pattern.fullmatch(name) and entry.is_file():
                names.append(name)
                sizes.append(entry.stat().st_size)
            elif not name.startswith(b"."):
                num_others += 1
    return names, sizes, num_others


def _read_text(path: str) -> list[str]:
    with durable.read_errors(path), open(path, "rb") as file:
        data = file.read(_MAX_TEXT_BYTES + 1)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise errors.DataError(
            f"{path}, byte {error.start}: this is no UTF-8 text. Download it again."
        ) from error
    if len(data) > _MAX_TEXT_BYTES:
        raise errors.DataError(
            f"{path} is larger than {_MAX_TEXT_BYTES:,} bytes, which the official file "
            "is not. Download it again."
        )
    return text.splitlines()


def _read_words(path: str) -> dict[str, str]:
    """The words by synset."""
    words: dict[str, str] = {}
    for i, line in enumerate(_read_text(path)):
        synset, _, text = line.strip().partition(" ")
        if not _SYNSET.fullmatch(synset) or not text or synset in words:
            raise errors.DataError(
                f"{path}, line {i + 1}: {line[:40]!r} is no new synset with its words, "
                'like "n01440764 tench, Tinca tinca". Download it again.'
            )
        words[synset] = text
    return words


def _read_truth(path: str) -> dict[str, str]:
    """The synset by picture: "ILSVRC2012_val_00000001" to "n01751748"."""
    truth: dict[str, str] = {}
    for i, row in enumerate(csv.reader(_read_text(path), strict=False)):
        if i == 0 and row[:1] == ["ImageId"]:
            continue
        synset = row[1].split(" ", 1)[0] if len(row) == 2 else ""
        if not _SYNSET.fullmatch(synset) or row[0] in truth:
            raise errors.DataError(
                f"{path}, line {i + 1}: {','.join(row)[:60]!r} is no new picture with "
                'its class, like "ILSVRC2012_val_00000001,n01751748 0 0 9 9". Download '
                "it again."
            )
        truth[row[0]] = synset
    return truth


def _describe(path: str) -> manifest.InputFile:
    with durable.read_errors(path):
        md5 = durable.compute_digest(path, "md5")
        return manifest.InputFile(
            os.path.basename(path), os.path.getsize(path), md5, None
        )
