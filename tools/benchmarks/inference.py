"""Benchmarks of a trained network: ten-view evaluation, and classifying images."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from tools.benchmarks import conversion, fixtures, harness, torch_network, training
from tools.benchmarks.harness import Call, Make, Options, Result

_NUM_EVALUATED = 240
_NUM_CLASSIFIED = 40
_NUM_VIEWS = 10
_OURS = "ours, SavedModel"
_FORWARD = "the forward pass alone"
_UNTRAINED = "The network has seen one step: the time does not depend on the weights."
_PYTORCH = {
    "PyTorch, eager": ("eager", False),
    "PyTorch, channels last": ("eager", True),
    "PyTorch, TorchScript": ("jit", True),
    "PyTorch, compiled": ("compiled", True),
}


def measure_evaluation(options: Options) -> Result:
    """Ten views of every image, beside the forward pass alone."""
    count = options.num_images or _NUM_EVALUATED
    with fixtures.temporary_folder() as folder:
        data_dir = fixtures.make_data(options, folder, 20, count)
        run = fixtures.make_run(options, data_dir, folder)
        count = fixtures.count_records(data_dir, "validation")
        candidates: dict[str, Make] = {
            "ours, from shards": partial(evaluate, run, data_dir, options.batch_size),
            _FORWARD: partial(forward, run, count, options.batch_size),
            "the views alone": partial(make_views, run, data_dir, options.batch_size),
        }
        answers, notes = harness.take_turns(candidates, options, [_FORWARD])
    rates = harness.get_rates(answers, count)
    limit = rates[_FORWARD].median
    rows = [
        (name, rate.median, _NUM_VIEWS * rate.median, rate.spread, rate.median / limit)
        for name, rate in rates.items()
    ]
    if options.data_dir is None:
        notes.append(fixtures.DRAWN)
    return Result(
        f"ten-view evaluation of {count:,} images, {options.precision}, "
        f"{options.batch_size} views at a time",
        "evaluation | images/s | views/s | spread % | of the forward pass",
        rows,
        [*notes, _UNTRAINED],
    )


def measure_prediction(options: Options) -> Result:
    """An export's time for one image and for a batch, beside PyTorch."""
    count = options.num_images or _NUM_CLASSIFIED
    with fixtures.temporary_folder() as folder:
        paths = fixtures.get_photographs(options.source_dir, folder, count)
        files = [pathlib.Path(path).read_bytes() for path in paths]
        export_dir = options.export_dir
        if export_dir is None:
            data_dir = fixtures.make_data(options, folder, 20)
            run = fixtures.make_run(options, data_dir, folder)
            export_dir = fixtures.make_export(run, folder)
        record = _read_record(export_dir)
        precision = record["config"]["precision"]
        candidates: dict[str, Make] = {
            _OURS: partial(classify, export_dir, files, options.batch_size)
        }
        if options.baselines and is_paper_size(record):
            shared = (files, options.batch_size, precision, len(record["classes"]))
            for name, how in _PYTORCH.items():
                candidates[name] = partial(classify_with_torch, *shared, *how)
        answers, notes = harness.take_turns(candidates, options, [_OURS])
    if options.baselines and not is_paper_size(record):
        notes.append(training.NO_PYTORCH)
    notes.append(
        f"{len(files)} images in each of {options.rounds} rounds. From bytes: with "
        "decoding, resizing and cropping, by TensorFlow in ours, by Pillow in "
        "PyTorch's."
    )
    if options.export_dir is None:
        notes.append(_UNTRAINED)
    return Result(
        f"classifying images, {precision}, batches of {options.batch_size}",
        "network | bytes p50 ms | p99 ms | pixels p50 ms | pixels p99 ms | "
        "batch images/s | spread %",
        [
            (name, *summarize_answers(rounds, options.batch_size))
            for name, rounds in answers.items()
        ],
        notes,
    )


def summarize_answers(
    rounds: Sequence[Mapping[str, Sequence[float]]], batch_size: int
) -> tuple[float, ...]:
    """A row of the table, from what `time_answers` returned.

    50th and 99th percentile for an image from bytes, the same from pixels, in
    milliseconds; the median rate of batches in images per second, and its spread.
    """
    row = []
    for kind in ("bytes", "pixels"):
        seconds = np.concatenate([answer[kind] for answer in rounds])
        row += [1e3 * float(value) for value in np.percentile(seconds, [50, 99])]
    batches = harness.summarize([s for answer in rounds for s in answer["batch"]])
    return *row, batch_size / batches.median, batches.spread


def is_paper_size(record: Mapping[str, Any]) -> bool:
    """Whether an exported network is as large as the paper's."""
    config = record["config"]
    return config["model.width"] == 1 and config["data.crop_size"] == 224


def _read_record(export_dir: str) -> dict[str, Any]:
    from alexnet_tf.export import exported

    path = os.path.join(exported.find_version(export_dir), exported.RECORD_NAME)
    return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))


def evaluate(workdir: str, data_dir: str, batch_size: int) -> Call:
    """The pass of `alexnet-evaluate` over the validation split, with its input."""
    from alexnet_tf.evaluation import evaluate

    step = _make_eval_step(workdir)
    data, config, make_views = _open(workdir, data_dir, batch_size)

    def call() -> None:
        evaluate.evaluate(
            step, data, config, "validation", _NUM_VIEWS, make_views=make_views
        )

    return call


