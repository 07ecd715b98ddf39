"""Tests of `data.pipeline` and `alexnet_tf.data.batch_reader`, on small shards."""

from __future__ import annotations

import dataclasses
import io
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from alexnet_tf.data import (
    directory,
    iteration,
    pipeline,
    random_draws,
    training_transform,
)
from tests.alexnet_tf.small_shards import (
    NUM_TRAIN,
    make_config,
    make_foreign_data,
    make_record,
    rewrite_record,
    write_data,
)
from tfrecords import errors, stable_random
from tfrecords.images import resize
from tfrecords.shards import schema


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture
def own_data_dir(tmp_path):
    return write_data(tmp_path)


def read_records(data: directory.DataDirectory, split: str) -> list[dict]:
    """Filename, label and pixels of each record, by NumPy and Pillow."""
    reader = data.get_reader(split)
    found = []
    for record_id in range(reader.index.num_records):
        example = tf.train.Example.FromString(reader.read(record_id))
        feature = example.features.feature
        encoded = feature[schema.ENCODED].bytes_list.value[0]
        if feature[schema.FORMAT].bytes_list.value[0] == schema.FORMATS["raw"]:
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
        pipeline.compute_record_ids(NUM_TRAIN, config, step)
        for step in range(num_steps)
    ]
    assert all(b.shape == (batch_size,) and b.dtype == np.int64 for b in batches)
    stream = np.concatenate(batches)[: NUM_TRAIN * num_epochs]
    orders = stream.reshape(num_epochs, NUM_TRAIN)
    for epoch, order in enumerate(orders):
        assert sorted(order) == list(range(NUM_TRAIN))
        expected = stable_random.make_permutation(NUM_TRAIN, config.seed, epoch)
        np.testing.assert_array_equal(order, expected)
    assert len({tuple(order) for order in orders}) == num_epochs


def test_the_source_keeps_one_order():
    config = make_config(NUM_TRAIN, reshuffle=False)
    first = pipeline.compute_record_ids(NUM_TRAIN, config, 0)
    again = pipeline.compute_record_ids(NUM_TRAIN, config, 5)
    np.testing.assert_array_equal(first, again)
    other = dataclasses.replace(config, seed=4)
    assert (pipeline.compute_record_ids(NUM_TRAIN, other, 0) != first).any()


@pytest.mark.parametrize("encoding", ["jpeg", "raw"])
def test_batches_hold_the_records_they_should(tmp_path, encoding):
    config = make_config(4)
    data = directory.open_data(write_data(tmp_path, encoding), config)
    stored = read_records(data, "train")
    transform = training_transform.make_image_transform(config.data, data.statistics)
    draw = random_draws.make_training_draws(
        config.data, data.statistics, NUM_TRAIN, config.seed, 4
    )
    dataset = pipeline.make_training_dataset(data, config, 2, 4)
    assert int(dataset.cardinality()) == 4
    assert dataset.element_spec == (
        tf.TensorSpec([4, 224, 224, 3], tf.float32),
        tf.TensorSpec([4], tf.int32),
    )
    steps = 0
    for step, (images, labels) in enumerate(iteration.iterate(data, dataset), 2):
        record_ids = pipeline.compute_record_ids(NUM_TRAIN, config, step)
        draws = draw(tf.constant(step * 4, tf.int64))
        for row, record_id in enumerate(record_ids):
            record = stored[record_id]
            expected = transform(tf.constant(record["image"]), draws.pick(row)).numpy()
            # Pillow's libjpeg may round differently from TensorFlow's.
            tolerance = 0 if encoding == "raw" else 2
            np.testing.assert_allclose(images[row], expected, rtol=0, atol=tolerance)
            assert int(labels[row]) == record["label"]
        steps += 1
    assert steps == 4


