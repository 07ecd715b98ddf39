"""Predicts with a `.keras` file and nothing else: on the backend of KERAS_BACKEND.

    python predict_with_keras.py alexnet.keras images.npy probabilities.npy

Prints the backend and, if they were imported, TensorFlow and our packages.
"""

import sys

import keras
import numpy as np


def main() -> None:
    """Loads in Keras' safe mode, predicts, saves float32 [N, classes]."""
    model_path, images_path, result_path = sys.argv[1:]
    model = keras.models.load_model(model_path)
    probabilities = model(np.load(images_path))
    np.save(result_path, keras.ops.convert_to_numpy(probabilities))
    loaded = {name.partition(".")[0] for name in sys.modules}
    unwanted = {"alexnet_tf", "tensorflow", "tfrecords"}
    print(keras.backend.backend(), *sorted(loaded & unwanted))


if __name__ == "__main__":
    main()
