"""Compares the `.tflite` files: size, error and time per image.

The baseline is the network in TensorFlow, in float32. Errors are for the centre view of
every validation image; the time is the median for one image on this machine, including
copying input and output.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from alexnet_tf.data import directory
from alexnet_tf.evaluation import evaluate, forward
from alexnet_tf.export import tflite_files
from alexnet_tf.runs.trained_network import TrainedNetwork
from tfrecords.plurals import counted

NAME = "tflite.json"
SPLIT = "validation"

_WARM_UP_RUNS = 3
_TIMED_RUNS = 30

Classify = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Measurement:
    """One row of the table, of a file by its name or of "TensorFlow float32".

    The bytes are the file's or, for TensorFlow, the variables'. Errors are fractions,
    0..1, of the split's images; the time is per image.
    """

    name: str
    num_bytes: int
    top1_error: float
    top5_error: float
    num_pictures: int
    median_milliseconds: float


def measure_all(
    network: TrainedNetwork, directory: str, data: directory.DataDirectory
) -> list[Measurement]:
    """Measures TensorFlow and the files that `tflite_files.write` wrote to `directory`.

    Raises:
      UserError: if the data has no validation split.
      DataError: if a record is damaged.
    """
    classifier = tflite_files.make_classifier(network)

    def classify(images: np.ndarray) -> np.ndarray:
        return classifier.classify(tf.constant(images))["probabilities"].numpy()

    num_bytes = sum(4 * int(np.prod(w.shape)) for w in classifier.weights)
    found: list[tuple[str, Classify, int]] = [
        ("TensorFlow float32", classify, num_bytes)
    ]
    for kind in tflite_files.KINDS:
        name = tflite_files.get_name(kind)
        path = os.path.join(directory, name)
        found.append((name, tflite_files.load(path), os.path.getsize(path)))
    return [measure(*each, network, data) for each in found]


def measure(
    name: str,
    classify: Classify,
    num_bytes: int,
    network: TrainedNetwork,
    data: directory.DataDirectory,
) -> Measurement:
    """Measures `classify`: float32 [1, crop, crop, 3], RGB 0..255 -> probabilities."""
    result = evaluate.evaluate(
        _make_eval_step(classify),
        tflite_files.without_mean(data),
        network.config,
        SPLIT,
        shows_progress=True,
    )
    image = result.first_images.numpy()[:1]
    return Measurement(
        name,
        num_bytes,
        result.counts.top1_error,
        result.counts.top5_error,
        result.counts.num_seen,
        1000 * _time(classify, image),
    )


def _make_eval_step(
    classify: Classify,
) -> Callable[[tf.Tensor, tf.Tensor], forward.EvalResult]:
    def eval_step(views: tf.Tensor, labels: tf.Tensor) -> forward.EvalResult:
        images = views.numpy()[:, 0]
        rows = [classify(image[np.newaxis]) for image in images]
        return forward.score(tf.constant(np.concatenate(rows)), labels)

    return eval_step


def _time(classify: Classify, image: np.ndarray) -> float:
    seconds = []
    for _ in range(_WARM_UP_RUNS + _TIMED_RUNS):
        start = time.perf_counter()
        classify(image)
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds[_WARM_UP_RUNS:]))


def check_splits(data: directory.DataDirectory) -> None:
    """Raises `UserError` if `data` lacks a split that is needed."""
    for split in ("train", SPLIT):
        data.get_reader(split)


def format_table(rows: Sequence[Measurement]) -> str:
    """Formats the rows as a text table with a heading."""
    lines = [
        f"{SPLIT}, centre view: {counted(rows[0].num_pictures, 'image')}",
        f"  {'':<18} {'size':>10} {'top-1 error':>12} {'one image':>12}",
    ]
    lines += [
        f"  {row.name:<18} {row.num_bytes / 1e6:7.1f} MB {row.top1_error:12.2%} "
        f"{row.median_milliseconds:9.2f} ms"
        for row in rows
    ]
    return "\n".join(lines)
