"""What a record is: feature keys, encoding, parsing, shard names.

A record is a serialized `tf.train.Example` with the keys under which the TensorFlow
ecosystem stores ImageNet:

  image/encoded         bytes   JPEG (quality 95) of 256x256, or raw uint8 HWC RGB
  image/format          bytes   b"JPEG" or b"RAW"
  image/class/label     int64   0..N-1 (other programs may count from 1)
  image/class/synset    bytes   the class's id: b"n01440764", a folder's name
  image/class/text      bytes   the class's name in words
  image/filename        bytes   the picture's name in its source
  image/height          int64   256
  image/width           int64   256
  image/channels        int64   3
  image/colorspace      bytes   b"RGB"

This module is the only place that knows them. Encoding writes the protocol-buffer
wire format itself: the converter's workers start without TensorFlow, and a message
library does not promise the same bytes for the same map.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow as tf

ENCODED = "image/encoded"
FORMAT = "image/format"
LABEL = "image/class/label"
SYNSET = "image/class/synset"
TEXT = "image/class/text"
FILENAME = "image/filename"
HEIGHT = "image/height"
WIDTH = "image/width"
CHANNELS = "image/channels"
COLORSPACE = "image/colorspace"

FORMAT_JPEG = b"JPEG"
FORMAT_RAW = b"RAW"

SPLITS = ("train", "validation", "test")


def make_shard_name(split: str, shard: int, num_shards: int) -> str:
    """The file name of a shard: `train-00000-of-00128`."""
    return f"{split}-{shard:05d}-of-{num_shards:05d}"


def encode_picture(
    *,
    encoded: bytes,
    image_format: bytes,
    label: int,
    synset: str,
    text: str,
    filename: str,
    height: int,
    width: int,
) -> bytes:
    """Serializes one picture as an Example; the bytes depend on the arguments alone.

    Args:
      encoded: a JPEG, or height * width * 3 raw RGB bytes.
      image_format: `FORMAT_JPEG` or `FORMAT_RAW`.
      label: 0..N-1.
      synset: the class's id.
      text: the class's name in words.
      filename: the picture's name in its source.
      height: pixels.
      width: pixels.

    Returns:
      The serialized Example.
    """
    return encode_example(
        {
            ENCODED: encoded,
            FORMAT: image_format,
            LABEL: label,
            SYNSET: synset.encode(),
            TEXT: text.encode(),
            FILENAME: filename.encode(errors="surrogateescape"),
            HEIGHT: height,
            WIDTH: width,
            CHANNELS: 3,
            COLORSPACE: b"RGB",
        }
    )


def encode_example(features: Mapping[str, bytes | int]) -> bytes:
    """Serializes features as a `tf.train.Example`, keys in sorted order.

    Args:
      features: each value a byte string (a BytesList of one) or a non-negative
        integer (an Int64List of one).
    """
    # Example{1: Features{1: map entries}}; entry{1: key, 2: Feature};
    # Feature{1: BytesList{1: value}} or Feature{3: Int64List{1: packed varints}}.
    entries = []
    for key in sorted(features):
        value = features[key]
        if isinstance(value, bytes):
            feature = _field(1, _field(1, value))
        else:
            feature = _field(3, _field(1, _varint(value)))
        entries.append(_field(1, _field(1, key.encode()) + _field(2, feature)))
    return _field(1, b"".join(entries))


def _field(number: int, payload: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    if value < 0:
        raise ValueError(f"only non-negative integers are encoded, not {value}")
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def parse_example(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
    """Parses one serialized Example inside a TensorFlow graph.

    Args:
      serialized: a scalar string tensor.

    Returns:
      Scalars: `image_bytes` string, `format` string (empty where absent, as in other
      programs' records), `label` int64 (as stored), `synset`, `text` and `filename`
      string.

    Raises:
      tf.errors.InvalidArgumentError: where the record is no Example or lacks
        `image/encoded` or `image/class/label`.
    """
    import tensorflow as tf

    def text_feature() -> tf.io.FixedLenFeature:
        return tf.io.FixedLenFeature([], tf.string, default_value="")

    parsed = tf.io.parse_single_example(
        serialized,
        {
            ENCODED: tf.io.FixedLenFeature([], tf.string),
            LABEL: tf.io.FixedLenFeature([], tf.int64),
            FORMAT: text_feature(),
            SYNSET: text_feature(),
            TEXT: text_feature(),
            FILENAME: text_feature(),
        },
    )
    return {
        "image_bytes": parsed[ENCODED],
        "format": parsed[FORMAT],
        "label": parsed[LABEL],
        "synset": parsed[SYNSET],
        "text": parsed[TEXT],
        "filename": parsed[FILENAME],
    }
