"""Whole releases of ImageNet: Fall 2011 and Fall 2009, each a tar of per-synset tars.

The paper trains on both (section 6 and its footnote; section 7): on Fall 2011 before
ILSVRC-2012, and on Fall 2009, "using half of the images for training and half for
testing". The releases have no development kit: the classes are the synsets found.
"""

from __future__ import annotations

import dataclasses
import os

from tfrecords import errors
from tfrecords.shards import manifest
from tfrecords.sources import stored, validation_split
from tfrecords.sources.archives import archive_reader, synset_tars


@dataclasses.dataclass(frozen=True)
class ImageNetRelease:
    """What is known of a release."""

    name: str  # the value of `--source`
    archive_name: str  # one of another name is read if it is the only tar
    num_classes: tuple[int, ...]  # the numbers of synsets that were published
    num_images: int | None  # in all splits; None if it was published only roughly
    test_fraction: float  # of each class's images, rounded down

    def compare(self, num_classes: int, num_images: int) -> list[str]:
        """A remark if the counts of all splits together are not the official ones."""
        is_other = self.num_images is not None and num_images != self.num_images
        if num_classes in self.num_classes and not is_other:
            return []
        classes = " or ".join(f"{count:,}" for count in self.num_classes)
        images = "" if self.num_images is None else f", {self.num_images:,} images"
        return [
            f"There are {num_classes:,} classes, {num_images:,} images; officially "
            f"{classes} classes{images}."
        ]


# image-net.org counts 14,197,122 images of 21,841 synsets; the authors' network for
# this release has 21,843 outputs.
FALL2011 = ImageNetRelease(
    "imagenet_fall2011", "fall11_whole.tar", (21_841, 21_843), 14_197_122, 0.0
)
# Paper, section 6: "10,184 categories and 8.9 million images".
FALL2009 = ImageNetRelease(
    "imagenet_fall2009", "fall09_whole.tar", (10_184,), None, 0.5
)


def open_imagenet(
    source_dir: str,
    release: ImageNetRelease,
    *,
    validation_fraction: float | None = None,
    seed: int = 0,
) -> stored.StoredImages:
    """Opens a release.

    Each class's images are shuffled, by the seed and the class's name; then the first
    part of them is the split "test", the next "validation" and the rest "train". Every
    class keeps a training image.

    Args:
      source_dir: the folder of the archive.
      release: which one.
      validation_fraction: of each class's images that are not test images, between 0
        and 1; None for no such split.
      seed: any integer.

    Raises:
      UserError: if the archive is missing, or the fraction is out of range.
      DataError: if the archive is damaged or holds something else.
      StorageError: if it cannot be read.
    """
    stored.check_fraction(validation_fraction)
    path = _find_archive(os.path.abspath(source_dir), release)
    remarks: list[str] = []
    # There is no official MD5 sum: only the headers are read, not a terabyte.
    with archive_reader.ArchiveReader(path, compute_md5=False) as reader:
        synsets, table = synset_tars.list_images(reader, remarks, skips_empty=True)
        num_bytes = reader.num_bytes
    remarks += release.compare(len(synsets), table.num_images)
    fractions = {"test": release.test_fraction, "validation": validation_fraction or 0}
    splits = validation_split.divide(table, synsets, fractions, seed)
    settings: dict[str, object] = {
        f"{split}_fraction": fraction
        for split, fraction in fractions.items()
        if fraction
    }
    if "validation" not in splits:
        remarks.append(validation_split.NO_VALIDATION)
    return stored.StoredImages(
        name=release.name,
        containers=(path,),
        classes=tuple(manifest.ClassInfo(synset, synset) for synset in synsets),
        splits=splits,
        inputs=(manifest.InputFile(os.path.basename(path), num_bytes, None, None),),
        settings={**settings, "seed": seed} if settings else {},
        remarks=tuple(remarks),
    )


def _find_archive(source_dir: str, release: ImageNetRelease) -> str:
    stored.check_folder(source_dir, f"the folder of {release.archive_name}")
    path = os.path.join(source_dir, release.archive_name)
    if os.path.isfile(path):
        return path
    found = sorted(n for n in os.listdir(source_dir) if n.endswith(".tar"))
    if len(found) == 1:
        return os.path.join(source_dir, found[0])
    raise errors.UserError(
        f"{source_dir} has no file {release.archive_name}, and {len(found):,} others "
        "that end in .tar. Put the release there, a tar of one tar for each synset, "
        "under this name or alone."
    )
