"""Builds the explanation of a network's answers for a few images."""

from __future__ import annotations

import collections
import dataclasses
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf

from alexnet_tf.data import evaluation_views
from alexnet_tf.devices import placement
from alexnet_tf.inference import predict
from alexnet_tf.inference.explain import (
    drawing,
    occlusion,
    patches,
    saliency,
    training_images,
)
from alexnet_tf.inference.explain import kernels as kernels_lib
from alexnet_tf.inference.explain.explanation import (
    Answer,
    Explanation,
    ImageExplanation,
    KernelPatches,
    Layer,
    Map,
    TowerMaps,
    TrainingPatch,
)
from alexnet_tf.inference.explain.kernels import Kernel, Tower
from alexnet_tf.inference.explain.receptive_field import Field
from alexnet_tf.inference.explain.training_images import TrainingImages
from alexnet_tf.runs import trained_network, untrained
from alexnet_tf.runs.trained_network import TrainedNetwork
from tfrecords import errors
from tfrecords.plurals import counted
from tfrecords.shards.manifest import ClassInfo


@dataclasses.dataclass(frozen=True)
class Options:
    """How much is shown; `kernels` names some in place of the strongest."""

    num_images: int = 512  # training images that are searched for patches
    num_maps: int = 8  # of each layer and tower
    num_kernels: int = 2  # of each layer and tower, with patches
    num_patches: int = 9  # of each kernel
    square: int | None = None  # side of the grey square, pixels; see `choose_side`
    kernels: tuple[str, ...] = ()  # such as "conv3b:17"


@placement.memory_errors("network")
def build_explanation(
    workdir: str,
    which: str | int,
    paths: Sequence[str],
    data_dir: str | None,
    options: Options,
) -> Explanation:
    """Explains what a run's network answers for image files, as `alexnet-explain` does.

    Args:
      workdir: the run's directory.
      which: its checkpoint: "last", "best" or a step.
      paths: the image files.
      data_dir: training images of the same classes; None for the run's own.
      options: how much is shown.

    Raises:
      UserError: if there is no such run, checkpoint or kernel, or `data_dir` does not
        fit the run.
      DataError: if an image cannot be decoded, or a file of the run is damaged.
      DeviceMemoryError: if there is too little memory.
    """
    network = trained_network.load(workdir, which)
    towers = kernels_lib.list_towers(network.model)
    named = kernels_lib.parse(options.kernels, towers)
    crop_size = network.config.data.crop_size
    side = occlusion.choose_side(options.square, crop_size)
    training, reason = training_images.find(workdir, data_dir, options.num_images)
    predictor = predict.make_predictor(network, 1)
    predictions = list(predict.predict_files(predictor, paths))
    for prediction in predictions:
        if prediction.error:
            raise errors.DataError(
                f"{prediction.path} cannot be explained: {prediction.error}. Name "
                "another image."
            )
    views = evaluation_views.make_view_transform(
        network.config.data, network.training_data.statistics, 1
    )

    def transform(images: tf.Tensor) -> tf.Tensor:
        return views(images)[:, 0]

    compute_maps = kernels_lib.make_maps_function(network.model, towers)
    maps = [
        [own[0].numpy() for own in compute_maps(transform(found.image[np.newaxis]))]
        for found in predictions
    ]
    wanted = [named or _choose(towers, own, options.num_kernels) for own in maps]
    excited = _find_patches(network, towers, wanted, training, transform, options)
    images = []
    for found, own, chosen in zip(predictions, maps, wanted, strict=True):
        crop = _crop(found.image, crop_size)
        layers = tuple(
            _show_layers(network, towers, own, chosen, excited, crop, options.num_maps)
        )
        view = transform(tf.constant(found.image[np.newaxis]))[0]
        images.append(_show_image(network, predictor, found, view, side, layers))
    return Explanation(
        _describe(network, workdir, which),
        untrained.describe(predictor.untrained_layers),
        tuple(images),
        0 if training is None else len(training.records),
        reason,
    )


def _choose(
    towers: Sequence[Tower], maps: Sequence[np.ndarray], count: int
) -> list[Kernel]:
    """The strongest kernels of each layer and tower that respond at all."""
    return [
        Kernel(tower.name, int(number))
        for tower, own in zip(towers, maps, strict=True)
        for number in kernels_lib.rank(own)[:count]
        if own[..., number].max() > 0
    ]


