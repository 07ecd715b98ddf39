"""`assets.extra/tf_serving_warmup_requests`: what TensorFlow Serving runs at start.

A network's first answer takes many times longer than the next ones. TensorFlow Serving
runs the requests in this file while it loads a version, before any client's. The file
holds TFRecords of `tensorflow.serving.PredictionLog`. Their encoding, in which all
fields are length-delimited, written here so that exporting does not need the package
tensorflow-serving-api:

  PredictionLog{6: PredictLog{1: PredictRequest}}
  PredictRequest{1: ModelSpec{3: signature's name}, 2: map entries}
  entry{1: input's name, 2: TensorProto}

Source: tensorflow_serving/apis/{prediction_log,predict,model}.proto.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

import tensorflow as tf

from tfrecords import errors
from tfrecords.durable import files
from tfrecords.images import decoder
from tfrecords.shards import example_proto, record_file
from tfrecords.sources.sample import drawing

NAME = "tf_serving_warmup_requests"
# Those that take the bytes of images, in the order of the requests.
SIGNATURES = ("serving_default", "ten_views", "features")
INPUT = "image_bytes"

_PREDICT_LOG = 6


def count_images(num_requests: int) -> int:
    """How many images `make_requests` shows if it has them."""
    return -(-num_requests // len(SIGNATURES))


def draw_images(num_images: int) -> list[bytes]:
    """Draws images of the sample data set, each of another class, as JPEGs.

    They need no data, and put none of the training images into the export.
    """
    num_classes = len(drawing.CLASSES)
    return [
        drawing.draw_image(0, "train", number % num_classes, number // num_classes)
        for number in range(num_images)
    ]


def read_images(paths: Sequence[str]) -> list[bytes]:
    """The files' bytes; raises `DataError` for a file that is not a decodable image."""
    found = []
    for path in paths:
        if not os.path.isfile(path):
            raise errors.DataError(
                f"{path} is not a file, but --warmup_images names it."
            )
        with files.read_errors(path), open(path, "rb") as file:
            data = file.read(decoder.MAX_BYTES + 1)
        try:
            decoder.decode_image(data, apply_orientation=False)
        except decoder.ImageError as error:
            raise errors.DataError(
                f"{path} is no image to warm up with: {error}. Name others with "
                "--warmup_images."
            ) from error
        found.append(data)
    return found


def make_requests(images: Sequence[bytes], num_requests: int) -> Iterator[bytes]:
    """Yields serialized PredictionLogs of one image each.

    Every image is shown to every signature before the next image; after the last, the
    first one comes again.
    """
    for number in range(num_requests):
        turn, signature = divmod(number, len(SIGNATURES))
        image = images[turn % len(images)]
        yield encode_request(SIGNATURES[signature], image)


def encode_request(signature: str, image_bytes: bytes) -> bytes:
    """A serialized PredictionLog that asks `signature` about one image's bytes."""
    field = example_proto.encode_field
    tensor = tf.make_tensor_proto([image_bytes], shape=[1]).SerializeToString()
    request = b"".join(
        (
            field(1, field(3, signature.encode())),
            field(2, field(1, INPUT.encode()) + field(2, tensor)),
        )
    )
    return field(_PREDICT_LOG, field(1, request))


def write(path: str, requests: Iterable[bytes]) -> None:
    """Writes what `make_requests` made; raises `StorageError` if it cannot."""
    files.write_bytes(path, b"".join(map(record_file.frame, requests)))
