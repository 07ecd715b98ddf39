"""Exports in other formats, next to the SavedModel.

    assets.extra/alexnet.keras                        Keras
    assets.extra/float32.tflite, float16.tflite, int8.tflite, tflite.json    LiteRT
    assets.extra/alexnet.onnx                         ONNX runtimes

within a version's directory. TensorFlow Serving copies `assets.extra` without reading
it. All formats map pixels to probabilities and include mean image and softmax:

    model = keras.models.load_model("alexnet.keras")          in its safe mode
    probabilities = model.predict(images)                     RGB 0..255, float32

The default stack writes files for Keras 3, the extra `addons` for Keras 2; neither
version reads the other's files.
"""

from __future__ import annotations

import dataclasses
import os

from alexnet_tf.data import directory
from alexnet_tf.export import onnx_file, standard_layers, tflite_files, tflite_report
from alexnet_tf.runs.trained_network import TrainedNetwork
from tfrecords.durable import files

KERAS, TFLITE, ONNX = NAMES = ("keras", "tflite", "onnx")
KERAS_NAME = "alexnet.keras"


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Data of the network's classes, with its mean image, for the format tflite.

    Calibration uses `num_images` of the training split, measurement the validation
    split.
    """

    data: directory.DataDirectory
    num_images: int


def check(formats: tuple[str, ...], calibration: Calibration | None) -> None:
    """Checks early that the formats have what they need.

    Raises:
      UserError: naming a missing package or split.
      ValueError: if tflite is requested without `calibration`.
    """
    if ONNX in formats:
        onnx_file.check_packages()
    if TFLITE in formats:
        if calibration is None:
            raise ValueError("the format tflite needs a calibration")
        tflite_report.check_splits(calibration.data)


def write(
    formats: tuple[str, ...],
    network: TrainedNetwork,
    directory: str,
    calibration: Calibration | None = None,
) -> list[str]:
    """Writes the files of `formats`, any of `NAMES`, into an existing directory.

    The network is built without placement. Returns lines for the user, with
    measurements and comparisons. Raises as the formats' own functions.
    """
    report = []
    if KERAS in formats:
        model = standard_layers.build_inference_model(network)
        model.save(os.path.join(directory, KERAS_NAME))
        report.append(f"{KERAS_NAME}: float32")
    if TFLITE in formats and calibration is not None:
        data = calibration.data
        tflite_files.write(network, directory, data, calibration.num_images)
        rows = tflite_report.measure_all(network, directory, data)
        files.write_json(
            os.path.join(directory, tflite_report.NAME),
            {
                "calibration_pictures": calibration.num_images,
                "runtime": tflite_files.describe_runtime(),
                "threads": os.cpu_count(),
                "rows": [dataclasses.asdict(row) for row in rows],
            },
        )
        runtime = tflite_files.describe_runtime()
        report.append(f"{tflite_report.format_table(rows)}\n  measured with {runtime}")
    if ONNX in formats:
        path = os.path.join(directory, onnx_file.NAME)
        difference = onnx_file.write(network, path)
        compared = (
            "not compared, because onnxruntime is not installed"
            if difference is None
            else f"probabilities within {difference:.1g} of the run's in onnxruntime"
        )
        report.append(f"{onnx_file.NAME}: {compared}")
    return report
