"""Exports a checkpoint as a self-contained SavedModel that takes image bytes.

    export_dir/1/                  a version, as TensorFlow Serving expects it
      saved_model.pb, variables/     the network, with mean image and class names
      assets.extra/export.json       its origin: classes, settings, step
      assets.extra/SHA256SUMS        checksums of all other files
      assets.extra/tf_serving_...    requests to warm up with (see `warmup`)
      assets.extra/...               other formats (see `other_formats`)

Signatures, all of N images:

    serving_default  image_bytes string [N] -> probabilities, top5_*, errors
    ten_views        the same, averaged over the ten views (paper, section 4.1)
    features         image_bytes string [N] -> features (fc7 after its ReLU), errors
    responses        image_bytes string [N] -> responses (conv1 after its ReLU), errors
    pixels           images float32 [N, crop, crop, 3], RGB 0..255 -> probabilities,
                     top5_*

An image that cannot be decoded does not affect the others: `errors` [N] has the reason,
and its row has zeros, labels -1 and empty names. The network is rebuilt without
placement: a SavedModel stores device names and would not load where they are missing.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from alexnet_tf.config import overrides
from alexnet_tf.data import decoding, evaluation_views
from alexnet_tf.devices import placement
from alexnet_tf.evaluation import forward
from alexnet_tf.export import exported, other_formats, warmup
from alexnet_tf.network.parameters import list_weights
from alexnet_tf.runs import tensorflow_files, trained_network, untrained
from alexnet_tf.runs.trained_network import TrainedNetwork
from tfrecords.durable import checksums, files, versions
from tfrecords.images import decoder, resize

FORMAT_NAME = "alexnet-export"
FORMAT_VERSION = 1
SAVED_MODEL = "saved_model"
_IMAGE_BYTES = tf.TensorSpec([None], tf.string, "image_bytes")

NO_IMAGE = (
    "it is not a JPEG, PNG, GIF, BMP or (with TensorFlow 2.21) still WebP, or it is "
    f"damaged, or has more than {decoder.MAX_PIXELS:,} pixels"
)


class Signatures:
    """The functions listed above, of a network that was built without placement."""

    def __init__(self, network: TrainedNetwork):
        self._network = network.model
        self._data = network.config.data
        self._statistics = network.training_data.statistics
        self._image_size = self._statistics.mean_image.shape[0]
        self._classes = network.training_data.classes

    def make(self) -> dict[str, Any]:
        """Name -> function of tensors, to save."""
        return {
            "serving_default": self._make_classifier(1),
            "ten_views": self._make_classifier(10),
            "features": self._make_extractor("relu7", "features"),
            "responses": self._make_extractor(
                forward.get_first_activation(self._network), "responses"
            ),
            "pixels": self._make_pixel_classifier(),
        }

    def _make_classifier(self, num_views: int) -> Any:
        @tf.function(input_signature=[_IMAGE_BYTES], autograph=False)
        def classify(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
            views, reasons = self._make_views(image_bytes, num_views)
            probabilities = forward.compute_probabilities(self._network, views)
            return {**self._answer(probabilities, reasons), "errors": reasons}

        return classify

    def _make_extractor(self, layer: str, name: str) -> Any:
        compute = forward.make_layer_function(self._network, layer)

        @tf.function(input_signature=[_IMAGE_BYTES], autograph=False)
        def extract(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
            views, reasons = self._make_views(image_bytes, 1)
            outputs = compute(views[:, 0])
            return {name: _blank(outputs, reasons, 0.0), "errors": reasons}

        return extract

    def _make_pixel_classifier(self) -> Any:
        size = self._data.crop_size
        spec = tf.TensorSpec([None, size, size, 3], tf.float32, "images")

        @tf.function(input_signature=[spec], autograph=False)
        def classify(images: tf.Tensor) -> dict[str, tf.Tensor]:
            mean = evaluation_views.make_centre_mean(self._data, self._statistics)
            views = (images - mean)[:, tf.newaxis]
            probabilities = forward.compute_probabilities(self._network, views)
            return self._answer(probabilities, tf.fill([tf.shape(images)[0]], ""))

        return classify

    def _make_views(
        self, image_bytes: tf.Tensor, num_views: int
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """float32 [N, num_views, crop, crop, 3], mean subtracted, and `errors` [N]."""
        size = self._data.crop_size
        transform = evaluation_views.make_view_transform(
            self._data, self._statistics, num_views
        )

        def make_views(one: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            image, reason = decode_or_explain(one, self._image_size)
            return transform(image), reason

        return tf.map_fn(
            make_views,
            image_bytes,
            fn_output_signature=(
                tf.TensorSpec([num_views, size, size, 3], tf.float32),
                tf.TensorSpec([], tf.string),
            ),
            parallel_iterations=os.cpu_count() or 1,
        )

    def _answer(
        self, probabilities: tf.Tensor, reasons: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        count = min(5, probabilities.shape[-1])
        top, labels = tf.math.top_k(probabilities, count)
        synsets = tf.constant([info.synset for info in self._classes])
        names = tf.constant([info.text for info in self._classes])
        return {
            "probabilities": _blank(probabilities, reasons, 0.0),
            "top5_labels": _blank(labels, reasons, -1),
            "top5_synsets": _blank(tf.gather(synsets, labels), reasons, ""),
            "top5_names": _blank(tf.gather(names, labels), reasons, ""),
            "top5_probabilities": _blank(top, reasons, 0.0),
        }


def decode_or_explain(
    image_bytes: tf.Tensor, image_size: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes and resizes an image by the converter's bicubic rule, or says why not.

    Takes the file's bytes, string scalar. Returns (uint8 [image_size, image_size, 3],
    ""), or (zeros, the reason).
    """

    @tf.autograph.experimental.do_not_convert
    def decode(one: tf.Tensor) -> tuple[tf.Tensor, str]:
        image = decoding.decode_image(one)
        return resize.resize_and_crop_tensor(image, image_size), ""

    # A graph cannot catch an error, but a data set can skip the element that raised
    # it; the element after it is then the error's.
    decoded = tf.data.Dataset.from_tensors(image_bytes).map(decode).ignore_errors()
    blank = tf.zeros([image_size, image_size, 3], tf.uint8)
    explained = tf.data.Dataset.from_tensors((blank, NO_IMAGE))
    return decoded.concatenate(explained).take(1).get_single_element()


