"""ILSVRC: the official archives as downloaded, never unpacked to disk.

The training archive is a tar of one tar per synset, those of the validation and test
images are flat, and the development kit gives the classes of the validation images by
their numbers. `kaggle` reads Kaggle's layout of ILSVRC-2012; both give the same names
and labels.

A subset of the synsets is a source too: the classes are the synsets of the training
archive, sorted; validation and test images of other classes are left out and counted.
"""

from __future__ import annotations

import os
import re
from typing import NoReturn

import numpy as np

from tfrecords import errors
from tfrecords.shards import contest, manifest
from tfrecords.sources import stored
from tfrecords.sources.archives import archive_reader, synset_tars
from tfrecords.sources.ilsvrc import devkit, kaggle, numbered_images
from tfrecords.sources.ilsvrc.release import ILSVRC2010, ILSVRC2012, Release


def open_ilsvrc2012(source_dir: str, *, check_md5: bool = True) -> stored.StoredImages:
    """Opens ILSVRC-2012 in either of its two layouts.

    The source has the split "train" and, if there are validation images of its classes,
    "validation". If the archive of the test images is there, the split "test" has them,
    without labels.

    Args:
      source_dir: the folder of the archives, or the folder that holds Kaggle's
        `ILSVRC/`, whose test images are not read; if both exist, the archives are read.
      check_md5: whether to compare the archives' MD5 sums (minutes for 138 GB).

    Raises:
      UserError: if a file is missing or from another year.
      DataError: if a file is damaged.
      StorageError: if one cannot be read.
    """
    release = ILSVRC2012
    has_archive = os.path.isfile(os.path.join(source_dir, release.train_name))
    if kaggle.is_kaggle(source_dir) and not has_archive:
        return kaggle.open_kaggle(os.path.abspath(source_dir), release)
    return _open_archives(source_dir, release, check_md5)


def open_ilsvrc2010(source_dir: str, *, check_md5: bool = True) -> stored.StoredImages:
    """Opens the archives of ILSVRC-2010; the test split has labels.

    They are those of `ILSVRC2010_test_ground_truth.txt`, which was published after the
    contest. The source has the costs of the contest's hierarchical error. Arguments and
    errors are those of `open_ilsvrc2012`.
    """
    return _open_archives(source_dir, ILSVRC2010, check_md5)


