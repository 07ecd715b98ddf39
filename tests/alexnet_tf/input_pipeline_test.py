"""Tests of `alexnet_tf.input_pipeline` and `alexnet_tf.records`, on small shards."""

from __future__ import annotations

import dataclasses
import io
import os
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from alexnet_tf import augment, chance, input_pipeline, iteration
from alexnet_tf.config import Config, DataConfig
from tests import data_directories
from tfrecords import (
    durable,
    errors,
    manifest,
    npz,
    permutation,
    record_file,
    record_index,
    resize,
    schema,
)

NUM_TRAIN = 14


def make_config(batch_size: int = 4, **data_settings) -> Config:
    return Config(
        batch_size=batch_size,
        eval_batch_size=batch_size,
        seed=3,
        data=DataConfig(num_parallel_maps=2, **data_settings),
    )


def write_data(path, encoding: str = "jpeg") -> str:
    data_directories.write_data_directory(
        path,
        num_classes=2,
        per_class={"train": NUM_TRAIN // 2, "validation": 5},
        encoding=encoding,
        num_shards=3,
    )
    return str(path)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture
def own_data_dir(tmp_path):
    return write_data(tmp_path)


def rewrite_record(data_dir: str, split: str, record_id: int, record: bytes) -> str:
    """Puts another record, well framed, in the place of one; returns its shard."""
    info = manifest.read_manifest(data_dir)
    index = record_index.read_index(data_dir, info, split)
    members = [[data for _, data in record_file.scan(path)] for path in index.paths]
    shard = int(index.shard[record_id])
    members[shard][record_id - int(np.flatnonzero(index.shard == shard)[0])] = record
    arrays = npz.load(os.path.join(data_dir, manifest.INDEX_NAME))
    shards, columns = [], {"shard": [], "offset": [], "length": []}
    for number, (path, data) in enumerate(zip(index.paths, members, strict=True)):
        offset = 0
        with open(path, "wb") as file:
            for each in data:
                columns["shard"].append(number)
                columns["offset"].append(offset)
                columns["length"].append(len(each))
                offset += file.write(record_file.frame(each))
        shards.append(
            manifest.ShardInfo(
                os.path.basename(path), len(data), offset, durable.compute_digest(path)
            )
        )
    for name, column in columns.items():
        arrays[f"{split}/{name}"] = np.array(column, arrays[f"{split}/{name}"].dtype)
    npz.save(os.path.join(data_dir, manifest.INDEX_NAME), arrays)
    splits = dict(info.splits)
    splits[split] = dataclasses.replace(splits[split], shards=tuple(shards))
    changed = dataclasses.replace(
        info, splits=splits, checksums=data_directories.compute_checksums(data_dir)
    )
    manifest.write_manifest(data_dir, changed)
    return index.paths[shard]


def make_record(encoded: bytes, label: int = 0, filename: str = "odd.JPEG") -> bytes:
    return schema.encode_picture(
        encoded=encoded,
        image_format=schema.FORMAT_JPEG,
        label=label,
        synset="n00000001",
        text="class 0",
        filename=filename,
        height=256,
        width=256,
    )


def read_records(data: input_pipeline.DataSet, split: str) -> list[dict]:
    """Filename, label and pixels of each record, by NumPy and Pillow."""
    reader = data.get_reader(split)
    found = []
    for record_id in range(reader.index.num_records):
        example = tf.train.Example.FromString(reader.read(record_id))
        feature = example.features.feature
        encoded = feature[schema.ENCODED].bytes_list.value[0]
        if feature[schema.FORMAT].bytes_list.value[0] == schema.FORMAT_RAW:
            image = np.frombuffer(encoded, np.uint8).reshape(256, 256, 3)
        else:
            image = np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB"))
        label = feature[schema.LABEL].int64_list.value[0]
        found.append({"label": label, "image": image})
    return found


@pytest.mark.parametrize("batch_size", [1, 4, 5, 14, 16, 33])
def test_each_record_occurs_once_per_epoch(batch_size):
    config = make_config(batch_size)
    num_epochs = 3
    num_steps = -(-NUM_TRAIN * num_epochs // batch_size)
    batches = [
        input_pipeline.compute_record_ids(NUM_TRAIN, config, step)
        for step in range(num_steps)
    ]
    assert all(b.shape == (batch_size,) and b.dtype == np.int64 for b in batches)
    stream = np.concatenate(batches)[: NUM_TRAIN * num_epochs]
    orders = stream.reshape(num_epochs, NUM_TRAIN)
    for epoch, order in enumerate(orders):
        assert sorted(order) == list(range(NUM_TRAIN))
        expected = permutation.make_permutation(NUM_TRAIN, config.seed, epoch)
        np.testing.assert_array_equal(order, expected)
    assert len({tuple(order) for order in orders}) == num_epochs


def test_the_source_keeps_one_order():
    config = make_config(NUM_TRAIN, reshuffle=False)
    first = input_pipeline.compute_record_ids(NUM_TRAIN, config, 0)
    again = input_pipeline.compute_record_ids(NUM_TRAIN, config, 5)
    np.testing.assert_array_equal(first, again)
    other = dataclasses.replace(config, seed=4)
    assert (input_pipeline.compute_record_ids(NUM_TRAIN, other, 0) != first).any()


@pytest.mark.parametrize("encoding", ["jpeg", "raw"])
def test_batches_hold_the_records_they_should(tmp_path, encoding):
    config = make_config(4)
    data = input_pipeline.open_data(write_data(tmp_path, encoding), config)
    stored = read_records(data, "train")
    transform = augment.make_training_transform(config.data, data.statistics)
    draw = chance.make_training_draws(
        config.data, data.statistics, NUM_TRAIN, config.seed, 4
    )
    dataset = input_pipeline.make_training_dataset(data, config, 2, 4)
    assert int(dataset.cardinality()) == 4
    assert dataset.element_spec == (
        tf.TensorSpec([4, 224, 224, 3], tf.float32),
        tf.TensorSpec([4], tf.int32),
    )
    steps = 0
    for step, (images, labels) in enumerate(iteration.iterate(data, dataset), 2):
        record_ids = input_pipeline.compute_record_ids(NUM_TRAIN, config, step)
        draws = draw(tf.constant(step * 4, tf.int64))
        for row, record_id in enumerate(record_ids):
            record = stored[record_id]
            expected = transform(tf.constant(record["image"]), draws.pick(row)).numpy()
            # Pillow's libjpeg may round another way than TensorFlow's.
            tolerance = 0 if encoding == "raw" else 2
            np.testing.assert_allclose(images[row], expected, rtol=0, atol=tolerance)
            assert int(labels[row]) == record["label"]
        steps += 1
    assert steps == 4


def test_bytes_that_the_device_finishes_are_the_same_pictures(data_dir):
    config = make_config(4)
    data = input_pipeline.open_data(data_dir, config)
    on_device = make_config(4, finish_on="device")
    batches = [
        [
            (
                augment.make_finisher(each.data, data.statistics)(crops),
                labels,
                crops,
            )
            for crops, labels in input_pipeline.make_training_dataset(data, each, 1, 3)
        ]
        for each in (config, on_device)
    ]
    for (images, labels, _), (finished, others, crops) in zip(*batches, strict=True):
        assert crops.pixels.dtype == tf.uint8
        assert crops.pixels.shape == (4, 224, 224, 3)
        np.testing.assert_allclose(finished, images, rtol=0, atol=1e-4)
        np.testing.assert_array_equal(labels, others)


def test_starting_at_any_step_equals_the_straight_run(data_dir):
    config = make_config(4)
    data = input_pipeline.open_data(data_dir, config)
    num_steps = 11  # three epochs and a bit
    straight = [
        (images.numpy(), labels.numpy())
        for images, labels in input_pipeline.make_training_dataset(
            data, config, 0, num_steps
        )
    ]
    assert len(straight) == num_steps
    for start in range(num_steps):
        reopened = input_pipeline.open_data(data_dir, config)
        rest = input_pipeline.make_training_dataset(
            reopened, config, start, min(2, num_steps - start)
        )
        for offset, (images, labels) in enumerate(rest):
            np.testing.assert_array_equal(images, straight[start + offset][0])
            np.testing.assert_array_equal(labels, straight[start + offset][1])


def test_threads_do_not_change_the_batches(data_dir):
    config = make_config(4)
    data = input_pipeline.open_data(data_dir, config)
    settings = dataclasses.replace(config.data, num_parallel_maps=7, prefetch_batches=5)
    other = dataclasses.replace(config, data=settings)
    for one, two in zip(
        input_pipeline.make_training_dataset(data, config, 0, 6),
        input_pipeline.make_training_dataset(data, other, 0, 6),
        strict=True,
    ):
        np.testing.assert_array_equal(one[0], two[0])


def test_a_picture_is_drawn_anew_in_every_epoch(data_dir):
    config = make_config(NUM_TRAIN)
    data = input_pipeline.open_data(data_dir, config)
    dataset = input_pipeline.make_training_dataset(data, config, 0, 3)
    pictures = []
    for step, (images, _) in enumerate(dataset):
        record_ids = input_pipeline.compute_record_ids(NUM_TRAIN, config, step)
        pictures.append(images.numpy()[np.argsort(record_ids)])
    for record_id in range(NUM_TRAIN):
        assert len({epoch[record_id].tobytes() for epoch in pictures}) == 3


@pytest.mark.parametrize(("views", "batch_size"), [(1, 4), (1, 64), (10, 40), (10, 3)])
def test_evaluation_sees_every_record_once(data_dir, views, batch_size):
    config = make_config(batch_size)
    data = input_pipeline.open_data(data_dir, config)
    stored = read_records(data, "validation")
    transform = augment.make_evaluation_transform(config.data, data.statistics, views)
    dataset = input_pipeline.make_evaluation_dataset(data, config, "validation", views)
    seen, sizes = [], []
    for images, labels, record_ids in iteration.iterate(data, dataset):
        assert images.shape[1:] == ((224, 224, 3) if views == 1 else (10, 224, 224, 3))
        sizes.append(len(images))
        for row, record_id in enumerate(record_ids.numpy()):
            expected = transform(tf.constant(stored[record_id]["image"]))
            np.testing.assert_allclose(images[row], expected, rtol=0, atol=2)
            assert int(labels[row]) == stored[record_id]["label"]
        seen += record_ids.numpy().tolist()
    assert seen == list(range(10))
    full = max(1, batch_size // views)
    expected_sizes = [full] * (10 // full) + [10 % full] * (10 % full > 0)
    assert sizes == expected_sizes == sizes[: int(dataset.cardinality())]


def test_raw_and_jpeg_show_the_same_pictures(tmp_path):
    config = make_config(4, colour_shift="none")
    batches = []
    for encoding in ("jpeg", "raw"):
        data_dir = write_data(tmp_path / encoding, encoding)
        data = input_pipeline.open_data(data_dir, config)
        dataset = input_pipeline.make_training_dataset(data, config, 0, 2)
        batches.append([images.numpy() for images, _ in dataset])
    difference = np.abs(np.array(batches[0]) - np.array(batches[1]))
    assert 0 < difference.mean() < 2


def test_decoding_whole_is_needed_where_colour_is_subsampled():
    """Why a crop is not left to `decode_and_crop_jpeg`."""
    stream = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    Image.fromarray(noise).save(stream, "JPEG", quality=95, subsampling=2)
    jpeg = tf.constant(stream.getvalue())
    whole = tf.io.decode_jpeg(jpeg, 3, dct_method="INTEGER_ACCURATE").numpy()
    part = tf.image.decode_and_crop_jpeg(
        jpeg, [4, 16, 224, 224], 3, dct_method="INTEGER_ACCURATE"
    ).numpy()
    differs = (part != whole[4:228, 16:240]).any((0, 2))
    assert np.flatnonzero(differs).tolist() == [0, 223]


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
            records = list(record_file.scan_lengths(path))
            columns["shard"] += [number] * len(records)
            columns["offset"] += [offset for offset, _ in records]
            columns["length"] += [length for _, length in records]
            shards.append(
                manifest.ShardInfo(
                    name,
                    len(records),
                    os.path.getsize(path),
                    durable.compute_digest(path),
                )
            )
        splits[split] = manifest.SplitInfo(tuple(shards), (3, 3))
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


def test_other_programs_shards(tmp_path):
    config = make_config(4, label_offset=1)
    data = input_pipeline.open_data(make_foreign_data(tmp_path), config)
    stored = read_records(data, "validation")
    assert {record["label"] for record in stored} == {1, 2}
    assert len({record["image"].shape for record in stored}) > 1
    mean = data.statistics.mean_image[16:240, 16:240]
    num_seen = 0
    for images, labels, record_ids in iteration.iterate(
        data, input_pipeline.make_evaluation_dataset(data, config, "validation")
    ):
        for row, record_id in enumerate(record_ids.numpy()):
            record = stored[record_id]
            square = resize.resize_and_crop(record["image"])
            expected = square[16:240, 16:240] - mean
            np.testing.assert_allclose(images[row], expected, rtol=0, atol=2)
            assert int(labels[row]) == record["label"] - 1
            num_seen += 1
    assert num_seen == 6
    training = input_pipeline.make_training_dataset(data, config, 0, 3)
    assert all(images.shape == (4, 224, 224, 3) for images, _ in training)


def consume(data_dir: str, config: Config | None = None, split: str = "train") -> None:
    config = config or make_config(4)
    data = input_pipeline.open_data(data_dir, config)
    if split == "train":
        dataset = input_pipeline.make_training_dataset(data, config, 0, 4)
    else:
        dataset = input_pipeline.make_evaluation_dataset(data, config, split)
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


def test_good_batches_before_a_damaged_record_are_delivered(own_data_dir):
    shard = rewrite_record(own_data_dir, "validation", 9, make_record(b"no picture"))
    config = make_config(4)
    data = input_pipeline.open_data(own_data_dir, config)
    dataset = input_pipeline.make_evaluation_dataset(data, config, "validation")
    batches = iteration.iterate(data, dataset)
    assert [len(next(batches)[0]) for _ in range(2)] == [4, 4]
    with pytest.raises(errors.DataError, match=shard):
        next(batches)


def test_a_missing_shard_is_named_before_and_during_a_run(own_data_dir):
    config = make_config(4)
    data = input_pipeline.open_data(own_data_dir, config)
    dataset = input_pipeline.make_training_dataset(data, config, 0, 4)
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
        (make_record(b"no picture at all"), "cannot be used"),
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
    data = input_pipeline.open_data(data_dir, config)
    dataset = input_pipeline.make_training_dataset(data, config, 0, 2)
    with (
        pytest.raises(tf.errors.InvalidArgumentError),
        iteration.translate_errors(data),
    ):
        next(iter(dataset))
        tf.reshape(tf.zeros(3), [2, 2])


def test_grayscale_pictures_become_rgb(own_data_dir):
    stream = io.BytesIO()
    Image.new("L", (256, 256), 100).save(stream, "JPEG")
    rewrite_record(own_data_dir, "validation", 0, make_record(stream.getvalue()))
    config = make_config(4, mean="channel")
    data = input_pipeline.open_data(own_data_dir, config)
    dataset = input_pipeline.make_evaluation_dataset(data, config, "validation")
    images = next(iter(dataset))[0]
    expected = np.broadcast_to(100 - data.statistics.mean_rgb, (224, 224, 3))
    np.testing.assert_allclose(images[0], expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"label_offset": 1}, r"count from 0. Give --config.data.label_offset=0"),
        ({"crop_positions": 34}, r"reach pixel 257 of pictures with 256.*at most 257"),
        ({"crop_size": 257, "crop_positions": 1}, "reach pixel 257"),
    ],
)
def test_settings_that_do_not_fit_the_data_are_refused(data_dir, settings, sentence):
    with pytest.raises(errors.UserError, match=sentence):
        input_pipeline.open_data(data_dir, make_config(4, **settings))
    assert input_pipeline.open_data(data_dir, make_config(4, crop_positions=33))


def test_a_split_that_is_not_there_is_refused(data_dir):
    config = make_config(4)
    data = input_pipeline.open_data(data_dir, config)
    with pytest.raises(errors.UserError, match="no split 'test'"):
        input_pipeline.make_evaluation_dataset(data, config, "test")
    with pytest.raises(ValueError, match="1 or 10"):
        input_pipeline.make_evaluation_dataset(data, config, "validation", num_views=5)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
