"""Tests of `export.saved_model`: the export predicts as the trained network."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow.core.protobuf import saved_model_pb2

from alexnet_tf.data import directory
from alexnet_tf.evaluation import evaluate
from alexnet_tf.export import exported, saved_model
from alexnet_tf.runs import trained_network
from tests import data_directories, training_runs
from tests.alexnet_tf import animations
from tfrecords import errors
from tfrecords.durable import checksums, versions
from tfrecords.images import decoder, resize
from tfrecords.shards import schema

pytestmark = pytest.mark.whole_run

NUM_CLASSES = 7
VALUES = {
    "num_epochs": 1,
    "eval_batch_size": 30,
    "batch_size": 7,
    # As in exports: the same kernels give the same bits.
    "model.normalization": "banded",
}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    path = tmp_path_factory.mktemp("data")
    data_directories.write_data_directory(
        path, num_classes=NUM_CLASSES, per_class={"train": 2, "validation": 3}
    )
    return str(path)


@pytest.fixture(scope="module")
def workdir(tmp_path_factory, data_dir):
    path = tmp_path_factory.mktemp("run")
    # Trained under a placement that the export must not keep.
    training_runs.run(data_dir, path, VALUES)
    return str(path)


@pytest.fixture(scope="module")
def network(workdir):
    return trained_network.load(workdir)


@pytest.fixture(scope="module")
def version(tmp_path_factory, network):
    made = saved_model.export(network, str(tmp_path_factory.mktemp("exports")))
    assert made.digest == checksums.compute_digest(made.path) and not made.report
    checksums.check(made.path, os.path.join(made.path, exported.CHECKSUMS_NAME))
    return made.path


@pytest.fixture(scope="module")
def signatures(version):
    return tf.saved_model.load(version).signatures


@pytest.fixture(scope="module")
def images(data_dir):
    """The bytes of the validation split's records, in their order."""
    config = training_runs.make_config(VALUES)
    reader = directory.open_data(data_dir, config).get_reader("validation")
    return [
        schema.decode_record(reader.read(number)).image_bytes
        for number in range(reader.index.num_records)
    ]


def encode(image, image_format="PNG"):
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, image_format)
    return stream.getvalue()


@pytest.mark.parametrize("name, num_views", [("serving_default", 1), ("ten_views", 10)])
def test_records_are_answered_as_in_evaluation(
    monkeypatch, workdir, signatures, images, name, num_views
):
    seen = []
    add = evaluate.PerClassErrors.add
    make_eval_step = evaluate.forward.make_eval_step

    def make_recording_step(model, device=None):
        step = make_eval_step(model, device)

        def record(views, labels):
            result = step(views, labels)
            seen.append(result.probabilities.numpy())
            return result

        return record

    monkeypatch.setattr(evaluate.forward, "make_eval_step", make_recording_step)
    evaluate.evaluate_checkpoint(workdir, "last", "validation", num_views)
    assert add is evaluate.PerClassErrors.add
    batches, start = [], 0
    for batch in seen:
        part = tf.constant(images[start : start + len(batch)])
        batches.append(signatures[name](image_bytes=part)["probabilities"].numpy())
        start += len(batch)
    assert start == len(images) == 21
    # Bit for bit: the same kernels on batches of the same size.
    for ours, theirs in zip(batches, seen, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_answers_are_sorted_and_named(signatures, network, images):
    answer = signatures["serving_default"](image_bytes=tf.constant(images))
    probabilities = answer["probabilities"].numpy()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :5]
    np.testing.assert_array_equal(answer["top5_labels"], order)
    classes = network.training_data.classes
    for row, labels in enumerate(order):
        names = [name.decode() for name in answer["top5_names"].numpy()[row]]
        synsets = [name.decode() for name in answer["top5_synsets"].numpy()[row]]
        assert names == [classes[label].text for label in labels]
        assert synsets == [classes[label].synset for label in labels]
        np.testing.assert_array_equal(
            answer["top5_probabilities"].numpy()[row], probabilities[row, labels]
        )
    assert set(answer["errors"].numpy()) == {b""}


def test_images_of_any_size_go_through_the_converters_rule(signatures):
    generator = np.random.default_rng(3)
    image = data_directories.draw_image(1, NUM_CLASSES, generator, 300, 411)
    converted = resize.resize_and_crop(image)
    answer = signatures["serving_default"](
        image_bytes=tf.constant([encode(image), encode(converted)])
    )
    ours, theirs = answer["probabilities"].numpy()
    # TensorFlow's resampling may round one value in a hundred unlike Pillow's.
    np.testing.assert_allclose(ours, theirs, rtol=1e-3)


