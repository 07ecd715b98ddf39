"""Reads and decodes the records of a batch, and explains failures.

TensorFlow passes on at most an exception's text; for an image that cannot be decoded,
not even the record's number. A `BatchReader` therefore remembers its errors and the
records it read last, and checks those records again when a data set fails.
"""

from __future__ import annotations

import collections
import functools
import re
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from alexnet_tf.data import decoding
from tfrecords import errors
from tfrecords.images import resize
from tfrecords.shards import manifest, record_reader, schema

# Alignment of tensors in memory, bytes (Eigen's, with AVX-512).
_ALIGNMENT = 64


def read_batch(
    read: BatchReader, batch: tf.Tensor, batch_size: int | None = None
) -> tuple[tf.Tensor, tf.Tensor]:
    """Reads the images and labels of a batch, inside a data set's graph.

    Args:
      read: the data set's reader.
      batch: int64 scalar, the batch's number.
      batch_size: B; None if it varies between batches.

    Returns:
      (images, labels int32 [B], 0..num_classes-1, all -1 in a split without labels).
      Images are encoded, string [B], or, from raw shards, uint8 [B, size, size, 3],
      RGB: as strings of 197 kB, TensorFlow would copy them when parsing, unbatching and
      decoding. An invalid record raises `tf.errors.InvalidArgumentError`.
    """
    if is_raw(read.info):
        origin = tf.zeros([1, 2], tf.int32)
        return read_crops(read, batch, batch_size, origin, read.info.image_size)
    serialized = _call_python(read.read_serialized, [batch], tf.string)
    serialized.set_shape([batch_size])
    images, stored_labels = schema.parse_images(serialized)
    return _check_labels(images, stored_labels, read)


