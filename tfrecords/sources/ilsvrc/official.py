"""ILSVRC: the official archives as downloaded, never unpacked to disk.

`ILSVRC2012_img_train.tar` is a tar of one tar per synset, `ILSVRC2012_img_val.tar` is
flat, and `ILSVRC2012_devkit_t12.tar.gz` gives the classes of the validation images by
their numbers. `kaggle` reads Kaggle's layout; both give the same names and labels.

A subset of the synsets is a source too: the classes are the synsets of the training
archive, sorted; validation images of other classes are left out and counted.
"""

from __future__ import annotations

import os
import re

from tfrecords import errors, sources
from tfrecords.shards import manifest
from tfrecords.sources import stored
from tfrecords.sources.archives import archive_reader, tar_walk
from tfrecords.sources.ilsvrc import devkit, kaggle
from tfrecords.sources.ilsvrc.release import ILSVRC2012, Release

_SYNSET_TAR = re.compile(rb"(n\d{8})\.tar")


def open_ilsvrc2012(source_dir: str, *, check_md5: bool = True) -> sources.Source:
    """Opens ILSVRC-2012 in either of its two layouts.

    The source has the split "train" and, if there are validation images of its classes,
    "validation".

    Args:
      source_dir: the folder of the archives, or the folder that holds Kaggle's
        `ILSVRC/`; if both exist, the archives are read.
      check_md5: whether to compare the archives' MD5 sums (minutes for 138 GB).

    Raises:
      UserError: if a file is missing or from another year.
      DataError: if a file is damaged.
      StorageError: if one cannot be read.
    """
    release = ILSVRC2012
    source_dir = os.path.abspath(source_dir)
    if not os.path.isdir(source_dir):
        raise errors.UserError(
            f"There is no folder {source_dir}. Set --source_dir to the folder of "
            f"{release.train_name}."
        )
    if os.path.isfile(os.path.join(source_dir, release.train_name)):
        return _open_archives(source_dir, release, check_md5)
    if kaggle.is_kaggle(source_dir):
        return kaggle.open_kaggle(source_dir, release)
    raise errors.UserError(_describe_missing(source_dir, release.train_name))


def _open_archives(
    source_dir: str, release: Release, check_md5: bool
) -> stored.StoredImages:
    train_path = os.path.join(source_dir, release.train_name)
    validation_path = os.path.join(source_dir, release.validation_name)
    devkit_path = os.path.join(source_dir, release.devkit_name)
    has_validation = os.path.isfile(validation_path)
    inputs: list[manifest.InputFile] = []
    remarks: list[str] = []

    def judge(path: str, num_bytes: int, md5: str | None) -> None:
        file, differences = release.compare_file(path, num_bytes, md5)
        inputs.append(file)
        remarks.extend(differences)

    # The small file first, so that a problem with it shows before the long reading.
    kit = None
    if os.path.isfile(devkit_path):
        kit = devkit.read_devkit(devkit_path, release)
        file = stored.describe_input(devkit_path, check_md5)
        judge(devkit_path, file.num_bytes, file.md5)
    elif has_validation:
        raise errors.UserError(_describe_missing(source_dir, release.devkit_name))
    else:
        _refuse_other_year(source_dir, release)
        remarks.append(
            f"{release.devkit_name} is missing: the classes are named only by their "
            "synsets."
        )

    with archive_reader.ArchiveReader(train_path, compute_md5=check_md5) as reader:
        synsets, train = _list_train(reader, remarks)
        judge(train_path, reader.num_bytes, reader.finish())
    splits = {"train": train}
    remarks += release.compare_train(len(synsets), train.num_images)
    if kit:
        remarks += release.compare_classes(synsets, kit.classes)
        remarks += release.compare_truth(len(kit.validation_synsets))

    if has_validation and kit:
        with archive_reader.ArchiveReader(
            validation_path, compute_md5=check_md5
        ) as reader:
            table, validation_remarks = _list_validation(reader, kit, synsets, release)
            judge(validation_path, reader.num_bytes, reader.finish())
        remarks += validation_remarks
        if table:
            splits["validation"] = table
    else:
        remarks.append(
            f"{release.validation_name} is missing: there is no validation split, "
            "and training will need --config.schedule.name=fixed."
        )
    words = kit.words if kit else {}
    return stored.StoredImages(
        name=release.name,
        containers=(train_path, validation_path),
        classes=tuple(manifest.ClassInfo(s, words.get(s, s)) for s in synsets),
        splits=splits,
        inputs=tuple(inputs),
        remarks=tuple(remarks),
    )


