"""Tests of `alexnet_tf.data.iteration`: elements in order, sentences, and an end.

A damaged record becomes a sentence that names it, and a process ends whenever it likes.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
import time

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from alexnet_tf.config.schema import Config
from alexnet_tf.data import directory, iteration, pipeline
from tests import data_directories, forked_processes
from tests.alexnet_tf.small_shards import (
    NUM_TRAIN,
    make_config,
    make_foreign_data,
    make_record,
    rewrite_record,
    write_data,
)
from tfrecords import errors
from tfrecords.shards import manifest, record_index


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture
def own_data_dir(tmp_path):
    return write_data(tmp_path)


def test_all_elements_in_their_order(data_dir):
    data = directory.open_data(data_dir, Config())
    dataset = pipeline.make_evaluation_dataset(data, Config(), "validation")
    num_seen = []
    for _, labels, record_ids in iteration.iterate(data, dataset):
        assert len(labels) == len(record_ids)
        num_seen += record_ids.numpy().tolist()
    assert num_seen == list(range(10))


def test_taking_may_stop_anywhere(data_dir):
    data = directory.open_data(data_dir, Config())
    dataset = pipeline.make_training_dataset(data, Config(batch_size=2), 0, 9)
    batches = iteration.iterate(data, dataset)
    next(batches)
    batches.close()
    assert list(batches) == []


@pytest.mark.whole_run
def test_a_process_ends_while_batches_are_made(data_dir):
    """Without an end to what is under way, one in two or three would wait for ever."""
    program = ("-m", "tests.programs.end_early")
    done = forked_processes.run_python(
        *program, data_dir, "1", "2", "3", "5", timeout=500
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines.count("taken") == 4
    assert [line for line in lines if line != "taken"] == ["1 0", "2 0", "3 0", "5 0"]


def consume(data_dir: str, config: Config | None = None, split: str = "train") -> None:
    config = config or make_config(4)
    data = directory.open_data(data_dir, config)
    if split == "train":
        dataset = pipeline.make_training_dataset(data, config, 0, 4)
    else:
        dataset = pipeline.make_evaluation_dataset(data, config, split)
    for _ in iteration.iterate(data, dataset):
        pass


@pytest.mark.parametrize("split", ["train", "validation"])
def test_a_flipped_bit_is_a_sentence_and_no_traceback(own_data_dir, split, capfd):
    info = manifest.read_manifest(own_data_dir)
    index = record_index.read_index(own_data_dir, info, split)
    path, offset = index.paths[index.shard[7]], int(index.offset[7])
    with open(path, "r+b") as file:
        file.seek(offset + 2000)
        byte = file.read(1)[0]
        file.seek(offset + 2000)
        file.write(bytes([byte ^ 16]))
    with pytest.raises(errors.DataError) as caught:
        consume(own_data_dir, split=split)
    assert str(caught.value).startswith(f"{path}: the record at byte {offset} ")
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("split", "source", "target"), [("train", 1, 2), ("validation", 0, 1)]
)
def test_a_shard_copied_over_another_is_a_sentence(tmp_path, split, source, target):
    data_dir = write_data(tmp_path, "raw")
    info = manifest.read_manifest(data_dir)
    paths = record_index.read_index(data_dir, info, split).paths
    assert os.path.getsize(paths[source]) == os.path.getsize(paths[target])
    shutil.copyfile(paths[source], paths[target])
    with pytest.raises(errors.DataError, match=f"{paths[target]}: the record at byte "):
        consume(data_dir, split=split)


def test_good_batches_before_a_damaged_record_are_delivered(own_data_dir):
    shard = rewrite_record(own_data_dir, "validation", 9, make_record(b"no image"))
    config = make_config(4)
    data = directory.open_data(own_data_dir, config)
    dataset = pipeline.make_evaluation_dataset(data, config, "validation")
    batches = iteration.iterate(data, dataset)
    assert [len(next(batches)[0]) for _ in range(2)] == [4, 4]
    with pytest.raises(errors.DataError, match=shard):
        next(batches)


@pytest.mark.whole_run
@pytest.mark.parametrize("encoding", ["jpeg", "raw"])
def test_a_record_is_named_to_who_takes_his_time(tmp_path, encoding):
    """However much is read meanwhile, the reader still knows what it read."""
    data_dir = write_data(tmp_path, encoding)
    config = make_config(1)
    (record_id,) = pipeline.compute_record_ids(NUM_TRAIN, config, 3)
    bad = make_record(b"no image")
    shard = rewrite_record(data_dir, "train", int(record_id), bad)
    data = directory.open_data(data_dir, config)
    dataset = pipeline.make_training_dataset(data, config, 0, 14)
    with pytest.raises(errors.DataError, match=rf"{shard}.*\(odd\.JPEG\)"):
        for _ in iteration.iterate(data, dataset):
            time.sleep(0.2)


@pytest.mark.whole_run
def test_a_missing_shard_is_named_before_and_during_a_run(own_data_dir):
    config = make_config(4)
    data = directory.open_data(own_data_dir, config)
    dataset = pipeline.make_training_dataset(data, config, 0, 4)
    shard = os.path.join(own_data_dir, "train-00001-of-00003")
    os.remove(shard)
    with pytest.raises(errors.DataError, match=f"{shard} is missing"):
        list(iteration.iterate(data, dataset))
    with pytest.raises(errors.DataError, match=f"{shard} is missing"):
        consume(own_data_dir)


def encode_webp() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (256, 256)).save(stream, "WEBP")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (make_record(b""), "cannot be used"),
        (make_record(b"no image at all"), "cannot be used"),
        (
            make_record(
                data_directories.encode_jpeg(np.zeros((256, 255, 3), np.uint8))
            ),
            "cannot be used.*255",
        ),
        (
            make_record(
                data_directories.encode_jpeg(
                    np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
                )[:-5000]
            ),
            "cannot be used",
        ),
        (make_record(encode_webp()), "cannot be used"),
        (
            make_record(
                data_directories.encode_jpeg(np.zeros((256, 256, 3), np.uint8)), label=2
            ),
            r"has the label 2, outside 0\.\.1",
        ),
    ],
    ids=["empty", "text", "size", "cut short", "webp", "label"],
)
@pytest.mark.parametrize("split", ["train", "validation"])
def test_an_unusable_record_is_named(own_data_dir, record, reason, split):
    shard = rewrite_record(own_data_dir, split, 6, record)
    with pytest.raises(errors.DataError, match=rf"{shard}.*\(odd\.JPEG\) {reason}"):
        consume(own_data_dir, split=split)


def test_a_record_that_is_no_example_is_named(own_data_dir):
    shard = rewrite_record(own_data_dir, "train", 6, b"\xff" * 40)
    with pytest.raises(errors.DataError, match=rf"{shard}: the record at byte \d+ "):
        consume(own_data_dir)


@pytest.fixture
def raw_data_dir(tmp_path):
    return write_data(tmp_path, "raw")


def write_twice(record: bytes) -> bytes:
    """The record with each of its features twice: its length fills three bytes."""
    assert record[0] == 0x0A and record[2] & 0x80 and not record[3] & 0x80
    num_bytes = 2 * len(record[4:])
    length = bytes([num_bytes & 127 | 128, num_bytes >> 7 & 127 | 128, num_bytes >> 14])
    return record[:1] + length + 2 * record[4:]


@pytest.mark.whole_run
@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (make_record(bytes(100)), "cannot be used.*100.*196608"),
        (make_record(bytes(3 * 256**2), label=2), r"has the label 2, outside 0\.\.1"),
        (write_twice(make_record(bytes(3 * 256**2))), "cannot be used.*comes twice"),
    ],
    ids=["size", "label", "twice"],
)
@pytest.mark.parametrize("split", ["train", "validation"])
@pytest.mark.parametrize("finish_on", ["host", "device"])
def test_an_unusable_raw_record_is_named(
    raw_data_dir, record, reason, split, finish_on, capfd
):
    shard = rewrite_record(raw_data_dir, split, 6, record)
    with pytest.raises(errors.DataError, match=rf"{shard}.*\(odd\.JPEG\) {reason}"):
        consume(raw_data_dir, make_config(4, finish_on=finish_on), split)
    assert "Traceback" not in capfd.readouterr().err


def test_a_raw_record_that_is_no_example_or_damaged_is_named(raw_data_dir, capfd):
    shard = rewrite_record(raw_data_dir, "validation", 6, b"\xff" * 40)
    with pytest.raises(errors.DataError, match=rf"{shard}: the record at byte \d+ "):
        consume(raw_data_dir, split="validation")
    shard = os.path.join(raw_data_dir, "train-00001-of-00003")
    with open(shard, "r+b") as file:
        file.seek(2000)
        file.write(b"\0\1\2\3\4\5")
    with pytest.raises(errors.DataError, match=rf"{shard}.*damaged data"):
        consume(raw_data_dir)
    assert "Traceback" not in capfd.readouterr().err


def test_labels_below_the_offset_are_named(tmp_path):
    data_dir = make_foreign_data(tmp_path)
    zero = make_record(
        data_directories.encode_jpeg(np.zeros((300, 200, 3), np.uint8)), label=0
    )
    rewrite_record(data_dir, "validation", 2, zero)
    with pytest.raises(errors.DataError, match=r"label 0, outside 1\.\.2"):
        consume(data_dir, make_config(4, label_offset=1), "validation")


def test_errors_of_others_pass_unchanged(data_dir):
    config = make_config(4)
    data = directory.open_data(data_dir, config)
    dataset = pipeline.make_training_dataset(data, config, 0, 2)
    with (
        pytest.raises(tf.errors.InvalidArgumentError),
        iteration.translate_errors(data),
    ):
        next(iter(dataset))
        tf.reshape(tf.zeros(3), [2, 2])


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