def _find_patches(
    network: TrainedNetwork,
    towers: Sequence[Tower],
    wanted: Sequence[Sequence[Kernel]],
    training: TrainingImages | None,
    transform: Callable[[tf.Tensor], tf.Tensor],
    options: Options,
) -> dict[Kernel, tuple[TrainingPatch, ...]]:
    """The training patches of all images' kernels, found in one pass."""
    if training is None:
        return {}
    kernels = list(dict.fromkeys(kernel for own in wanted for kernel in own))
    batches = training.make_batches(transform)
    places = patches.find_strongest(
        network.model, towers, kernels, batches, options.num_patches
    )
    fields = {tower.name: tower.field for tower in towers}
    crop_size = network.config.data.crop_size
    return {
        kernel: tuple(
            _cut_patch(training, place, fields[kernel.tower], crop_size)
            for place in own
        )
        for kernel, own in places.items()
    }


def _cut_patch(
    training: TrainingImages, place: patches.Place, field: Field, crop_size: int
) -> TrainingPatch:
    image, info = training.read(place.image)
    crop = _crop(image, crop_size)
    pixels = field.cut(crop, place.row, place.column, drawing.OUTSIDE)
    return TrainingPatch(place.response, shorten(info), pixels)


def _show_layers(
    network: TrainedNetwork,
    towers: Sequence[Tower],
    maps: Sequence[np.ndarray],
    kernels: Sequence[Kernel],
    excited: Mapping[Kernel, tuple[TrainingPatch, ...]],
    crop: np.ndarray,
    num_maps: int,
) -> Iterator[Layer]:
    """The layers, in which `maps` are those of each tower, and `crop` the image."""
    pairs = zip(towers, maps, strict=True)
    for name, group in itertools.groupby(pairs, lambda pair: pair[0].layer):
        own = list(group)
        cards = [
            KernelPatches(
                kernel,
                float(values[..., kernel.number].max()),
                tower.field.cut(
                    crop,
                    *kernels_lib.find_peak(values[..., kernel.number]),
                    drawing.OUTSIDE,
                ),
                kernels_lib.read_weights(network.model, towers, kernel),
                excited.get(kernel),
            )
            for tower, values in own
            for kernel in kernels
            if kernel.tower == tower.name
        ]
        yield Layer(
            name,
            own[0][0].field,
            own[0][0].is_local,
            min(0.0, *(float(values.min()) for _, values in own)),
            max(float(values.max()) for _, values in own),
            tuple(_show_tower(*pair, num_maps) for pair in own),
            tuple(cards),
        )


def _show_tower(tower: Tower, maps: np.ndarray, count: int) -> TowerMaps:
    peaks = maps.max(axis=(0, 1))
    return TowerMaps(
        tower.name,
        tower.num_kernels,
        int((peaks > 0).sum()),
        tuple(
            Map(int(number), float(peaks[number]), maps[..., number])
            for number in kernels_lib.rank(maps)[:count]
        ),
    )


def _show_image(
    network: TrainedNetwork,
    predictor: predict.Predictor,
    prediction: predict.Prediction,
    view: tf.Tensor,
    side: int,
    layers: tuple[Layer, ...],
) -> ImageExplanation:
    crop_size = network.config.data.crop_size
    top = prediction.get_top()
    covered = occlusion.occlude(
        predictor.compute, prediction.image, crop_size, side, top[0]
    )
    counts = collections.Counter(covered.answers.ravel().tolist())
    del counts[top[0]]
    classes = predictor.classes
    return ImageExplanation(
        prediction.path,
        _crop(prediction.image, crop_size),
        tuple(
            Answer(
                predict.format_class(classes[label]),
                shorten(classes[label]),
                float(prediction.probabilities[label]),
                label == prediction.truth,
            )
            for label in top
        ),
        covered,
        tuple((shorten(classes[n]), count) for n, count in counts.most_common()),
        saliency.compute_saliency(network.model, view, top[0]),
        layers,
    )


def shorten(info: ClassInfo) -> str:
    """The first of a synset's names: "tench" of "tench, Tinca tinca".

    A folder's name stays whole.
    """
    return info.text if info.text == info.synset else info.text.split(",")[0]


def _crop(image: np.ndarray, crop_size: int) -> np.ndarray:
    return evaluation_views.centre_crop(tf.constant(image), crop_size).numpy()


def _describe(
    network: TrainedNetwork, workdir: str, which: str | int
) -> dict[str, str]:
    config = network.config
    step = f"step {network.checkpoint.step:,}"
    width = "" if config.model.width == 1 else f", width {config.model.width:g}"
    return {
        "run": workdir,
        "checkpoint": f"{which}, {step}" if which in ("last", "best") else step,
        "network": (
            f"{config.model.network}{width}, "
            f"{counted(network.model.count_params(), 'parameter')}"
        ),
        "classes": f"{len(network.training_data.classes):,}",
        "input": f"the central {config.data.crop_size} x {config.data.crop_size} "
        "pixels, minus the mean of the training images",
    }
