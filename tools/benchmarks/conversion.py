"""Benchmarks of the conversion: its speed and its memory.

All candidates make the same 256x256 images: shorter side to 256, centre square, JPEG of
quality 95.
"""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
import pathlib
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from tfrecords.shards import record_file, schema
from tools.benchmarks import fixtures, harness, processes
from tools.benchmarks.harness import Call, Make, Options, Result

_NUM_IMAGES = 5000
# Different images among them.
_NUM_DISTINCT = 250
SMALL = (64, 48)
NUM_SMALL = 20

_SIZE = 256
_QUALITY = 95
_PER_SHARD = 100
_CODECS = "codecs alone"
_PILLOW = f"{_CODECS}, Pillow"
_OPENCV = f"{_CODECS}, OpenCV"


def measure_conversion(options: Options) -> Result:
    """Images to shards, beside Pillow and OpenCV in a pool and the codecs alone."""
    count = options.num_images or _NUM_IMAGES
    with fixtures.temporary_folder() as folder:
        num_distinct = min(count, _NUM_DISTINCT)
        paths = fixtures.get_photographs(options.source_dir, folder, num_distinct)
        source_dir = fixtures.link_images(paths, os.path.join(folder, "source"), count)
        candidates: dict[str, Make] = {
            "ours": partial(convert_folder, source_dir),
            _PILLOW: partial(shrink_alone, paths, count, shrink_with_pillow),
        }
        if options.baselines:
            pool = partial(convert_in_pool, source_dir)
            candidates |= {
                # Needs simplejpeg and OpenCV.
                "ours, as the authors resize": partial(
                    convert_folder, source_dir, resizing="authors"
                ),
                "Pillow in a process pool": partial(pool, shrink_with_pillow),
                "OpenCV in a process pool": partial(pool, shrink_with_opencv),
                _OPENCV: partial(shrink_alone, paths, count, shrink_with_opencv),
            }
        answers, notes = harness.take_turns(candidates, options, ["ours", _PILLOW])
        with Image.open(paths[0]) as first:
            size = f"{first.width}x{first.height}"
    rates = harness.get_rates(answers, count)
    limit = max(r.median for name, r in rates.items() if name.startswith(_CODECS))
    ours = rates["ours"].median
    rows = [(name, *r, r.median / limit, r.median / ours) for name, r in rates.items()]
    if options.source_dir is None:
        notes.append("The images are drawn: pass --source_dir for yours.")
    notes.append(
        "Ours also lists the folder, checks every image, computes mean and covariance, "
        "checksums the shards and waits until they are on disk. The pools only write "
        "records, the codecs nothing. OpenCV and the authors' method average areas, "
        "OpenCV those of the square alone."
    )
    return Result(
        f"conversion of {count:,} images, {len(paths)} repeated, the first of {size}",
        f"conversion | images/s | spread % | of {_CODECS} | of ours",
        rows,
        notes,
    )


def measure_conversion_memory(options: Options) -> Result:
    """The conversion's memory as the archive grows."""
    rows = []
    for count in list_sizes(options.max_images):
        with fixtures.temporary_folder() as folder:
            paths = fixtures.draw_photographs(folder, NUM_SMALL, SMALL)
            source = fixtures.link_images(paths, os.path.join(folder, "source"), count)
            command = processes.make_command(
                "tfrecords.commands.convert",
                "--source=folder",
                f"--source_dir={source}",
                f"--data_dir={os.path.join(folder, 'data')}",
            )
            usage = processes.watch(command)
        peak, largest = usage.peak_bytes / 1e6, usage.largest_bytes / 1e6
        rows.append((count, peak, largest, 1e3 * peak / count, count / usage.seconds))
    return Result(
        f"memory of a conversion, {os.cpu_count()} processes at work, images of "
        f"{SMALL[0]}x{SMALL[1]}",
        "images | peak MB | largest process MB | kB an image | images/s",
        rows,
        [
            "Resident sets of all processes in one run each, sampled 20 times a "
            "second; shared pages count once per process."
        ],
    )


