"""What is official about one year's ILSVRC: names, counts, sums."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Collection, Mapping

from tfrecords.shards import manifest

_MAX_NAMED_CLASSES = 5


@dataclasses.dataclass(frozen=True)
class Release:
    """What is official about one year's ILSVRC.

    Attributes:
      name: "ilsvrc2012", the value of `--source`.
      year: 2012.
      train_name, validation_name, devkit_name: the archives' file names.
      meta_name, truth_name: the two members of the development kit.
      validation_pattern: the names of validation images; group 1 is the number.
      num_classes, num_train, num_validation: synsets and images.
      md5: the archives' MD5 sums by file name.
      num_bytes: the archives' sizes by file name, where known.
    """

    name: str
    year: int
    train_name: str
    validation_name: str
    devkit_name: str
    meta_name: str
    truth_name: str
    validation_pattern: re.Pattern[bytes]
    num_classes: int
    num_train: int
    num_validation: int
    md5: Mapping[str, str]
    num_bytes: Mapping[str, int]

    def compare_train(self, num_classes: int, num_images: int) -> list[str]:
        """What to say of a training split's counts; nothing if they are official."""
        if (num_classes, num_images) == (self.num_classes, self.num_train):
            return []
        return [
            f"The training images are {num_images:,} of {num_classes:,} classes; "
            f"the official are {self.num_train:,} of {self.num_classes:,}."
        ]

    def compare_classes(
        self, synsets: Collection[str], official: Collection[str]
    ) -> list[str]:
        """What to say of single classes that are missing or are not official.

        A class too many or too few moves the labels of all that follow it. Where many
        are missing the data is a subset on purpose, and the counts say so.

        Args:
          synsets: those of the training split.
          official: those of this year, from its development kit or table.
        """
        remarks = []
        missing = sorted(set(official) - set(synsets))
        if 0 < len(missing) <= _MAX_NAMED_CLASSES:
            remarks.append(
                f"The training split lacks {', '.join(missing)}, of the official "
                f"{self.num_classes:,} classes."
            )
        if unknown := sorted(set(synsets) - set(official)):
            remarks.append(
                f"{len(unknown):,} training classes are not among the official "
                f"{self.num_classes:,}: {', '.join(unknown[:_MAX_NAMED_CLASSES])}."
            )
        return remarks

    def compare_truth(self, num_lines: int) -> list[str]:
        """What to say of the ground truth's length; nothing if it is official."""
        if num_lines == self.num_validation:
            return []
        return [
            f"{self.devkit_name} tells the classes of {num_lines:,} validation images; "
            f"the official one tells those of {self.num_validation:,}."
        ]

    def compare_validation(self, num_seen: int, num_kept: int) -> list[str]:
        """What to say of a validation split's counts; nothing if they are official.

        Args:
          num_seen: images there are.
          num_kept: those of classes that have training images.
        """
        remarks = []
        if num_seen != self.num_validation:
            remarks.append(
                f"The validation images are {num_seen:,}; the official are "
                f"{self.num_validation:,}."
            )
        if num_seen > num_kept:
            remarks.append(
                f"{num_seen - num_kept:,} validation images are of classes without "
                "training images and are left out."
            )
        if not num_kept:
            remarks.append("There is no validation split.")
        return remarks

    def compare_file(
        self, path: str, num_bytes: int, md5: str | None
    ) -> tuple[manifest.InputFile, list[str]]:
        """An archive for the manifest, and a sentence if it is not the official one.

        Args:
          path: where it lies.
          num_bytes: its size.
          md5: its sum in hexadecimal; None where it was not computed, and then the
            size decides.
        """
        name = os.path.basename(path)
        official_bytes, official_md5 = self.num_bytes.get(name), self.md5[name]
        official: bool | None = None
        if md5 is not None:
            official = md5 == official_md5
        elif official_bytes is not None:
            official = num_bytes == official_bytes
        file = manifest.InputFile(name, num_bytes, md5, official)
        if official is not False:
            return file, []
        difference = f"its size is {num_bytes:,} bytes"
        if official_bytes is not None and num_bytes != official_bytes:
            difference += f" instead of {official_bytes:,}"
        if md5 is not None:
            difference += f", its MD5 sum {md5} instead of {official_md5}"
        return file, [f"{name} is not the official file: {difference}."]


ILSVRC2012 = Release(
    name="ilsvrc2012",
    year=2012,
    train_name="ILSVRC2012_img_train.tar",
    validation_name="ILSVRC2012_img_val.tar",
    devkit_name="ILSVRC2012_devkit_t12.tar.gz",
    meta_name="ILSVRC2012_devkit_t12/data/meta.mat",
    truth_name="ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt",
    validation_pattern=re.compile(rb"ILSVRC2012_val_(\d{8})\.JPEG"),
    num_classes=1000,
    num_train=1_281_167,
    num_validation=50_000,
    # As torchvision and TensorFlow Datasets check them.
    md5={
        "ILSVRC2012_img_train.tar": "1d675b47d978889d74fa0da5fadfb00e",
        "ILSVRC2012_img_val.tar": "29b22e2961454d5413ddabcf34fc5622",
        "ILSVRC2012_devkit_t12.tar.gz": "fa75699e90414af021442c21a62c3abf",
    },
    num_bytes={
        "ILSVRC2012_img_train.tar": 147_897_477_120,
        "ILSVRC2012_img_val.tar": 6_744_924_160,
    },
)
