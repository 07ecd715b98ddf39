"""Lists the flat archives of an ILSVRC: numbered images of validation and test.

The archives name no classes: `ILSVRC2012_val_00000001.JPEG` is of the class that line 1
of the split's ground truth names, whatever the archive's order. Test images without a
published ground truth have no labels.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from tfrecords import errors, sources
from tfrecords.shards import schema
from tfrecords.sources import stored
from tfrecords.sources.archives import archive_reader, tar_walk
from tfrecords.sources.ilsvrc.release import Release


@dataclasses.dataclass(frozen=True)
class Truth:
    """The ground truth of a split: `synsets[i]` is the class of image i + 1."""

    name: str  # of the file that it is from
    synsets: tuple[str, ...]


def list_images(
    reader: archive_reader.ArchiveReader,
    split: str,
    release: Release,
    truth: Truth | None,
    synsets: Sequence[str],
    container: int,
) -> tuple[sources.ImageTable | None, list[str]]:
    """The images of "validation" or "test", and remarks about them.

    Images of classes that are not in `synsets` are left out and counted; the table is
    None if no image is left. Without `truth` all are kept, and have no labels.

    Raises:
      DataError: if the archive is damaged, has no image, or one without a line in the
        ground truth.
      StorageError: if it cannot be read.
    """
    pattern = release.make_pattern(split)
    labels_by_synset = {synset: label for label, synset in enumerate(synsets)}
    kept, labels, num_seen = [], [], 0
    remarks: list[str] = []
    for member in tar_walk.walk(reader, pattern, padding_notes=remarks):
        num_seen += 1
        label: int | None = schema.NO_LABEL
        if truth:
            match = pattern.fullmatch(member.name)
            number = int(match[1]) if match else 0
            if not 1 <= number <= len(truth.synsets):
                raise errors.DataError(
                    f"{reader.path}: {member.name.decode()} is not in the ground truth "
                    f"of {truth.name}, which has {len(truth.synsets):,} lines. "
                    "Download both files again."
                )
            label = labels_by_synset.get(truth.synsets[number - 1])
        if label is not None:
            kept.append(member)
            labels.append(label)
    if not num_seen:
        raise errors.DataError(
            f"{reader.path} has no {split} image. Download it again, or move it away "
            f"to convert without a {split} split."
        )
    remarks += release.compare_split(split, num_seen, len(kept))
    if not kept:
        return None, remarks
    builder = stored.TableBuilder()
    names, offsets, sizes = zip(*kept, strict=True)
    builder.add(names, labels, container, offsets, sizes)
    return builder.build(), remarks