@pytest.mark.parametrize("encoding", ["jpeg", "raw"])
def test_bytes_that_the_device_finishes_are_the_same_images(tmp_path, encoding):
    config = make_config(4)
    data = directory.open_data(write_data(tmp_path, encoding), config)
    on_device = make_config(4, finish_on="device")
    batches = [
        [
            (
                training_transform.make_device_part(each.data, data.statistics)(crops),
                labels,
                crops,
            )
            for crops, labels in pipeline.make_training_dataset(data, each, 1, 3)
        ]
        for each in (config, on_device)
    ]
    for (images, labels, _), (finished, others, crops) in zip(*batches, strict=True):
        assert crops.pixels.dtype == tf.uint8
        assert crops.pixels.shape == (4, 224, 224, 3)
        np.testing.assert_array_equal(finished, images)
        np.testing.assert_array_equal(labels, others)


def test_starting_at_any_step_equals_the_straight_run(data_dir):
    config = make_config(4)
    data = directory.open_data(data_dir, config)
    num_steps = 11  # three epochs and a bit
    straight = [
        (images.numpy(), labels.numpy())
        for images, labels in pipeline.make_training_dataset(data, config, 0, num_steps)
    ]
    assert len(straight) == num_steps
    for start in range(num_steps):
        reopened = directory.open_data(data_dir, config)
        rest = pipeline.make_training_dataset(
            reopened, config, start, min(2, num_steps - start)
        )
        for offset, (images, labels) in enumerate(rest):
            np.testing.assert_array_equal(images, straight[start + offset][0])
            np.testing.assert_array_equal(labels, straight[start + offset][1])


def test_threads_do_not_change_the_batches(data_dir):
    config = make_config(4)
    data = directory.open_data(data_dir, config)
    settings = dataclasses.replace(config.data, num_parallel_maps=7, prefetch_batches=5)
    other = dataclasses.replace(config, data=settings)
    for one, two in zip(
        pipeline.make_training_dataset(data, config, 0, 6),
        pipeline.make_training_dataset(data, other, 0, 6),
        strict=True,
    ):
        np.testing.assert_array_equal(one[0], two[0])


def test_a_image_is_drawn_anew_in_every_epoch(data_dir):
    config = make_config(NUM_TRAIN)
    data = directory.open_data(data_dir, config)
    dataset = pipeline.make_training_dataset(data, config, 0, 3)
    images = []
    for step, (batch, _) in enumerate(dataset):
        record_ids = pipeline.compute_record_ids(NUM_TRAIN, config, step)
        images.append(batch.numpy()[np.argsort(record_ids)])
    for record_id in range(NUM_TRAIN):
        assert len({epoch[record_id].tobytes() for epoch in images}) == 3