def _open_archives(
    source_dir: str, release: Release, check_md5: bool
) -> stored.StoredImages:
    source_dir = os.path.abspath(source_dir)
    stored.check_folder(source_dir, f"the folder of {release.train_name}")
    train_path = os.path.join(source_dir, release.train_name)
    if not os.path.isfile(train_path):
        _refuse_missing(source_dir, release, release.train_name)
    numbered = {"validation": release.validation_name, "test": release.test_names[0]}
    for name in release.test_names[::-1]:
        if os.path.isfile(os.path.join(source_dir, name)):
            numbered["test"] = name
    paths = {split: os.path.join(source_dir, name) for split, name in numbered.items()}
    present = [split for split, path in paths.items() if os.path.isfile(path)]
    inputs: list[manifest.InputFile] = []
    remarks: list[str] = []

    def judge(path: str, num_bytes: int, md5: str | None) -> None:
        file, differences = release.compare_file(path, num_bytes, md5)
        inputs.append(file)
        remarks.extend(differences)

    # The small files first, so that a problem with them shows before the long reading.
    kit = None
    truths: dict[str, numbered_images.Truth] = {}
    devkit_path = os.path.join(source_dir, release.devkit_name)
    if os.path.isfile(devkit_path):
        kit = devkit.read_devkit(devkit_path, release)
        file = stored.describe_input(devkit_path, check_md5)
        judge(devkit_path, file.num_bytes, file.md5)
        truths["validation"] = numbered_images.Truth(
            release.devkit_name, kit.validation_synsets
        )
        truth_path = os.path.join(source_dir, release.test_truth_name or "")
        if "test" in present and os.path.isfile(truth_path):
            file = stored.describe_input(truth_path, check_md5)
            judge(truth_path, file.num_bytes, file.md5)
            truths["test"] = numbered_images.Truth(
                file.name, devkit.read_truth(truth_path, kit)
            )
    elif present:
        _refuse_missing(source_dir, release, release.devkit_name)
    else:
        _refuse_other_year(source_dir, release)
        remarks.append(
            f"{release.devkit_name} is missing: the classes are named only by their "
            "synsets."
        )

    with archive_reader.ArchiveReader(train_path, compute_md5=check_md5) as reader:
        synsets, train = synset_tars.list_images(reader, remarks)
        judge(train_path, reader.num_bytes, reader.finish())
    splits = {"train": train}
    remarks += release.compare_train(len(synsets), train.num_images)
    if kit:
        remarks += release.compare_classes(synsets, kit.numbers)
    for split, truth in truths.items():
        remarks += release.compare_truth(split, truth.name, len(truth.synsets))

    for container, (split, path) in enumerate(paths.items(), 1):
        if split not in present:
            continue
        with archive_reader.ArchiveReader(path, compute_md5=check_md5) as reader:
            table, notes = numbered_images.list_images(
                reader, split, release, truths.get(split), synsets, container
            )
            judge(path, reader.num_bytes, reader.finish())
        remarks += notes
        if table:
            splits[split] = table
    if "validation" not in present:
        remarks.append(
            f"{release.validation_name} is missing: there is no validation split, "
            "and training will need --config.schedule.name=fixed."
        )
    if "test" in present and "test" not in truths and release.test_truth_name:
        remarks.append(
            f"{release.test_truth_name} is missing: the test split has no labels."
        )
    words = kit.words if kit else {}
    return stored.StoredImages(
        name=release.name,
        containers=(train_path, *paths.values()),
        classes=tuple(manifest.ClassInfo(s, words.get(s, s)) for s in synsets),
        splits=splits,
        inputs=tuple(inputs),
        remarks=tuple(remarks),
        contest=_make_contest(kit, synsets) if kit else None,
    )


def _make_contest(kit: devkit.Devkit, synsets: list[str]) -> contest.Contest | None:
    """The contest's numbers and costs; None if one of the classes is not in the kit."""
    if not kit.numbers.keys() >= set(synsets):
        return None
    ids = np.array([kit.numbers[synset] for synset in synsets], np.int32)
    costs = None if kit.costs is None else kit.costs[np.ix_(ids - 1, ids - 1)]
    return contest.Contest(ids, costs)


def _refuse_other_year(source_dir: str, release: Release) -> None:
    """Raises `UserError` if the folder has another year's development kit."""
    for name in sorted(os.listdir(source_dir)):
        match = re.match(r"ILSVRC(20\d\d)_devkit", name)
        if match and int(match[1]) != release.year:
            raise errors.UserError(
                f"{source_dir} has {name}, the development kit of ILSVRC-{match[1]}; "
                f"ILSVRC-{release.year} needs {release.devkit_name}, because the two "
                "number the classes differently. Download it into the folder."
            )


def _refuse_missing(source_dir: str, release: Release, missing: str) -> NoReturn:
    _refuse_other_year(source_dir, release)
    names = sorted(os.listdir(source_dir))
    found = ", ".join(names[:12]) or "nothing"
    if len(names) > 12:
        found += f" and {len(names) - 12} more"
    or_kaggle = hint = ""
    if release.year == ILSVRC2012.year:
        or_kaggle = (
            ", or Kaggle's folder ILSVRC with LOC_val_solution.csv and "
            "LOC_synset_mapping.txt"
        )
    if os.path.isdir(os.path.join(source_dir, "train")):
        hint = (
            " For folders train and val with class folders in them, use "
            "--source=folder."
        )
    raise errors.UserError(
        f"{source_dir} has no file {missing}. Put {release.train_name}, "
        f"{release.validation_name} and {release.devkit_name} there, as downloaded"
        f"{or_kaggle}; the folder has {found}.{hint}"
    )
