"""Predicts the most probable classes of images.

Images are decoded and resized as by the converter, with its bicubic rule
(`tfrecords.images.decoder`, `resize`), so every image that converts can be predicted. A
file that cannot be decoded is reported with the reason; the others are still predicted.
If the shards were resized by the authors' rule, pixels differ by one level on average.
"""

from __future__ import annotations

import collections
import csv
import dataclasses
import glob
import io
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from alexnet_tf.data import evaluation_views
from alexnet_tf.devices import placement
from alexnet_tf.evaluation import forward
from alexnet_tf.export import exported
from alexnet_tf.runs import untrained
from alexnet_tf.runs.trained_network import TrainedNetwork
from tfrecords import errors, limits
from tfrecords.console import printing
from tfrecords.images import decoder, listing, resize
from tfrecords.shards import manifest

_SUFFIXES = listing.IMAGE_SUFFIXES


@dataclasses.dataclass(frozen=True)
class Predictor:
    """The network of a run or an export, ready to predict."""

    classes: tuple[manifest.ClassInfo, ...]  # in the order of their labels
    image_size: int  # side of the input images, pixels (256)
    # From uint8 [N, image_size, image_size, 3], RGB, to probabilities float32 [N,
    # classes].
    compute: Callable[[np.ndarray], np.ndarray]
    untrained_layers: tuple[str, ...] = ()  # with random weights (see `untrained`)


@dataclasses.dataclass(frozen=True)
class Prediction:
    """A network's prediction for an image."""

    path: str  # the file, as named by the user
    error: str  # why there is no prediction, or ""
    probabilities: np.ndarray  # float32 [classes]; empty after an error
    image: np.ndarray  # uint8 [size, size, 3], the network's input, or empty
    truth: int | None  # the label given by the name of the image's folder

    def get_top(self, count: int = 5) -> list[int]:
        """The most probable labels, best first."""
        return np.argsort(-self.probabilities, kind="stable")[:count].tolist()


def make_predictor(network: TrainedNetwork, num_views: int) -> Predictor:
    """Makes a predictor of a run's network, with one view or ten (section 4.1)."""
    statistics = network.training_data.statistics
    config = network.config.data
    transform = evaluation_views.make_view_transform(config, statistics, num_views)
    size = statistics.mean_image.shape[0]

    spec = tf.TensorSpec([None, size, size, 3], tf.uint8)

    @tf.function(input_signature=[spec], autograph=False)
    def compute(images: tf.Tensor) -> tf.Tensor:
        return forward.compute_probabilities(network.model, transform(images))

    return Predictor(
        network.training_data.classes,
        size,
        lambda images: compute(images).numpy(),
        untrained.read(network.checkpoint),
    )


def open_export(export_dir: str, num_views: int) -> Predictor:
    """Makes a predictor of the newest version of an export, or of one version.

    A SavedModel is a program: load only files that you made or trust.

    Raises:
      UserError: if there is no export.
      DataError: if it is damaged.
      DeviceMemoryError: if it does not fit into memory.
      StorageError: if it cannot be read.
    """
    record, loaded = exported.open_version(exported.find_version(export_dir))
    return make_export_predictor(record, loaded, num_views)


def make_export_predictor(
    record: exported.Record, loaded: Any, num_views: int
) -> Predictor:
    """Makes a predictor of an export that `exported.open_version` opened."""
    function = loaded.signatures["serving_default" if num_views == 1 else "ten_views"]

    def compute(images: np.ndarray) -> np.ndarray:
        return function(image_bytes=encode(images))["probabilities"].numpy()

    # The functions need the loaded object to stay alive.
    compute.loaded = loaded  # type: ignore[attr-defined]
    return Predictor(
        record.classes, record.image_size, compute, record.untrained_layers
    )


def encode(images: np.ndarray) -> tf.Tensor:
    """Images uint8 [N, height, width, 3] as an export takes them: string [N]."""
    encoded = []
    for image in images:
        stream = io.BytesIO()
        # Lossless and fast.
        Image.fromarray(image).save(stream, "BMP")
        encoded.append(stream.getvalue())
    return tf.constant(encoded)


def find_images(names: Sequence[str]) -> list[str]:
    """Expands names to files: files, folders (recursively, sorted) and glob patterns.

    Folders are searched by the converter's rule, see `tfrecords.images.listing`.
    Unreadable files and folders are included; `predict_files` reports why. Raises
    `UserError` if a name matches nothing.
    """
    found: dict[str, None] = {}
    for name in names:
        matches = [name] if os.path.lexists(name) else sorted(glob.glob(name))
        if not matches:
            raise errors.UserError(
                f"{name} is not a file, a folder or a pattern that matches any. Give "
                "images or folders."
            )
        for match in matches:
            paths = _walk(match) if os.path.isdir(match) else [match]
            if not paths:
                raise errors.UserError(
                    f"{match} contains no images ({', '.join(_SUFFIXES)}). Give "
                    "images or folders of images."
                )
            found.update(dict.fromkeys(paths))
    return list(found)


