"""Reads one hostile file as a user's command does, watched.

python -m tests.programs.read_hostile PLACE KIND NAME FOLDER

KIND is weights, records or archives; NAME is that of a case in `tests.hostile_KIND`.
PLACE is that of `tests.faults.watched.Watch`. FOLDER must be empty.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import sys
from collections.abc import Callable

import numpy as np

from alexnet_tf import weights
from tests.faults import watched
from tests.tfrecords import conversions
from tfrecords import errors
from tfrecords.conversion import convert, plan
from tfrecords.shards import manifest, record_index, record_reader, schema
from tfrecords.sources import class_archive
from tfrecords.verification import index


def main(place: str, kind: str, name: str, folder: str) -> None:
    """Makes the file, reads it, and looks at what that left."""
    watch = watched.Watch(place)
    root = pathlib.Path(folder)
    read = _MAKERS[kind](name, root / "in")
    before = _list(root)
    watch.start()
    with watch.input(name):
        try:
            read()
            watch.count("read")
        except errors.UserError as error:
            assert str(error).replace("\n", "").isprintable(), str(error)
            watch.count("refused")
        changed = {path for path in _list(root) ^ before if path.parts[0] != "out"}
        assert not changed, f"{changed} appeared or vanished"
        assert not os.path.exists("/tmp/canary.jpg")
    watch.report()


def _list(root: pathlib.Path) -> set[pathlib.Path]:
    return {path.relative_to(root) for path in root.rglob("*")}


def _make_weights(name: str, folder: pathlib.Path) -> Callable[[], None]:
    from tests import hostile_weights

    folder.mkdir()
    path = str(hostile_weights.CASES[name](folder))
    os.chdir(folder)

    def read() -> None:
        for array in weights.find_format(path).read(path).values():
            assert array.dtype == np.float32 and np.isfinite(array).all()

    return read


def _make_records(name: str, folder: pathlib.Path) -> Callable[[], None]:
    from tests import hostile_records

    folder.mkdir()
    shard = folder / schema.make_shard_name("train", 0, 1)
    shard.write_bytes(hostile_records.SHARDS[name])
    data_dir = str(folder.parent / "out")

    def read() -> None:
        found = index.index_records(str(folder), data_dir, 1, num_workers=1)
        rows = record_index.read_index(data_dir, found, "train")
        reader = record_reader.RecordReader(rows)
        for record_id in range(rows.num_records):
            record = schema.decode_record(reader.read(record_id))
            assert record.label == 1 and record.image_bytes
        reader.close()

    return read


def _make_archives(name: str, folder: pathlib.Path) -> Callable[[], None]:
    from tests import hostile_archives

    folder.mkdir()
    file_name, write = hostile_archives.CASES[name]
    path = folder / file_name
    write(path)
    os.chdir(folder)
    data_dir = str(folder.parent / "out")
    settings = dataclasses.replace(
        conversions.SETTINGS, num_shards={"train": 1}, max_rejects=60_000
    )
    assert isinstance(settings, plan.ConvertSettings)

    def read() -> None:
        source = class_archive.open_archive(str(path))
        convert.convert(source, data_dir, settings, num_workers=1)
        found = manifest.read_manifest(data_dir)
        # The good images are there whatever else is.
        assert found.get_split("train").num_records >= 4

    return read


_MAKERS = {
    "weights": _make_weights,
    "records": _make_records,
    "archives": _make_archives,
}

if __name__ == "__main__":
    main(*sys.argv[1:])
