"""A run's directory made of weights that were trained elsewhere.

It holds what a finished run's does: settings, the mean to subtract, the classes, and a
checkpoint of step 0. So it is evaluated, exported and asked for predictions, and
`init_from` takes it. It is not trained on: its images are not known.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from alexnet_tf.config.schema import Config
from alexnet_tf.devices import placement, precision
from alexnet_tf.runs import checkpoint, data_summary, environment, run_record, workdir
from alexnet_tf.training import run_state
from alexnet_tf.weights import mapping, naming
from tfrecords import errors
from tfrecords.durable import files
from tfrecords.shards import manifest
from tfrecords.shards.statistics import Statistics

# Of the stored images, pixels, where no mean image tells another.
IMAGE_SIZE = 256

# WordNet's offset of a noun, as ImageNet names its classes.
_SYNSET_ID = re.compile(r"n\d{8}")


def read_classes(path: str) -> tuple[manifest.ClassInfo, ...]:
    """The classes in the order of the outputs.

    Args:
      path: a text file with a class on every line: its synset ID and then its name
        ("n01440764 tench, Tinca tinca"), or its name alone ("great white shark"); or a
        data directory of the same classes.

    Returns:
      The classes. A name without an ID is the synset, too; one that several classes
      have (ImageNet has two cranes) is told apart by the label: "crane #134".

    Raises:
      UserError: where the file cannot be read, or a synset is there twice.
    """
    if os.path.isdir(path):
        return manifest.read_manifest(path).classes
    try:
        with open(path, encoding="utf-8-sig") as file:
            lines = [line.strip() for line in file.read().splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise errors.UserError(
            f"{path} cannot be read as a list of classes ({error}). Give a text file "
            "with a class on every line, or a data directory."
        ) from error
    classes = _parse_classes([line for line in lines if line])
    synsets = [info.synset for info in classes]
    if not synsets or len(set(synsets)) < len(synsets):
        twice = next((s for s in synsets if synsets.count(s) > 1), None)
        reason = f"holds {twice} twice" if twice else "holds no class"
        raise errors.UserError(
            f"{path} {reason}. Every line is a class: its synset ID, like n01440764, "
            "a blank and its name, or its name alone."
        )
    return classes


def _parse_classes(lines: Sequence[str]) -> tuple[manifest.ClassInfo, ...]:
    counts = collections.Counter(lines)
    classes = []
    for label, line in enumerate(lines):
        synset, *name = line.split(None, 1)
        if _SYNSET_ID.fullmatch(synset):
            classes.append(manifest.ClassInfo(synset, name[0] if name else synset))
        else:
            own = line if counts[line] == 1 else f"{line} #{label}"
            classes.append(manifest.ClassInfo(own, line))
    return tuple(classes)


def make_classes(
    path: str, arrays: Mapping[str, np.ndarray]
) -> tuple[manifest.ClassInfo, ...]:
    """As many classes as the file's last layer has outputs, named by their numbers.

    Raises:
      UserError: where the file has no last layer.
    """
    named, _ = naming.name_arrays(path, arrays)
    if "fc8/bias" not in named:
        raise errors.UserError(
            f"{path} holds no last layer (fc8), so that it does not tell how many "
            "classes there are. Give --classes."
        )
    count = len(arrays[named["fc8/bias"]])
    if not count:
        raise errors.DataError(
            f"{path} holds a last layer (fc8) without outputs. Give another file."
        )
    return tuple(
        manifest.ClassInfo(f"{label:04d}", f"class {label}") for label in range(count)
    )


def make_statistics(mean_image: np.ndarray) -> Statistics:
    """Statistics of which only the mean is known.

    Args:
      mean_image: [side, side, 3], RGB, grey levels of 0..255.

    Returns:
      The mean image and its mean colour; covariance and eigenvalues are zero and the
      eigenvectors the identity, so that a colour shift would add nothing.
    """
    image = np.asarray(mean_image, np.float64)
    return Statistics(
        num_images=0,
        mean_image=image,
        mean_rgb=image.mean(axis=(0, 1)),
        covariance=np.zeros((3, 3)),
        eigenvalues=np.zeros(3),
        eigenvectors=np.eye(3),
    )


def make_mean_image(mean_rgb: Sequence[float]) -> np.ndarray:
    """A mean image of one colour: float64 [256, 256, 3].

    Raises:
      UserError: where these are no three grey levels of 0..255.
    """
    _check_levels("the mean", np.asarray(mean_rgb, np.float64))
    if len(mean_rgb) != 3:
        raise errors.UserError(
            f"the mean is three grey levels of 0..255, R,G,B; {list(mean_rgb)} is not."
        )
    return np.broadcast_to(
        np.asarray(mean_rgb, np.float64), (IMAGE_SIZE, IMAGE_SIZE, 3)
    ).copy()


def read_mean_image(path: str, channel_order: str) -> np.ndarray:
    """A mean image, [side, side, 3] or, as Caffe has it, [3, side, side], of a `.npy`.

    Args:
      path: the file.
      channel_order: "rgb" or "bgr": what its channels are.

    Returns:
      float64 [side, side, 3], RGB.

    Raises:
      UserError: where there is no such file, or it holds something else.
    """
    try:
        # Mapped, so that a header that promises too much takes no memory.
        image = np.load(path, mmap_mode="r", allow_pickle=False)
        shape, is_number = tuple(image.shape), image.dtype.kind in "fiu"
    except (OSError, ValueError, EOFError, AttributeError) as error:
        raise errors.UserError(
            f"{path} cannot be read as a mean image ({error}). Give a .npy file with "
            "an array of numbers."
        ) from error
    is_planar = len(shape) == 3 and shape[0] == 3 and shape[1] == shape[2]
    is_packed = len(shape) == 3 and shape[2] == 3 and shape[0] == shape[1]
    if not is_number or not (is_planar or is_packed) or max(shape) > 4096:
        raise errors.UserError(
            f"{path} holds {image.dtype} {list(shape)}; a mean image is numbers "
            "[side, side, 3] or [3, side, side]."
        )
    image = np.array(image, np.float64)
    _check_levels(path, image)
    if is_planar:
        image = image.transpose(1, 2, 0)
    return np.ascontiguousarray(image[..., ::-1] if channel_order == "bgr" else image)


def _check_levels(what: str, values: np.ndarray) -> None:
    if not np.all((values >= 0) & (values <= 255)):
        raise errors.UserError(
            f"{what} is grey levels of 0..255; some value is not. Means of pixels in "
            "0..1 are to be multiplied by 255."
        )


def write_run(
    path: str,
    config: Config,
    classes: tuple[manifest.ClassInfo, ...],
    statistics: Statistics,
    weights_path: str,
    arrays: Mapping[str, np.ndarray],
    layout: mapping.Layout,
    command: Sequence[str],
) -> mapping.Mapped:
    """Makes the run's directory: complete, or not at all.

    Layers that the file lacks begin with random weights, as a new run's do, and the
    checkpoint names them (see `untrained`).

    Args:
      path: the directory to appear; an empty one may be there.
      config: the network's settings.
      classes: in the order of the outputs.
      statistics: with the mean that the weights were trained with.
      weights_path: where the arrays are from, for the record.
      arrays: of the file, by its names.
      layout: of the file.
      command: the command line, for the record.

    Returns:
      What was found in the file and what was not.

    Raises:
      UserError: where `path` is in use for something else, nothing of the network is
        in the file, or the images are smaller than the crops.
      DataError: where an array is of another shape than the network's.
      StorageError: where it cannot be written.
    """
    side = statistics.mean_image.shape[0]
    if side < config.data.crop_size:
        raise errors.UserError(
            f"the mean image has {side} pixels a side, fewer than the crops' "
            f"{config.data.crop_size}. Give one of the whole images, of 256."
        )
    path = os.path.abspath(path)
    check_free(path)
    chosen = precision.choose_precision(config.precision)
    config = dataclasses.replace(config, precision=chosen.precision)
    state = run_state.build_run_state(config, len(classes), placement.Placement())
    variables = {p.name: p.variable for p in state.optimizer.parameters}
    shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
    mapped = mapping.to_towers(weights_path, arrays, layout, shapes)
    if not mapped.arrays:
        raise errors.UserError(
            f"{weights_path} holds no whole layer, kernel and bias, of this network."
        )
    with placement.memory_errors("network"):
        for name, array in mapped.arrays.items():
            variables[name].assign(array)
    state.untrained_layers = mapped.missing
    info = run_record.RunInfo(
        data_dir=f"unknown images, of {os.path.basename(weights_path)}",
        data_fingerprint=run_record.UNKNOWN_DATA,
        command=command,
        environment=environment.describe(
            precision.list_gpus(),
            tf.config.threading.get_intra_op_parallelism_threads(),
            tf.config.threading.get_inter_op_parallelism_threads(),
        ),
        precision=chosen.to_json(),
        weights=_describe_file(weights_path),
    )
    files.make_directory(os.path.dirname(path))
    with (
        files.atomic_directory(path) as temporary,
        workdir.open_workdir(temporary, config, info) as run,
    ):
        run.begin(0)
        data_summary.save(run.path, statistics, classes)
        checkpoint.save(
            run.checkpoints_dir, 0, state.to_arrays(), state.to_json(), keep=1
        )
        run.record_checkpoint(0)
    return mapped


def _describe_file(path: str) -> dict[str, Any]:
    """Which file it was; its name alone where it is gone."""
    described: dict[str, Any] = {"name": os.path.basename(path)}
    with contextlib.suppress(FileNotFoundError):
        # Most formats carry no checksum of their own.
        described["num_bytes"] = os.path.getsize(path)
        described["sha256"] = files.compute_digest(path)
    return described


def check_free(path: str) -> None:
    """Raises `UserError` where `path` is anything but an empty directory."""
    if os.path.lexists(path) and (not os.path.isdir(path) or os.listdir(path)):
        raise errors.UserError(
            f"{path} is there already. Name a new or an empty directory as workdir."
        )
