"""Writes the features of a whole split, in constant memory, resumable."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import os
from collections.abc import Iterator

import numpy as np

from alexnet_tf.config.schema import DataConfig
from alexnet_tf.data import folds
from alexnet_tf.data.directory import DataDirectory
from alexnet_tf.devices import placement
from alexnet_tf.retrieval import feature_files
from alexnet_tf.retrieval.extractor import Extractor
from tfrecords import errors
from tfrecords.console import progress
from tfrecords.durable import files, locks
from tfrecords.images import resize
from tfrecords.shards import manifest, schema

BATCH_SIZE = 64


def build(
    extractor: Extractor,
    data: DataDirectory,
    config: DataConfig,
    split: str,
    path: str,
    network: str,
    is_untrained: bool = False,
    block_rows: int = feature_files.BLOCK_ROWS,
) -> feature_files.Features:
    """Writes the features of `split` to the directory `path`, or resumes doing so.

    `network` names the run or export for the record. The same command on a complete
    directory does nothing.

    Raises:
      UserError: if the split is empty, or `path` holds other features.
      DataError: if a record is damaged.
      InUseError: if another process builds there.
      StorageError: if the disk is full.
    """
    taken, size = extractor.image_size, data.image_size
    if taken != size:
        raise errors.UserError(
            f"the network takes images of {taken}x{taken} pixels, but {data.path} has "
            f"{size}x{size}. Give data with images of its size."
        )
    probe = extractor.compute_probe()
    source = feature_files.Source(
        layer=extractor.layer,
        split=split,
        data_dir=data.path,
        data_fingerprint=data.manifest.images_fingerprint,
        num_folds=config.num_folds,
        fold=config.fold,
        fraction=config.fraction,
        crop_size=extractor.crop_size,
        network=network,
        is_untrained=is_untrained,
        classes=data.manifest.classes,
        num_images=data.count_images(split),
        num_features=len(probe),
        block_rows=block_rows,
        identity=extractor.identity,
    )
    files.make_directory(path)
    with locks.directory_lock(path, "alexnet-retrieve"):
        files.remove_temporary_files(path)
        _begin(path, source, extractor, probe)
        recorded = feature_files.read_source(path, feature_files.RECORD_NAME)
        sums = recorded.checksums if recorded else {}
        expected = dataclasses.replace(source, checksums=sums)
        if _write_blocks(extractor, data, expected, path) or recorded is None:
            sums = feature_files.compute_checksums(path, source)
            complete = dataclasses.replace(source, checksums=sums)
            feature_files.write_source(path, feature_files.RECORD_NAME, complete)
    return feature_files.open_features(path)


def _begin(
    path: str, source: feature_files.Source, extractor: Extractor, probe: np.ndarray
) -> None:
    earlier = feature_files.read_source(path, feature_files.BUILD_NAME)
    probe_path = os.path.join(path, feature_files.PROBE_NAME)
    if earlier is None:
        others = {*os.listdir(path)} - {feature_files.PROBE_NAME, locks.LOCK_NAME}
        if others:
            raise errors.UserError(
                f"{path} holds {min(others)}, but no {feature_files.BUILD_NAME}, which "
                "says what it is of. Give a new or empty --index_dir."
            )
        # build.json is last: with it there is a probe.
        feature_files.save_array(probe_path, probe)
        feature_files.write_source(path, feature_files.BUILD_NAME, source)
        return
    # The data and the run may have moved since; the network is compared below.
    moved = dataclasses.replace(
        earlier,
        data_dir=source.data_dir,
        network=source.network,
        identity=source.identity,
    )
    differing = [
        field.name
        for field in dataclasses.fields(source)
        if getattr(moved, field.name) != getattr(source, field.name)
    ]
    if differing:
        name, *_ = differing
        old, new = getattr(earlier, name), getattr(source, name)
        raise errors.UserError(
            f"{path} holds other features: their {name} is {old!r:.60}, not "
            f"{new!r:.60}. Give another --index_dir, or the settings of that time."
        )
    kept = feature_files.read_probe(path, earlier)
    check_network(feature_files.Features(path, earlier, kept), extractor, probe)


def check_network(
    features: feature_files.Features,
    extractor: Extractor,
    probe: np.ndarray | None = None,
) -> None:
    """Raises `UserError` unless the features are of the extractor's network.

    Their identities are compared where both are known, and their probes always. Those
    of two checkpoints of one run may be nearly equal; old exports and features have
    nothing else. Devices and precisions round differently: 1 % is far above that.
    `probe` is the extractor's, float32 [D], if it was computed before.
    """
    kept, identity = features.probe, features.source.identity
    is_other = "" not in (identity, extractor.identity) and (
        identity != extractor.identity
    )
    if not is_other:
        probe = extractor.compute_probe() if probe is None else probe
        scale = float(np.linalg.norm(kept)) + 1e-6
        # Not `>`, which is false for NaN.
        is_other = kept.shape != probe.shape or not (
            np.linalg.norm(kept - probe) <= 0.01 * scale
        )
    if is_other:
        raise errors.UserError(
            f"the features in {features.path} are of another network or checkpoint; "
            f"they were made with {features.source.network}. Give that one, or build "
            "features of this one in another --index_dir."
        )


def _write_blocks(
    extractor: Extractor,
    data: DataDirectory,
    source: feature_files.Source,
    path: str,
) -> bool:
    """Writes the blocks that are missing or damaged; returns whether any were."""
    features = feature_files.Features(path, source, np.zeros(0, np.float32))
    missing = [block for block in range(source.num_blocks) if not _has(features, block)]
    if not missing:
        return False
    done = source.num_images - sum(map(source.get_block_size, missing))
    line = progress.Progress(
        f"features of {source.layer}", source.num_images, "images", done
    )
    for block in missing:
        start = block * source.block_rows
        rows = range(start, start + source.get_block_size(block))
        vectors, labels = [], []
        for images, batch_labels in read_batches(data, source.split, rows):
            with placement.memory_errors("network"):
                vectors.append(extractor.compute(images))
            labels.append(batch_labels)
            line.advance(len(images))
        # The labels first: with a block's vectors it is complete.
        feature_files.save_array(
            feature_files.get_labels_path(path, block), np.concatenate(labels)
        )
        feature_files.save_array(
            feature_files.get_block_path(path, block), np.concatenate(vectors)
        )
    line.close()
    return True


def _has(features: feature_files.Features, block: int) -> bool:
    """Whether both files of a block are there and whole."""
    try:
        features.read_block(block)
        features.read_block_labels(block)
    except errors.DataError:
        return False
    return True


def read_batches(
    data: DataDirectory, split: str, rows: range, batch_size: int = BATCH_SIZE
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields images, uint8 [B, size, size, 3], and labels, int32 [B], of some records.

    Threads decode while the caller computes. Raises `DataError`, naming a record that
    is damaged.
    """
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:

        def submit(start: int) -> list[concurrent.futures.Future]:
            batch = rows[start : start + batch_size]
            return [pool.submit(read_image, data, split, row) for row in batch]

        waiting = submit(0)
        for start in range(batch_size, len(rows) + batch_size, batch_size):
            pairs = [future.result() for future in waiting]
            waiting = submit(start)
            images, labels = zip(*pairs, strict=True)
            yield np.stack(images), np.array(labels, np.int32)


