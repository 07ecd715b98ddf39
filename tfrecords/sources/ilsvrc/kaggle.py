"""ILSVRC-2012 in Kaggle's layout: image files, and the ground truth in a table.

`ILSVRC/Data/CLS-LOC/train/<synset>/*.JPEG`, `ILSVRC/Data/CLS-LOC/val/*.JPEG` flat, and
beside `ILSVRC` the files `LOC_val_solution.csv` ("ImageId,PredictionString", the second
being "n01440764 x y x y", once per object) and `LOC_synset_mapping.txt` ("n01440764
tench, Tinca tinca"). The images are those of the official archives.

Many users have sorted the validation images into class folders, `val/<synset>/*.JPEG`,
for torchvision's ImageFolder. Such folders are read too; if there is a table, they must
agree with it.
"""

from __future__ import annotations

import dataclasses
import os
import re
from typing import TextIO

from tfrecords import errors, sources
from tfrecords.console import progress
from tfrecords.durable import files
from tfrecords.images import listing
from tfrecords.shards import manifest
from tfrecords.sources import stored
from tfrecords.sources.ilsvrc import kaggle_tables
from tfrecords.sources.ilsvrc.release import Release

_IMAGES_DIR = os.path.join("ILSVRC", "Data", "CLS-LOC")
_TRUTH_NAME = "LOC_val_solution.csv"
_WORDS_NAME = "LOC_synset_mapping.txt"
_SYNSET = re.compile(r"n\d{8}")


def is_kaggle(source_dir: str) -> bool:
    """Whether `source_dir` has Kaggle's layout."""
    return os.path.isdir(os.path.join(source_dir, _IMAGES_DIR, "train"))


def open_kaggle(
    source_dir: str, release: Release, progress_stream: TextIO | None
) -> stored.StoredImages:
    """Opens Kaggle's layout; names and labels are those of the official archives.

    Args:
      source_dir: the folder that holds `ILSVRC`.
      release: the year.
      progress_stream: where the progress line goes; standard error by default.

    Raises:
      UserError: if a file is missing, or `val` exists and has no image.
      DataError: if a file is damaged, or a validation image is in the folder of another
        class than that in the table.
      StorageError: if one cannot be read.
    """
    train_dir = os.path.join(source_dir, _IMAGES_DIR, "train")
    validation_dir = os.path.join(source_dir, _IMAGES_DIR, "val")
    words_path = os.path.join(source_dir, _WORDS_NAME)
    inputs: list[manifest.InputFile] = []
    remarks: list[str] = []

    synsets, num_ignored = _list_synsets(train_dir)
    containers = [os.path.join(train_dir, synset) for synset in synsets]
    builder = stored.TableBuilder()
    line = progress.Progress(
        "listing images", len(synsets), "classes", stream=progress_stream
    )
    for label, synset in enumerate(synsets):
        pattern = re.compile(re.escape(synset.encode()) + rb"_\d+\.JPEG")
        names, sizes, num_others = _list_files(containers[label], pattern)
        if not names:
            raise errors.DataError(
                f"{containers[label]} has no image {synset}_*.JPEG. Put the class's "
                "images there, or remove the folder."
            )
        builder.add(names, [label] * len(names), label, [-1] * len(names), sizes)
        num_ignored += num_others
        line.advance()
    line.close()
    if not synsets:
        raise errors.DataError(
            f"{train_dir} has no folder with a name like n01440764. Unpack Kaggle's "
            "archive again."
        )
    splits = {"train": builder.build()}
    remarks += release.compare_train(len(synsets), splits["train"].num_images)

    words: dict[str, str] = {}
    if os.path.isfile(words_path):
        words = kaggle_tables.read_words(words_path)
        inputs.append(_describe(words_path))
        remarks += release.compare_classes(synsets, words)
    else:
        remarks.append(
            f"{_WORDS_NAME} is missing: the classes are named only by their synsets."
        )
    if os.path.isdir(validation_dir):
        found = _list_validation(validation_dir, release)
        truth: dict[str, str] | None = None
        truth_path = os.path.join(source_dir, _TRUTH_NAME)
        if os.path.isfile(truth_path):
            truth = kaggle_tables.read_truth(truth_path)
            inputs.append(_describe(truth_path))
        elif found.flat.names:
            raise errors.UserError(
                f"{source_dir} has no file {_TRUTH_NAME}, which gives the classes of "
                f"the images in {validation_dir}. Put it beside ILSVRC."
            )
        else:
            remarks.append(
                f"{_TRUTH_NAME} is missing: the classes of the validation images are "
                f"those of the folders in {validation_dir}."
            )
        table = _label_validation(
            found, truth, synsets, containers, validation_dir, truth_path
        )
        num_kept = table.num_images if table else 0
        remarks += release.compare_validation(found.num_images, num_kept)
        num_ignored += found.num_others
        if table:
            splits["validation"] = table
    else:
        remarks.append(
            f"{validation_dir} is missing: there is no validation split, and training "
            "will need --config.schedule.name=fixed."
        )
    if num_ignored:
        remarks.append(
            f"{num_ignored:,} files or folders with other names were ignored."
        )
    return stored.StoredImages(
        name=release.name,
        containers=containers,
        classes=[manifest.ClassInfo(s, words.get(s, s)) for s in synsets],
        splits=splits,
        inputs=inputs,
        applies_orientation=False,
        settings={},
        remarks=remarks,
    )


