"""What a trained network is asked: ours, and what bounds it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

Call = Callable[[], Any]


def evaluation(workdir: str, data_dir: str, batch_size: int, num_views: int) -> Call:
    """`alexnet-evaluate`'s pass over the validation split, input included."""
    from alexnet_tf.data import directory, evaluation_views
    from alexnet_tf.evaluation import evaluate

    eval_step = _make_eval_step(workdir)
    data, config = _open(workdir, data_dir, batch_size)
    make_views = evaluation_views.compile_view_transform(
        config.data, data.statistics, num_views
    )

    def call() -> None:
        evaluate.evaluate(
            eval_step, data, config, "validation", num_views, make_views=make_views
        )

    assert isinstance(data, directory.DataDirectory)
    return call


def evaluation_input(
    workdir: str, data_dir: str, batch_size: int, num_views: int
) -> Call:
    """The same split's views alone."""
    from alexnet_tf.data import evaluation_views, iteration, pipeline

    data, config = _open(workdir, data_dir, batch_size)
    make_views = evaluation_views.compile_view_transform(
        config.data, data.statistics, num_views
    )

    def call() -> None:
        dataset = pipeline.make_evaluation_dataset(
            data, config, "validation", num_views
        )
        for images, _, _ in iteration.iterate(data, dataset):
            make_views(images)

    return call


def forward(workdir: str, num_images: int, batch_size: int, num_views: int) -> Call:
    """The evaluation step alone, on views that lie ready, for as many images."""
    import tensorflow as tf

    eval_step = _make_eval_step(workdir)
    num_batches, views, labels = _make_views(
        tf, workdir, num_images, batch_size, num_views
    )
    # The last batch is as small as the split's.
    rest = num_images - (num_batches - 1) * len(labels)

    def call() -> None:
        for _ in range(num_batches - 1):
            eval_step(views, labels)
        eval_step(views[:rest], labels[:rest]).losses.numpy()

    return call


def exported(export_dir: str, paths: list[str], batch_size: int) -> Call:
    """A SavedModel that is asked for images, one at a time and in batches.

    The call returns `{"bytes": seconds of each image from its bytes, "pixels": of
    each from its pixels, "batch": of a batch from its pixels}`.
    """
    import tensorflow as tf

    from alexnet_tf.export import exported

    loaded = tf.saved_model.load(exported.find_version(export_dir))
    from_bytes = loaded.signatures["serving_default"]
    from_pixels = loaded.signatures["pixels"]
    size = from_pixels.structured_input_signature[1]["images"].shape[1]
    encoded = read_files(paths)
    pixels = make_pixels(encoded, size)

    def ask_bytes(number: int) -> None:
        answer = from_bytes(image_bytes=tf.constant(encoded[number : number + 1]))
        answer["probabilities"].numpy()

    def ask_pixels(images: np.ndarray) -> None:
        from_pixels(images=tf.constant(images))["probabilities"].numpy()

    call = make_asking(ask_bytes, ask_pixels, pixels, batch_size)
    # The signatures live as long as what was loaded.
    call.loaded = loaded  # type: ignore[attr-defined]
    return call


def make_asking(
    ask_bytes: Callable[[int], None],
    ask_pixels: Callable[[np.ndarray], None],
    pixels: np.ndarray,
    batch_size: int,
) -> Call:
    """The call that `exported` describes.

    Args:
      ask_bytes: asks for image 0..N-1 from its bytes.
      ask_pixels: asks for uint8 [n, crop, crop, 3] as float32.
      pixels: float32 [N, crop, crop, 3].
      batch_size: of the batch; the images are repeated to it.
    """
    count = len(pixels)
    batch = pixels[np.arange(batch_size) % count]

    def call() -> dict[str, list[float]]:
        return {
            "bytes": [measure_seconds(ask_bytes, n) for n in range(count)],
            "pixels": [
                measure_seconds(ask_pixels, pixels[n : n + 1]) for n in range(count)
            ],
            "batch": [measure_seconds(ask_pixels, batch)],
        }

    return call


def measure_seconds(function: Callable[..., Any], *arguments: Any) -> float:
    """How long a call takes."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def read_files(paths: list[str]) -> list[bytes]:
    """The contents of files."""
    contents = []
    for path in paths:
        with open(path, "rb") as file:
            contents.append(file.read())
    return contents


def make_pixels(encoded: list[bytes], size: int) -> np.ndarray:
    """The centre views of encoded images: float32 [N, size, size, 3], 0..255."""
    from tfrecords.images import decoder, resize

    views = []
    for data in encoded:
        image = decoder.decode_pixels(data, apply_orientation=False)
        square = resize.resize_and_crop(image)
        first = (square.shape[0] - size) // 2
        views.append(square[first : first + size, first : first + size])
    return np.stack(views).astype(np.float32)


def _make_eval_step(workdir: str) -> Any:
    from alexnet_tf.evaluation import forward
    from alexnet_tf.runs import trained_network

    return forward.make_eval_step(trained_network.load(workdir, fastest=True).model)


def _open(workdir: str, data_dir: str, batch_size: int) -> tuple[Any, Any]:
    from alexnet_tf.config import overrides
    from alexnet_tf.evaluation import evaluate

    data, config = evaluate.open_run_data(workdir, data_dir)
    return data, overrides.override(config, {"eval_batch_size": batch_size})


def _make_views(
    tf: Any, workdir: str, num_images: int, batch_size: int, num_views: int
) -> tuple[int, Any, Any]:
    from alexnet_tf.runs import run_record

    crop = run_record.read_config(workdir).data.crop_size
    batch = max(1, batch_size // num_views)
    views = 60.0 * tf.random.stateless_normal([batch, num_views, crop, crop, 3], (0, 0))
    return -(-num_images // batch), views, tf.zeros([batch], tf.int32)
