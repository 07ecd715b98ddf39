"""Small shards for tests of the input: ours, other programs', and damaged ones."""

from __future__ import annotations

import dataclasses
import os

import numpy as np

from alexnet_tf.config.schema import Config, DataConfig
from tests import data_directories
from tfrecords.durable import files, npz
from tfrecords.shards import manifest, record_file, record_index, schema

NUM_TRAIN = 14


def make_config(batch_size: int = 4, **data_settings) -> Config:
    """The paper's settings with small batches, transformed on the host."""
    data = {"finish_on": "host", **data_settings}
    return Config(
        batch_size=batch_size,
        eval_batch_size=batch_size,
        seed=3,
        data=DataConfig(num_parallel_maps=2, **data),
    )


def write_data(path, encoding: str = "jpeg") -> str:
    """A data directory of two classes: `NUM_TRAIN` and ten images, three shards."""
    data_directories.write_data_directory(
        path,
        num_classes=2,
        per_class={"train": NUM_TRAIN // 2, "validation": 5},
        encoding=encoding,
        num_shards=3,
    )
    return str(path)


def rewrite_record(data_dir: str, split: str, record_id: int, record: bytes) -> str:
    """Replaces a record by another, with valid framing; returns its shard."""
    info = manifest.read_manifest(data_dir)
    index = record_index.read_index(data_dir, info, split)
    members = [[data for _, data in record_file.scan(path)] for path in index.paths]
    shard = int(index.shard[record_id])
    members[shard][record_id - int(np.flatnonzero(index.shard == shard)[0])] = record
    arrays = npz.load(os.path.join(data_dir, manifest.INDEX_NAME))
    shards = []
    columns = {"shard": [], "offset": [], "length": [], "checksum": []}
    for number, (path, data) in enumerate(zip(index.paths, members, strict=True)):
        offset = 0
        with open(path, "wb") as file:
            for each in data:
                columns["shard"].append(number)
                columns["offset"].append(offset)
                columns["length"].append(len(each))
                columns["checksum"].append(record_file.compute_masked_crc(each))
                offset += file.write(record_file.frame(each))
        shards.append(
            manifest.ShardInfo(
                os.path.basename(path), len(data), offset, files.compute_digest(path)
            )
        )
    for name, column in columns.items():
        # An index of an earlier version has no checksums.
        if f"{split}/{name}" in arrays:
            dtype = arrays[f"{split}/{name}"].dtype
            arrays[f"{split}/{name}"] = np.array(column, dtype)
    npz.save(os.path.join(data_dir, manifest.INDEX_NAME), arrays)
    splits = dict(info.splits)
    splits[split] = dataclasses.replace(splits[split], shards=tuple(shards))
    changed = dataclasses.replace(
        info, splits=splits, checksums=data_directories.compute_checksums(data_dir)
    )
    manifest.write_manifest(data_dir, changed)
    return index.paths[shard]


def make_record(encoded: bytes, label: int = 0, filename: str = "odd.JPEG") -> bytes:
    """A serialized record, whatever its image is."""
    return schema.encode_image(
        encoded=encoded,
        image_format=schema.FORMATS["jpeg"],
        label=label,
        synset="n00000001",
        text="class 0",
        filename=filename,
        height=256,
        width=256,
    )


def make_foreign_data(tmp_path, label_offset: int = 1) -> str:
    """A directory as `alexnet-index` leaves it for another program's shards."""
    data_dir, records_dir = str(tmp_path / "data"), str(tmp_path / "records")
    info = data_directories.write_data_directory(data_dir, per_class=2)
    data_directories.write_foreign_shards(
        records_dir, per_class=3, label_offset=label_offset
    )
    arrays, splits = {}, {}
    for split in ("train", "validation"):
        shards = []
        columns = {"shard": [], "offset": [], "length": []}
        names = sorted(n for n in os.listdir(records_dir) if n.startswith(split))
        for number, name in enumerate(names):
            path = os.path.join(records_dir, name)
            records = list(record_file.scan(path))
            columns["shard"] += [number] * len(records)
            columns["offset"] += [offset for offset, _ in records]
            columns["length"] += [len(data) for _, data in records]
            shards.append(
                manifest.ShardInfo(
                    name,
                    len(records),
                    os.path.getsize(path),
                    files.compute_digest(path),
                )
            )
        splits[split] = manifest.SplitInfo(tuple(shards), (3, 3))
        # Without checksums, as earlier versions left them.
        for name, column in columns.items():
            dtype = np.int32 if name == "shard" else np.int64
            arrays[f"{split}/{name}"] = np.array(column, dtype)
    npz.save(os.path.join(data_dir, manifest.INDEX_NAME), arrays)
    changed = dataclasses.replace(
        info,
        image_size=0,
        label_offset=label_offset,
        records_dir="../records",
        splits=splits,
        checksums=data_directories.compute_checksums(data_dir),
    )
    manifest.write_manifest(data_dir, changed)
    return data_dir
