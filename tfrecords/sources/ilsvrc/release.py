"""What is official about one year's ILSVRC: names, counts, sums."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Collection, Mapping

from tfrecords.shards import manifest

SYNSET = re.compile(r"n\d{8}")

_MAX_NAMED_CLASSES = 5


@dataclasses.dataclass(frozen=True)
class Release:
    """What is official about one year's ILSVRC; `ILSVRC2012` is an example."""

    name: str  # the value of `--source`
    year: int
    train_name: str  # of an archive, like the next two
    validation_name: str
    devkit_name: str
    meta_name: str  # of a member of the development kit, like the next
    truth_name: str
    num_classes: int
    num_images: Mapping[str, int]  # of "train", "validation" and "test"
    # MD5 sums and sizes of the archives by file name, where known.
    md5: Mapping[str, str]
    num_bytes: Mapping[str, int]
    test_names: tuple[str, ...]  # of the archive, the preferred one first
    # Of the file with the test images' classes; None if they were never published.
    test_truth_name: str | None = None
    # Whether the development kit has the costs of the hierarchical error.
    has_costs: bool = False

    def make_pattern(self, split: str) -> re.Pattern[bytes]:
        """Matches names of "validation" or "test" images; group 1 is the number."""
        short = "val" if split == "validation" else split
        return re.compile(rf"ILSVRC{self.year}_{short}_(\d{{8}})\.JPEG".encode())

    def compare_train(self, num_classes: int, num_images: int) -> list[str]:
        """A remark if the counts of the training split are not the official ones."""
        official = self.num_images["train"]
        if (num_classes, num_images) == (self.num_classes, official):
            return []
        return [
            f"There are {num_images:,} training images of {num_classes:,} classes; "
            f"officially {official:,} of {self.num_classes:,}."
        ]

    def compare_classes(
        self, synsets: Collection[str], official: Collection[str]
    ) -> list[str]:
        """Remarks about a few missing classes, and about unofficial ones.

        An extra or missing class shifts the labels of all later classes. If many are
        missing, the data is a deliberate subset, and the counts show it. `synsets` are
        the training split's, `official` those of this year's development kit or table.
        """
        remarks = []
        missing = sorted(set(official) - set(synsets))
        if 0 < len(missing) <= _MAX_NAMED_CLASSES:
            remarks.append(
                f"The training split lacks {', '.join(missing)} of the official "
                f"{self.num_classes:,} classes."
            )
        if unknown := sorted(set(synsets) - set(official)):
            remarks.append(
                f"{len(unknown):,} training classes are not among the official "
                f"{self.num_classes:,}: {', '.join(unknown[:_MAX_NAMED_CLASSES])}."
            )
        return remarks

    def compare_truth(self, split: str, name: str, num_lines: int) -> list[str]:
        """A remark if the ground truth of `split`, in the file `name`, is unofficial.

        `num_lines` is the number of images whose classes it has.
        """
        official = self.num_images[split]
        if num_lines == official:
            return []
        return [
            f"{name} has the classes of {num_lines:,} {split} images; the official one "
            f"has {official:,}."
        ]

    def compare_split(self, split: str, num_seen: int, num_kept: int) -> list[str]:
        """Remarks about the counts of the validation or test split, if unofficial.

        `num_kept` of `num_seen` images are of classes that have training images.
        """
        remarks = []
        official = self.num_images[split]
        if num_seen != official:
            remarks.append(
                f"There are {num_seen:,} {split} images; officially {official:,}."
            )
        if num_seen > num_kept:
            remarks.append(
                f"{num_seen - num_kept:,} {split} images of classes without training "
                "images are left out."
            )
        if not num_kept:
            remarks.append(f"There is no {split} split.")
        return remarks

    def compare_file(
        self, path: str, num_bytes: int, md5: str | None
    ) -> tuple[manifest.InputFile, list[str]]:
        """An archive's entry in the manifest, and a remark if it is not official.

        If `md5`, its MD5 sum in hexadecimal, is None, the size decides.
        """
        name = os.path.basename(path)
        official_bytes, official_md5 = self.num_bytes.get(name), self.md5.get(name)
        official: bool | None = None
        if md5 is not None and official_md5 is not None:
            official = md5 == official_md5
        elif official_bytes is not None:
            official = num_bytes == official_bytes
        file = manifest.InputFile(name, num_bytes, md5, official)
        if official is not False:
            return file, []
        difference = f"its size is {num_bytes:,} bytes"
        if official_bytes is not None and num_bytes != official_bytes:
            difference += f" instead of {official_bytes:,}"
        if md5 is not None and official_md5 is not None:
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
    num_classes=1000,
    num_images={"train": 1_281_167, "validation": 50_000, "test": 100_000},
    # As torchvision and TensorFlow Datasets check them.
    md5={
        "ILSVRC2012_img_train.tar": "1d675b47d978889d74fa0da5fadfb00e",
        "ILSVRC2012_img_val.tar": "29b22e2961454d5413ddabcf34fc5622",
        "ILSVRC2012_devkit_t12.tar.gz": "fa75699e90414af021442c21a62c3abf",
        # As image-net.org lists them; in October 2019 a few images were replaced.
        "ILSVRC2012_img_test_v10102019.tar": "e1b8681fff3d63731c599df9b4b6fc02",
        "ILSVRC2012_img_test.tar": "fe64ceb247e473635708aed23ab6d839",
    },
    num_bytes={
        "ILSVRC2012_img_train.tar": 147_897_477_120,
        "ILSVRC2012_img_val.tar": 6_744_924_160,
    },
    test_names=("ILSVRC2012_img_test_v10102019.tar", "ILSVRC2012_img_test.tar"),
)

# Counts: the development kit's readme.
ILSVRC2010 = Release(
    name="ilsvrc2010",
    year=2010,
    train_name="ILSVRC2010_images_train.tar",
    validation_name="ILSVRC2010_images_val.tar",
    devkit_name="ILSVRC2010_devkit-1.0.tar.gz",
    meta_name="devkit-1.0/data/meta.mat",
    truth_name="devkit-1.0/data/ILSVRC2010_validation_ground_truth.txt",
    num_classes=1000,
    num_images={"train": 1_261_406, "validation": 50_000, "test": 150_000},
    md5={},
    num_bytes={},
    test_names=("ILSVRC2010_images_test.tar",),
    test_truth_name="ILSVRC2010_test_ground_truth.txt",
    has_costs=True,
)
