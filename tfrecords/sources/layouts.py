"""Which source reads a folder: `--source=auto`."""

from __future__ import annotations

import os
from collections.abc import Callable

from tfrecords import errors
from tfrecords.durable import files
from tfrecords.images import listing
from tfrecords.sources import (
    class_archive,
    folder_contents,
    imagefolder,
    imagenet,
    parquet,
    shard_names,
    tfds,
    tiny_imagenet,
    webdataset,
)
from tfrecords.sources.ilsvrc import kaggle
from tfrecords.sources.ilsvrc.release import ILSVRC2010, ILSVRC2012

CIFAR10_NAME = "cifar-10-python.tar.gz"

# By source: what it reads, for people.
DESCRIPTIONS = {
    "ilsvrc2012": f"{ILSVRC2012.train_name}, or Kaggle's folder ILSVRC",
    "ilsvrc2010": ILSVRC2010.train_name,
    "imagenet_fall2011": imagenet.FALL2011.archive_name,
    "imagenet_fall2009": imagenet.FALL2009.archive_name,
    "cifar10": CIFAR10_NAME,
    "tiny_imagenet": "tiny-imagenet-200.zip or its folder",
    "tfds": "*-train.tfrecord-00000-of-*",
    "parquet": "train-00000-of-*.parquet",
    "webdataset": "train-000000.tar, ...",
    "imagefolder": "metadata.csv or metadata.jsonl with images",
    "archive": "a .zip or .tar of class folders",
    "folder": "class folders of images, or train and validation folders of them",
}


def detect(source_dir: str) -> str:
    """The name of the only source that reads `source_dir`.

    Files' names decide; none is opened.

    Raises:
      UserError: if there is no such folder or archive, or no source or several fit.
      DataError: if a folder changes while it is listed.
      StorageError: if it cannot be read.
    """
    source_dir = os.path.abspath(source_dir)
    if not os.path.exists(source_dir):
        raise errors.UserError(
            f"There is no folder {source_dir}. Set --source_dir to the folder of the "
            "images or archives."
        )
    with files.read_errors(source_dir):
        is_folder = os.path.isdir(source_dir)
        names = os.listdir(source_dir) if is_folder else []
        found = _find(source_dir, names)
    if len(found) == 1:
        return found[0]
    if found:
        raise errors.UserError(
            f"{source_dir} can be read as {' and as '.join(found)} "
            f"({'; '.join(DESCRIPTIONS[name] for name in found)}). Give --source="
            f"{found[0]} or another, or move one of them away."
        )
    contents = folder_contents.describe(source_dir) if is_folder else "no folder"
    layouts = "; ".join(f"{name}: {text}" for name, text in DESCRIPTIONS.items())
    raise errors.UserError(
        f"{source_dir} is no data set that can be read: it "
        f"{'holds' if is_folder else 'is'} {contents}. These layouts are read: "
        f"{layouts}. Set --source_dir to one of them."
    )


def _find(source_dir: str, names: list[str]) -> list[str]:
    """The sources that read the folder, in the order of `DESCRIPTIONS`."""
    exact = {
        "ilsvrc2012": ILSVRC2012.train_name,
        "ilsvrc2010": ILSVRC2010.train_name,
        "imagenet_fall2011": imagenet.FALL2011.archive_name,
        "imagenet_fall2009": imagenet.FALL2009.archive_name,
        "cifar10": CIFAR10_NAME,
    }
    found = {name for name, file_name in exact.items() if file_name in names}
    if kaggle.is_kaggle(source_dir):
        found.add("ilsvrc2012")
    tests: dict[str, Callable[[], bool]] = {
        "tiny_imagenet": lambda: tiny_imagenet.find(source_dir) is not None,
        "tfds": lambda: tfds.is_layout(names),
        "parquet": lambda: parquet.is_layout(source_dir),
        "webdataset": lambda: webdataset.is_layout(names),
        "imagefolder": lambda: imagefolder.is_layout(source_dir),
    }
    found |= {name for name, test in tests.items() if test()}
    if not found and class_archive.find_archive(source_dir):
        found.add("archive")
    # Of the others, some have folders of images too.
    if not found and _has_class_folders(source_dir):
        found.add("folder")
    return [name for name in DESCRIPTIONS if name in found]


def _has_class_folders(source_dir: str) -> bool:
    """Whether a folder, or its folder train, has folders of which one has images."""
    if not os.path.isdir(source_dir):
        return False
    found = listing.list_directory(source_dir)
    if "train" in found.directories:
        inner = os.path.join(source_dir, "train")
        folders = listing.list_directory(inner).directories
        if folders and set(found.directories) <= set(shard_names.SPLIT_NAMES):
            source_dir, found = inner, listing.list_directory(inner)
    return any(
        name.lower().endswith(listing.IMAGE_SUFFIXES)
        for directory in found.directories
        for name in listing.list_directory(os.path.join(source_dir, directory)).files
    )
