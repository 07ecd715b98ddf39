"""The data sets that claims need, and how to make each.

`--data_root` holds one data directory per data set, by the names here.
"""

from __future__ import annotations

import dataclasses
import shlex


@dataclasses.dataclass(frozen=True)
class DataSet:
    """A data set.

    Attributes:
      what: it is.
      command: that makes it in DIRECTORY; see `format_command`.
      image_size: side of the stored images, pixels.
      class_counts: how many classes it may have; empty for any number.
    """

    what: str
    command: str
    image_size: int = 256
    class_counts: tuple[int, ...] = ()

    def format_command(self, path: str) -> str:
        """The command that makes it in `path`; only its source is left to fill in."""
        return self.command.replace("DIRECTORY", shlex.quote(path))


DATA_SETS: dict[str, DataSet] = {
    "ilsvrc2012": DataSet(
        "ILSVRC-2012, or some classes of it",
        "alexnet-convert --source=ilsvrc2012 --source_dir=ARCHIVES "
        "--data_dir=DIRECTORY",
    ),
    "cifar10": DataSet(
        "CIFAR-10 at its own 32x32 pixels",
        "alexnet-convert --source=cifar10 --source_dir=ARCHIVES --image_size=32 "
        "--encoding=raw --data_dir=DIRECTORY",
        image_size=32,
        class_counts=(10,),
    ),
    "cifar10_256": DataSet(
        "CIFAR-10, enlarged to 256x256 pixels",
        "alexnet-convert --source=cifar10 --source_dir=ARCHIVES --data_dir=DIRECTORY",
        class_counts=(10,),
    ),
    "imagenet_fall2009": DataSet(
        "ImageNet's Fall 2009 release, half of it for the test",
        "alexnet-convert --source=imagenet_fall2009 --source_dir=ARCHIVES "
        "--data_dir=DIRECTORY",
    ),
    "imagenet_fall2011": DataSet(
        "ImageNet's Fall 2011 release, with a validation split",
        "alexnet-convert --source=imagenet_fall2011 --source_dir=ARCHIVES "
        "--validation_fraction=0.01 --data_dir=DIRECTORY",
    ),
    "drawn": DataSet(
        "the drawn sample images",
        "alexnet-convert --source=sample --data_dir=DIRECTORY",
        class_counts=(20,),
    ),
    "tiny_imagenet": DataSet(
        "Tiny-ImageNet-200, 64x64 pixels enlarged to 128x128",
        "alexnet-convert --source=tiny_imagenet --source_dir=TINY --image_size=128 "
        "--data_dir=DIRECTORY",
        image_size=128,
        class_counts=(200,),
    ),
}
