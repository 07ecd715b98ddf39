"""A folder of the user's own images: one sub-folder per class.

Either `source_dir/<class>/*`, all of it training images or split by a seeded
fraction of every class, or `source_dir/{train,validation|val,test}/<class>/*`.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping

from tfrecords import errors, sources, stable_random
from tfrecords.console import printing
from tfrecords.durable import files
from tfrecords.images import listing
from tfrecords.shards import manifest
from tfrecords.sources import stored

_SUFFIXES = listing.IMAGE_SUFFIXES
_SPLIT_NAMES = {
    "train": "train",
    "validation": "validation",
    "val": "validation",
    "test": "test",
}

_Files = list[tuple[bytes, int]]  # name and size in bytes, sorted by name
_Classes = dict[str, _Files]


def open_folder(
    source_dir: str, *, validation_fraction: float | None, seed: int
) -> sources.Source:
    """Opens a folder of images.

    File names in the tables are "<class>/<file>". The choice of a class's validation
    images depends on the seed, the class's name and its file names alone.

    Args:
      source_dir: the folder; see the module.
      validation_fraction: which share of each class becomes the validation split,
        between 0 and 1; only where the folder has none of its own. None: no split.
      seed: which images those are.

    Raises:
      UserError: if there are no classes or images, a class is too small for the
        fraction, or the splits' classes differ.
      StorageError: if the folder cannot be read.
    """
    source_dir = os.path.abspath(source_dir)
    if not os.path.isdir(source_dir):
        raise errors.UserError(
            f"There is no folder {source_dir}. Give --source_dir a folder that holds "
            "one sub-folder of images per class."
        )
    if validation_fraction is not None and not 0.0 < validation_fraction < 1.0:
        raise errors.UserError(
            f"The validation fraction is {validation_fraction}; it must lie between 0 "
            "and 1, say 0.1."
        )
    split_dirs = _find_splits(source_dir)
    listed, ignored = {}, []
    for split, directory in split_dirs.items():
        listed[split], others = _list_classes(directory)
        ignored += others
    _check_classes(listed, split_dirs)
    class_names = sorted(listed["train"])
    remarks = []

    settings: dict[str, object] = {}
    if validation_fraction is not None:
        if "validation" in listed:
            raise errors.UserError(
                f"A validation fraction was given, but {split_dirs['validation']} "
                "holds validation images already. Leave the fraction out, or name "
                "the folder that holds the classes."
            )
        listed["train"], listed["validation"] = _split_classes(
            listed["train"], validation_fraction, seed
        )
        split_dirs["validation"] = split_dirs["train"]
        settings = {"validation_fraction": validation_fraction, "seed": seed}
    if "validation" not in listed:
        remarks.append(
            "There is no validation split: give a validation fraction, or sub-folders "
            "train and validation."
        )
    if ignored:
        remarks.append(
            f"{len(ignored):,} files and folders were left out, "
            f"{printing.escape(min(ignored))} among them: not directly in a class's "
            f"folder, not called {', '.join(_SUFFIXES)}, no files, or links to a "
            "folder that is read already."
        )
    return stored.StoredImages(
        name="folder",
        containers=[split_dirs[split] for split in listed],
        classes=[manifest.ClassInfo(name, name) for name in class_names],
        splits={
            split: _make_table(classes, class_names, container)
            for container, (split, classes) in enumerate(listed.items())
        },
        inputs=(),
        applies_orientation=True,
        settings=settings,
        remarks=remarks,
    )


def _find_splits(source_dir: str) -> dict[str, str]:
    """The directory of each split; that of "train" alone if there are no others."""
    names = _list_directories(source_dir)
    if not names:
        raise errors.UserError(
            f"{source_dir} has no sub-folders; it must hold one per class, with the "
            "class's images in it."
        )
    known = [name for name in names if name in _SPLIT_NAMES]
    # A class may be called "train": then its folder holds images, not folders.
    has_splits = "train" in known and bool(
        _list_directories(os.path.join(source_dir, "train"))
    )
    if not has_splits:
        return {"train": source_dir}
    if odd := [name for name in names if name not in _SPLIT_NAMES]:
        raise errors.UserError(
            f"{source_dir} holds {odd[0]} beside {', '.join(known)}. Either all its "
            "sub-folders are classes, or they are train, validation (or val) and test."
        )
    if "val" in known and "validation" in known:
        raise errors.UserError(
            f"{source_dir} holds both val and validation. Merge them or remove one."
        )
    return {_SPLIT_NAMES[name]: os.path.join(source_dir, name) for name in known}


def _list(directory: str) -> listing.Listing:
    with files.read_errors(directory):
        return listing.list_directory(directory)


def _list_directories(directory: str) -> list[str]:
    return _list(directory).directories


def _list_classes(directory: str) -> tuple[_Classes, list[str]]:
    """Each class's images, sorted, and the paths of what else there is."""
    classes: _Classes = {}
    found = _list(directory)
    odd = [*found.files, *found.repeated, *found.others]
    ignored = [os.path.join(directory, name) for name in odd]
    for name in found.directories:
        class_dir = os.path.join(directory, name)
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise errors.UserError(
                f"The name of the folder {os.fsencode(class_dir)!r} is not UTF-8. "
                "Rename it."
            ) from error
        images: _Files = []
        inside = _list(class_dir)
        odd = [*inside.directories, *inside.repeated, *inside.others]
        with files.read_errors(class_dir):
            for file_name in inside.files:
                if file_name.lower().endswith(_SUFFIXES):
                    path = os.path.join(class_dir, file_name)
                    images.append((os.fsencode(file_name), os.stat(path).st_size))
                else:
                    odd.append(file_name)
        ignored += [os.path.join(class_dir, name) for name in odd]
        classes[name] = sorted(images)
    return classes, ignored


