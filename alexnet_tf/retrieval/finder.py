"""Finds the images most like one, ready to be shown."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np

from alexnet_tf.inference import predict
from alexnet_tf.retrieval import build, extractor, feature_files, search
from alexnet_tf.runs import run_record, trained_network
from tfrecords import errors


def open_finder(
    index_dir: str,
    model: str,
    which: str | int = "last",
    data_dir: str | None = None,
    count: int = 6,
) -> Callable[[np.ndarray], list[tuple[np.ndarray, str]]]:
    """Opens features of `alexnet-retrieve` and the network that made them.

    Args:
      index_dir: the features' directory.
      model: a run's directory, or an export.
      which: the checkpoint of a run.
      data_dir: the images; None for where they were.
      count: how many images to find.

    Returns:
      A function from an image, uint8 [size, size, 3], to the images nearest to it,
      uint8 [size, size, 3], with their classes and distances as text.

    Raises:
      UserError: if the features are of another network or other data, there are fewer
        images, or faiss is missing.
      DataError: if a file is damaged.
    """
    search.check_package()
    features = feature_files.open_features(index_dir)
    search.check_count(features, count)
    data = build.open_indexed(features, data_dir)
    source = features.source
    if os.path.lexists(os.path.join(model, run_record.RECORD_NAME)):
        network = trained_network.load(model, which)
        found = extractor.make_extractor(network, source.layer)
    else:
        found = extractor.open_export(model, source.layer)
    if source.is_untrained:
        raise errors.UserError(
            f"the features in {index_dir} are those of random weights. Build some of "
            "the trained network in another directory."
        )
    build.check_network(features, found)
    labels = features.read_labels()

    def find(image: np.ndarray) -> list[tuple[np.ndarray, str]]:
        vectors = found.compute(image[np.newaxis])
        distances, rows = search.search(features, vectors, count)
        shown = []
        for row, distance in zip(rows[0].tolist(), distances[0].tolist(), strict=True):
            near, _ = build.read_image(data, source.split, row)
            name = ""
            if labels[row] >= 0:
                name = predict.format_class(source.classes[labels[row]]) + ", "
            shown.append((near, f"{name}{distance:.4g}"))
        return shown

    return find