def _blank(values: tf.Tensor, reasons: tf.Tensor, blank: Any) -> tf.Tensor:
    # Blanks the rows [N, ...] that have a reason.
    is_good = tf.equal(reasons, "")[(..., *[tf.newaxis] * (len(values.shape) - 1))]
    return tf.where(is_good, values, tf.constant(blank, values.dtype))


class Export(NamedTuple):
    """A written export: its version's directory, and lines for the user on the formats.

    `digest` is the SHA-256 of the list of its files' checksums.
    """

    path: str
    digest: str
    report: list[str]


@placement.memory_errors("network")
def export(
    network: TrainedNetwork,
    export_dir: str,
    formats: tuple[str, ...] = (SAVED_MODEL,),
    calibration: other_formats.Calibration | None = None,
    warmup_requests: Sequence[bytes] = (),
) -> Export:
    """Writes the next version under `export_dir`, atomically.

    The network is built without placement. `formats` are any of `SAVED_MODEL` and
    `other_formats.NAMES`; tflite needs `calibration`. `warmup_requests` are those of
    `warmup.make_requests`. The directory is created if missing.

    Raises:
      UserError: if `export_dir` cannot be a directory or holds something else, or a
        format lacks a package or split.
      StorageError: if it cannot be written.
    """
    other_formats.check(formats, calibration)
    exported.check_target(export_dir)
    with versions.write_version(export_dir) as version:
        path = version.temporary
        extra = os.path.join(path, exported.EXTRA_NAME)
        with tensorflow_files.storage_errors(os.path.join(export_dir, "an export")):
            if SAVED_MODEL in formats:
                _save(network, path)
            os.makedirs(extra, exist_ok=True)
            report = other_formats.write(formats, network, extra, calibration)
            if warmup_requests:
                warmup.write(os.path.join(extra, warmup.NAME), warmup_requests)
        files.write_json(os.path.join(path, exported.RECORD_NAME), _describe(network))
        sums = checksums.make_list(path).encode()
        files.write_bytes(os.path.join(path, exported.CHECKSUMS_NAME), sums)
    return Export(version.path, hashlib.sha256(sums).hexdigest(), report)


def _save(network: TrainedNetwork, path: str) -> None:
    network = trained_network.cast_weights(network)
    # TensorFlow saves variables that a function uses and an attribute holds. (A Keras
    # model in an attribute would be saved a second time, under its own names.)
    holder = tf.Module(name="alexnet")
    holder.weights = [p.variable for p in list_weights(network.model)]
    tf.saved_model.save(
        holder,
        path,
        signatures=Signatures(network).make(),
        # The custom gradients are only for training.
        options=tf.saved_model.SaveOptions(experimental_custom_gradients=False),
    )


def _describe(network: TrainedNetwork) -> dict[str, Any]:
    return {
        "format": FORMAT_NAME,
        "version": FORMAT_VERSION,
        "step": network.checkpoint.step,
        "image_size": network.training_data.statistics.mean_image.shape[0],
        "tensorflow": tf.__version__,
        untrained.KEY: list(untrained.read(network.checkpoint)),
        "identity": trained_network.compute_identity(network),
        "checksums": checksums.NAME,
        "config": overrides.to_dict(network.config),
        "classes": [dataclasses.asdict(c) for c in network.training_data.classes],
    }
