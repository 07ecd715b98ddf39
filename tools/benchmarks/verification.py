"""Benchmark of `alexnet-verify`, beside what no check can do without."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import io
import os
from functools import partial
from typing import Any

from tools.benchmarks import fixtures, harness
from tools.benchmarks.harness import Call, Make, Options, Result

_NUM_IMAGES = 4000
_CHECKSUMS = "checksums alone"
_DECODED = "checksums and decoding alone"


def measure_verification(options: Options) -> Result:
    """alexnet-verify, beside the checksums of the same shards, and their decoding."""
    count = options.num_images or _NUM_IMAGES
    with fixtures.temporary_folder() as folder:
        data_dir = fixtures.make_data(options, folder, count)
        num_records = fixtures.count_records(data_dir, "train")
        candidates: dict[str, Make] = {
            "alexnet-verify": partial(verify_data, data_dir),
            "alexnet-verify, one process": partial(verify_data, data_dir, 1),
            _CHECKSUMS: partial(read_shards, data_dir, False),
            _DECODED: partial(read_shards, data_dir, True),
        }
        answers, notes = harness.take_turns(candidates, options, [_CHECKSUMS, _DECODED])
    rates = harness.get_rates(answers, num_records)
    limit = rates[_DECODED].median
    rows = [(name, *rate, rate.median / limit) for name, rate in rates.items()]
    notes.append(
        "Alone: a thread per core computes SHA-256 of each file and CRC-32C of each "
        "record, and then also decodes the images. alexnet-verify compares names, "
        "labels and the index, too, and computes the statistics again."
    )
    return Result(
        f"verification of {num_records:,} images",
        f"program | images/s | spread % | of {_DECODED}",
        rows,
        notes,
    )


def verify_data(data_dir: str, num_workers: int | None = None) -> Call:
    """`alexnet-verify`, by default on all cores."""
    from tfrecords.verification import verify

    def call() -> None:
        with contextlib.redirect_stderr(io.StringIO()):
            report = verify.verify(data_dir, num_workers)
        if report.num_problems:
            raise ValueError(report.problems[0])

    return call


def read_shards(data_dir: str, decodes: bool) -> Call:
    """Reads all shards with a thread per core, with checksums of files and records."""
    from tfrecords.images import decoder
    from tfrecords.shards import record_file, schema

    paths = sorted(glob.glob(os.path.join(data_dir, "*-of-*")))

    def read(path: str) -> None:
        # A shard of a benchmark fits into memory.
        with open(path, "rb") as file:
            hashlib.sha256(file.read()).digest()
        # `scan` checks the records' checksums.
        for _, data in record_file.scan(path):
            if decodes:
                image: Any = schema.decode_record(data)
                decoder.decode_pixels(image.image_bytes, apply_orientation=False)

    return harness.share_work(lambda number: read(paths[number]), len(paths))