def _list_train(
    reader: archive_reader.ArchiveReader, remarks: list[str]
) -> tuple[list[str], sources.ImageTable]:
    """The sorted synsets of a tar of tars, and its images; extends `remarks`."""
    by_synset: dict[str, list[tar_walk.Member]] = {}
    for outer in tar_walk.walk(reader, _SYNSET_TAR, padding_notes=remarks):
        synset = outer.name[: -len(".tar")].decode()
        images = list(
            tar_walk.walk(
                reader,
                re.compile(re.escape(synset).encode() + rb"_\d+\.JPEG"),
                start=outer.offset,
                end=outer.offset + outer.num_bytes,
                within=outer.name.decode(),
            )
        )
        if not images:
            raise errors.DataError(
                f"{reader.path}, byte {outer.offset}: {outer.name.decode()} has no "
                "image. Download the archive again."
            )
        by_synset[synset] = images
    if not by_synset:
        raise errors.DataError(
            f"{reader.path} has no archive of a synset. Download it again."
        )
    builder = stored.TableBuilder()
    synsets = sorted(by_synset)
    for label, synset in enumerate(synsets):
        names, offsets, sizes = zip(*by_synset.pop(synset), strict=True)
        builder.add(names, label, 0, offsets, sizes)
    return synsets, builder.build()


def _list_validation(
    reader: archive_reader.ArchiveReader,
    kit: devkit.Devkit,
    synsets: list[str],
    release: Release,
) -> tuple[sources.ImageTable | None, list[str]]:
    """The validation images of known classes (None if there is none), and remarks."""
    labels_by_synset = {synset: label for label, synset in enumerate(synsets)}
    kept, labels, num_seen = [], [], 0
    remarks: list[str] = []
    for member in tar_walk.walk(
        reader, release.validation_pattern, padding_notes=remarks
    ):
        num_seen += 1
        match = release.validation_pattern.fullmatch(member.name)
        number = int(match[1]) if match else 0
        if not 1 <= number <= len(kit.validation_synsets):
            raise errors.DataError(
                f"{reader.path}: {member.name.decode()} is not in the ground truth of "
                f"{release.devkit_name}, which has {len(kit.validation_synsets):,} "
                "lines. Download both files again."
            )
        label = labels_by_synset.get(kit.validation_synsets[number - 1])
        if label is not None:
            kept.append(member)
            labels.append(label)
    if not num_seen:
        raise errors.DataError(
            f"{reader.path} has no validation image. Download it again, or move it "
            "away to convert without a validation split."
        )
    remarks += release.compare_validation(num_seen, len(kept))
    if not kept:
        return None, remarks
    builder = stored.TableBuilder()
    names, offsets, sizes = zip(*kept, strict=True)
    builder.add(names, labels, 1, offsets, sizes)
    return builder.build(), remarks


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


def _describe_missing(source_dir: str, missing: str) -> str:
    release = ILSVRC2012
    _refuse_other_year(source_dir, release)
    names = sorted(os.listdir(source_dir))
    found = ", ".join(names[:12]) or "nothing"
    if len(names) > 12:
        found += f" and {len(names) - 12} more"
    hint = ""
    if os.path.isdir(os.path.join(source_dir, "train")):
        hint = (
            " For folders train and val with class folders in them, use "
            "--source=folder."
        )
    return (
        f"{source_dir} has no file {missing}. Put {release.train_name}, "
        f"{release.validation_name} and {release.devkit_name} there, as downloaded, or "
        "Kaggle's folder ILSVRC with LOC_val_solution.csv and LOC_synset_mapping.txt; "
        f"the folder has {found}.{hint}"
    )
