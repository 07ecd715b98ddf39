"""Builds small archives and folders in the layouts that the sources read."""

import csv
import dataclasses
import io
import os
import pickle
import tarfile
import zlib

import numpy as np
import scipy.io
from PIL import Image

# Their ILSVRC2012_IDs below are not in this order, as in the official file.
SYNSETS = ("n01440764", "n02102040", "n02979186", "n03000684")
WORDS = {
    "n01440764": "tench, Tinca tinca",
    "n02102040": "English springer, English springer spaniel",
    "n02979186": "cassette player",
    "n03000684": "chain saw, chainsaw",
}


@dataclasses.dataclass(frozen=True)
class WrittenImages:
    """The written files: encoded images and labels by file name, for each split."""

    train: dict[str, bytes]
    train_labels: dict[str, int]
    validation: dict[str, bytes]
    validation_labels: dict[str, int]


def make_image(
    seed: int, width: int = 32, height: int = 24, file_format: str = "JPEG"
) -> bytes:
    """An encoded RGB image of smooth noise; the same bytes for the same arguments."""
    generator = np.random.default_rng(seed)
    coarse = generator.integers(0, 256, (4, 5, 3), np.uint8)
    image = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    stream = io.BytesIO()
    image.save(stream, file_format)
    return stream.getvalue()


def make_tar(members, mode: str = "w") -> bytes:
    """A tar of (name, contents) pairs, in their order."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode, format=tarfile.USTAR_FORMAT) as tar:
        for name, contents in members:
            member = tarfile.TarInfo(name)
            member.size = len(contents)
            tar.addfile(member, io.BytesIO(contents))
    return stream.getvalue()


def make_tar_member(
    name: bytes = b"n01440764_1.JPEG",
    size: bytes = b"00000000005\0",
    kind: bytes = b"0",
    data: bytes = b"bytes",
) -> bytes:
    """A member of a tar: a header with a right checksum, and data in whole blocks."""
    header = bytearray(512)
    header[: len(name)] = name
    header[124:136] = size
    header[156:157] = kind
    header[257:265] = b"ustar\x0000"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + data + bytes(-len(data) % 512)


def make_meta(synsets=SYNSETS, year: int = 2012, **others) -> bytes:
    """A `meta.mat`: synset i has the number len(synsets) - i; a root has 1001.

    `others` are arrays besides the synsets.
    """
    fields = [(f"ILSVRC{year}_ID", "O"), ("WNID", "O"), ("words", "O"), ("gloss", "O")]
    rows = [
        (len(synsets) - i, synset, WORDS.get(synset, synset), "said of it")
        for i, synset in enumerate(synsets)
    ]
    rows.append((1001, "n00001740", "entity", "that which is"))
    stream = io.BytesIO()
    table = np.array(rows, dtype=fields).reshape(-1, 1)
    scipy.io.savemat(stream, {"synsets": table, **others}, do_compression=True)
    return stream.getvalue()


def write_ilsvrc2012(
    directory: str,
    *,
    classes=SYNSETS[:3],
    validation_classes=None,
    per_class: int = 4,
    validation_per_class: int = 2,
    layout: str = "archives",
    size: tuple[int, int] = (32, 24),
) -> WrittenImages:
    """Writes a small ILSVRC-2012 into `directory`.

    Args:
      directory: made if it is not there.
      classes: the training synsets; labels are their places when sorted.
      validation_classes: those of the validation images; `classes` by default.
      per_class: training images of each class.
      validation_per_class: validation images of each class; their numbers run in
        an order that mixes the classes.
      layout: "archives" or "kaggle"; both hold the same images.
      size: width and height of the images.

    Returns:
      The images and their labels; validation images of no training class have
      the label -1.
    """
    known = list_known(classes, validation_classes)
    ordered = sorted(classes)
    train, train_labels = {}, {}
    for synset in classes:
        for i in range(per_class):
            # 9, 10, 11: sorted as text, not as numbers.
            name = f"{synset}_{i + 9}.JPEG"
            train[name] = make_image(zlib.crc32(name.encode()), *size)
            train_labels[name] = ordered.index(synset)
    truth = list(validation_classes or classes) * validation_per_class
    order = np.random.default_rng(1).permutation(len(truth))
    truth = [truth[i] for i in order]
    validation, validation_labels = {}, {}
    for i, synset in enumerate(truth):
        name = f"ILSVRC2012_val_{i + 1:08}.JPEG"
        validation[name] = make_image(zlib.crc32(name.encode()), *size)
        validation_labels[name] = ordered.index(synset) if synset in ordered else -1
    os.makedirs(directory, exist_ok=True)
    write = {"archives": _write_archives, "kaggle": _write_kaggle}[layout]
    write(str(directory), train, validation, truth, known)
    return WrittenImages(train, train_labels, validation, validation_labels)


def list_known(classes, validation_classes=None) -> list[str]:
    """The synsets that the development kit and Kaggle's table list."""
    return sorted({*SYNSETS, *classes, *(validation_classes or ())})


