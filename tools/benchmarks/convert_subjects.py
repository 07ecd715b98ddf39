"""The conversion: its speed beside Pillow's and the codecs' alone, and its memory."""

from __future__ import annotations

import os
import shutil

from PIL import Image

from tools.benchmarks import contest, materials, processes
from tools.benchmarks.contest import Factory, Options
from tools.benchmarks.report import Result

_NUM_IMAGES = 5000
# What is drawn, or taken from a folder; it repeats.
_NUM_DISTINCT = 250
_ARCHIVE_SIZES = (1_000, 10_000, 100_000)
_SMALL = (64, 48)
_NUM_SMALL = 20


def measure_conversion(options: Options) -> Result:
    """Images per second from a folder to shards, on all cores."""
    count = options.num_images or _NUM_IMAGES
    with materials.temporary_folder() as folder:
        distinct = _prepare(options, folder, min(count, _NUM_DISTINCT))
        source_dir = link_images(distinct, os.path.join(folder, "source"), count)
        alone = {"source_dir": source_dir, "num_distinct": len(distinct)}
        factories: dict[str, Factory] = {
            "ours": ("convert_contestants:ours", {"source_dir": source_dir}),
            "codecs alone, Pillow": (
                "convert_contestants:pillow_alone",
                alone,
            ),
        }
        if options.with_peers:
            # With what peers bring.
            factories["ours, as the authors resize"] = (
                "convert_contestants:ours_as_authors",
                {"source_dir": source_dir},
            )
            factories["Pillow in a process pool"] = (
                "convert_contestants:pillow_pool",
                {"source_dir": source_dir},
            )
            factories["OpenCV in a process pool"] = (
                "convert_contestants:opencv_pool",
                {"source_dir": source_dir},
            )
            factories["codecs alone, OpenCV"] = (
                "convert_contestants:opencv_alone",
                alone,
            )
        timings, notes = contest.measure(factories, options)
        with Image.open(distinct[0]) as first:
            size = f"{first.width}x{first.height}"
    contest.require(timings, ["ours", "codecs alone, Pillow"], notes)
    rates = {name: count / timing.median for name, timing in timings.items()}
    limit = max(rate for name, rate in rates.items() if name.startswith("codecs"))
    rows = [
        (name, rate, 100 * timings[name].spread, rate / limit, rate / rates["ours"])
        for name, rate in rates.items()
    ]
    if options.source_dir is None:
        notes.append("The images are drawn ones: give --source_dir for yours.")
    notes.append(
        "Ours also lists the folder, checks every image, gathers the mean and the "
        "covariance, sums the shards, and waits until the disk has them; the pools "
        "write records and no more, the codecs nothing. OpenCV's filter, and the "
        "authors', is another: it averages areas, OpenCV's of the square alone."
    )
    return Result(
        f"conversion of {count:,} images, {len(distinct)} repeated, the first of "
        f"{size}",
        ("conversion", "images/s", "spread %", "of codecs alone", "of ours"),
        rows,
        ("{}", "{:.0f}", "{:.0f}", "{:.2f}", "{:.2f}"),
        notes,
    )


def measure_conversion_memory(options: Options) -> Result:
    """The conversion's memory as the archive grows: small images, all cores."""
    sizes = [n for n in _ARCHIVE_SIZES if n <= options.max_images]
    rows = []
    for count in sizes or [options.max_images]:
        with materials.temporary_folder() as folder:
            drawn = materials.draw_photographs(folder, _NUM_SMALL, _SMALL)
            source_dir = link_images(drawn, os.path.join(folder, "source"), count)
            usage = convert_watched(source_dir, os.path.join(folder, "data"))
        rows.append(
            (
                count,
                usage.peak_bytes / 1e6,
                usage.largest_bytes / 1e6,
                usage.peak_bytes / count / 1e3,
                count / usage.seconds,
            )
        )
    return Result(
        f"memory of a conversion, {os.cpu_count()} processes at work, images of "
        f"{_SMALL[0]}x{_SMALL[1]}",
        ("images", "peak MB", "largest process MB", "kB an image", "images/s"),
        rows,
        ("{:,}", "{:.0f}", "{:.0f}", "{:.2f}", "{:.0f}"),
        [
            "Resident sets of all processes, one run each, looked at 20 times a "
            "second; what processes share counts once for each."
        ],
    )


def convert_watched(source_dir: str, data_dir: str) -> processes.Usage:
    """Converts a folder by the command and watches what it needs."""
    return processes.watch(
        processes.make_command(
            "tfrecords.commands.convert",
            "--source=folder",
            f"--source_dir={source_dir}",
            f"--data_dir={data_dir}",
        )
    )


def link_images(paths: list[str], folder: str, count: int) -> str:
    """A folder of one class with `count` images: hard links to `paths`, repeated.

    Returns:
      The folder. `paths` must lie on its disk.
    """
    class_dir = os.path.join(folder, "class")
    os.makedirs(class_dir)
    for number in range(count):
        # Repetitions lie apart: sorted by name, the images take turns.
        os.link(
            paths[number % len(paths)], os.path.join(class_dir, f"{number:07d}.jpg")
        )
    return folder


def _prepare(options: Options, folder: str, count: int) -> list[str]:
    """The distinct images, in `folder`."""
    if options.source_dir is None:
        return materials.draw_photographs(folder, count)
    found = materials.find_photographs(options.source_dir, count)
    copies = []
    for number, path in enumerate(found):
        copies.append(os.path.join(folder, f"{number:05d}.jpg"))
        shutil.copyfile(path, copies[-1])
    return copies
