"""Data directories that tests damage, and what `alexnet-verify` says of them."""

import json
import os

from tests import data_directories
from tfrecords.durable import files, npz
from tfrecords.shards import example_proto, manifest, record_file, schema
from tfrecords.verification import verify


def run(data_dir, num_workers=1):
    return verify.verify(data_dir, num_workers)


def check(data_dir, *parts, count=None):
    """Each of `parts` is in some line; there are `count` lines in all."""
    report = run(data_dir)
    text = "\n".join(report.problems)
    for part in parts:
        assert part in text
    assert report.num_problems == len(report.problems) == (count or len(parts)), text
    assert all("\n" not in line for line in report.problems)


def shard_path(data_dir, shard=0, split="train"):
    return os.path.join(data_dir, schema.make_shard_name(split, shard, 2))


def read_shard(path):
    return [data for _, data in record_file.scan(path)]


def rewrite(data_dir, shard, records, split="train"):
    """Writes a shard anew, with index and manifest that agree with it.

    What is left wrong is then what the records themselves hold.
    """
    everything = []
    for number in range(2):
        path = shard_path(data_dir, number, split)
        everything.append(records if number == shard else read_shard(path))
    assert len({len(part) for part in everything}) == 1  # write_shards cuts evenly
    flat = [record for part in everything for record in part]
    shards, arrays = data_directories.write_shards(data_dir, split, flat, 2)
    index_path = os.path.join(data_dir, manifest.INDEX_NAME)
    npz.save(index_path, {**npz.load(index_path), **arrays})
    path = os.path.join(data_dir, manifest.MANIFEST_NAME)
    with open(path, encoding="utf-8") as file:
        value = json.load(file)
    del value["sha256"]
    value["splits"][split]["shards"] = [vars(s) for s in shards]
    value["checksums"] = data_directories.compute_checksums(data_dir)
    files.write_json(path, value)


def change_record(data, **changes):
    """A record with features changed; the names are those of `schema`."""
    features = {k: v[0] for k, v in example_proto.decode_example(data).items()}
    features.update({getattr(schema, name): v for name, v in changes.items()})
    return example_proto.encode_example(features)


def change_manifest(data_dir, change):
    path = os.path.join(data_dir, manifest.MANIFEST_NAME)
    with open(path, encoding="utf-8") as file:
        value = json.load(file)
    del value["sha256"]
    change(value)
    files.write_json(path, value)