def _check_classes(listed: Mapping[str, _Classes], split_dirs: dict[str, str]) -> None:
    train = listed["train"]
    if empty := sorted(name for name, images in train.items() if not images):
        raise errors.UserError(
            f"{os.path.join(split_dirs['train'], empty[0])} holds no image "
            f"({', '.join(_SUFFIXES)}). Every class needs some: fill the folder or "
            "remove it."
        )
    for split, classes in listed.items():
        if unknown := sorted(set(classes) - set(train)):
            raise errors.UserError(
                f"{split_dirs[split]} holds the class {unknown[0]}, which "
                f"{split_dirs['train']} does not. The classes are those of the "
                "training images: add the folder there or remove it here."
            )
        if not any(classes.values()):
            raise errors.UserError(
                f"{split_dirs[split]} holds no image ({', '.join(_SUFFIXES)}) in any "
                "class's folder. Fill it or remove it."
            )


def _split_classes(
    classes: _Classes, fraction: float, seed: int
) -> tuple[_Classes, _Classes]:
    """Takes round(n * fraction) of each class's n images for validation."""
    train: _Classes = {}
    validation: _Classes = {}
    for name, images in classes.items():
        count = round(len(images) * fraction)
        if not 0 < count < len(images):
            lacking = "validation" if count == 0 else "training"
            raise errors.UserError(
                f"The class {name} has {len(images)} image(s): with a validation "
                f"fraction of {fraction} it would have no {lacking} image. Add "
                "images, remove the class, or choose another fraction."
            )
        # By the class's name: another class more or less changes nothing here.
        order = stable_random.make_permutation(
            len(images), seed, zlib.crc32(name.encode())
        )
        validation[name] = [images[i] for i in sorted(order[:count])]
        train[name] = [images[i] for i in sorted(order[count:])]
    return train, validation


def _make_table(
    classes: _Classes, class_names: list[str], container: int
) -> sources.ImageTable:
    builder = stored.TableBuilder()
    for label, name in enumerate(class_names):
        files = classes.get(name, [])
        builder.add(
            [name.encode() + b"/" + file for file, _ in files],
            [label] * len(files),
            container,
            [-1] * len(files),
            [size for _, size in files],
        )
    return builder.build()
