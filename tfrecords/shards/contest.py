"""What a contest needs to know of the classes: `contest.npz`.

A data directory of an ILSVRC has this file beside its manifest, which holds the file's
checksum. Directories of other sources, and those that earlier versions converted, have
none.

  ids    int32 [N]     the contest's number of each class (ILSVRC2012_ID), from 1
  costs  uint8 [N, N]  of answering class i when the label is k, at [i, k]; only
                       ILSVRC-2010 has them
"""

from __future__ import annotations

import dataclasses
import os

import numpy as np

from tfrecords import errors
from tfrecords.durable import npz
from tfrecords.plurals import counted
from tfrecords.shards import manifest


@dataclasses.dataclass(frozen=True, eq=False)
class Contest:
    """The arrays of `contest.npz`; `costs` is None if the contest has none."""

    ids: np.ndarray
    costs: np.ndarray | None = None


def write(data_dir: str, contest: Contest) -> None:
    """Writes `contest.npz` atomically; raises `StorageError`."""
    arrays = {"ids": contest.ids}
    if contest.costs is not None:
        arrays["costs"] = contest.costs
    npz.save(os.path.join(data_dir, manifest.CONTEST_NAME), arrays)


def read(data_dir: str, contents: manifest.Manifest) -> Contest | None:
    """Reads `contest.npz`; None if the directory has none.

    Raises `DataError` if it is missing, damaged, or does not fit the manifest.
    """
    name = manifest.CONTEST_NAME
    if name not in contents.checksums:
        return None
    arrays = manifest.load_arrays(data_dir, name, contents.checksums[name])
    contest = Contest(arrays.get("ids", np.zeros(0, np.int32)), arrays.get("costs"))
    num_classes = contents.num_classes
    if contest.ids.shape != (num_classes,) or (
        contest.costs is not None and contest.costs.shape != (num_classes,) * 2
    ):
        raise errors.DataError(
            f"{os.path.join(data_dir, name)} does not fit the "
            f"{counted(num_classes, 'class')} "
            "of the manifest. Restore it from a copy or convert again."
        )
    return contest
