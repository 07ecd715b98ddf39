"""A folder of the user's own images, with one sub-folder per class.

Either `source_dir/<class>/*`, of which a random fraction of every class may become the
validation split, or `source_dir/{train,validation|val,test}/<class>/*`, the layout of
an unpacked ImageNet for torchvision's ImageFolder. Classes that are synsets get their
words from a file in `source_dir` (see `synset_words`).
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping

from tfrecords import errors, sources
from tfrecords.console import printing
from tfrecords.durable import files
from tfrecords.images import listing
from tfrecords.shards import schema
from tfrecords.sources import stored, synset_words

_SUFFIXES = listing.IMAGE_SUFFIXES
_SPLIT_NAMES = {**{name: name for name in schema.SPLITS}, "val": "validation"}

_Files = list[tuple[bytes, int]]  # name and size in bytes, sorted by name
_Classes = dict[str, _Files]


def open_folder(
    source_dir: str, *, validation_fraction: float | None, seed: int
) -> sources.Source:
    """Opens a folder of images.

    File names in the tables are "<class>/<file>". The choice of a class's validation
    images depends only on the seed, the class's name and its file names.

    Args:
      source_dir: as described at the top of this module.
      validation_fraction: the fraction of each class that becomes the validation split,
        between 0 and 1, if the folder has no validation split. None: no split.
      seed: chooses the validation images.

    Raises:
      UserError: if there are no classes or images, a class is too small for the
        fraction, or the splits' classes differ.
      StorageError: if the folder cannot be read.
    """
    source_dir = os.path.abspath(source_dir)
    stored.check_folder(
        source_dir,
        "a folder with one sub-folder of images per class; --source=archive reads a "
        ".zip or .tar of them",
    )
    stored.check_fraction(validation_fraction)
    split_dirs = _find_splits(source_dir)
    listed, ignored = {}, []
    for split, directory in split_dirs.items():
        listed[split], others = _list_classes(directory)
        ignored += others
    check_classes(listed, split_dirs)
    class_names = sorted(listed["train"])
    remarks = []

    settings: dict[str, object] = {}
    if validation_fraction is not None:
        if "validation" in listed:
            raise errors.UserError(
                f"A validation fraction was given, but {split_dirs['validation']} "
                "already holds validation images. Leave out the fraction, or set "
                "--source_dir to the folder of the classes."
            )
        listed["train"], listed["validation"] = _split_classes(
            listed["train"], validation_fraction, seed
        )
        split_dirs["validation"] = split_dirs["train"]
        settings = {"validation_fraction": validation_fraction, "seed": seed}
    if "validation" not in listed:
        remarks.append(
            "There is no validation split: give --validation_fraction=0.1, or make "
            "sub-folders train and validation. Without one, training needs "
            "--config.schedule.name=fixed."
        )
    if ignored:
        remarks.append(
            f"{len(ignored):,} files and folders were ignored, for example "
            f"{printing.escape(min(ignored))}: they are not directly in a class's "
            f"folder, do not end in {', '.join(_SUFFIXES)}, are not files, or are "
            "links to a folder that is already read."
        )
    return stored.StoredImages(
        name="folder",
        containers=tuple(split_dirs[split] for split in listed),
        classes=synset_words.make_classes(class_names, source_dir),
        splits={
            split: _make_table(classes, class_names, container)
            for container, (split, classes) in enumerate(listed.items())
        },
        applies_orientation=True,
        settings=settings,
        remarks=tuple(remarks),
    )


def _find_splits(source_dir: str) -> dict[str, str]:
    """The directory of each split; only that of "train" if there are no splits."""
    names = _list(source_dir).directories
    if not names:
        raise errors.UserError(
            f"{source_dir} has no sub-folders. Make one per class, with the class's "
            "images in it."
        )
    known = [name for name in names if name in _SPLIT_NAMES]
    # A class may be called "train"; then its folder has images, not folders.
    train_dir = os.path.join(source_dir, "train")
    if "train" not in known or not _list(train_dir).directories:
        if "train" in known and 1 < len(known) == len(names):
            raise errors.UserError(
                f"{source_dir} has only the sub-folders {', '.join(known)}, and train "
                "has no folder for each class. Make them; or, if a metadata.csv lists "
                "the classes, give --source=imagefolder."
            )
        return {"train": source_dir}
    if odd := [name for name in names if name not in _SPLIT_NAMES]:
        raise errors.UserError(
            f"{source_dir} has the sub-folder {odd[0]} besides {', '.join(known)}. "
            "Either all sub-folders must be classes, or they must be train, validation "
            "(or val) and test."
        )
    if "val" in known and "validation" in known:
        raise errors.UserError(
            f"{source_dir} has both val and validation. Merge them or remove one."
        )
    return {_SPLIT_NAMES[name]: os.path.join(source_dir, name) for name in known}


def _list(directory: str) -> listing.Listing:
    with files.read_errors(directory):
        return listing.list_directory(directory)


def _list_classes(directory: str) -> tuple[_Classes, list[str]]:
    """Each class's images, sorted, and the paths of everything else."""
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


def check_classes(
    listed: Mapping[str, Mapping[str, Collection[object]]],
    split_dirs: Mapping[str, str],
) -> None:
    """Raises `UserError` if a class has no training image, or a split no image.

    `listed` holds, by split and class, the images; `split_dirs`, by split, where they
    are, for errors.
    """
    train = listed["train"]
    if empty := sorted(name for name, images in train.items() if not images):
        raise errors.UserError(
            f"{os.path.join(split_dirs['train'], empty[0])} has no image "
            f"({', '.join(_SUFFIXES)}). Add training images to the folder or remove it."
        )
    for split, classes in listed.items():
        if unknown := sorted(set(classes) - set(train)):
            raise errors.UserError(
                f"{split_dirs[split]} has the class {unknown[0]}, but "
                f"{split_dirs['train']} does not. Every class needs training images: "
                "add the folder there or remove it here."
            )
        if not any(classes.values()):
            raise errors.UserError(
                f"{split_dirs[split]} has no image ({', '.join(_SUFFIXES)}) in any "
                "class's folder. Add images or remove it."
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
                f"The class {name} has {len(images)} image(s); with a validation "
                f"fraction of {fraction} it would have no {lacking} image. Add "
                "images, remove the class, or choose another fraction."
            )
        order = stored.shuffle_class(len(images), name, seed)
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
            label,
            container,
            -1,
            [size for _, size in files],
        )
    return builder.build()
