"""Where images come from: the interface of all sources.

A source is opened once, which reads its archives' headers and lists its images. Then
many processes read images by their row in the split's table. A source can be pickled:
it holds no images, and no open file that a worker would need.
"""

from __future__ import annotations

import abc
import dataclasses

import numpy as np

from tfrecords.shards import manifest
from tfrecords.shards.contest import Contest


@dataclasses.dataclass(frozen=True)
class ImageTable:
    """The images of one split, in the source's sorted order.

    Columns, not objects: 14 million images take a few hundred megabytes.
    """

    filenames: np.ndarray  # bytes ("S") [N]; unique within the split
    labels: np.ndarray  # int32 [N], 0..num_classes-1; all -1 in a split without labels
    # int32 [N], the file or folder that holds the image; its meaning is up to the
    # source (the number of a tar or of a class folder).
    container: np.ndarray
    offset: np.ndarray  # int64 [N], of its bytes there; -1 if a file is the image
    num_bytes: np.ndarray  # int64 [N]

    @property
    def num_images(self) -> int:
        return len(self.labels)

    @property
    def is_labelled(self) -> bool:
        return bool(np.all(self.labels >= 0))


@dataclasses.dataclass(eq=False, kw_only=True)
class Source(abc.ABC):
    """An opened source; instances can be pickled."""

    name: str  # the value of --source
    classes: tuple[manifest.ClassInfo, ...]  # in the order of their labels
    splits: dict[str, ImageTable]  # by name; there is always "train"
    # The files read, and whether they are the official ones.
    inputs: tuple[manifest.InputFile, ...] = ()
    # Whether images are rotated by their EXIF orientation by default (False for
    # ImageNet, as in the paper; True for a folder of the user).
    applies_orientation: bool = False
    # What else determines the images (a fraction, a seed): JSON for the manifest.
    settings: dict[str, object] = dataclasses.field(default_factory=dict)
    # Notes for the user, such as differences from the official counts.
    remarks: tuple[str, ...] = ()
    contest: Contest | None = None  # of an ILSVRC

    @abc.abstractmethod
    def read_image(self, split: str, row: int) -> bytes | np.ndarray:
        """The image in `row` of `split`: the file's bytes, or uint8 [height, width, 3].

        Raises `DataError` if the container can no longer be read as it was listed.
        """
