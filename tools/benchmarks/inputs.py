"""Benchmark of the training input: JPEG shards to batches, and its upper limit.

Batches are [B, 224, 224, 3]: finished in float32, or crops in uint8 ("bytes") that a
device finishes.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from tools.benchmarks import fixtures, harness, input_baselines
from tools.benchmarks.harness import Call, Make, Options, Result

_NUM_IMAGES = 1024
# How often a call goes through the images.
_REPEATS = 4
_BYTES = ", bytes"
_OURS_BYTES = f"ours{_BYTES}"
_LIMIT = "decoding alone"
# Batches made while other candidates ran: more than any input here prepares, which is
# two per core (PyTorch).
_UNTIMED = max(8, 2 * (os.cpu_count() or 1) + 4)
# Steps of a stream that no measurement exhausts.
_ENDLESS = 10**9


def measure_input(options: Options) -> Result:
    """JPEG shards to batches, beside decoding alone, tf.data, PyTorch and DALI.

    The limit is the faster of TensorFlow's and libjpeg-turbo's accurate decoders.
    """
    count = options.num_images or _NUM_IMAGES
    with fixtures.temporary_folder() as folder:
        jpeg = options.data_dir or fixtures.make_data(options, folder, count)
        count = min(count, fixtures.count_records(jpeg, "train"))
        raw = fixtures.make_data(options, folder, count, encoding="raw")
        num_batches = max(1, count * _REPEATS // options.batch_size)
        candidates = _list_ours(options, jpeg, raw, num_batches)
        candidates[f"{_LIMIT}, TensorFlow"] = partial(decode_tensorflow, jpeg, count)
        if options.baselines:
            candidates |= _list_baselines(options, jpeg, count, num_batches)
        required = ("ours", _OURS_BYTES, f"{_LIMIT}, TensorFlow")
        answers, notes = harness.take_turns(candidates, options, required)
    rates = {}
    for name, seconds in answers.items():
        is_limit = name.startswith(_LIMIT)
        images = count * _REPEATS if is_limit else num_batches * options.batch_size
        rates[name] = harness.summarize([images / one for one in seconds])
    limit = max(
        rate.median
        for name, rate in rates.items()
        if name.startswith(_LIMIT) and "coarse" not in name
    )
    rows = []
    for name, rate in rates.items():
        ours = rates[_OURS_BYTES if name.endswith(_BYTES) else "ours"].median
        rows.append((name, *rate, rate.median / limit, rate.median / ours))
    if options.data_dir is None:
        notes.append(fixtures.DRAWN)
    notes.append(
        "Ours augments as in section 4.1 and decodes accurately; plain tf.data decodes "
        "with TensorFlow's default, which is coarser. Bytes are uint8 crops that a "
        "device finishes, and are compared with ours of that kind."
    )
    return Result(
        f"training input, batches of {options.batch_size} crops of {options.crop_size}",
        f"input | images/s | spread % | of {_LIMIT} | of ours",
        rows,
        notes,
    )


def _list_ours(
    options: Options, jpeg: str, raw: str, num_batches: int
) -> dict[str, Make]:
    settings = {"batch_size": options.batch_size, "data.crop_size": options.crop_size}
    on_device = {**settings, "data.finish_on": "device"}
    no_shift = {**settings, "data.colour_shift": "none"}
    return {
        "ours": partial(ours, jpeg, num_batches, settings),
        "ours, no colour shift": partial(ours, jpeg, num_batches, no_shift),
        "ours, raw shards": partial(ours, raw, num_batches, settings),
        _OURS_BYTES: partial(ours, jpeg, num_batches, on_device),
        f"ours, raw shards{_BYTES}": partial(ours, raw, num_batches, on_device),
    }


def _list_baselines(
    options: Options, jpeg: str, count: int, num_batches: int
) -> dict[str, Make]:
    result: dict[str, Make] = {
        f"{_LIMIT}, libjpeg-turbo": partial(decode_libjpeg, jpeg, count, False),
        f"{_LIMIT}, libjpeg-turbo, coarse": partial(decode_libjpeg, jpeg, count, True),
    }
    size = (options.batch_size, options.crop_size)
    for (kind, is_finished), (name, stream), (how, decodes_crop) in itertools.product(
        (("", True), (_BYTES, False)),
        (("plain tf.data", input_baselines.plain), ("DALI", input_baselines.dali)),
        (("", False), (", decoding the crop", True)),
    ):
        make_batches = partial(stream, jpeg, *size, decodes_crop, is_finished)
        result[f"{name}{how}{kind}"] = partial(take, make_batches, num_batches)
    make_batches = partial(input_baselines.torch_loader, jpeg, *size)
    result["PyTorch DataLoader, Pillow"] = partial(take, make_batches, num_batches)
    return result


def take(
    make_batches: Callable[[], Iterable[Any]], count: int, untimed: int = _UNTIMED
) -> Call:
    """Times `count` batches of an endless stream, after `untimed` ones."""
    iterator = iter(make_batches())
    next(iterator)

    def advance(steps: int) -> None:
        for _ in range(steps):
            next(iterator)

    def call() -> float:
        advance(untimed)
        return harness.time_call(advance, count)

    return call


def ours(data_dir: str, num_batches: int, settings: dict[str, Any]) -> Call:
    """The training input of `alexnet-train`.

    With `data.finish_on` "device" among the settings: as it arrives at the device.
    """
    from alexnet_tf.config import overrides, schema
    from alexnet_tf.data import directory, iteration, pipeline, training_transform
    from alexnet_tf.devices import precision

    # As in training: it decides how parallel TensorFlow runs.
    precision.set_reproducible(True)
    config = overrides.override(schema.Config(), settings)
    data = directory.open_data(data_dir, config)
    dataset = pipeline.make_training_dataset(data, config, 0, _ENDLESS)
    batches = iteration.iterate(data, dataset)
    if config.data.finish_on != "device":
        finish = training_transform.make_device_part(config.data, data.statistics)
        batches = ((finish(crops), labels) for crops, labels in batches)
    return take(lambda: batches, num_batches)


def decode_tensorflow(data_dir: str, num_images: int) -> Call:
    """TensorFlow's decoder alone, as accurate as ours, on files in memory."""
    import tensorflow as tf

    from alexnet_tf.data import decoding

    records = fixtures.read_encoded(data_dir, num_images)
    dataset = tf.data.Dataset.from_tensor_slices([r.image_bytes for r in records])
    options = tf.data.Options()
    options.deterministic = False
    # Nothing is decoded ahead while another candidate runs.
    options.experimental_optimization.map_and_batch_fusion = False
    options.experimental_optimization.inject_prefetch = False
    # One value per image: nothing is copied, and no decoding is optimized away.
    decoded = (
        dataset.repeat()
        .with_options(options)
        .map(lambda one: decoding.decode_jpeg(one)[0, 0, 0], os.cpu_count() or 1)
    )
    return take(lambda: decoded.batch(len(records)), _REPEATS, untimed=1)


def decode_libjpeg(data_dir: str, num_images: int, fast: bool) -> Call:
    """libjpeg-turbo alone, a thread per core, on files in memory.

    With `fast` it uses coarser arithmetic, which gives different pixels.
    """
    import simplejpeg

    records = fixtures.read_encoded(data_dir, num_images) * _REPEATS

    def decode(number: int) -> None:
        data = records[number].image_bytes
        simplejpeg.decode_jpeg(data, fastdct=fast, fastupsample=fast)

    return harness.share_work(decode, len(records))
