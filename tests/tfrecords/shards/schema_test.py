"""A record written is the record read, by us and by TensorFlow."""

import sys

import pytest

from tfrecords import errors
from tfrecords.shards import example_proto, schema

IMAGE = {
    "encoded": b"\xff\xd8 not really",
    "image_format": schema.FORMATS["jpeg"],
    "label": 999,
    "synset": "n15075141",
    "text": "toilet tissue, papier hygiénique",
    "filename": "n15075141_1.JPEG",
    "height": 256,
    "width": 250,
}


def test_shard_names():
    assert schema.make_shard_name("train", 7, 128) == "train-00007-of-00128"


def test_the_keys_are_those_of_the_ecosystem():
    import tensorflow as tf

    message = tf.train.Example.FromString(schema.encode_image(**IMAGE))
    read = {}
    for key, feature in message.features.feature.items():
        (value,) = getattr(feature, feature.WhichOneof("kind")).value
        read[key] = value
    assert read == {
        "image/encoded": b"\xff\xd8 not really",
        "image/format": b"JPEG",
        "image/class/label": 999,
        "image/class/synset": b"n15075141",
        "image/class/text": "toilet tissue, papier hygiénique".encode(),
        "image/filename": b"n15075141_1.JPEG",
        "image/height": 256,
        "image/width": 250,
        "image/channels": 3,
        "image/colorspace": b"RGB",
    }


def test_decode_record_is_the_inverse():
    record = schema.decode_record(schema.encode_image(**IMAGE))
    assert record == schema.ImageRecord(
        image_bytes=IMAGE["encoded"],
        **{key: value for key, value in IMAGE.items() if key != "encoded"},
    )


def test_a_filename_of_any_bytes_survives():
    name = b"caf\xe9.jpg".decode(errors="surrogateescape")
    serialized = schema.encode_image(**{**IMAGE, "filename": name})
    assert example_proto.decode_example(serialized)[schema.FILENAME] == [b"caf\xe9.jpg"]
    assert schema.decode_record(serialized).filename == name


def test_what_other_programs_leave_out_is_empty():
    minimal = {schema.ENCODED: b"x", schema.LABEL: 1}
    record = schema.decode_record(example_proto.encode_example(minimal))
    assert record == schema.ImageRecord(b"x", b"", 1, "", "", "", None, None)


def test_decode_pixels_is_a_part_of_the_record():
    serialized = schema.encode_image(**IMAGE)
    pixels, label = schema.decode_pixels(memoryview(serialized))
    assert (pixels, label) == (IMAGE["encoded"], IMAGE["label"])
    assert pixels.obj is serialized


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({schema.ENCODED: None}, "no image/encoded"),
        ({schema.LABEL: None}, "no image/class/label"),
        ({schema.ENCODED: 1}, "image/encoded is not one byte string"),
        ({schema.LABEL: b"1"}, "image/class/label is not one integer"),
        ({schema.SYNSET: 1}, "image/class/synset is not one byte string"),
        ({schema.SYNSET: b"\xff"}, "image/class/synset is not UTF-8"),
        ({schema.HEIGHT: b"1"}, "image/height is not one integer"),
    ],
)
def test_wrong_features_are_refused(change, reason):
    features = {schema.ENCODED: b"x", schema.LABEL: 1, schema.SYNSET: b"n1", **change}
    features = {key: value for key, value in features.items() if value is not None}
    with pytest.raises(errors.DataError, match=reason):
        schema.decode_record(example_proto.encode_example(features))


@pytest.mark.parametrize("count", [0, 2])
def test_a_list_of_another_length_is_refused(count):
    import tensorflow as tf

    message = tf.train.Example.FromString(schema.encode_image(**IMAGE))
    message.features.feature[schema.LABEL].int64_list.value[:] = [1] * count
    with pytest.raises(errors.DataError, match="not one integer"):
        schema.decode_record(message.SerializeToString())


def test_negative_labels_are_read_as_such():
    import tensorflow as tf

    message = tf.train.Example.FromString(schema.encode_image(**IMAGE))
    message.features.feature[schema.LABEL].int64_list.value[:] = [-1]
    assert schema.decode_record(message.SerializeToString()).label == -1


def check_parsed(parsed):
    assert parsed["image_bytes"] == IMAGE["encoded"]
    assert parsed["format"] == b"JPEG"
    assert parsed["label"] == 999
    assert parsed["label"].dtype == "int64"
    assert parsed["synset"] == b"n15075141"
    assert parsed["text"].decode() == IMAGE["text"]
    assert parsed["filename"] == b"n15075141_1.JPEG"


def test_parse_example_eagerly_and_inside_map():
    import tensorflow as tf

    serialized = schema.encode_image(**IMAGE)
    eager = schema.parse_example(tf.constant(serialized))
    assert all(tensor.shape == () for tensor in eager.values())
    check_parsed({key: tensor.numpy() for key, tensor in eager.items()})
    dataset = tf.data.Dataset.from_tensors(serialized).map(schema.parse_example)
    for parsed in dataset.as_numpy_iterator():
        check_parsed(parsed)


def test_parse_example_of_a_minimal_and_of_a_bad_record():
    import tensorflow as tf

    minimal = {schema.ENCODED: b"x", schema.LABEL: 1}
    parsed = schema.parse_example(tf.constant(example_proto.encode_example(minimal)))
    assert parsed["format"] == parsed["synset"] == b""
    for bad in (b"nonsense", example_proto.encode_example({schema.LABEL: 1})):
        with pytest.raises(tf.errors.InvalidArgumentError):
            schema.parse_example(tf.constant(bad))


def test_parse_images_of_a_batch():
    import tensorflow as tf

    minimal = example_proto.encode_example({schema.ENCODED: b"x", schema.LABEL: 1})
    batch = tf.constant([schema.encode_image(**IMAGE), minimal])
    encoded, labels = schema.parse_images(batch)
    assert encoded.numpy().tolist() == [IMAGE["encoded"], b"x"]
    assert labels.dtype == "int64" and labels.numpy().tolist() == [999, 1]
    for bad in (b"", b"nonsense", example_proto.encode_example({schema.LABEL: 1})):
        with pytest.raises(tf.errors.InvalidArgumentError):
            schema.parse_images(tf.constant([minimal, bad]))


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