def _write_archives(directory, train, validation, truth, known):
    write_file(directory, "ILSVRC2012_img_train.tar", make_synset_tars(train))
    # Not in the order of their numbers: the name alone tells the label.
    rows = list(validation.items())[::-1]
    write_file(directory, "ILSVRC2012_img_val.tar", make_tar(rows))
    numbers = "".join(f"{len(known) - known.index(synset)}\n" for synset in truth)
    write_file(
        directory,
        "ILSVRC2012_devkit_t12.tar.gz",
        make_tar(
            [
                ("ILSVRC2012_devkit_t12/readme.txt", b"Read me."),
                ("ILSVRC2012_devkit_t12/data/meta.mat", make_meta(known)),
                (
                    "ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt",
                    numbers.encode(),
                ),
            ],
            "w:gz",
        ),
    )


def make_synset_tars(images) -> bytes:
    """A tar of one tar for each synset, of images by name, in their order."""
    by_synset: dict[str, list] = {}
    for name, contents in images.items():
        by_synset.setdefault(name[:9], []).append((name, contents))
    return make_tar((f"{name}.tar", make_tar(rows)) for name, rows in by_synset.items())


def _write_kaggle(directory, train, validation, truth, known):
    images = os.path.join(directory, "ILSVRC", "Data", "CLS-LOC")
    for name, contents in train.items():
        write_file(os.path.join(images, "train", name[:9]), name, contents)
    for name, contents in validation.items():
        write_file(os.path.join(images, "val"), name, contents)
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(["ImageId", "PredictionString"])
    for name, synset in zip(validation, truth, strict=True):
        box = f"{synset} 1 2 30 20 "
        writer.writerow([name.removesuffix(".JPEG"), box * (1 + len(name) % 2)])
    write_file(directory, "LOC_val_solution.csv", stream.getvalue().encode())
    words = "".join(f"{synset} {WORDS.get(synset, synset)}\n" for synset in known)
    write_file(directory, "LOC_synset_mapping.txt", words.encode())


def write_file(directory: str, name: str, contents: bytes) -> str:
    """Writes a file, and its directory if need be; its path."""
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, name)
    with open(path, "wb") as file:
        file.write(contents)
    return path


def write_folder(directory: str, counts, suffix: str = ".jpg") -> dict[str, bytes]:
    """Writes `counts[class]` images into each class's folder.

    Returns:
      The encoded images by "<class>/<file>".
    """
    file_format = {".jpg": "JPEG", ".png": "PNG"}[suffix]
    written = {}
    for class_name, count in counts.items():
        os.makedirs(os.path.join(directory, class_name), exist_ok=True)
        for i in range(count):
            name = f"{class_name}/image{i}{suffix}"
            contents = make_image(zlib.crc32(name.encode()), file_format=file_format)
            write_file(str(directory), name, contents)
            written[name] = contents
    return written


def make_cifar_batch(seed: int, count: int) -> dict[bytes, object]:
    """A batch's dictionary: data [count, 3072], labels, names."""
    generator = np.random.default_rng(seed)
    return {
        b"batch_label": b"a batch",
        b"labels": [int(n) for n in generator.integers(0, 10, count)],
        b"data": generator.integers(0, 256, (count, 3072), np.uint8),
        b"filenames": [b"thing_s_%06d.png" % i for i in range(count)],
    }


def write_cifar10(directory: str, count: int = 3, replaced=None) -> dict[str, dict]:
    """Writes `cifar-10-python.tar.gz` of `count` images a batch.

    Args:
      directory: made if it is not there.
      count: images in each of the six batches.
      replaced: pickled bytes to write in place of a member's, by name.

    Returns:
      The batches' dictionaries by name.
    """
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    batches = {name: make_cifar_batch(i, count) for i, name in enumerate(names)}
    classes = b"airplane automobile bird cat deer dog frog horse ship truck".split()
    members = {"batches.meta": pickle.dumps({b"label_names": classes}, protocol=2)}
    members |= {name: pickle.dumps(b, protocol=2) for name, b in batches.items()}
    members |= replaced or {}
    rows = [(f"cifar-10-batches-py/{name}", data) for name, data in members.items()]
    write_file(str(directory), "cifar-10-python.tar.gz", make_tar(rows, "w:gz"))
    return batches
