"""Compares a data directory with the official data set that it was converted from.

A subset is sound data, so a difference is a note and no problem.
"""

from __future__ import annotations

import collections

from tfrecords.shards import manifest
from tfrecords.sources import cifar, imagenet
from tfrecords.sources.ilsvrc import release

_ILSVRC = {one.name: one for one in (release.ILSVRC2010, release.ILSVRC2012)}
_IMAGENET = {one.name: one for one in (imagenet.FALL2009, imagenet.FALL2011)}


def compare(contents: manifest.Manifest) -> list[str]:
    """How counts and converted files differ from the official ones, a line each.

    Rejected images count. [] for a source without official counts.
    """
    seen = collections.Counter(reject.split for reject in contents.rejects)
    seen.update({name: s.num_records for name, s in contents.splits.items()})
    notes: list[str] = []
    if one := _ILSVRC.get(contents.source):
        notes += one.compare_train(contents.num_classes, seen["train"])
        for split in ("validation", "test"):
            if split in contents.splits:
                notes += one.compare_split(split, seen[split], seen[split])
    elif whole := _IMAGENET.get(contents.source):
        notes += whole.compare(contents.num_classes, seen.total())
    elif contents.source == "cifar10":
        notes += cifar.compare(contents.num_classes, seen)
    return notes + [
        f"{file.name} was not the official file when it was converted."
        for file in contents.inputs
        if file.official is False
    ]
