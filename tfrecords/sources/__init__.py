"""Where images come from: one file per source, one interface.

A source is opened once (it walks its archives and lists its images), then read
from many processes, each image by its row in the split's table. It holds no
images and no open files between calls, so that it can be sent to a worker.
"""

from __future__ import annotations

import abc
import dataclasses

import numpy as np

from tfrecords.shards import manifest


@dataclasses.dataclass(frozen=True)
class ImageTable:
    """The images of one split, in the source's sorted order.

    Columns, not objects: 14 million images are a few hundred megabytes.

    Attributes:
      filenames: numpy bytes array ("S") [N]; unique within the split.
      labels: int32 [N], 0..num_classes-1.
      container: int32 [N], which file the bytes lie in; the source knows what it
        means (a tar's number, a class folder's).
      offset: int64 [N], of the bytes in that file; -1 where the file is the image.
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


class Source(abc.ABC):
    """An opened source; instances can be pickled.

    Attributes:
      name: the value of --source.
      classes: in the order of their labels.
      splits: table by split name; "train" is always there.
      inputs: the files read, with official checksums' verdicts.
      applies_orientation: whether EXIF orientation turns the image by default
        (False for ImageNet, as in the paper; True for a folder of the user's own).
      settings: what else determines the images (a fraction, a seed), for the
        manifest; JSON values.
      remarks: sentences for the user: differences from the official counts, say.
    """

    name: str
    classes: tuple[manifest.ClassInfo, ...]
    splits: dict[str, ImageTable]
    inputs: tuple[manifest.InputFile, ...]
    applies_orientation: bool
    settings: dict[str, object]
    remarks: tuple[str, ...]

    @abc.abstractmethod
    def read_image(self, split: str, row: int) -> bytes | np.ndarray:
        """The image in `row` of `split`.

        Returns:
          The encoded file's bytes, or a decoded uint8 [height, width, 3].

        Raises:
          DataError: where the container can no longer be read as it was listed.
        """