@dataclasses.dataclass(frozen=True)
class _Files:
    """Names and sizes of the images in one directory, as parallel lists."""

    names: list[bytes]
    sizes: list[int]


@dataclasses.dataclass(frozen=True)
class _Validation:
    """The validation images: directly in `val`, and in class folders."""

    flat: _Files
    by_synset: dict[str, _Files]
    num_others: int

    @property
    def num_images(self) -> int:
        sorted_images = sum(len(files.names) for files in self.by_synset.values())
        return len(self.flat.names) + sorted_images


def _list_synsets(directory: str) -> tuple[list[str], int]:
    """The class folders, sorted, and the number of other folders."""
    with files.read_errors(directory):
        found = listing.list_directory(directory)
    synsets = [name for name in found.directories if _SYNSET.fullmatch(name)]
    num_folders = len(found.directories) + len(found.repeated)
    return synsets, num_folders - len(synsets)


def _list_validation(directory: str, release: Release) -> _Validation:
    synsets, _ = _list_synsets(directory)
    pattern = release.validation_pattern
    names, sizes, num_others = _list_files(directory, pattern)
    num_others -= len(synsets)  # `_list_files` counts the class folders too
    by_synset: dict[str, _Files] = {}
    for synset in synsets:
        files = _list_files(os.path.join(directory, synset), pattern)
        by_synset[synset] = _Files(files[0], files[1])
        num_others += files[2]
    found = _Validation(_Files(names, sizes), by_synset, num_others)
    if not found.num_images:
        raise errors.UserError(
            f"{directory} has no image with a name like ILSVRC2012_val_00000001.JPEG, "
            "neither directly nor in folders with names like n01440764. Unpack the "
            "validation images there, or remove the folder to convert without them."
        )
    return found


def _label_validation(
    found: _Validation,
    truth: dict[str, str] | None,
    synsets: list[str],
    containers: list[str],
    validation_dir: str,
    truth_path: str,
) -> sources.ImageTable | None:
    """The images of known classes; None if there is none. Extends `containers`."""
    labels_by_synset = {synset: label for label, synset in enumerate(synsets)}
    builder = stored.TableBuilder()
    num_kept = 0
    for folder, listed in [("", found.flat), *found.by_synset.items()]:
        kept: list[tuple[bytes, int, int]] = []
        for name, size in zip(listed.names, listed.sizes, strict=True):
            synset = folder
            if truth is not None:
                synset = truth.get(os.path.splitext(name.decode())[0], "")
                if not synset:
                    raise errors.DataError(
                        f"{truth_path} has no line for {name.decode()}. Download it "
                        "again."
                    )
            if folder and synset != folder:
                raise errors.DataError(
                    f"{os.path.join(validation_dir, folder, name.decode())} is in the "
                    f"folder of {folder}, but its class in {truth_path} is {synset}. "
                    "Sort the validation images again, or download the table again."
                )
            if synset in labels_by_synset:
                kept.append((name, labels_by_synset[synset], size))
        if kept:
            names, labels, sizes = zip(*kept, strict=True)
            containers.append(os.path.join(validation_dir, folder))
            builder.add(names, labels, len(containers) - 1, [-1] * len(kept), sizes)
            num_kept += len(kept)
    return builder.build() if num_kept else None


def _list_files(
    directory: str, pattern: re.Pattern[bytes]
) -> tuple[list[bytes], list[int], int]:
    """Names and sizes of the files that match, and the number of others."""
    names, sizes, num_others = [], [], 0
    with files.read_errors(directory), os.scandir(directory) as entries:
        for entry in entries:
            name = os.fsencode(entry.name)
            if pattern.fullmatch(name) and entry.is_file():
                names.append(name)
                sizes.append(entry.stat().st_size)
            elif not name.startswith(b"."):
                num_others += 1
    return names, sizes, num_others


def _describe(path: str) -> manifest.InputFile:
    with files.read_errors(path):
        md5 = files.compute_digest(path, "md5")
        return manifest.InputFile(
            os.path.basename(path), os.path.getsize(path), md5, None
        )
