"""Further measurements on a trained network, taken before its checkpoints are removed.

Each is a function of the run's directory, its data and its answers, and returns JSON
values for the record's `probes`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from alexnet_tf.data import evaluation_views, iteration, pipeline
from alexnet_tf.evaluation import evaluate, metrics
from alexnet_tf.inference import predict
from alexnet_tf.reproduce import arrays, dropout_average, kernel_probes, off_centre
from alexnet_tf.runs import trained_network

# ImageNet's 50,000 validation images would be 30 GB.
_MAX_IMAGES = 1024

Answers = Mapping[tuple[str, str], Mapping[str, np.ndarray]]


@dataclasses.dataclass(frozen=True)
class Trained:
    """What a probe may look at.

    Attributes:
      workdir: the run's directory.
      data_dir: its data.
      split: the split whose images count.
      answers: (split, "centre" or "ten_views") -> "probabilities" and "labels", as in
        `evaluate.Evaluation`.
    """

    workdir: str
    data_dir: str
    split: str
    answers: Answers


def measure(
    names: Sequence[str], workdir: str, data_dir: str, split: str, answers: Answers
) -> dict[str, Any]:
    """Takes the measurements `names`."""
    trained = Trained(workdir, data_dir, split, answers)
    return {name: PROBES[name](trained) for name in names}


def _keep_probabilities(trained: Trained) -> dict[str, Any]:
    """Ten-view probabilities, float16 [images, classes], for averaging networks."""
    kept = {}
    for split in dict.fromkeys((trained.split, "validation")):
        answers = trained.answers[split, "ten_views"]
        kept[split] = arrays.encode(answers["probabilities"].astype(np.float16))
        kept[f"{split}_labels"] = arrays.encode(answers["labels"].astype(np.int16))
    return kept


def _describe_kernels(trained: Trained) -> dict[str, Any]:
    """Colour, frequency and orientation of conv1's kernels, by tower."""
    return kernel_probes.describe_towers(trained_network.load(trained.workdir).model)


def _permute_kernels(trained: Trained) -> dict[str, Any]:
    """Centre-view top-1 errors with conv1's kernels in other orders."""
    model = trained_network.load(trained.workdir).model
    batches = _read_centre_views(trained)

    def compute_error() -> float:
        wrong = [
            np.asarray(metrics.find_errors(model(images, training=False), labels))[:, 0]
            for images, labels in batches
        ]
        return float(np.concatenate(wrong).mean())

    return kernel_probes.permute_kernels(model, compute_error)


def _average_dropout(trained: Trained) -> dict[str, Any]:
    """The network's prediction against means of thinned networks, centre views."""
    model = trained_network.load(trained.workdir).model
    images, labels = zip(*_read_centre_views(trained), strict=True)
    return dropout_average.compare(
        model, np.concatenate(images), np.concatenate(labels)
    )


def _read_centre_views(trained: Trained) -> list[tuple[np.ndarray, np.ndarray]]:
    """Batches of the split: images, float32, mean subtracted, and labels.

    The first `_MAX_IMAGES` alone, in the order of the split, which is random.
    """
    data, config = evaluate.open_run_data(trained.workdir, trained.data_dir)
    make_views = evaluation_views.compile_view_transform(
        config.data, data.statistics, 1
    )
    dataset = pipeline.make_evaluation_dataset(data, config, trained.split)
    dataset = dataset.take(-(-_MAX_IMAGES // config.eval_batch_size))
    return [
        (make_views(images)[:, 0].numpy(), labels.numpy())
        for images, labels, _ in iteration.iterate(data, dataset)
    ]


def _measure_off_centre(trained: Trained) -> dict[str, Any]:
    """Errors on drawn shapes by their distance from the middle."""
    predictor = predict.make_predictor(trained_network.load(trained.workdir), 1)
    return off_centre.measure(predictor.compute)


PROBES: dict[str, Callable[[Trained], Any]] = {
    "dropout_average": _average_dropout,
    "kernel_order": _permute_kernels,
    "kernels": _describe_kernels,
    "off_centre": _measure_off_centre,
    "probabilities": _keep_probabilities,
}
