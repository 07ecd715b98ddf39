"""From images to feature vectors: of a run, of an export, or of the pixels themselves.

The paper compares images by the "feature activations induced by an image at the last,
4096-dimensional hidden layer" (section 6.1): fc7 after its ReLU, of the central crop.
Other layers, the pixels and a network with random weights are there to compare with.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from PIL import Image

from alexnet_tf.config.schema import DataConfig
from alexnet_tf.data import evaluation_views
from alexnet_tf.devices.placement import Placement
from alexnet_tf.evaluation import forward
from alexnet_tf.export import exported
from alexnet_tf.inference import predict
from alexnet_tf.network import build
from alexnet_tf.runs.trained_network import TrainedNetwork, compute_identity
from tfrecords import errors

DEFAULT_LAYER = "fc7"
# The central crop's pixels, and the same averaged to 32x32, as the autoencoders of
# Krizhevsky and Hinton (2011) had them, whom the paper contrasts.
PIXELS, SMALL_PIXELS = "pixels", "pixels32"
_SMALL_SIZE = 32


@dataclasses.dataclass(frozen=True)
class Extractor:
    """Computes the feature vectors of images.

    `layer` is as the user named it. `compute` takes images, uint8 [N, image_size,
    image_size, 3], RGB, to features, float32 [N, D]. `crop_size` is the side of the
    central crop that the network sees, pixels. `identity` is the network's, see
    `trained_network.compute_identity`; "" for pixels, or if an export lacks it.
    """

    layer: str
    image_size: int
    compute: Callable[[np.ndarray], np.ndarray]
    crop_size: int = 224
    identity: str = ""

    def compute_probe(self) -> np.ndarray:
        """The features of one fixed image, float32 [D].

        They identify network and layer: a run and its exports have the same up to
        rounding, all others differ.
        """
        return self.compute(_make_probe(self.image_size)[np.newaxis])[0]


def _make_probe(size: int) -> np.ndarray:
    # Edges and textures in many directions, without a random generator whose stream a
    # later version might change.
    rows, columns, channels = np.ogrid[:size, :size, :3]
    mixed = rows * columns // 7 + 37 * rows * (channels + 1) + 11 * columns
    return (mixed % 256).astype(np.uint8)


def make_extractor(network: TrainedNetwork, layer: str = DEFAULT_LAYER) -> Extractor:
    """Makes the extractor of a run's network, or of its input's pixels.

    `layer` is a layer's name without its tower, such as "conv5", "pool5" or "fc6"; of a
    layer with an activation the features are after it. Or it is `PIXELS` or
    `SMALL_PIXELS`.

    Raises `UserError` if there is no such layer.
    """
    config, statistics = network.config.data, network.training_data.statistics
    size = statistics.mean_image.shape[0]
    if layer in (PIXELS, SMALL_PIXELS):
        return make_pixel_extractor(config, size, layer)
    names = [build.get_layer_name(each.name) for each in network.model.layers]
    # "fc7" is what the paper calls the layer, "relu7" where its responses are.
    found = layer.replace("conv", "relu").replace("fc", "relu")
    found = found if found in names else layer
    if found not in names or found == names[0]:
        raise errors.UserError(
            f"the network has no layer {layer!r}. Give --layer={PIXELS}, "
            f"{SMALL_PIXELS} or one of {', '.join(dict.fromkeys(names[1:]))}."
        )
    respond = forward.make_layer_function(network.model, found)
    transform = evaluation_views.make_view_transform(config, statistics, 1)
    spec = tf.TensorSpec([None, size, size, 3], tf.uint8)

    @tf.function(input_signature=[spec], autograph=False)
    def compute(images: tf.Tensor) -> tf.Tensor:
        features = respond(transform(images)[:, 0])
        return tf.reshape(features, [tf.shape(images)[0], -1])

    return Extractor(
        layer,
        size,
        lambda images: compute(images).numpy(),
        config.crop_size,
        compute_identity(network),
    )


def make_pixel_extractor(config: DataConfig, image_size: int, layer: str) -> Extractor:
    """Makes the extractor of the central crop's grey levels, 0..255.

    `layer` is `PIXELS`, D = 3 crop_size^2, or `SMALL_PIXELS`, averaged to 32x32.
    """
    begin = (image_size - config.crop_size) // 2
    end = begin + config.crop_size

    def compute(images: np.ndarray) -> np.ndarray:
        crops = images[:, begin:end, begin:end]
        if layer == SMALL_PIXELS:
            sides = (_SMALL_SIZE, _SMALL_SIZE)
            small = [
                Image.fromarray(crop).resize(sides, Image.Resampling.BOX)
                for crop in crops
            ]
            crops = np.stack([np.asarray(crop) for crop in small])
        return crops.reshape(len(crops), -1).astype(np.float32)

    return Extractor(layer, image_size, compute, config.crop_size)


def open_export(export_dir: str, layer: str = DEFAULT_LAYER) -> Extractor:
    """Makes the extractor of the newest version of an export, or of one version.

    A SavedModel is a program: load only files that you made or trust. Raises
    `UserError` if there is no export, or for another layer than `DEFAULT_LAYER`, the
    only one that exports have; `DataError` if it is damaged.
    """
    if layer != DEFAULT_LAYER:
        raise errors.UserError(
            f"an export has no layer {layer!r}, only {DEFAULT_LAYER}. Leave out "
            "--layer, or give the run with --workdir."
        )
    record, loaded = exported.open_version(exported.find_version(export_dir))
    extract = loaded.signatures["features"]

    def compute(images: np.ndarray) -> np.ndarray:
        return extract(image_bytes=predict.encode(images))["features"].numpy()

    # The functions need the loaded object to stay alive.
    compute.loaded = loaded  # type: ignore[attr-defined]
    _, inputs = loaded.signatures["pixels"].structured_input_signature
    crop_size = int(inputs["images"].shape[1])
    return Extractor(layer, record.image_size, compute, crop_size, record.identity)


def forget_weights(network: TrainedNetwork) -> TrainedNetwork:
    """The same network with the random weights that its training began with."""
    classes = network.training_data.classes
    model = build.build_network(network.config, len(classes), Placement())
    return dataclasses.replace(network, model=model)
