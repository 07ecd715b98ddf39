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


@dataclasses.dataclass(frozen=True)
class ImageTable:
    """The images of one split, in the source's sorted order.

    Columns, not objects: 14 million images take a few hundred megabytes.

    Attributes:
      filenames: numpy bytes array ("S") [N]; unique within the split.
      labels: int32 [N], 0..num_classes-1.
      container: int32 [N], the file or folder that holds the image; its meaning is up
        to the source (the number of a tar or of a class folder).
      offset: int64 [N], of the image's bytes in that file; -1 if a file is the image.
      num_bytes: int64 [N].
    """

    filenames: np.ndarray
    labels: np.ndarray
    container: np.ndarray
    offset: np.ndarray
    num_bytes: np.ndarray

    @property
    def num_images(self) -> int:
        return len(self.labels)


@dataclasses.dataclass(eq=False, kw_only=True)
class Source(abc.ABC):
    """An opened source; instances can be pickled.

    Attributes:
      name: the value of --source.
      classes: in the order of their labels.
      splits: table by split name; there is always "train".
      inputs: the files read, and whether they are the official ones.
      applies_orientation: whether images are rotated by their EXIF orientation by
        default (False for ImageNet, as in the paper; True for a folder of the user).
      settings: what else determines the images (a fraction, a seed), for the manifest;
        JSON values.
      remarks: notes for the user, such as differences from the official counts.
    """

    name: str
    classes: tuple[manifest.ClassInfo, ...]
    splits: dict[str, ImageTable]
    inputs: tuple[manifest.InputFile, ...] = ()
    applies_orientation: bool = False
    settings: dict[str, object] = dataclasses.field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    @abc.abstractmethod
    def read_image(self, split: str, row: int) -> bytes | np.ndarray:
        """The image in `row` of `split`.

        Returns:
          The encoded file's bytes, or a decoded uint8 [height, width, 3].

        Raises:
          DataError: if the container can no longer be read as it was listed.
        """
