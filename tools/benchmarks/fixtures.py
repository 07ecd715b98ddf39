"""What benchmarks work on: data directories, images, runs and exports.

Without data of the user's, images are drawn. They are as large as ImageNet's but
smoother than photographs, so they decode faster, here and in every baseline.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import tempfile
from collections.abc import Mapping

from PIL import Image

from tfrecords import errors
from tfrecords.conversion import convert, plan
from tfrecords.durable import files
from tfrecords.images import decoder
from tfrecords.shards import manifest, record_file, record_index, record_reader, schema
from tfrecords.sources import Source, stored
from tfrecords.sources.sample import sample_source
from tools.benchmarks import harness, processes

DRAWN = "The images are drawn and smoother than photographs: pass --data_dir for yours."
_NUM_CLASSES = 20
_NEVER = 1_000_000


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder that exists inside a `with` block, on the disk of TMPDIR."""
    return tempfile.TemporaryDirectory(prefix="alexnet-benchmark-")


def make_data(
    options: harness.Options,
    folder: str,
    num_train: int,
    num_validation: int = 0,
    encoding: str = "jpeg",
) -> str:
    """Makes a data directory in `folder`: --data_dir's first images, or drawn ones.

    The numbers of drawn images are rounded up to the next twenty.
    """
    source: Source
    if options.data_dir is None:
        counts = (-(-count // _NUM_CLASSES) for count in (num_train, num_validation))
        source = sample_source.open_sample(*counts)
    else:
        wanted = {"train": num_train, "validation": num_validation}
        source = open_shards(options.data_dir, wanted)
    path = os.path.join(folder, encoding)
    with contextlib.redirect_stdout(io.StringIO()):  # The converter's summary.
        convert.convert(source, path, plan.ConvertSettings(encoding=encoding))
    return path


def open_shards(data_dir: str, wanted: dict[str, int]) -> stored.StoredImages:
    """The first images of JPEG shards as a source, at most `wanted` of each split."""
    info = manifest.read_manifest(data_dir)
    containers: list[str] = []
    splits = {}
    for split, count in wanted.items():
        if split not in info.splits or not count:
            continue
        index = record_index.read_index(data_dir, info, split)
        builder = stored.TableBuilder()
        with contextlib.closing(record_reader.RecordReader(index)) as reader:
            for row in range(min(count, index.num_records)):
                serialized = reader.read(row)
                image = schema.decode_record(serialized)
                start = int(index.offset[row]) + record_file.HEADER_BYTES
                builder.add(
                    [f"{row:08d}.JPEG".encode()],
                    [image.label - info.label_offset],
                    len(containers) + int(index.shard[row]),
                    [start + serialized.index(image.image_bytes)],
                    [len(image.image_bytes)],
                )
        containers += index.paths
        splits[split] = builder.build()
    return stored.StoredImages(
        name="shards",
        containers=tuple(containers),
        classes=info.classes,
        splits=splits,
        settings=dict(wanted),
    )


def count_records(data_dir: str, split: str) -> int:
    """How many images a split of a data directory has."""
    return manifest.read_manifest(data_dir).get_split(split).num_records


def count_classes(data_dir: str) -> int:
    """How many classes a data directory has."""
    return manifest.read_manifest(data_dir).num_classes


def read_index(data_dir: str) -> tuple[manifest.Manifest, record_index.RecordIndex]:
    """The manifest of shards, and the index of their training split."""
    info = manifest.read_manifest(data_dir)
    return info, record_index.read_index(data_dir, info, "train")


def read_encoded(data_dir: str, count: int) -> list[schema.ImageRecord]:
    """The first training records of JPEG shards, `count` at most."""
    _, index = read_index(data_dir)
    with contextlib.closing(record_reader.RecordReader(index)) as reader:
        rows = range(min(count, index.num_records))
        return [schema.decode_record(reader.read(row)) for row in rows]


def get_photographs(source_dir: str | None, folder: str, count: int) -> list[str]:
    """Writes `count` JPEG files to `folder` and returns their paths.

    They are the first images below `source_dir`, sorted by path, or, without it, drawn
    ones of the average size of ImageNet's. Without a JPEG file there: a UserError.
    """
    if source_dir is None:
        return draw_photographs(folder, count, (500, 375))
    found = sorted(
        os.path.join(parent, name)
        for parent, _, names in os.walk(source_dir)
        for name in names
        if name.lower().endswith((".jpg", ".jpeg"))
    )
    if not found:
        raise errors.UserError(
            f"there is no JPEG file below {source_dir}. Pass a folder of images as "
            "--source_dir, or leave it out to use drawn ones."
        )
    return list(map(shutil.copyfile, found, _list_paths(folder, count)))


def draw_photographs(folder: str, count: int, size: tuple[int, int]) -> list[str]:
    """Writes different drawn images of `size`, (width, height); returns their paths."""
    source = sample_source.open_sample(-(-count // _NUM_CLASSES), 0)
    paths = _list_paths(folder, count)
    for number, path in enumerate(paths):
        # From class after class.
        row = number * len(source.splits["train"].labels) // count
        encoded = source.read_image("train", row)
        image = Image.fromarray(decoder.decode_pixels(encoded, apply_orientation=False))
        with files.atomic_write(path) as file:
            image.resize(size, Image.Resampling.BICUBIC).save(file, "JPEG", quality=95)
    return paths


def _list_paths(folder: str, count: int) -> list[str]:
    os.makedirs(folder, exist_ok=True)
    return [os.path.join(folder, f"{number:05d}.jpg") for number in range(count)]


def link_images(paths: list[str], folder: str, count: int) -> str:
    """Makes and returns a folder of one class: `count` hard links to `paths`."""
    class_dir = os.path.join(folder, "class")
    os.makedirs(class_dir)
    for number in range(count):
        # Sorted by name, the images take turns, so repetitions are far apart.
        link = os.path.join(class_dir, f"{number:07d}.jpg")
        os.link(paths[number % len(paths)], link)
    return folder


def make_train_command(
    data_dir: str, workdir: str, settings: Mapping[str, object]
) -> list[str]:
    """`alexnet-train` with `settings`, by dotted names, and nothing but training.

    No evaluation, no checkpoint but the last, and a schedule that needs no validation.
    """
    settings = {
        "eval_every_epochs": _NEVER,
        "checkpoint_every_epochs": _NEVER,
        "checkpoint_every_minutes": _NEVER,
        "schedule.name": "fixed",
        **settings,
    }
    return processes.make_command(
        "alexnet_tf.commands.train",
        f"--data_dir={data_dir}",
        f"--workdir={workdir}",
        *(f"--config.{name}={value}" for name, value in settings.items()),
    )


def make_run(options: harness.Options, data_dir: str, folder: str) -> str:
    """Makes a run of a single step; returns its directory."""
    workdir = os.path.join(folder, "run")
    count = count_records(data_dir, "train")
    once = {**options.network_settings, "batch_size": count, "num_epochs": 1}
    processes.run(make_train_command(data_dir, workdir, once))
    return workdir


def make_export(workdir: str, folder: str) -> str:
    """Exports a run as a SavedModel; returns the directory."""
    path = os.path.join(folder, "export")
    arguments = (f"--workdir={workdir}", f"--export_dir={path}")
    processes.run(processes.make_command("alexnet_tf.commands.export", *arguments))
    return path