def list_sizes(max_images: int) -> list[int]:
    """Numbers of images to convert, up to `max_images`."""
    sizes = [size for size in (1_000, 10_000, 100_000) if size <= max_images]
    return sizes or [max_images]


def convert_folder(
    source_dir: str, num_workers: int | None = None, resizing: str = "bicubic"
) -> Call:
    """`alexnet-convert` of a folder of classes, by default on all cores."""
    from tfrecords.conversion import convert, plan
    from tfrecords.sources import folder

    settings = plan.ConvertSettings(resizing=resizing)

    def write(data_dir: str) -> None:
        source = folder.open_folder(source_dir, validation_fraction=None, seed=0)
        with contextlib.redirect_stdout(io.StringIO()):
            convert.convert(source, data_dir, settings, num_workers)

    return partial(_time_writing, write)


def convert_in_pool(source_dir: str, shrink: Callable[[bytes], bytes]) -> Call:
    """A process per core reads images, shrinks them and writes shards; no checks."""
    paths = list_images(source_dir)
    parts = [paths[i : i + _PER_SHARD] for i in range(0, len(paths), _PER_SHARD)]
    shards = [schema.make_shard_name("train", i, len(parts)) for i in range(len(parts))]
    # A missing package is reported before anything is timed.
    shrink(_read(paths[0]))

    def write(data_dir: str) -> None:
        targets = [os.path.join(data_dir, shard) for shard in shards]
        with multiprocessing.Pool(os.cpu_count()) as pool:
            tasks = zip(targets, parts, strict=True)
            pool.starmap(partial(write_shard, shrink), tasks, chunksize=1)

    return partial(_time_writing, write)


def write_shard(
    shrink: Callable[[bytes], bytes], shard: str, paths: Iterable[str]
) -> None:
    """Shrinks images and writes them as records of one class."""
    with open(shard, "wb") as file:
        for path in paths:
            record = schema.encode_image(
                encoded=shrink(_read(path)),
                image_format=schema.FORMATS["jpeg"],
                label=0,
                synset="class",
                text="class",
                filename=os.path.basename(path),
                height=_SIZE,
                width=_SIZE,
            )
            file.write(record_file.frame(record))


def shrink_alone(
    paths: list[str], count: int, shrink: Callable[[bytes], bytes]
) -> Call:
    """Shrinks `count` images, `paths` repeated, in memory, with a thread per core."""
    encoded = [_read(path) for path in paths]
    shrink(encoded[0])
    return harness.share_work(
        lambda number: shrink(encoded[number % len(encoded)]), count
    )


def shrink_with_pillow(data: bytes) -> bytes:
    """Shrinks a JPEG file with Pillow."""
    stream = io.BytesIO()
    resize_centre(data, _SIZE).save(stream, "JPEG", quality=_QUALITY)
    return stream.getvalue()


def resize_centre(data: bytes, size: int) -> Image.Image:
    """The centre square of a JPEG whose shorter side is resized to 256.

    It takes one resize of Pillow's, bicubic.
    """
    image = Image.open(io.BytesIO(data)).convert("RGB")
    side = min(image.size) * size / _SIZE
    left, top = ((length - side) / 2 for length in image.size)
    box = (left, top, left + side, top + side)
    return image.resize((size, size), Image.Resampling.BICUBIC, box)


def shrink_with_opencv(data: bytes) -> bytes:
    """Shrinks a JPEG file with OpenCV, which uses libjpeg-turbo and averages areas."""
    import cv2

    # The candidates have a thread or a process per core.
    cv2.setNumThreads(1)
    image: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = image[top : top + side, left : left + side]
    small = cv2.resize(square, (_SIZE, _SIZE), interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return encoded.tobytes()


def list_images(source_dir: str) -> list[str]:
    """The images of a folder of classes, sorted."""
    return sorted(map(str, pathlib.Path(source_dir).glob("*/*")))


def _read(path: str) -> bytes:
    return pathlib.Path(path).read_bytes()


def _time_writing(write: Callable[[str], None]) -> float:
    # The seconds of writing a new directory, without its removal.
    with fixtures.temporary_folder() as folder:
        data_dir = os.path.join(folder, "data")
        os.mkdir(data_dir)
        return harness.time_call(write, data_dir)