def make_views(workdir: str, data_dir: str, batch_size: int) -> Call:
    """The views of the validation split alone."""
    from alexnet_tf.data import iteration, pipeline

    data, config, make_views = _open(workdir, data_dir, batch_size)

    def call() -> None:
        dataset = pipeline.make_evaluation_dataset(
            data, config, "validation", _NUM_VIEWS
        )
        for images, _, _ in iteration.iterate(data, dataset):
            make_views(images)

    return call


def forward(workdir: str, num_images: int, batch_size: int) -> Call:
    """The evaluation step alone, for as many images, on views in memory."""
    import tensorflow as tf

    from alexnet_tf.runs import run_record

    step = _make_eval_step(workdir)
    crop = run_record.read_config(workdir).data.crop_size
    batch = max(1, batch_size // _NUM_VIEWS)
    shape = [batch, _NUM_VIEWS, crop, crop, 3]
    views = 60.0 * tf.random.stateless_normal(shape, (0, 0))
    labels = tf.zeros([batch], tf.int32)
    # The last batch is as small as the split's.
    num_batches = -(-num_images // batch)
    rest = num_images - (num_batches - 1) * batch

    def call() -> None:
        for _ in range(num_batches - 1):
            step(views, labels)
        step(views[:rest], labels[:rest]).losses.numpy()

    return call


def _make_eval_step(workdir: str) -> Any:
    from alexnet_tf.evaluation import forward
    from alexnet_tf.runs import trained_network

    return forward.make_eval_step(trained_network.load(workdir, fastest=True).model)


def _open(workdir: str, data_dir: str, batch_size: int) -> tuple[Any, Any, Any]:
    from alexnet_tf.config import overrides
    from alexnet_tf.data import evaluation_views
    from alexnet_tf.evaluation import evaluate

    data, config = evaluate.open_run_data(workdir, data_dir)
    config = overrides.override(config, {"eval_batch_size": batch_size})
    compile_views = evaluation_views.compile_view_transform
    return data, config, compile_views(config.data, data.statistics, _NUM_VIEWS)


def classify(export_dir: str, files: list[bytes], batch_size: int) -> Call:
    """A SavedModel classifies images; see `time_answers`."""
    import tensorflow as tf

    from alexnet_tf.export import exported

    # The signatures live only as long as `loaded`.
    loaded = tf.saved_model.load(exported.find_version(export_dir))
    inputs = loaded.signatures["pixels"].structured_input_signature[1]

    def answer(signature: str, **images: tf.Tensor) -> None:
        loaded.signatures[signature](**images)["probabilities"].numpy()

    return time_answers(
        lambda file: answer("serving_default", image_bytes=tf.constant([file])),
        lambda images: answer("pixels", images=tf.constant(images)),
        files,
        inputs["images"].shape[1],
        batch_size,
    )


def classify_with_torch(
    files: list[bytes],
    batch_size: int,
    precision: str,
    num_classes: int,
    how: str,
    channels_last: bool,
) -> Call:
    """The same network in PyTorch: "eager", "jit" (traced, frozen) or "compiled"."""
    import torch

    size = 224
    layout = torch.channels_last if channels_last else torch.contiguous_format
    mean = torch.tensor([123.0, 117.0, 104.0]).reshape(1, 3, 1, 1)
    # Weights are cast once; autocast would cast them for every image.
    dtype = torch.bfloat16 if precision == "mixed_bfloat16" else torch.float32
    network = torch_network.build_network(num_classes).eval()
    network = network.to(dtype, memory_format=layout)
    with torch.inference_mode():
        forward = network
        if how == "compiled":
            # Each batch size gets its own kernels.
            forward = torch.compile(network, dynamic=False)
        elif how == "jit":
            example = torch.zeros(1, 3, size, size, dtype=dtype)
            example = example.contiguous(memory_format=layout)
            forward = torch.jit.freeze(torch.jit.trace(network, example))

    def classify_pixels(images: np.ndarray) -> None:
        with torch.inference_mode():
            x = (torch.from_numpy(images).permute(0, 3, 1, 2) - mean).to(dtype)
            logits = forward(x.contiguous(memory_format=layout))
            torch.softmax(logits.float(), 1).numpy()

    return time_answers(
        lambda file: classify_pixels(read_view(file, size)),
        classify_pixels,
        files,
        size,
        batch_size,
    )


def read_view(data: bytes, size: int) -> np.ndarray:
    """A JPEG's centre view, as Pillow makes it: float32 [1, size, size, 3]."""
    return np.asarray(conversion.resize_centre(data, size), np.float32)[np.newaxis]


def time_answers(
    classify_bytes: Callable[[bytes], None],
    classify_pixels: Callable[[np.ndarray], None],
    files: Sequence[bytes],
    size: int,
    batch_size: int,
) -> Call:
    """Times a network on JPEG files, and on pixels: float32 [N, size, size, 3], 0..255.

    A call returns lists of seconds: of each image from its `bytes`, of each from
    `pixels`, and of one `batch` from pixels.
    """
    shape = (batch_size, size, size, 3)
    batch = np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32)

    def call() -> dict[str, list[float]]:
        return {
            "bytes": [harness.time_call(classify_bytes, file) for file in files],
            "pixels": [harness.time_call(classify_pixels, batch[:1]) for _ in files],
            "batch": [harness.time_call(classify_pixels, batch)],
        }

    return call
