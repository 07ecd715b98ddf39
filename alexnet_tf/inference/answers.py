"""What a page shows of one image: its most probable classes and conv1's responses."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from alexnet_tf.data import evaluation_views
from alexnet_tf.evaluation import forward
from alexnet_tf.export import exported
from alexnet_tf.inference import predict
from alexnet_tf.runs import run_record, trained_network
from alexnet_tf.runs.trained_network import TrainedNetwork
from alexnet_tf.training import diagnostics
from tfrecords import errors
from tfrecords.shards import manifest

VIEWS = (1, 10)

# Of AlexNet's 96 maps, the upper four of eight rows are then tower a's.
_PER_ROW = 12

# From uint8 [1, size, size, 3] to the first kernels' responses to the centre view,
# float32 [1, height, width, kernels].
Respond = Callable[[np.ndarray], np.ndarray]
# From an image, uint8 [size, size, 3], to the images most like it, uint8 [size, size,
# 3], with their captions.
Find = Callable[[np.ndarray], list[tuple[np.ndarray, str]]]


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a network says about one image.

    `top` holds the names of at most five classes with their probabilities, the most
    probable first. `responses`, uint8 [height, width, 3], has a map for each of the
    first layer's kernels after its activation, tower a's kernels first, 12 in a row,
    each from its least response (black) to its greatest (white); None if the export is
    of a version that did not store them. `nearest` are the images most like it with
    captions, the nearest first, if the answerer can find them.
    """

    top: dict[str, float]
    responses: np.ndarray | None
    nearest: tuple[tuple[np.ndarray, str], ...] = ()


class Answerer:
    """A run's network or an export, opened once; `open_model` makes it.

    Attributes:
      untrained_layers: layers with random weights, see `runs.untrained`.
      find: finds the images most like one; None if nothing does.
    """

    def __init__(
        self, predictors: dict[int, predict.Predictor], respond: Respond | None
    ):
        self._predictors, self._respond = predictors, respond
        self.find: Find | None = None
        self._classes: tuple[manifest.ClassInfo, ...] = predictors[1].classes
        self.untrained_layers = predictors[1].untrained_layers

    def answer(self, path: str, num_views: int) -> Answer:
        """Answers for the image file at `path`, with one view or ten.

        Raises `DataError` with the reason if it cannot be decoded.
        """
        (found,) = predict.predict_files(self._predictors[num_views], [path])
        if found.error:
            raise errors.DataError(
                f"this image cannot be predicted: {found.error}. Choose another."
            )
        top = {
            predict.format_class(self._classes[label]): float(
                found.probabilities[label]
            )
            for label in found.get_top()
        }
        nearest = tuple(self.find(found.image)) if self.find else ()
        return Answer(top, self._draw_responses(found.image), nearest)

    def _draw_responses(self, image: np.ndarray) -> np.ndarray | None:
        if self._respond is None:
            return None
        maps = self._respond(image[np.newaxis])[0]
        gray = np.repeat(maps[:, :, np.newaxis], 3, axis=2)
        return diagnostics.draw_kernels([gray], scale=1, per_row=_PER_ROW)


def open_model(path: str, which: str | int = "last") -> Answerer:
    """Opens a run's directory or an export, whichever `path` is.

    `which` is the checkpoint of a run. A SavedModel is a program: open only exports
    that you made or trust.

    Raises:
      UserError: if it is neither, or there is no such checkpoint.
      DataError: if a file is damaged.
    """
    if os.path.lexists(os.path.join(path, run_record.RECORD_NAME)):
        return _open_run(trained_network.load(path, which))
    try:
        version = exported.find_version(path)
    except errors.UserError as error:
        raise errors.UserError(
            f"{path} holds neither a run (alexnet-train) nor an export "
            "(alexnet-export). Give the directory of one."
        ) from error
    return _open_export(version)


def _open_run(network: TrainedNetwork) -> Answerer:
    config, statistics = network.config.data, network.training_data.statistics
    transform = evaluation_views.make_view_transform(config, statistics, 1)
    layer = forward.get_first_activation(network.model)
    compute = forward.make_layer_function(network.model, layer)
    predictors = {n: predict.make_predictor(network, n) for n in VIEWS}

    def respond(images: np.ndarray) -> np.ndarray:
        return compute(transform(tf.constant(images))[:, 0]).numpy()

    return Answerer(predictors, respond)


def _open_export(version: str) -> Answerer:
    record, loaded = exported.open_version(version)
    predictors = {n: predict.make_export_predictor(record, loaded, n) for n in VIEWS}
    # Exports of earlier versions have no such signature.
    if "responses" not in loaded.signatures:
        return Answerer(predictors, None)
    extract = loaded.signatures["responses"]

    def respond(images: np.ndarray) -> np.ndarray:
        return extract(image_bytes=predict.encode(images))["responses"].numpy()

    return Answerer(predictors, respond)
