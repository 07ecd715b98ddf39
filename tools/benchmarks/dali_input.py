"""NVIDIA DALI on the processor as a contestant, on the same shards."""

from __future__ import annotations

import importlib
import os
import tempfile
from collections.abc import Iterator
from typing import Any

from tfrecords.shards import manifest, record_file, record_index, schema
from tools.benchmarks.input_contestants import Call, take


def write_indices(index: record_index.RecordIndex, folder: str) -> list[str]:
    """Writes DALI's index of every shard: a line `offset length` for each record.

    Args:
      index: where the records lie.
      folder: for the files.

    Returns:
      The files' paths, in the order of the shards. A length counts the record with its
      header and checksums, as DALI's `tfrecord2idx` does.
    """
    frame = record_file.HEADER_BYTES + record_file.FOOTER_BYTES
    paths = []
    for shard, path in enumerate(index.paths):
        mine = index.shard == shard
        lines = [
            f"{offset} {length + frame}\n"
            for offset, length in zip(
                index.offset[mine], index.length[mine], strict=True
            )
        ]
        paths.append(os.path.join(folder, f"{os.path.basename(path)}.idx"))
        with open(paths[-1], "w", encoding="utf-8") as file:
            file.writelines(lines)
    return paths


def pipeline(
    data_dir: str,
    batch_size: int,
    batches_per_call: int,
    crop_size: int,
    decodes_crop: bool,
    is_finished: bool,
) -> Call:
    """Read, decode, random crop and mirror, mean: float32 [B, crop, crop, 3].

    With `decodes_crop` the crop's part of the JPEG alone is decoded. Without
    `is_finished` the crops as they are, uint8.
    """
    # Its annotations are narrower than what it takes.
    dali: Any = importlib.import_module("nvidia.dali")
    dali_tfrecord: Any = importlib.import_module("nvidia.dali.tfrecord")
    fn = dali.fn
    info = manifest.read_manifest(data_dir)
    index = record_index.read_index(data_dir, info, "train")
    folder = tempfile.TemporaryDirectory(prefix="alexnet-benchmark-")
    features = {
        schema.ENCODED: dali_tfrecord.FixedLenFeature((), dali_tfrecord.string, ""),
        schema.LABEL: dali_tfrecord.FixedLenFeature([1], dali_tfrecord.int64, -1),
    }

    @dali.pipeline_def(
        batch_size=batch_size,
        num_threads=os.cpu_count() or 1,
        device_id=None,
        prefetch_queue_depth=2,
    )
    def make() -> tuple:
        read = fn.readers.tfrecord(
            path=list(index.paths),
            index_path=write_indices(index, folder.name),
            features=features,
            random_shuffle=True,
            initial_fill=1000,
        )
        crop = {
            "crop": (crop_size, crop_size),
            "crop_pos_x": fn.random.uniform(range=(0.0, 1.0)),
            "crop_pos_y": fn.random.uniform(range=(0.0, 1.0)),
        }
        encoded = read[schema.ENCODED]
        if decodes_crop:
            image, crop = fn.decoders.image_crop(encoded, device="cpu", **crop), {}
        else:
            image = fn.decoders.image(encoded, device="cpu")
        if is_finished:
            image = fn.crop_mirror_normalize(
                image,
                device="cpu",
                dtype=dali.types.FLOAT,
                output_layout="HWC",
                mirror=fn.random.coin_flip(),
                mean=[123.0, 117.0, 104.0],
                **crop,
            )
        elif crop:
            image = fn.crop(image, device="cpu", **crop)
        return image, read[schema.LABEL]

    made = make()
    made.build()

    def batches() -> Iterator[tuple]:
        # The index files live as long as the pipeline.
        with folder:
            while True:
                yield made.run()

    return take(batches(), batches_per_call)
