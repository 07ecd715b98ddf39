"""The statistics and classes of a run's training data, stored with the run.

The training split's mean is subtracted from every image the network sees later (paper,
section 2), even if the shards are gone or other data is evaluated. The classes name the
network's outputs.

    training_data/statistics.npz    see `tfrecords.shards.statistics`
    training_data/classes.json      synset and text of every class, by label
"""

from __future__ import annotations

import dataclasses
import os

from tfrecords import errors
from tfrecords.durable import files, json_records
from tfrecords.plurals import counted
from tfrecords.shards import manifest
from tfrecords.shards import statistics as statistics_lib

DIRECTORY_NAME = "training_data"
CLASSES_NAME = "classes.json"


@dataclasses.dataclass(frozen=True)
class TrainingData:
    """The training split's mean image and covariance, and the classes by label."""

    statistics: statistics_lib.Statistics
    classes: tuple[manifest.ClassInfo, ...]


def save(
    workdir: str,
    statistics: statistics_lib.Statistics,
    classes: tuple[manifest.ClassInfo, ...],
) -> None:
    """Writes the two files unless they exist; raises `StorageError`."""
    directory = os.path.join(workdir, DIRECTORY_NAME)
    files.make_directory(directory)
    if not os.path.exists(os.path.join(directory, manifest.STATISTICS_NAME)):
        statistics_lib.write_statistics(directory, statistics)
    path = os.path.join(directory, CLASSES_NAME)
    if not os.path.exists(path):
        files.write_json(path, [dataclasses.asdict(c) for c in classes])


def load(workdir: str) -> TrainingData:
    """Reads what `save` wrote; raises `DataError` if a file is missing or damaged."""
    directory = os.path.join(workdir, DIRECTORY_NAME)
    path = os.path.join(directory, manifest.STATISTICS_NAME)
    if not os.path.exists(path):
        raise errors.DataError(
            f"{path} is missing. Run the same alexnet-train command again to write it "
            "from the training data."
        )
    statistics = statistics_lib.read_statistics(directory)
    path = os.path.join(directory, CLASSES_NAME)
    with files.read_errors(path):
        classes = json_records.read(
            path,
            tuple[manifest.ClassInfo, ...],
            remedy="Restore it from a copy, or remove it: resuming the training writes "
            "it again.",
        )
    return TrainingData(statistics, classes)


def check_classes(
    kept: TrainingData, classes: tuple[manifest.ClassInfo, ...], data_dir: str
) -> None:
    """Raises `UserError`, naming the first label whose class differs in `data_dir`.

    Of imported weights whose classes have only numbers, it says how to name them.
    """
    if len(kept.classes) != len(classes):
        raise errors.UserError(
            f"the network has {counted(len(kept.classes), 'class')}, but the data in "
            f"{data_dir} "
            f"has {len(classes)}. Give the data it was trained on, or other data of "
            "the same classes."
        )
    for label, (ours, theirs) in enumerate(zip(kept.classes, classes, strict=True)):
        if ours.synset == theirs.synset:
            continue
        remedy = "Give the data it was trained on, or other data of the same classes."
        if kept.classes == number_classes(len(classes)):
            remedy = (
                "The import gave its classes numbers alone. If they are those of "
                f"{data_dir}, in that order, import the weights again, to a new "
                f"workdir, with --classes={data_dir}."
            )
        raise errors.UserError(
            f"label {label} is {ours.synset!r} for the network, but "
            f"{theirs.synset!r} in {data_dir}. {remedy}"
        )


def number_classes(count: int) -> tuple[manifest.ClassInfo, ...]:
    """The classes of imported weights whose names were not given."""
    return tuple(
        manifest.ClassInfo(f"{label:04d}", f"class {label}") for label in range(count)
    )
