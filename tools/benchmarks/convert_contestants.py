"""From images to shards of 256x256: ours, pools of processes, and limits.

All of them follow one rule: shorter side to 256, centre square, JPEG of quality 95.
"""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent import futures
from typing import Any

import numpy as np
from PIL import Image

from tfrecords.shards import record_file, schema

Call = Callable[[], float | None]

_SIZE = 256
_QUALITY = 95
_PER_SHARD = 100


def shrink_with_pillow(data: bytes) -> bytes:
    """A JPEG's bytes to those of its 256x256, by one call of Pillow's resize."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    side = min(image.size)
    left, top = ((length - side) / 2 for length in image.size)
    image = image.resize(
        (_SIZE, _SIZE),
        Image.Resampling.BICUBIC,
        (left, top, left + side, top + side),
    )
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=_QUALITY)
    return stream.getvalue()


def shrink_with_opencv(data: bytes) -> bytes:
    """The same by OpenCV, whose JPEG library is libjpeg-turbo; averages areas."""
    import cv2

    # A thread or a process for every core is there already.
    cv2.setNumThreads(1)
    image: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = image[top : top + side, left : left + side]
    small = cv2.resize(square, (_SIZE, _SIZE), interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return encoded.tobytes()


def ours(
    source_dir: str, num_workers: int | None = None, resizing: str = "bicubic"
) -> Call:
    """`alexnet-convert` of a folder of classes, on all cores or by fewer processes."""
    from tfrecords.conversion import convert, plan
    from tfrecords.sources import folder

    def write(data_dir: str) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            convert.convert(
                folder.open_folder(source_dir, validation_fraction=None, seed=0),
                data_dir,
                plan.ConvertSettings(resizing=resizing),
                num_workers,
            )

    return _time_writing(write)


def ours_as_authors(source_dir: str) -> Call:
    """`alexnet-convert --resizing=authors`, on all cores."""
    return ours(source_dir, resizing="authors")


def pillow_pool(source_dir: str) -> Call:
    """A process for every core reads, shrinks and writes shards; nothing is checked."""
    return _make_pool(source_dir, shrink_with_pillow)


def opencv_pool(source_dir: str) -> Call:
    """The same with OpenCV."""
    return _make_pool(source_dir, shrink_with_opencv)


def _make_pool(source_dir: str, shrink: Callable[[bytes], bytes]) -> Call:
    paths = list_images(source_dir)
    parts = [paths[i : i + _PER_SHARD] for i in range(0, len(paths), _PER_SHARD)]

    def write(data_dir: str) -> None:
        tasks = [
            (
                os.path.join(data_dir, schema.make_shard_name("train", i, len(parts))),
                part,
                shrink,
            )
            for i, part in enumerate(parts)
        ]
        with multiprocessing.Pool(os.cpu_count()) as pool:
            pool.starmap(write_shard, tasks, chunksize=1)

    return _time_writing(write)


def write_shard(shard: str, paths: list[str], shrink: Callable[[bytes], bytes]) -> None:
    """Shrinks images and writes them as records of one class."""
    with open(shard, "wb") as file:
        for path in paths:
            with open(path, "rb") as image:
                encoded = shrink(image.read())
            record = schema.encode_image(
                encoded=encoded,
                image_format=schema.FORMAT_JPEG,
                label=0,
                synset="class",
                text="class",
                filename=os.path.basename(path),
                height=_SIZE,
                width=_SIZE,
            )
            file.write(record_file.frame(record))


def pillow_alone(source_dir: str, num_distinct: int) -> Call:
    """Pillow's decoder, resize and encoder only; see `_shrink_alone`."""
    return _shrink_alone(source_dir, num_distinct, shrink_with_pillow)


def opencv_alone(source_dir: str, num_distinct: int) -> Call:
    """OpenCV's decoder, resize and encoder only; see `_shrink_alone`."""
    return _shrink_alone(source_dir, num_distinct, shrink_with_opencv)


def _shrink_alone(
    source_dir: str, num_distinct: int, shrink: Callable[[bytes], bytes]
) -> Call:
    # From and to memory, a thread for every core; the first images are held and
    # repeated until they are as many as the folder's.
    paths = list_images(source_dir)
    held = []
    for path in paths[:num_distinct]:
        with open(path, "rb") as file:
            held.append(file.read())
    threads = os.cpu_count() or 1
    pool = futures.ThreadPoolExecutor(threads)

    def work(first: int) -> None:
        for number in range(first, len(paths), threads):
            shrink(held[number % len(held)])

    def call() -> None:
        list(pool.map(work, range(threads)))

    return call


def list_images(source_dir: str) -> list[str]:
    """The images of a folder of classes, sorted."""
    return sorted(
        os.path.join(source_dir, name, file)
        for name in os.listdir(source_dir)
        for file in os.listdir(os.path.join(source_dir, name))
    )


def _time_writing(write: Callable[[str], None]) -> Call:
    # The seconds of writing a new directory, without its removal.
    def call() -> float:
        parent = tempfile.mkdtemp(prefix="alexnet-benchmark-")
        data_dir = os.path.join(parent, "data")
        os.mkdir(data_dir)
        try:
            start = time.perf_counter()
            write(data_dir)
            return time.perf_counter() - start
        finally:
            shutil.rmtree(parent)

    return call
