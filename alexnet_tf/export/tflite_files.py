"""`float32.tflite`, `float16.tflite`, `int8.tflite`, for LiteRT (TensorFlow Lite).

    images [1, crop, crop, 3], RGB 0..255, float32 -> probabilities [1, num_classes]

for all three, one image at a time:

  float32   the network
  float16   kernels and biases rounded to float16; the runtime chooses the arithmetic
  int8      int8 kernels, and int8 activations whose ranges come from calibration
            images of the training split; response normalization in float32

Response normalization cannot be quantized: it squares its input, and with 256 levels
for the squares, small ones round to zero. There is no int8 operator for it either.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import os
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from alexnet_tf.config.schema import Config
from alexnet_tf.data import directory, evaluation_views, iteration, pipeline
from alexnet_tf.devices import placement
from alexnet_tf.export.standard_layers import build_inference_model
from alexnet_tf.network.build import build_network
from alexnet_tf.network.parameters import load_weights
from alexnet_tf.runs.trained_network import TrainedNetwork
from alexnet_tf.stack import get_tf_variable, keras
from tfrecords import errors
from tfrecords.console import progress

KINDS = ("float32", "float16", "int8")


def get_name(kind: str) -> str:
    """The file name for "float32", "float16" or "int8"."""
    return f"{kind}.tflite"


def write(
    network: TrainedNetwork,
    directory: str,
    data: directory.DataDirectory,
    num_calibration_images: int,
) -> None:
    """Writes the three files into `directory`, an existing one.

    The network is built without placement. Calibration uses the first images of the
    training split of `data`, which is shuffled, at most `num_calibration_images`.

    Raises:
      UserError: if `data` has no training split.
      DataError: if a record is damaged.
    """
    floats = make_classifier(network)
    for kind in KINDS:
        if kind == "int8":
            images = list(read_calibration(data, network, num_calibration_images))
            content = _convert(_make_quantizable_classifier(network), kind, images)
        else:
            content = _convert(floats, kind, [])
        with open(os.path.join(directory, get_name(kind)), "wb") as file:
            file.write(content)


def make_classifier(network: TrainedNetwork) -> Any:
    """A module with the float32 `weights`, and the function to convert.

    Its `classify` maps images float32 [1, crop, crop, 3], RGB 0..255, to
    {"probabilities": float32 [1, num_classes]}.
    """
    model = build_inference_model(network)
    return _make_classifier(model, network.config, lambda images: model(images))


def _make_quantizable_classifier(network: TrainedNetwork) -> Any:
    # Uses TensorFlow's op for response normalization, which the converter keeps.
    config = dataclasses.replace(network.config, precision="float32")
    if config.model.normalization != "none":
        settings = dataclasses.replace(config.model, normalization="reference")
        config = dataclasses.replace(config, model=settings)
    num_classes = len(network.training_data.classes)
    model = build_network(config, num_classes, placement.Placement())
    load_weights(model, network.checkpoint.arrays, network.checkpoint.path)
    mean = evaluation_views.make_centre_mean(
        config.data, network.training_data.statistics
    )

    def classify(images: tf.Tensor) -> tf.Tensor:
        return tf.nn.softmax(model(images - mean, training=False))

    return _make_classifier(model, config, classify)


def _make_classifier(
    model: keras.Model, config: Config, classify: Callable[[tf.Tensor], tf.Tensor]
) -> Any:
    size = config.data.crop_size
    spec = tf.TensorSpec([1, size, size, 3], tf.float32, "images")
    # The converter turns a module's variables into constants.
    module = tf.Module(name="alexnet")
    module.weights = [get_tf_variable(weight) for weight in model.weights]
    module.classify = tf.function(
        lambda images: {"probabilities": classify(images)},
        input_signature=[spec],
        autograph=False,
    )
    return module


def read_calibration(
    data: directory.DataDirectory, network: TrainedNetwork, num_images: int
) -> Iterator[np.ndarray]:
    """Centre views of the training split: float32 [1, crop, crop, 3], RGB 0..255."""
    config = network.config
    dataset = pipeline.make_evaluation_dataset(data, config, "train")
    left = num_images
    for images, _, _ in iteration.iterate(data, dataset):
        views = evaluation_views.centre_crop(images, config.data.crop_size).numpy()
        yield from views[:left, np.newaxis].astype(np.float32)
        left -= len(images)
        if left <= 0:
            return


def without_mean(data: directory.DataDirectory) -> directory.DataDirectory:
    """The same data with a zero mean, so that nothing is subtracted."""
    statistics = dataclasses.replace(
        data.statistics,
        mean_image=np.zeros_like(data.statistics.mean_image),
        mean_rgb=np.zeros_like(data.statistics.mean_rgb),
    )
    return data.with_statistics(statistics, data.path)


def _convert(classifier: Any, kind: str, images: list[np.ndarray]) -> bytes:
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [classifier.classify.get_concrete_function()], classifier
    )
    if kind != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if kind == "int8":
        line = progress.Progress("calibrating", len(images), "images")

        def show_images() -> Iterator[list[np.ndarray]]:
            for image in images:
                yield [image]
                line.advance(1)

        converter.representative_dataset = show_images
        converter.target_spec.supported_ops = [
            tf.lite.OpsSet.TFLITE_BUILTINS_INT8,
            tf.lite.OpsSet.TFLITE_BUILTINS,
        ]
    try:
        content = converter.convert()
    except Exception as error:  # The converter raises exceptions of any type.
        raise errors.DataError(
            f"TensorFlow's converter could not write {kind}.tflite ({error}). Omit "
            "tflite from --formats."
        ) from error
    if kind == "int8":
        line.close()
    return content


def _find_interpreter() -> Any:
    """The interpreter of LiteRT, which succeeds TensorFlow's; None if not installed."""
    try:
        from ai_edge_litert import interpreter
    except ImportError:
        return None
    return interpreter.Interpreter


def describe_runtime() -> str:
    """The runtime that `load` uses, with its version."""
    if _find_interpreter() is None:
        return f"tf.lite of TensorFlow {tf.__version__}"
    return f"LiteRT {importlib.metadata.version('ai-edge-litert')}"


def load(path: str) -> Callable[[np.ndarray], np.ndarray]:
    """Loads a `.tflite` file as a function of one image that runs on all CPU cores.

    It takes float32 [1, crop, crop, 3], RGB 0..255, to probabilities, float32 [1,
    num_classes]. The runtime is that of `describe_runtime`.
    """
    make_interpreter = _find_interpreter() or tf.lite.Interpreter
    with warnings.catch_warnings():
        # TensorFlow 2.21 warns that a later version will drop its interpreter.
        warnings.simplefilter("ignore")
        interpreter = make_interpreter(path, num_threads=os.cpu_count() or 1)
    runner = interpreter.get_signature_runner()
    return lambda images: runner(images=images)["probabilities"]
