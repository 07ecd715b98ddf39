"""From a record's number to its picture, and what was wrong when that fails.

TensorFlow hands on an exception's text at best, and of a picture that cannot be decoded
not even the record's number. So a `BatchReader` keeps the errors it met and the
numbers it read last, and looks at those records again when a data set has failed.
"""

from __future__ import annotations

import collections
import re
import threading
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from alexnet_tf import decoding
from tfrecords import errors, manifest, record_reader, resize, schema

STORED_SIZE = 256


def parse_records(
    serialized: tf.Tensor, info: manifest.Manifest
) -> tuple[tf.Tensor, tf.Tensor]:
    """The pictures, still encoded, and labels of a batch of serialized records.

    Args:
      serialized: string [B].
      info: what labels there are.

    Returns:
      (string [B], int32 [B], 0..num_classes-1).

    Raises:
      tf.errors.InvalidArgumentError: where one of them is no record of ours.
    """
    image_bytes, stored_labels = schema.parse_pictures(serialized)
    labels = stored_labels - info.label_offset
    in_range = tf.reduce_all((labels >= 0) & (labels < info.num_classes))
    check = tf.debugging.Assert(in_range, ["label out of range:", stored_labels])
    # None where executed eagerly.
    with tf.control_dependencies([] if check is None else [check]):
        return image_bytes, tf.cast(labels, tf.int32)


def decode_image(image_bytes: tf.Tensor, info: manifest.Manifest) -> tf.Tensor:
    """A record's picture.

    Args:
      image_bytes: string scalar.
      info: says how pictures are stored: as JPEG or raw, at `image_size`, or (where
        that is 0) in any format and size, which are brought to 256x256 here.

    Returns:
      uint8 [size, size, 3], RGB.

    Raises:
      tf.errors.InvalidArgumentError: where it is no such picture.
    """
    size = info.image_size
    if not size:
        image = decoding.decode_picture(image_bytes)
        return resize.resize_and_crop_tensor(image, STORED_SIZE)
    if info.encoding == "raw":
        return tf.reshape(tf.io.decode_raw(image_bytes, tf.uint8), [size, size, 3])
    # The whole picture, although a crop would do: decode_and_crop_jpeg interpolates
    # subsampled colour differently at the crop's edges.
    return tf.ensure_shape(decoding.decode_jpeg(image_bytes), [size, size, 3])


# What a failing data set raises. The second: TensorFlow puts the bytes of a record that
# is no Example into its message, and Python cannot read that.
FAILURES = (tf.errors.OpError, UnicodeDecodeError)


class BatchReader:
    """Reads a data set's batches and remembers enough to explain a failure."""

    def __init__(
        self,
        reader: record_reader.RecordReader,
        info: manifest.Manifest,
        compute_ids: Callable[[int], np.ndarray],
        num_remembered: int,
    ):
        """A reader of the batches of one data set.

        Args:
          reader: of its split.
          info: of its data directory.
          compute_ids: the numbers of the records of a batch, int64 [b].
          num_remembered: batches that may lie between reading and handing out.
        """
        self._info = info
        self._reader = reader
        self._compute_ids = compute_ids
        self._recent: collections.deque[np.ndarray] = collections.deque(
            maxlen=num_remembered
        )
        self._error: errors.UserError | None = None
        self._lock = threading.Lock()

    def __call__(self, batch: np.int64) -> np.ndarray:
        """The records of `batch`: object [b] of bytes, empty where reading failed."""
        record_ids = self._compute_ids(int(batch))
        with self._lock:
            self._recent.append(record_ids)
        serialized = np.empty(len(record_ids), object)
        for row, record_id in enumerate(record_ids):
            try:
                serialized[row] = self._reader.read(int(record_id))
            except errors.UserError as error:
                # TensorFlow would print a traceback if this went on. The empty record
                # cannot be parsed, so the data set fails when its turn comes.
                self._error = self._error or error
                serialized[row] = b""
        return serialized

    def explain(self) -> errors.UserError | None:
        """The error behind a failure, None where no record was at fault."""
        error, self._error = self._error, None
        if error is not None:
            return error
        with self._lock:
            batches = list(self._recent)
        for record_id in np.concatenate([np.empty(0, np.int64), *batches]):
            fault = _find_fault(self._reader.read(int(record_id)), self._info)
            if fault:
                return errors.DataError(
                    f"{self._reader.describe(int(record_id))} {fault}. Run "
                    "alexnet-verify, then restore the file or convert again."
                )
        return None


def _find_fault(record: bytes, info: manifest.Manifest) -> str | None:
    # What is wrong with a record, as the end of a sentence; None: nothing.
    name = "without a name"
    try:
        with tf.device("CPU:0"):
            parsed = schema.parse_example(tf.constant(record))
            name = parsed["filename"].numpy().decode(errors="replace") or name
            label, first = int(parsed["label"]), info.label_offset
            last = first + info.num_classes - 1
            if not first <= label <= last:
                return f"({name}) has the label {label}, outside {first}..{last}"
            decode_image(parsed["image_bytes"], info)
    except UnicodeDecodeError:
        return f"({name}) cannot be used: it is no tf.train.Example"
    except tf.errors.OpError as error:
        # Without the names of TensorFlow's nodes.
        text = re.sub(r"\{\{.*?\}\}\s*|\s*\[Op:.*?\]", "", error.message or "unknown")
        reason = text.strip().splitlines()[0].rstrip(".")
        return f"({name}) cannot be used: {reason}"
    return None
