"""`alexnet.keras`: Keras' own format, from pixels to probabilities.

  model = keras.models.load_model("alexnet.keras")          in its safe mode
  probabilities = model.predict(images)                     RGB 0..255, float32

The default stack writes files for Keras 3, the extra `addons` for Keras 2; neither
version reads the other's files.
"""

from __future__ import annotations

from alexnet_tf.export.standard_layers import build_inference_model
from alexnet_tf.runs.trained_network import TrainedNetwork

NAME = "alexnet.keras"


def write(network: TrainedNetwork, path: str) -> None:
    """Writes the file at `path`, which ends in ".keras"."""
    build_inference_model(network).save(path)