def _walk(directory: str) -> list[str]:
    # Sorted by folder, then by name.
    found: list[tuple[str, str]] = []

    def add_unreadable(path: str, error: OSError) -> None:
        found.append((path, ""))

    for folder, listed in listing.walk(directory, add_unreadable):
        images = [n for n in listed.files if n.lower().endswith(_SUFFIXES)]
        found += [(folder, name) for name in [*images, *listed.others]]
    return [
        os.path.join(folder, name) if name else folder for folder, name in sorted(found)
    ]


def predict_files(
    predictor: Predictor,
    paths: Sequence[str],
    *,
    apply_orientation: bool = True,
    batch_size: int = 32,
) -> Iterator[Prediction]:
    """Yields each file's prediction; an unreadable file yields its error.

    `apply_orientation` rotates images by their Exif orientation; `batch_size` is
    images. Raises `UserError` if there is too little memory or too few open files are
    allowed.
    """
    by_class = _make_labels_by_name(predictor.classes)
    for start in range(0, len(paths), batch_size):
        batch = paths[start : start + batch_size]
        size = predictor.image_size
        read = [read_image(path, size, apply_orientation) for path in batch]
        good = [image for image, reason in read if not reason]
        with placement.memory_errors("network"):
            rows = iter(predictor.compute(np.stack(good)) if good else ())
        for path, (image, reason) in zip(batch, read, strict=True):
            folder = os.path.basename(os.path.dirname(os.path.abspath(path)))
            row = np.zeros(0, np.float32) if reason else next(rows)
            yield Prediction(path, reason, row, image, by_class.get(folder))


def _make_labels_by_name(classes: Sequence[manifest.ClassInfo]) -> dict[str, int]:
    # By synset, and by names that belong to a single class: "crane" is both a bird and
    # a machine, so it is left out.
    counts = collections.Counter(info.text for info in classes)
    labels = {c.text: k for k, c in enumerate(classes) if counts[c.text] == 1}
    return {**labels, **{c.synset: k for k, c in enumerate(classes)}}


def read_image(
    path: str, size: int, apply_orientation: bool = True
) -> tuple[np.ndarray, str]:
    """Reads and resizes an image file by the converter's rule.

    Returns the image, uint8 [size, size, 3], and "", or an empty image and the reason.
    """
    nothing = np.zeros((0, 0, 3), np.uint8)
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            os.listdir(path)  # Raises the reason if it is unreadable.
        if not stat.S_ISREG(mode):
            return nothing, f"it is {listing.describe_kind(mode)}, not a file"
        with open(path, "rb") as file:
            data = file.read(decoder.MAX_BYTES + 1)
        image = decoder.decode_image(data, apply_orientation=apply_orientation)
    except OSError as error:
        limits.refuse(error)
        return nothing, f"it cannot be read: {error.strerror}"
    except decoder.ImageError as error:
        return nothing, str(error)
    return np.array(resize.resize_and_crop_image(image, size)), ""


def format_class(info: manifest.ClassInfo) -> str:
    """A class's name, and its synset where that is another; no two are the same."""
    return info.text if info.text == info.synset else f"{info.text} ({info.synset})"


def format_text(prediction: Prediction, classes: Sequence[manifest.ClassInfo]) -> str:
    """Formats an image's name and a line for each of its most probable classes."""
    path = printing.escape(prediction.path)
    if prediction.error:
        return f"{path}\n  not predicted: {prediction.error}"
    lines = [path]
    for label in prediction.get_top():
        name = printing.escape(format_class(classes[label]))
        mark = "  <- the folder's name" if label == prediction.truth else ""
        lines.append(f"  {prediction.probabilities[label]:7.2%}  {name}{mark}")
    return "\n".join(lines)


def to_json(
    prediction: Prediction, classes: Sequence[manifest.ClassInfo]
) -> dict[str, Any]:
    """Converts a prediction to JSON values; `top5` is empty after an error."""
    return {
        "path": prediction.path,
        "error": prediction.error,
        "label_of_folder": prediction.truth,
        "top5": [
            {
                "label": label,
                "synset": classes[label].synset,
                "name": classes[label].text,
                "probability": float(prediction.probabilities[label]),
            }
            for label in prediction.get_top()
        ],
    }


CSV_HEADER = "path,rank,label,synset,name,probability,error"


def format_csv(prediction: Prediction, classes: Sequence[manifest.ClassInfo]) -> str:
    """Formats a line for each of the most probable classes, or one with the error."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    if prediction.error:
        writer.writerow([prediction.path, "", "", "", "", "", prediction.error])
    for rank, answer in enumerate(to_json(prediction, classes)["top5"], 1):
        values = (answer[k] for k in ("label", "synset", "name", "probability"))
        writer.writerow([prediction.path, rank, *values, ""])
    return stream.getvalue().rstrip("\n")
