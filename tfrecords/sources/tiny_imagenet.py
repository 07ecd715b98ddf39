"""Tiny ImageNet: 200 classes of ImageNet, images of 64x64 pixels, as downloaded.

`tiny-imagenet-200.zip`, or the folder unpacked from it:

  train/n01443537/images/n01443537_0.JPEG   500 of each class
  val/images/val_0.JPEG                     50 of each class
  val/val_annotations.txt                   image, synset and box, separated by tabs
  test/images/test_0.JPEG                   10,000 without labels
  wnids.txt, words.txt                      the synsets; words of all synsets

Source: Stanford's course CS231n, 2015.
"""

from __future__ import annotations

import os

from tfrecords import errors, sources
from tfrecords.images import listing
from tfrecords.shards import manifest, schema
from tfrecords.sources import (
    file_tree,
    folder_contents,
    stored,
    synset_words,
    validation_split,
)
from tfrecords.sources.ilsvrc.release import SYNSET

_NAME = "tiny-imagenet-200"
_WNIDS, _ANNOTATIONS = "wnids.txt", "val_annotations.txt"
_NUM_CLASSES = 200
_NUM_IMAGES = {"train": 100_000, "validation": 10_000, "test": 10_000}


def find(source_dir: str) -> str | None:
    """The path of the folder or zip: `source_dir` itself, or one in it."""
    candidates = [source_dir, os.path.join(source_dir, _NAME)]
    for path in candidates:
        if os.path.isfile(os.path.join(path, _WNIDS)):
            return path
    for path in (source_dir, f"{candidates[1]}.zip"):
        if os.path.basename(path) == f"{_NAME}.zip" and os.path.isfile(path):
            return path
    return None


def open_tiny_imagenet(source_dir: str) -> stored.StoredImages:
    """Opens the folder or the zip.

    Labels are the places of the synsets in their sorted order.

    Args:
      source_dir: the folder, the zip, or the folder that holds one of them.

    Raises:
      UserError: if neither is there.
      DataError: if a file is missing or damaged, or a validation image has no line in
        the annotations.
      StorageError: if a file cannot be read.
    """
    source_dir = os.path.abspath(source_dir)
    path = find(source_dir)
    if path is None:
        stored.check_folder(source_dir, f"the folder of {_NAME}.zip")
        folder_contents.refuse(source_dir, f"{_NAME}.zip and no {_WNIDS} with train")
    tree = file_tree.list_tree(path)
    root = _find_root(tree)
    synsets = sorted(set(tree.read_text(root, _WNIDS).split()))
    if not synsets or not all(map(SYNSET.fullmatch, synsets)):
        raise errors.DataError(
            f"{path}: {_WNIDS} is not a list of synsets like n01443537. Download "
            f"{_NAME}.zip again."
        )
    containers: list[str] = []
    train = stored.TableBuilder()
    for label, synset in enumerate(synsets):
        inside = _join(root, "train", synset, "images")
        names = _list_images(tree, inside)
        if not names:
            raise errors.DataError(
                f"{path} has no image in {inside}. Download {_NAME}.zip again."
            )
        tree.add_images(train, containers, inside, names, label)
    splits = {"train": train.build()}
    for split, build in (("validation", _build_validation), ("test", _build_test)):
        if table := build(tree, root, containers, synsets):
            splits[split] = table
    remarks = _compare(len(synsets), splits)
    if "validation" not in splits:
        remarks.append(validation_split.NO_VALIDATION)
    return tree.open_images(
        name="tiny_imagenet",
        containers=tuple(containers),
        classes=_name_classes(tree, root, synsets),
        splits=splits,
        inputs=(stored.describe_input(path),) if tree.is_archive else (),
        remarks=tuple(remarks),
    )


def _join(*parts: str) -> str:
    return "/".join(filter(None, parts))


def _find_root(tree: file_tree.FileTree) -> str:
    roots = [folder for folder, names in tree.folders.items() if _WNIDS in names]
    if len(roots) != 1:
        raise errors.DataError(
            f"{tree.path} has {len(roots)} files {_WNIDS}, and one is needed. Download "
            f"{_NAME}.zip again."
        )
    return roots[0]


def _list_images(tree: file_tree.FileTree, folder: str) -> list[str]:
    names = tree.folders.get(folder, {})
    return [name for name in names if name.lower().endswith(listing.IMAGE_SUFFIXES)]


def _build_validation(
    tree: file_tree.FileTree, root: str, containers: list[str], synsets: list[str]
) -> sources.ImageTable | None:
    inside = _join(root, "val", "images")
    names = _list_images(tree, inside)
    if not names:
        return None
    where = f"{_join(root, 'val', _ANNOTATIONS)} in {tree.path}"
    places = {synset: label for label, synset in enumerate(synsets)}
    labels: dict[str, int] = {}
    text = tree.read_text(_join(root, "val"), _ANNOTATIONS)
    for i, line in enumerate(text.splitlines()):
        name, *fields = line.split("\t")
        if not fields or fields[0] not in places or name in labels:
            raise errors.DataError(
                f"{where}, line {i + 1}: {line[:40]!r} is not a new image with one of "
                f"the synsets of {_WNIDS}. Download {_NAME}.zip again."
            )
        labels[name] = places[fields[0]]
    if unknown := sorted(set(names) - set(labels)):
        raise errors.DataError(
            f"{where} has no line for {unknown[0]}. Download {_NAME}.zip again."
        )
    builder = stored.TableBuilder()
    tree.add_images(builder, containers, inside, names, [labels[n] for n in names])
    return builder.build()


def _build_test(
    tree: file_tree.FileTree, root: str, containers: list[str], synsets: list[str]
) -> sources.ImageTable | None:
    inside = _join(root, "test", "images")
    names = _list_images(tree, inside)
    if not names:
        return None
    builder = stored.TableBuilder()
    tree.add_images(builder, containers, inside, names, schema.NO_LABEL)
    return builder.build()


def _name_classes(
    tree: file_tree.FileTree, root: str, synsets: list[str]
) -> tuple[manifest.ClassInfo, ...]:
    words: dict[str, str] = {}
    name = synset_words.WORDS_NAME
    if name in tree.folders[root]:
        lines = tree.read_text(root, name).splitlines()
        words = synset_words.parse_words(lines, f"{_join(root, name)} in {tree.path}")
    return tuple(manifest.ClassInfo(s, words.get(s, s)) for s in synsets)


def _compare(num_classes: int, splits: dict[str, sources.ImageTable]) -> list[str]:
    """Remarks about counts that are not the official ones."""
    remarks = []
    if num_classes != _NUM_CLASSES:
        remarks.append(
            f"There are {num_classes:,} classes; officially {_NUM_CLASSES:,}."
        )
    for split, official in _NUM_IMAGES.items():
        found = splits[split].num_images if split in splits else 0
        if found != official:
            remarks.append(
                f"There are {found:,} {split} images; officially {official:,}."
            )
    return remarks
