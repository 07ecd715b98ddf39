"""Lists the images of a tar of tars, one inner tar for each synset.

The training archives of every ILSVRC, and whole releases of ImageNet, are such tars.
`n01440764.tar` holds the images `n01440764_10026.JPEG` and so on.
"""

from __future__ import annotations

import dataclasses
import re

import numpy as np

from tfrecords import errors, sources
from tfrecords.sources import stored
from tfrecords.sources.archives import archive_reader, tar_walk

_SYNSET_TAR = re.compile(rb"(n\d{8})\.tar")


def list_images(
    reader: archive_reader.ArchiveReader,
    remarks: list[str],
    skips_empty: bool = False,
) -> tuple[list[str], sources.ImageTable]:
    """The sorted synsets, and the images, whose labels are the synsets' places.

    Offsets are those in the outer file; the tables' `container` is 0. Notes about the
    archive are added to `remarks`. An inner tar without images is an error, unless
    `skips_empty`; then it is noted, and its synset is left out.

    Raises:
      DataError: if the archive is damaged or holds something else.
      StorageError: if it cannot be read.
    """
    builder = stored.TableBuilder()
    synsets: list[str] = []
    empty: list[str] = []
    for outer in tar_walk.walk(reader, _SYNSET_TAR, padding_notes=remarks):
        synset = outer.name[: -len(".tar")].decode()
        images = list(
            tar_walk.walk(
                reader,
                re.compile(re.escape(synset).encode() + rb"_\d+\.JPEG"),
                start=outer.offset,
                end=outer.offset + outer.num_bytes,
                within=outer.name.decode(),
            )
        )
        if images:
            names, offsets, sizes = zip(*images, strict=True)
            builder.add(names, len(synsets), 0, offsets, sizes)
            synsets.append(synset)
        elif skips_empty:
            empty.append(synset)
        else:
            raise errors.DataError(
                f"{reader.path}, byte {outer.offset}: {outer.name.decode()} has no "
                "image. Download the archive again."
            )
    if not synsets:
        raise errors.DataError(
            f"{reader.path} has no archive of a synset with images. Download it again."
        )
    if empty:
        remarks.append(
            f"{len(empty):,} synsets have no images and are left out, {empty[0]} among "
            "them."
        )
    table = builder.build()
    # From the archive's order to the sorted one.
    labels = np.empty(len(synsets), np.int32)
    labels[np.argsort(synsets)] = np.arange(len(synsets))
    return sorted(synsets), dataclasses.replace(table, labels=labels[table.labels])