def open_images(path: str, config: DataConfig) -> DataDirectory:
    """Opens the images of a data directory; `config` has the folds, if there are any.

    Raises `UserError` if there is none, `DataError` if it is damaged.
    """
    return DataDirectory(path, manifest.read_manifest(path), None, config)


def open_indexed(
    features: feature_files.Features, data_dir: str | None
) -> DataDirectory:
    """Opens the data that the features are of, at `data_dir` or where they were.

    Raises `UserError` if there are none or others, `DataError` if they are damaged.
    """
    source = features.source
    config = DataConfig(
        num_folds=source.num_folds, fold=source.fold, fraction=source.fraction
    )
    data = open_images(data_dir or source.data_dir, config)
    if data.manifest.images_fingerprint != source.data_fingerprint:
        raise errors.UserError(
            f"the features in {features.path} are of other data than {data.path} now "
            "has. Give the data that they were made of with --data_dir."
        )
    return data


def read_image(data: DataDirectory, split: str, row: int) -> tuple[np.ndarray, int]:
    """A record's image, uint8 [size, size, 3], and its label, -1 if it has none."""
    pixels, label = folds.read_pixels(data.get_reader(split), data.manifest, row)
    image = np.asarray(resize.resize_and_crop(pixels, data.image_size))
    return image, label if data.is_labelled(split) else -1


def read_file_name(data: DataDirectory, split: str, row: int) -> str:
    """The name of a record's image in its source."""
    return schema.decode_record(data.get_reader(split).read(row)).filename
