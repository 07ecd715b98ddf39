"""Builds small archives of ILSVRC-2010, of test images, and of whole ImageNet."""

import os
import zlib

import numpy as np

from tests import archives

SYNSETS = archives.SYNSETS


def make_costs(count: int = len(SYNSETS)) -> np.ndarray:
    """Costs by the contest's numbers: i + k, but 0 on the diagonal; uint8."""
    i, k = np.mgrid[1 : count + 1, 1 : count + 1]
    return np.where(i == k, 0, 2 * i + k).astype(np.uint8)


def write_ilsvrc2010(
    directory,
    classes=SYNSETS,
    per_class: int = 3,
    validation_per_class: int = 2,
    test_per_class: int = 2,
    costs: np.ndarray | None = None,
) -> dict[str, dict[str, str]]:
    """Writes ILSVRC-2010: three archives, the development kit, the test ground truth.

    Validation and test images are of all `SYNSETS`, whatever the training `classes`.

    Returns:
      The synset of each image by name, for each split.
    """
    os.makedirs(directory, exist_ok=True)
    synset_of = {"train": {}, "validation": {}, "test": {}}
    for synset in classes:
        for i in range(per_class):
            synset_of["train"][f"{synset}_{i + 9}.JPEG"] = synset
    for split, short, count in (
        ("validation", "val", validation_per_class),
        ("test", "test", test_per_class),
    ):
        truth = list(SYNSETS) * count
        order = np.random.default_rng(len(short)).permutation(len(truth))
        for i, place in enumerate(order):
            name = f"ILSVRC2010_{short}_{i + 1:08}.JPEG"
            synset_of[split][name] = truth[place]
    train = make_images(synset_of["train"])
    write = archives.write_file
    write(directory, "ILSVRC2010_images_train.tar", archives.make_synset_tars(train))
    for split, short in (("validation", "val"), ("test", "test")):
        # In a folder, and not in the order of their numbers.
        rows = [
            (f"{short}/{name}", image)
            for name, image in list(make_images(synset_of[split]).items())[::-1]
        ]
        write(directory, f"ILSVRC2010_images_{short}.tar", archives.make_tar(rows))
    truths = {
        split: "".join(f"{get_number(s)}\n" for s in synset_of[split].values()).encode()
        for split in ("validation", "test")
    }
    write(directory, "ILSVRC2010_test_ground_truth.txt", truths["test"])
    costs = make_costs() if costs is None else costs
    meta = archives.make_meta(SYNSETS, 2010, cost_matrix=costs)
    members = {
        "readme.txt": b"Read me.",
        "data/meta.mat": meta,
        "data/ILSVRC2010_validation_ground_truth.txt": truths["validation"],
    }
    kit = [(f"devkit-1.0/{name}", data) for name, data in members.items()]
    name = "ILSVRC2010_devkit-1.0.tar.gz"
    write(directory, name, archives.make_tar(kit, "w:gz"))
    return synset_of


def get_number(synset: str) -> int:
    """The contest's number of a synset; `archives.make_meta` counts downward."""
    return len(SYNSETS) - SYNSETS.index(synset)


def make_images(names) -> dict[str, bytes]:
    """An encoded image for each name."""
    return {name: archives.make_image(zlib.crc32(name.encode())) for name in names}


def write_test_images(
    directory, count: int = 5, name: str = "ILSVRC2012_img_test_v10102019.tar"
) -> dict[str, bytes]:
    """Adds the test archive to an ILSVRC-2012; returns its images by name."""
    images = make_images(f"ILSVRC2012_test_{i + 1:08}.JPEG" for i in range(count))
    rows = [(f"test/{name}", image) for name, image in list(images.items())[::-1]]
    archives.write_file(directory, name, archives.make_tar(rows))
    return images


def write_imagenet(directory, counts, name: str = "fall11_whole.tar"):
    """Writes a tar of one tar for each synset in `counts`; returns its images."""
    names = [
        f"{s}_{7 * i + 3}.JPEG" for s, count in counts.items() for i in range(count)
    ]
    images = make_images(names)
    archives.write_file(directory, name, archives.make_synset_tars(images))
    return images
