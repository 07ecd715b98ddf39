"""`alexnet.onnx`: the Open Neural Network Exchange format, for other runtimes.

    images [N, crop, crop, 3], RGB 0..255, float32 -> probabilities [N, num_classes]

N, the axis named "batch", is any batch size. tf2onnx converts; if onnxruntime is
installed, its output must match the network's.
"""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import tensorflow as tf

from alexnet_tf.export.standard_layers import build_inference_model
from alexnet_tf.runs.trained_network import TrainedNetwork
from alexnet_tf.stack import keras
from tfrecords import errors

NAME = "alexnet.onnx"
PACKAGES = ("onnx", "tf2onnx")
# Operator set, supported by every onnxruntime since 1.12.
OPSET = 17
# Name of the first axis of input and output.
BATCH = "batch"
# Largest allowed difference of a probability.
TOLERANCE = 1e-4


def check_packages() -> None:
    """Raises `UserError` if a package that the conversion needs is missing."""
    for name in PACKAGES:
        if not _is_installed(name):
            raise errors.UserError(
                f"the format onnx needs the package {name}, which is not installed. "
                "Install it with pip install 'alexnet-tf[onnx]', or omit onnx from "
                "--formats."
            )


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ValueError:  # sys.modules[name] is None or lacks a spec.
        return False


def write(network: TrainedNetwork, path: str) -> float | None:
    """Writes the file at `path` and compares it with the network.

    Returns the largest difference of a probability in onnxruntime; None if that is not
    installed.

    Raises:
      UserError: if a package is missing.
      DataError: if the file's output differs from the network's.
    """
    check_packages()
    import onnx
    import tf2onnx

    model = build_inference_model(network)
    signature = [tf.TensorSpec(model.inputs[0].shape, tf.float32, "images")]

    @tf.function(input_signature=signature, autograph=False)
    def classify(images: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"probabilities": model(images, training=False)}

    made, _ = tf2onnx.convert.from_function(
        classify, input_signature=signature, opset=OPSET
    )
    # tf2onnx gives the axis a name of its own, "unk__" with a number.
    for value in (*made.graph.input, *made.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = BATCH
    onnx.save(made, path)
    if not _is_installed("onnxruntime"):
        return None
    difference = compare(model, path)
    if not difference <= TOLERANCE:
        raise errors.DataError(
            f"in onnxruntime the exported network's probabilities differ from the "
            f"run's by {difference:.2g}, more than {TOLERANCE:g}; nothing was "
            "exported. Try another version of tf2onnx or onnxruntime."
        )
    return difference


def compare(model: keras.Model, path: str) -> float:
    """The largest difference of a probability, for one noise image and for three."""
    import onnxruntime

    session: Any = onnxruntime.InferenceSession(
        path, providers=["CPUExecutionProvider"]
    )
    generator = np.random.default_rng(0)
    differences = []
    for batch_size in (1, 3):
        shape = (batch_size, *model.inputs[0].shape[1:])
        images = generator.integers(0, 256, shape).astype(np.float32)
        (found,) = session.run(["probabilities"], {"images": images})
        expected = np.asarray(model(images, training=False))
        differences.append(float(np.max(np.abs(found - expected))))
    return max(differences)
