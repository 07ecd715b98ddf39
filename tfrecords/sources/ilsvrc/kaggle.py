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

import csv
import os
import re

from tfrecords import errors, sources
from tfrecords.console import progress
from tfrecords.durable import files
from tfrecords.images import listing
from tfrecords.shards import manifest
from tfrecords.sources import stored, synset_words, text_files
from tfrecords.sources.ilsvrc.release import SYNSET, Release

_IMAGES_DIR = os.path.join("ILSVRC", "Data", "CLS-LOC")
_TRUTH_NAME = "LOC_val_solution.csv"
_WORDS_NAME = synset_words.MAPPING_NAME

_Images = dict[bytes, int]  # bytes by file name


def is_kaggle(source_dir: str) -> bool:
    """Whether `source_dir` has Kaggle's layout."""
    return os.path.isdir(os.path.join(source_dir, _IMAGES_DIR, "train"))


def open_kaggle(source_dir: str, release: Release) -> stored.StoredImages:
    """Opens Kaggle's layout; names and labels are those of the official archives.

    Raises:
      UserError: if a file is missing, or `val` exists and has no image.
      DataError: if a file is damaged, or a validation image is in the folder of another
        class than that in the table.
      StorageError: if one cannot be read.
    """
    train_dir = os.path.join(source_dir, _IMAGES_DIR, "train")
    validation_dir = os.path.join(source_dir, _IMAGES_DIR, "val")
    words_path = os.path.join(source_dir, _WORDS_NAME)
    truth_path = os.path.join(source_dir, _TRUTH_NAME)
    inputs: list[manifest.InputFile] = []

    synsets, num_ignored = _list_synsets(train_dir)
    if not synsets:
        raise errors.DataError(
            f"{train_dir} has no folder with a name like n01440764. Unpack Kaggle's "
            "archive again."
        )
    containers = [os.path.join(train_dir, synset) for synset in synsets]
    builder = stored.TableBuilder()
    line = progress.Progress("listing images", len(synsets), "classes")
    for label, synset in enumerate(synsets):
        pattern = re.compile(re.escape(synset.encode()) + rb"_\d+\.JPEG")
        images, num_others = _list_images(containers[label], pattern)
        if not images:
            raise errors.DataError(
                f"{containers[label]} has no image {synset}_*.JPEG. Put the class's "
                "images there, or remove the folder."
            )
        builder.add(images, label, label, -1, images.values())
        num_ignored += num_others
        line.advance()
    line.close()
    splits = {"train": builder.build()}
    remarks = release.compare_train(len(synsets), splits["train"].num_images)

    words: dict[str, str] = {}
    if os.path.isfile(words_path):
        words = synset_words.read_words(words_path)
        inputs.append(stored.describe_input(words_path))
        remarks += release.compare_classes(synsets, words)
    else:
        remarks.append(
            f"{_WORDS_NAME} is missing: the classes are named only by their synsets."
        )
    if os.path.isdir(validation_dir):
        found, num_others = _list_validation(validation_dir, release)
        num_ignored += num_others
        truth: dict[str, str] | None = None
        if os.path.isfile(truth_path):
            truth = _read_truth(truth_path)
            inputs.append(stored.describe_input(truth_path))
        elif found[""]:
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
        num_found = sum(map(len, found.values()))
        remarks += release.compare_split(
            "validation", num_found, table.num_images if table else 0
        )
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
        containers=tuple(containers),
        classes=tuple(manifest.ClassInfo(s, words.get(s, s)) for s in synsets),
        splits=splits,
        inputs=tuple(inputs),
        remarks=tuple(remarks),
    )


def _list_synsets(directory: str) -> tuple[list[str], int]:
    """The class folders, sorted, and the number of other folders."""
    with files.read_errors(directory):
        found = listing.list_directory(directory)
    synsets = [name for name in found.directories if SYNSET.fullmatch(name)]
    num_folders = len(found.directories) + len(found.repeated)
    return synsets, num_folders - len(synsets)


def _list_validation(
    directory: str, release: Release
) -> tuple[dict[str, _Images], int]:
    """The images by class folder ("" for `directory`); the number of other files."""
    synsets, _ = _list_synsets(directory)
    found: dict[str, _Images] = {}
    num_others = -len(synsets)  # `_list_images` counts the class folders too
    pattern = release.make_pattern("validation")
    for folder in ["", *synsets]:
        path = os.path.join(directory, folder)
        found[folder], others = _list_images(path, pattern)
        num_others += others
    if not any(found.values()):
        raise errors.UserError(
            f"{directory} has no image with a name like ILSVRC2012_val_00000001.JPEG, "
            "neither directly nor in folders with names like n01440764. Unpack the "
            "validation images there, or remove the folder to convert without them."
        )
    return found, num_others


def _label_validation(
    found: dict[str, _Images],
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
    for folder, images in found.items():
        labels: dict[bytes, int] = {}
        for name in images:
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
                labels[name] = labels_by_synset[synset]
        if labels:
            containers.append(os.path.join(validation_dir, folder))
            sizes = [images[name] for name in labels]
            builder.add(labels, [*labels.values()], len(containers) - 1, -1, sizes)
            num_kept += len(labels)
    return builder.build() if num_kept else None


def _list_images(directory: str, pattern: re.Pattern[bytes]) -> tuple[_Images, int]:
    """The files that match, and the number of others."""
    images, num_others = {}, 0
    with files.read_errors(directory), os.scandir(directory) as entries:
        for entry in entries:
            name = os.fsencode(entry.name)
            if pattern.fullmatch(name) and entry.is_file():
                images[name] = entry.stat().st_size
            elif not name.startswith(b"."):
                num_others += 1
    return images, num_others


def _read_truth(path: str) -> dict[str, str]:
    """Reads `LOC_val_solution.csv`: "ILSVRC2012_val_00000001" to "n01751748"."""
    truth: dict[str, str] = {}
    lines = text_files.read_text(path).splitlines()
    for i, row in enumerate(csv.reader(lines, strict=False)):
        if i == 0 and row[:1] == ["ImageId"]:
            continue
        synset = row[1].split(" ", 1)[0] if len(row) == 2 else ""
        if not SYNSET.fullmatch(synset) or row[0] in truth:
            raise errors.DataError(
                f"{path}, line {i + 1}: {','.join(row)[:60]!r} is not a new image with "
                'its class, like "ILSVRC2012_val_00000001,n01751748 0 0 9 9". Download '
                "it again."
            )
        truth[row[0]] = synset
    return truth