@pytest.mark.parametrize(("views", "batch_size"), [(1, 4), (1, 64), (10, 40), (10, 3)])
def test_evaluation_sees_every_record_once(data_dir, views, batch_size):
    config = make_config(batch_size)
    data = directory.open_data(data_dir, config)
    stored = read_records(data, "validation")
    dataset = pipeline.make_evaluation_dataset(data, config, "validation", views)
    seen, sizes = [], []
    for images, labels, record_ids in iteration.iterate(data, dataset):
        assert images.shape[1:] == (256, 256, 3) and images.dtype == tf.uint8
        sizes.append(len(images))
        for row, record_id in enumerate(record_ids.numpy()):
            expected = stored[record_id]["image"].astype(int)
            np.testing.assert_allclose(images[row], expected, rtol=0, atol=2)
            assert int(labels[row]) == stored[record_id]["label"]
        seen += record_ids.numpy().tolist()
    assert seen == list(range(10))
    full = max(1, batch_size // views)
    expected_sizes = [full] * (10 // full) + [10 % full] * (10 % full > 0)
    assert sizes == expected_sizes == sizes[: int(dataset.cardinality())]


def test_other_statistics_share_the_readers(data_dir):
    data = directory.open_data(data_dir, make_config(4))
    statistics = dataclasses.replace(
        data.statistics, mean_image=np.zeros_like(data.statistics.mean_image)
    )
    reader = data.get_reader("train")
    other = data.with_statistics(statistics, "another")
    assert other.statistics is statistics
    assert data.statistics.mean_image.any()
    assert other.get_reader("train") is reader


def test_raw_and_jpeg_show_the_same_images(tmp_path):
    config = make_config(4, colour_shift="none")
    batches = []
    for encoding in ("jpeg", "raw"):
        data_dir = write_data(tmp_path / encoding, encoding)
        data = directory.open_data(data_dir, config)
        dataset = pipeline.make_training_dataset(data, config, 0, 2)
        batches.append([images.numpy() for images, _ in dataset])
    difference = np.abs(np.array(batches[0]) - np.array(batches[1]))
    assert 0 < difference.mean() < 2


def test_decoding_whole_is_needed_where_colour_is_subsampled():
    """Shows why the pipeline does not use `decode_and_crop_jpeg`."""
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


def test_other_programs_shards(tmp_path):
    config = make_config(4, label_offset=1)
    data = directory.open_data(make_foreign_data(tmp_path), config)
    stored = read_records(data, "validation")
    assert {record["label"] for record in stored} == {1, 2}
    assert len({record["image"].shape for record in stored}) > 1
    num_seen = 0
    for images, labels, record_ids in iteration.iterate(
        data, pipeline.make_evaluation_dataset(data, config, "validation")
    ):
        for row, record_id in enumerate(record_ids.numpy()):
            record = stored[record_id]
            square = resize.resize_and_crop(record["image"]).astype(int)
            np.testing.assert_allclose(images[row], square, rtol=0, atol=2)
            assert int(labels[row]) == record["label"] - 1
            num_seen += 1
    assert num_seen == 6
    training = pipeline.make_training_dataset(data, config, 0, 3)
    assert all(batch.shape == (4, 224, 224, 3) for batch, _ in training)


def test_grayscale_images_become_rgb(own_data_dir):
    stream = io.BytesIO()
    Image.new("L", (256, 256), 100).save(stream, "JPEG")
    rewrite_record(own_data_dir, "validation", 0, make_record(stream.getvalue()))
    config = make_config(4)
    data = directory.open_data(own_data_dir, config)
    dataset = pipeline.make_evaluation_dataset(data, config, "validation")
    images = next(iter(dataset))[0]
    assert images.shape == (4, 256, 256, 3)
    assert np.all(images[0].numpy() == 100)


@pytest.mark.parametrize(
    ("settings", "facts"),
    [
        ({"label_offset": 1}, r"--config.data.label_offset=0"),
        ({"crop_positions": 34}, r"224.*34.*257.*256.*at most 257"),
        ({"crop_size": 257, "crop_positions": 1}, "257.*256"),
    ],
)
def test_settings_that_do_not_fit_the_data_are_refused(data_dir, settings, facts):
    with pytest.raises(errors.UserError, match=facts):
        directory.open_data(data_dir, make_config(4, **settings))
    assert directory.open_data(data_dir, make_config(4, crop_positions=33))


@pytest.mark.parametrize(
    ("settings", "seen"),
    [
        ({}, None),
        ({"crop_positions": 1}, None),  # 7/8 of a side, the usual centre crop
        ({"crop_size": 223, "crop_positions": 1}, 223),
        ({"crop_size": 24, "crop_positions": 9}, 32),
        ({"crop_size": 24, "crop_positions": 9, "crop_origin": "corner"}, 32),
    ],
)
def test_training_on_a_small_part_of_the_images_is_said(data_dir, settings, seen):
    config = make_config(4, **settings)
    warning = directory.explain_unseen(
        directory.open_data(data_dir, config), config.data
    )
    if seen is None:
        assert warning == ""
    else:
        corner = settings.get("crop_origin") == "corner"
        part = "top left" if corner else "central"
        for fact in (f"{part} {seen}x{seen}", data_dir, "256x256"):
            assert fact in warning
        assert warning.endswith(f"alexnet-convert --image_size={seen}")


def test_a_split_that_is_not_there_is_refused(data_dir):
    config = make_config(4)
    data = directory.open_data(data_dir, config)
    with pytest.raises(errors.UserError, match="no split 'test'"):
        pipeline.make_evaluation_dataset(data, config, "test")
    with pytest.raises(ValueError, match="1 or 10"):
        pipeline.make_evaluation_dataset(data, config, "validation", num_views=5)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
