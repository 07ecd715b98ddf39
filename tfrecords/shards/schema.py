"""What a record is: feature keys, encoding, parsing, shard names.

A record is a serialized `tf.train.Example` with the keys under which the TensorFlow
ecosystem stores ImageNet:

  image/encoded         bytes   JPEG (quality 95) of 256x256, or raw uint8 HWC RGB
  image/format          bytes   b"JPEG" or b"RAW"
  image/class/label     int64   0..N-1 (other programs may count from 1); -1 and no
                                synset and text in a split without labels
  image/class/synset    bytes   the class's id: b"n01440764", a folder's name
  image/class/text      bytes   the class's name in words
  image/filename        bytes   the image's name in its source
  image/height          int64   256
  image/width           int64   256
  image/channels        int64   3
  image/colorspace      bytes   b"RGB"

Only this module knows these keys; `example_proto` has the encoding.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tfrecords import errors
from tfrecords.shards import example_proto

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

# By the manifest's `encoding`.
FORMATS = {"jpeg": b"JPEG", "raw": b"RAW"}

# Every record must have these.
_NEEDED = (ENCODED, LABEL)

SPLITS = ("train", "validation", "test")

# Of every image of a split without labels.
NO_LABEL = -1


def make_shard_name(split: str, shard: int, num_shards: int) -> str:
    """The file name of a shard: `train-00000-of-00128`."""
    return f"{split}-{shard:05d}-of-{num_shards:05d}"


def encode_image(
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
    """Serializes one image as an Example; the bytes depend only on the arguments.

    The arguments are the features above; `image_format` is one of `FORMATS`.
    """
    return example_proto.encode_example(
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


@dataclasses.dataclass(frozen=True)
class ImageRecord:
    """A record's features as stored.

    What another program left out is empty, or None for the sizes.
    """

    image_bytes: bytes
    image_format: bytes
    label: int
    synset: str
    text: str
    filename: str
    height: int | None
    width: int | None


def decode_record(serialized: bytes) -> ImageRecord:
    """Reads one record without TensorFlow: the inverse of `encode_image`.

    Raises `DataError` if the record is not an Example, lacks `image/encoded` or
    `image/class/label`, or a feature has another type or number of values; the caller
    adds which record it is.
    """
    features = example_proto.decode_example(serialized)
    _check_keys(features)
    return ImageRecord(
        image_bytes=_get_bytes(features, ENCODED),
        image_format=_get_bytes(features, FORMAT),
        label=_get_number(features, LABEL) or 0,
        synset=_get_text(features, SYNSET),
        text=_get_text(features, TEXT),
        filename=_get_bytes(features, FILENAME).decode(errors="surrogateescape"),
        height=_get_number(features, HEIGHT),
        width=_get_number(features, WIDTH),
    )


def decode_pixels(serialized: memoryview) -> tuple[memoryview, int]:
    """The image's bytes, a slice of `serialized`, and the label as stored.

    This is what training needs of a raw record, without a copy of the 197 kB. Raises as
    `decode_record`.
    """
    encoded = example_proto.split_example(serialized)
    _check_keys(encoded)
    features = {key: example_proto.decode_feature(encoded[key]) for key in _NEEDED}
    return _get_bytes(features, ENCODED), _get_number(features, LABEL) or 0


def _check_keys(features: Mapping[str, object]) -> None:
    for key in _NEEDED:
        if key not in features:
            raise errors.DataError(f"the record has no {key}")


def _get_bytes(features: dict[str, list[Any]], key: str) -> Any:
    values = features.get(key, [b""])
    if len(values) != 1 or not isinstance(values[0], bytes | memoryview):
        raise errors.DataError(f"the record's {key} is not one byte string")
    return values[0]


def _get_text(features: dict[str, list[Any]], key: str) -> str:
    try:
        return bytes(_get_bytes(features, key)).decode()
    except UnicodeDecodeError as error:
        raise errors.DataError(f"the record's {key} is not UTF-8") from error


def _get_number(features: dict[str, list[Any]], key: str) -> int | None:
    if key not in features:
        return None
    values = features[key]
    if len(values) != 1 or not isinstance(values[0], int):
        raise errors.DataError(f"the record's {key} is not one integer")
    return values[0]


def parse_images(serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Parses encoded images and labels of serialized Examples, in a TensorFlow graph.

    From strings, [B], as a batch is parsed in a fraction of the time: encoded images,
    string [B], and labels as stored, int64 [B]. Raises `tf.errors.InvalidArgumentError`
    if one of them is not an Example or lacks `image/encoded` or `image/class/label`.
    """
    import tensorflow as tf

    parsed = tf.io.parse_example(serialized, _make_needed_features())
    return parsed[ENCODED], parsed[LABEL]


def parse_example(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
    """Parses one serialized Example, a scalar string, in a TensorFlow graph.

    The result is scalars: `image_bytes` string, `format` string (empty if absent, as in
    other programs' records), `label` int64 (as stored), `synset`, `text` and `filename`
    string. Raises `tf.errors.InvalidArgumentError` as `parse_images`.
    """
    import tensorflow as tf

    texts = {"format": FORMAT, "synset": SYNSET, "text": TEXT, "filename": FILENAME}
    optional = tf.io.FixedLenFeature([], tf.string, default_value="")
    features = {**_make_needed_features(), **dict.fromkeys(texts.values(), optional)}
    parsed = tf.io.parse_single_example(serialized, features)
    names = {"image_bytes": ENCODED, "label": LABEL, **texts}
    return {name: parsed[key] for name, key in names.items()}


def _make_needed_features() -> dict[str, tf.io.FixedLenFeature]:
    import tensorflow as tf

    return {
        ENCODED: tf.io.FixedLenFeature([], tf.string),
        LABEL: tf.io.FixedLenFeature([], tf.int64),
    }
