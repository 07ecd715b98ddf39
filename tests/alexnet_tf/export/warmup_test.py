"""Tests of `export.warmup`: the requests' bytes, by hand and by the stock classes."""

from __future__ import annotations

import io
import os
import pathlib
import sys
import tarfile

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from alexnet_tf.export import warmup
from tfrecords import errors

GOLDEN = pathlib.Path(__file__).parents[2] / "golden"


def encode(size):
    stream = io.BytesIO()
    Image.new("RGB", size, (9, 90, 200)).save(stream, "PNG")
    return stream.getvalue()


def import_logs():
    reason = "the extra serving brings tensorflow-serving-api"
    return pytest.importorskip(
        "tensorflow_serving.apis.prediction_log_pb2", reason=reason
    )


def test_a_request_is_the_bytes_made_by_hand():
    tensor = (
        b"\x08\x07"  # dtype: DT_STRING
        b"\x12\x04\x12\x02\x08\x01"  # tensor_shape: one dim of size 1
        b"\x42\x03JPG"  # string_val
    )
    spec = b"\x1a\x09ten_views"
    entry = b"\x0a\x0bimage_bytes" + b"\x12\x0d" + tensor
    request = b"\x0a\x0b" + spec + b"\x12\x1c" + entry
    expected = b"\x32\x2d" + b"\x0a\x2b" + request
    assert (len(tensor), len(spec), len(entry), len(request)) == (13, 11, 28, 43)
    assert warmup.encode_request("ten_views", b"JPG") == expected


def test_the_stock_classes_read_them():
    logs = import_logs()
    data = encode((30, 20)) * 500  # Lengths of more than one byte, at every level.
    log = logs.PredictionLog.FromString(warmup.encode_request("features", data))
    assert log.WhichOneof("log_type") == "predict_log"
    request = log.predict_log.request
    assert request.model_spec.signature_name == "features"
    assert list(request.inputs) == ["image_bytes"]
    assert tf.make_ndarray(request.inputs["image_bytes"]).tolist() == [data]
    rebuilt = logs.PredictionLog()
    rebuilt.predict_log.request.model_spec.signature_name = "features"
    tensor = tf.make_tensor_proto([data], shape=[1])
    rebuilt.predict_log.request.inputs["image_bytes"].CopyFrom(tensor)
    assert log == rebuilt


def test_an_export_answers_all_of_them(tmp_path):
    """As TensorFlow Serving does: records of a TFRecord file, each to its signature."""
    logs = import_logs()
    with tarfile.open(GOLDEN / "export.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    images = warmup.draw_images(warmup.count_images(7))
    assert len(set(images)) == 3
    path = tmp_path / warmup.NAME
    warmup.write(str(path), warmup.make_requests(images, 7))
    (export,) = tmp_path.glob("export/*")
    loaded = tf.saved_model.load(str(export))
    asked = []
    for record in tf.data.TFRecordDataset(str(path)):
        log = logs.PredictionLog.FromString(record.numpy())
        request = log.predict_log.request
        name = request.model_spec.signature_name
        (data,) = tf.make_ndarray(request.inputs[warmup.INPUT])
        answer = loaded.signatures[name](image_bytes=tf.constant([data]))
        assert answer["errors"].numpy().tolist() == [b""]
        asked.append((name, images.index(data)))
    names = ["serving_default", "ten_views", "features"]
    assert asked == [(name, k) for k in (0, 1, 2) for name in names][:7]


def test_few_images_are_shown_again():
    found = list(warmup.make_requests([b"one", b"two"], 9))
    assert [b"one" in r for r in found] == [True] * 3 + [False] * 3 + [True] * 3
    assert not list(warmup.make_requests([b"one"], 0))


def test_drawn_images_are_of_all_classes_and_of_usual_size():
    images = [Image.open(io.BytesIO(data)) for data in warmup.draw_images(21)]
    assert {image.format for image in images} == {"JPEG"}
    assert min(min(image.size) for image in images) >= 256
    # The last is the second of the first class.
    assert len({np.asarray(image).tobytes() for image in images}) == 21


def test_files_are_sent_as_they_are(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(encode((40, 30)))
    assert warmup.read_images([str(path)]) == [path.read_bytes()]
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"<html>")
    with pytest.raises(errors.DataError, match=r"bad\.png.*--warmup_images"):
        warmup.read_images([str(path), str(bad)])
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(errors.DataError, match=r"pipe\.png is not a file"):
        warmup.read_images([str(tmp_path / "pipe.png")])


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
