"""Makes a run's directory from weights that were trained elsewhere.

It has what a finished run has: settings, the mean to subtract, the classes, and a
checkpoint of step 0. It can be evaluated, exported, used for predictions and given as
`init_from`. It cannot be trained further, as its training images are unknown.
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

from alexnet_tf.config.schema import Config
from alexnet_tf.devices import placement, precision
from alexnet_tf.runs import checkpoint, data_summary, environment, run_record, workdir
from alexnet_tf.training import run_state
from alexnet_tf.weights import mapping, naming
from alexnet_tf.weights.mean_image import check_order
from tfrecords import errors
from tfrecords.durable import files
from tfrecords.shards import manifest
from tfrecords.shards.statistics import Statistics

# Side of the stored images, pixels, unless a mean image has another.
IMAGE_SIZE = 256

# WordNet's offset of a noun, as ImageNet names its classes.
_SYNSET_ID = re.compile(r"n\d{8}")


def read_classes(path: str) -> tuple[manifest.ClassInfo, ...]:
    """Reads the classes, in the order of the outputs.

    The file at `path` is text with one class per line: synset ID and name ("n01440764
    tench, Tinca tinca"), or only a name ("great white shark"); or `path` is a data
    directory of the same classes. Without an ID, the name is also the synset; names
    shared by several classes (ImageNet has two cranes) get the label appended: "crane
    #134". Raises `UserError` if the file cannot be read, or contains a synset twice.
    """
    if os.path.isdir(path):
        return manifest.read_manifest(path).classes
    try:
        with open(path, encoding="utf-8-sig") as file:
            lines = [line.strip() for line in file.read().splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise errors.UserError(
            f"{path} cannot be read as a list of classes ({error}). Give a text file "
            "with one class per line, or a data directory."
        ) from error
    classes = _parse_classes([line for line in lines if line])
    synsets = [info.synset for info in classes]
    if not synsets or len(set(synsets)) < len(synsets):
        twice = next((s for s in synsets if synsets.count(s) > 1), None)
        reason = f"holds {twice} twice" if twice else "holds no class"
        raise errors.UserError(
            f"{path} {reason}. Every line must be a class: a synset ID, such as "
            "n01440764, a space and a name, or only a name."
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
    """One class per output of the file's last layer, named by its number.

    Raises `UserError` if the file has no last layer.
    """
    named, _ = naming.name_arrays(path, arrays)
    if "fc8/bias" not in named:
        raise errors.UserError(
            f"{path} holds no last layer (fc8), so the number of classes is unknown. "
            "Give --classes."
        )
    count = len(arrays[named["fc8/bias"]])
    if not count:
        raise errors.DataError(
            f"{path} holds a last layer (fc8) without outputs. Give another file."
        )
    return data_summary.number_classes(count)


def make_statistics(mean_image: np.ndarray) -> Statistics:
    """Makes statistics from a mean image alone: [side, side, 3], RGB, 0..255.

    Covariance and eigenvalues are zero and the eigenvectors the identity, so a colour
    shift would add nothing.
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
    """A mean image of a single colour, three numbers in 0..255: float64 [256, 256, 3].

    Raises `UserError` for other numbers.
    """
    colour = np.asarray(mean_rgb, np.float64)
    _check_levels("the mean", colour)
    if len(mean_rgb) != 3:
        raise errors.UserError(
            f"the mean must be R,G,B, three numbers in 0..255; {list(mean_rgb)} is not."
        )
    return np.tile(colour, (IMAGE_SIZE, IMAGE_SIZE, 1))


def read_mean_image(path: str, channel_order: str) -> np.ndarray:
    """Reads a mean image from a `.npy`: [side, side, 3], or Caffe's [3, side, side].

    Its channels are in `channel_order`, "rgb" or "bgr". Returns float64 [side, side,
    3], RGB. Raises `UserError` if the file is missing or is not a mean image, or if its
    name has the other order.
    """
    check_order(path, channel_order)
    try:
        # Memory-mapped, so that a forged header allocates no memory.
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
            f"{path} holds {image.dtype} {list(shape)}; a mean image must be numbers "
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
            f"{what} must be in 0..255; some value is not. Multiply means of pixels in "
            "0..1 by 255."
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
    """Makes the run's directory, atomically; returns what was found in the file.

    Layers missing from the file get random weights, as in a new run, and the checkpoint
    names them (see `untrained`).

    Args:
      path: the directory to create; it may exist if it is empty.
      config: the network's settings.
      classes: in the order of the outputs.
      statistics: contains the mean that the weights were trained with.
      weights_path: the file of the arrays, for the record.
      arrays: the file's arrays, by name.
      layout: the file's layout.
      command: the command line, for the record.

    Raises:
      UserError: if `path` is not free, the file has no layer of the network, or the
        images are smaller than the crops.
      DataError: if an array's shape differs from the network's.
      StorageError: if the directory cannot be written.
    """
    side = statistics.mean_image.shape[0]
    if side < config.data.crop_size:
        raise errors.UserError(
            f"the mean image has {side}x{side} pixels, fewer than the crops' "
            f"{config.data.crop_size}. Give a mean of whole images, 256x256."
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
            f"{weights_path} holds no complete layer (kernel and bias) of this network."
        )
    with placement.memory_errors("network"):
        for name, array in mapped.arrays.items():
            variables[name].assign(array)
    state.untrained_layers = mapped.missing
    info = run_record.RunInfo(
        data_dir=f"unknown images, of {os.path.basename(weights_path)}",
        data_fingerprint=run_record.UNKNOWN_DATA,
        command=command,
        environment=environment.describe_with_tensorflow(),
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
    """Describes the file; only its name if it is gone."""
    described: dict[str, Any] = {"name": os.path.basename(path)}
    with contextlib.suppress(FileNotFoundError):
        # Most formats contain no checksum.
        described["num_bytes"] = os.path.getsize(path)
        described["sha256"] = files.compute_digest(path)
    return described


def check_free(path: str) -> None:
    """Raises `UserError` if `path` exists and is not an empty directory."""
    if os.path.lexists(path) and (not os.path.isdir(path) or os.listdir(path)):
        raise errors.UserError(
            f"{path} already exists. Give a new or empty directory as the workdir."
        )
