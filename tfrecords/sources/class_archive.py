"""A zip or a tar of class folders: `images.zip` with `cat/1.jpg` and so on.

As in `folder`, there may be folders train, validation (or val) and test above those of
the classes. Folders around all of them, such as `images/`, are skipped. The archive is
read in place.
"""

from __future__ import annotations

import os

from tfrecords import errors
from tfrecords.images import listing
from tfrecords.plurals import counted
from tfrecords.sources import (
    class_labels,
    file_tree,
    folder,
    folder_contents,
    shard_names,
    stored,
    synset_words,
    validation_split,
)

# The file names of the images, by class and by folder in the archive.
_Classes = dict[str, dict[str, list[str]]]


def find_archive(source_dir: str) -> str | None:
    """The path of the archive: `source_dir` itself, or the only one in it."""
    if source_dir.lower().endswith(file_tree.ARCHIVE_SUFFIXES):
        return source_dir if os.path.isfile(source_dir) else None
    if not os.path.isdir(source_dir):
        return None
    found = [
        name
        for name in os.listdir(source_dir)
        if name.lower().endswith(file_tree.ARCHIVE_SUFFIXES)
        and not name.startswith(".")
    ]
    return os.path.join(source_dir, found[0]) if len(found) == 1 else None


def open_archive(
    source_dir: str, *, validation_fraction: float | None = None, seed: int = 0
) -> stored.StoredImages:
    """Opens the archive; file names in the tables are "<class>/<file>".

    Args:
      source_dir: the archive, or a folder that holds one .zip or .tar.
      validation_fraction: of each class, if there is no validation split; or None.
      seed: of the division.

    Raises:
      UserError: if there is no archive, or no class with images in it, or the splits'
        classes differ, or a class's name is not UTF-8.
      DataError: if the archive is damaged, or holds links, names that lead out of it,
        or what makes it a zip bomb.
      StorageError: if it cannot be read.
    """
    source_dir = os.path.abspath(source_dir)
    path = find_archive(source_dir)
    if path is None:
        if os.path.isfile(source_dir):
            file_tree.list_tree(source_dir)  # raises: it is no archive
        stored.check_folder(source_dir, "a .zip or .tar of class folders")
        folder_contents.refuse(source_dir, "single .zip or .tar")
    tree = file_tree.list_tree(path)
    listed, num_ignored = _find_classes(tree)
    folder.check_classes(listed, {split: f"{path}, split {split}" for split in listed})
    names = sorted(listed["train"])
    class_labels.check_names(names, path)
    containers: list[str] = []
    splits = {}
    for split, classes in listed.items():
        builder = stored.TableBuilder()
        for label, name in enumerate(names):
            for inside, files in classes.get(name, {}).items():
                tree.add_images(builder, containers, inside, files, label, f"{name}/")
        splits[split] = builder.build()
    splits, settings, remarks = validation_split.hold_out(
        splits, names, validation_fraction, seed
    )
    if num_ignored:
        remarks.append(
            f"{counted(num_ignored, 'file')} ignored: not directly in a class's "
            f"folder, or not ending in {', '.join(listing.IMAGE_SUFFIXES)}."
        )
    return tree.open_images(
        name="archive",
        containers=tuple(containers),
        classes=synset_words.make_classes(names, os.path.dirname(path)),
        splits=splits,
        inputs=(stored.describe_input(path, compute_md5=False),),
        applies_orientation=True,
        settings=settings,
        remarks=tuple(remarks),
    )


def _find_classes(tree: file_tree.FileTree) -> tuple[dict[str, _Classes], int]:
    """The classes by split, and the number of files that are none of their images."""
    images = {
        path: [name for name in files if name.lower().endswith(listing.IMAGE_SUFFIXES)]
        for path, files in tree.folders.items()
    }
    parts = {path: path.split("/") for path, names in images.items() if names and path}
    # Folders around everything; the last one is a class's.
    while parts and all(len(p) > 1 for p in parts.values()):
        first = {p[0] for p in parts.values()}
        if len(first) > 1 or first <= set(shard_names.SPLIT_NAMES):
            break
        parts = {path: p[1:] for path, p in parts.items()}
    has_splits = any(p[0] == "train" and len(p) > 1 for p in parts.values())
    listed: dict[str, _Classes] = {}
    num_images = 0
    for path, p in parts.items():
        split = "train"
        if has_splits:
            split, p = shard_names.SPLIT_NAMES.get(p[0], ""), p[1:]
        if split and len(p) == 1:
            folders = listed.setdefault(split, {}).setdefault(p[0], {})
            folders[path] = images[path]
            num_images += len(images[path])
    if "train" not in listed:
        raise errors.UserError(
            f"{tree.path} has no folders of images "
            f"({', '.join(listing.IMAGE_SUFFIXES)}), one for each class. Pack them, or "
            "set --source_dir to another archive."
        )
    return listed, sum(map(len, tree.folders.values())) - num_images