def read_crops(
    read: BatchReader,
    batch: tf.Tensor,
    batch_size: int | None,
    offsets: tf.Tensor,
    crop_size: int,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Like `read_batch`, for crops of raw shards, cut out while reading.

    `offsets` are the crops' top left corners in pixels, int32 [B, 2] or [1, 2]. The
    images are uint8 [B, crop_size, crop_size, 3], RGB.
    """
    pixels, stored_labels = _call_python(
        functools.partial(read.read_pixels, crop_size),
        [batch, offsets],
        (tf.uint8, tf.int64),
    )
    images = tf.ensure_shape(pixels, [batch_size, crop_size, crop_size, 3])
    stored_labels = tf.ensure_shape(stored_labels, [batch_size])
    return _check_labels(images, stored_labels, read)


def _call_python(
    function: Callable[..., Any], arguments: list[tf.Tensor], dtypes: Any
) -> Any:
    # stateful=False: under op determinism a stateful function would run serially,
    # without prefetch or parallel decoding. (A stateless function may be called by
    # several threads at once; see `pipeline._finish`.)
    return tf.numpy_function(function, arguments, dtypes, stateful=False)


def _check_labels(
    images: tf.Tensor, stored_labels: tf.Tensor, read: BatchReader
) -> tuple[tf.Tensor, tf.Tensor]:
    # Returns the images unchanged, and labels counted from 0.
    labels = stored_labels - read.info.label_offset
    first, last = read.label_range
    in_range = tf.reduce_all((labels >= first) & (labels <= last))
    check = tf.debugging.Assert(in_range, ["label out of range:", stored_labels])
    with tf.control_dependencies([check]):
        return tf.identity(images), tf.cast(labels, tf.int32)


def is_raw(info: manifest.Manifest) -> bool:
    """True if the images are stored as pixels."""
    return info.encoding == "raw" and info.image_size > 0


def decode_image(stored: tf.Tensor, info: manifest.Manifest) -> tf.Tensor:
    """Decodes a record's image to uint8 [size, size, 3], RGB.

    Args:
      stored: the image's bytes, string scalar, or its pixels, as from `read_batch`.
      info: the manifest: images are JPEG or raw, of `image_size`, or, if that is 0, of
        any format and size; those are resized to 256x256 here.

    Raises:
      tf.errors.InvalidArgumentError: if the bytes are not such an image.
    """
    size = info.image_size
    if stored.dtype == tf.uint8:
        return stored
    if not size:
        image = decoding.decode_image(stored)
        return resize.resize_and_crop_tensor(image, info.stored_size)
    if is_raw(info):
        return tf.reshape(tf.io.decode_raw(stored, tf.uint8), [size, size, 3])
    # Decodes the whole image, not just the crop: decode_and_crop_jpeg interpolates
    # subsampled colour differently at the crop's edges.
    return tf.ensure_shape(decoding.decode_jpeg(stored), [size, size, 3])


# Exceptions that a failing data set raises. UnicodeDecodeError: TensorFlow's message
# about an invalid Example contains its bytes, which Python cannot decode.
FAILURES = (tf.errors.OpError, UnicodeDecodeError)


class BatchReader:
    """Reads a data set's batches and remembers enough to explain a failure.

    Args:
      reader: the split's records.
      info: the data directory's manifest; also an attribute.
      compute_ids: maps a batch's number to its record numbers, int64 [b].
      num_remembered: batches that may have been read but not yet delivered.
      is_labelled: False for a split without labels.
    """

    def __init__(
        self,
        reader: record_reader.RecordReader,
        info: manifest.Manifest,
        compute_ids: Callable[[int], np.ndarray],
        num_remembered: int,
        is_labelled: bool = True,
    ):
        self.info = info
        # Of the labels as counted from 0.
        self.label_range = (0, info.num_classes - 1)
        if not is_labelled:
            self.label_range = (schema.NO_LABEL, schema.NO_LABEL)
        self._reader = reader
        self._compute_ids = compute_ids
        self._recent: collections.deque[np.ndarray] = collections.deque(
            maxlen=num_remembered
        )
        self._error: errors.UserError | None = None
        self._lock = threading.Lock()

    def read_serialized(self, batch: np.int64) -> np.ndarray:
        """Reads the records of `batch`: object [b] of bytes, b"" if reading failed."""
        record_ids = self._start_batch(batch)
        serialized = np.empty(len(record_ids), object)
        for row, record_id in enumerate(record_ids):
            try:
                serialized[row] = self._reader.read(int(record_id))
            except errors.UserError as error:
                # If this propagated, TensorFlow would print a traceback. The empty
                # record cannot be parsed, so the data set fails when it gets there.
                self._error = self._error or error
                serialized[row] = b""
        return serialized

    def read_pixels(
        self, size: int, batch: np.int64, offsets: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Reads crops of the images of `batch`, of side `size`, from raw shards.

        `offsets` are int32 [b, 2] or [1, 2], pixels from the top and from the left.

        Returns:
          (uint8 [b, size, size, 3], labels as stored, int64 [b]); both are empty if
          reading any of them failed.
        """
        record_ids = self._start_batch(batch)
        shape = (self.info.image_size, self.info.image_size, 3)
        pixels = _make_aligned((len(record_ids), size, size, 3))
        corners = np.broadcast_to(offsets, (len(record_ids), 2)).tolist()
        labels = np.empty(len(record_ids), np.int64)
        # One buffer for all: writing to new memory is slower than reading a file.
        buffer = np.empty(self._reader.index.length[record_ids].max(), np.uint8)
        for row, record_id in enumerate(record_ids):
            try:
                record = self._reader.read_into(int(record_id), buffer)
            except errors.UserError as error:
                self._error = self._error or error
                return pixels[:0], labels[:0]
            try:
                encoded, labels[row] = schema.decode_pixels(record.data)
                image = np.frombuffer(encoded, np.uint8).reshape(shape)
            except (errors.DataError, ValueError):
                return pixels[:0], labels[:0]  # `explain` checks the record again.
            top, left = corners[row]
            pixels[row] = image[top : top + size, left : left + size]
        return pixels, labels

    def _start_batch(self, batch: np.int64) -> np.ndarray:
        record_ids = self._compute_ids(int(batch))
        with self._lock:
            self._recent.append(record_ids)
        return record_ids

    def explain(self) -> errors.UserError | None:
        """The error behind a failure; None if no record caused it."""
        error, self._error = self._error, None
        if error is not None:
            return error
        with self._lock:
            batches = list(self._recent)
        for record_id in np.concatenate([np.empty(0, np.int64), *batches]):
            record = self._reader.read(int(record_id))
            fault = _find_fault(record, self.info, self.label_range)
            if fault:
                return errors.DataError(
                    f"{self._reader.describe(int(record_id))} {fault}. Run "
                    "alexnet-verify, then restore the file or convert again."
                )
        return None


def _find_fault(
    record: bytes, info: manifest.Manifest, label_range: tuple[int, int]
) -> str | None:
    # What is wrong with a record, to follow its name in an error; None if it is valid.
    name = "without a name"
    try:
        with tf.device("CPU:0"):
            parsed = schema.parse_example(tf.constant(record))
            name = parsed["filename"].numpy().decode(errors="replace") or name
            label = int(parsed["label"])
            first, last = (end + info.label_offset for end in label_range)
            if not first <= label <= last:
                return f"({name}) has the label {label}, outside {first}..{last}"
            decode_image(parsed["image_bytes"], info)
        if is_raw(info):
            schema.decode_pixels(memoryview(record))  # Stricter than TensorFlow.
    except UnicodeDecodeError:
        return f"({name}) cannot be used: it is not a tf.train.Example"
    except errors.DataError as error:
        return f"({name}) cannot be used: {error}"
    except tf.errors.OpError as error:
        # Drops the names of TensorFlow's nodes.
        text = re.sub(r"\{\{.*?\}\}\s*|\s*\[Op:.*?\]", "", error.message or "unknown")
        reason = text.strip().splitlines()[0].rstrip(".")
        return f"({name}) cannot be used: {reason}"
    return None


def _make_aligned(shape: tuple[int, ...]) -> np.ndarray:
    # Aligned so that TensorFlow uses the uint8 array without copying a batch's 25 MB.
    num_bytes = int(np.prod(shape))
    buffer = np.empty(num_bytes + _ALIGNMENT, np.uint8)
    start = -buffer.ctypes.data % _ALIGNMENT
    return buffer[start : start + num_bytes].reshape(shape)
