"""The data sets that claims need, and how to make each.

`--data_root` holds one data directory per data set, by the names here.
"""

from __future__ import annotations

# Name -> what it is, and the command that makes it.
DATA_SETS: dict[str, tuple[str, str]] = {
    "ilsvrc2012": (
        "ILSVRC-2012, or some classes of it",
        "alexnet-convert --source=ilsvrc2012 --source_dir=ARCHIVES "
        "--data_dir=ROOT/ilsvrc2012",
    ),
    "cifar10": (
        "CIFAR-10 at its own 32x32 pixels",
        "alexnet-convert --source=cifar10 --source_dir=ARCHIVES --image_size=32 "
        "--encoding=raw --data_dir=ROOT/cifar10",
    ),
    "drawn": (
        "the drawn sample images",
        "alexnet-convert --source=sample --data_dir=ROOT/drawn",
    ),
    "tiny_imagenet": (
        "Tiny-ImageNet-200, 64x64 pixels enlarged to 256x256",
        "alexnet-convert --source=folder --source_dir=TINY "
        "--data_dir=ROOT/tiny_imagenet",
    ),
}