@pytest.mark.parametrize(
    "name", ["serving_default", "ten_views", "features", "responses"]
)
def test_a_bad_image_fails_alone(signatures, images, name):
    good, other = images[:2]
    bad = [
        b"",
        b"<html>",
        good[: len(good) // 3],
        encode(np.zeros((9, 9, 3), "u1"))[:50],
    ]
    answer = signatures[name](image_bytes=tf.constant([good, *bad, other]))
    alone = signatures[name](
        image_bytes=tf.constant([good, good, good, good, good, other])
    )
    reasons = [reason.decode() for reason in answer["errors"].numpy()]
    assert reasons == ["", *[saved_model.NO_IMAGE] * 4, ""]
    for key in set(answer) - {"errors"}:
        ours, theirs = answer[key].numpy(), alone[key].numpy()
        np.testing.assert_array_equal(ours[[0, 5]], theirs[[0, 5]])
        blank = {"top5_labels": -1, "top5_names": b"", "top5_synsets": b""}.get(key, 0)
        assert (ours[1:5] == blank).all(), key


def test_a_image_with_more_pixels_than_the_converter_takes_is_refused(signatures):
    """A valid image that is decoded unless the limit stops it."""
    assert decoder.MAX_PIXELS == 8000 * 8000
    stream = io.BytesIO()
    Image.new("1", (8001, 8000)).save(stream, "PNG")
    answer = signatures["serving_default"](image_bytes=tf.constant([stream.getvalue()]))
    assert answer["errors"].numpy()[0].decode() == saved_model.NO_IMAGE


def test_of_an_animation_the_first_frame_is_answered(signatures, images):
    """TensorFlow would decode all frames and allocate the largest size claimed."""
    first = decoder.decode_pixels(images[0], apply_orientation=False)
    still = encode(first, "GIF")
    animated = animations.append_frame(still, 900, 700)
    answer = signatures["serving_default"](image_bytes=tf.constant([still, animated]))
    assert answer["errors"].numpy().tolist() == [b"", b""]
    np.testing.assert_array_equal(*answer["probabilities"].numpy())


def test_pixels_are_answered_like_the_same_image(signatures, images):
    decoded = [decoder.decode_pixels(p, apply_orientation=False) for p in images]
    size = training_runs.TINY["data.crop_size"]
    offset = (256 - size) // 2
    crops = np.stack(decoded)[:, offset : offset + size, offset : offset + size]
    answer = signatures["pixels"](images=tf.constant(crops, tf.float32))
    expected = signatures["serving_default"](image_bytes=tf.constant(images))
    assert set(answer) == set(expected) - {"errors"}
    for name, value in answer.items():
        np.testing.assert_array_equal(value, expected[name])


def test_features_are_fc7s(signatures, network, images):
    features = signatures["features"](image_bytes=tf.constant(images))["features"]
    features = features.numpy()
    units = [layer.units for layer in network.model.layers if layer.name == "fc7a"]
    assert features.shape == (21, 2 * units[0]) and (features >= 0).all()
    # fc8 on them, halved as dropout does at test, gives the probabilities.
    kernel, bias = network.model.get_layer("fc8").get_weights()
    logits = 0.5 * features.astype(float) @ kernel + bias
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    expected = signatures["serving_default"](image_bytes=tf.constant(images))
    np.testing.assert_allclose(
        powers / powers.sum(axis=1, keepdims=True), expected["probabilities"], atol=1e-6
    )


def test_versions_count_and_the_newest_is_found(tmp_path, network):
    export_dir = str(tmp_path / "exports")
    with pytest.raises(errors.UserError, match=r"exports holds no .*alexnet-export"):
        exported.find_version(export_dir)
    (tmp_path / "exports" / "9").mkdir(parents=True)
    path = saved_model.export(network, export_dir).path
    assert path == os.path.join(export_dir, "10")
    assert versions.list_versions(export_dir) == [9, 10]
    assert exported.find_version(export_dir) == path == exported.find_version(path)
    with open(os.path.join(path, exported.RECORD_NAME), encoding="utf-8") as file:
        record = json.load(file)
    assert record["step"] == 2 and len(record["classes"]) == NUM_CLASSES


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        tf.errors.ResourceExhaustedError(None, None, "x; No space left on device"),
    ],
)
def test_a_failing_export_leaves_nothing(tmp_path, monkeypatch, network, error):
    def fail(module, path, **_):
        with open(os.path.join(path, "saved_model.pb"), "wb") as file:
            file.write(b"half")
        raise error

    monkeypatch.setattr(tf.saved_model, "save", fail)
    with pytest.raises(errors.StorageError):
        saved_model.export(network, str(tmp_path))
    assert os.listdir(tmp_path) == []


def test_it_loads_where_there_is_one_device_and_none_of_our_code(version, images):
    code = f"""
import sys, tensorflow as tf
loaded = tf.saved_model.load({version!r})
answer = loaded.signatures["serving_default"](tf.constant([{images[0]!r}]))
print(answer["probabilities"].shape)
assert not any(name.startswith("alexnet_tf") for name in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd="/", capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"(1, {NUM_CLASSES})"
    saved = saved_model_pb2.SavedModel()
    with open(os.path.join(version, "saved_model.pb"), "rb") as file:
        saved.ParseFromString(file.read())
    devices = {
        node.device
        for function in saved.meta_graphs[0].graph_def.library.function
        for node in function.node_def
        if node.op in ("Conv2D", "MatMul", "LRN", "ConcatV2")
    }
    assert devices == {""}


def test_tensorflows_own_tool_shows_and_runs_it(tmp_path, version):
    tool = [sys.executable, "-m", "tensorflow.python.tools.saved_model_cli"]
    common = ["--dir", version, "--tag_set", "serve", "--signature_def"]
    shown = subprocess.run(
        [*tool, "show", *common, "serving_default"], capture_output=True, text=True
    )
    assert shown.returncode == 0, shown.stderr
    assert "image_bytes" in shown.stdout and "top5_names" in shown.stdout
    size = training_runs.TINY["data.crop_size"]
    np.save(tmp_path / "images.npy", np.zeros((2, size, size, 3), np.float32))
    ran = subprocess.run(
        [*tool, "run", *common, "pixels", "--inputs", f"images={tmp_path}/images.npy"],
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert "Result for output key probabilities" in ran.stdout


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
