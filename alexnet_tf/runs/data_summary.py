"""What a run keeps of the data it was trained on: statistics and classes.

Whatever the network is shown later is freed from the training split's mean (paper,
section 2), also if the shards are gone or others are evaluated; and its outputs keep
their names.

    training_data/statistics.npz    see `tfrecords.shards.statistics`
    training_data/classes.json      synset and text of every class, by label
"""

from __future__ import annotations

import dataclasses
import os

from tfrecords import errors
from tfrecords.durable import files, json_records
from tfrecords.shards import manifest
from tfrecords.shards import statistics as statistics_lib

DIRECTORY_NAME = "training_data"
CLASSES_NAME = "classes.json"


@dataclasses.dataclass(frozen=True)
class TrainingData:
    """What was kept.

    Attributes:
      statistics: of the training split.
      classes: in the order of their labels.
    """

    statistics: statistics_lib.Statistics
    classes: tuple[manifest.ClassInfo, ...]


def save(
    workdir: str,
    statistics: statistics_lib.Statistics,
    classes: tuple[manifest.ClassInfo, ...],
) -> None:
    """Writes the two files where they are not there yet; raises `StorageError`."""
    directory = os.path.join(workdir, DIRECTORY_NAME)
    files.make_directory(directory)
    if not os.path.exists(os.path.join(directory, manifest.STATISTICS_NAME)):
        statistics_lib.write_statistics(directory, statistics)
    path = os.path.join(directory, CLASSES_NAME)
    if not os.path.exists(path):
        files.write_json(path, [dataclasses.asdict(c) for c in classes])


def load(workdir: str) -> TrainingData:
    """Reads what `save` wrote.

    Raises:
      DataError: where a file is missing or damaged.
    """
    directory = os.path.join(workdir, DIRECTORY_NAME)
    path = os.path.join(directory, manifest.STATISTICS_NAME)
    if not os.path.exists(path):
        raise errors.DataError(
            f"{path} is missing. Run the same alexnet-train again: it writes the file "
            "from the data of the training."
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
    """Passes data whose labels mean what the network's outputs mean.

    Args:
      kept: of the run.
      classes: of the data to be evaluated, in the order of their labels.
      data_dir: where they lie, for the sentence.

    Raises:
      UserError: naming the first label that means another class.
    """
    if len(kept.classes) != len(classes):
        raise errors.UserError(
            f"the network knows {len(kept.classes)} classes, the data in {data_dir} "
            f"have {len(classes)}. Give the data it was trained on, or others of the "
            "same classes."
        )
    for label, (ours, theirs) in enumerate(zip(kept.classes, classes, strict=True)):
        if ours.synset != theirs.synset:
            raise errors.UserError(
                f"label {label} is {ours.synset!r} to the network and "
                f"{theirs.synset!r} in {data_dir}. Give the data it was trained on, "
                "or others of the same classes."
            )
