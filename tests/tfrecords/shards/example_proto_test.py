"""The wire format against TensorFlow's, both ways, and malformed bytes."""

import random
import struct
import sys

import pytest

from tfrecords import errors
from tfrecords.shards import example_proto

FEATURES = {
    "a": b"\x00\xff" * 100,
    "b": 0,
    "c": 127,
    "d": 128,
    "e": 2**63 - 1,
    "é": b"",
}


def parse(serialized):
    """What TensorFlow's protocol-buffer library reads."""
    import tensorflow as tf

    example = tf.train.Example.FromString(serialized)
    result = {}
    for key, feature in example.features.feature.items():
        kind = feature.WhichOneof("kind")
        result[key] = list(getattr(feature, kind).value) if kind else []
    return result


def field(number, payload):
    assert len(payload) < 128
    return bytes([number << 3 | 2, len(payload)]) + payload


def example(*entries):
    return field(1, b"".join(field(1, entry) for entry in entries))


def entry(key, feature):
    return field(1, key) + field(2, feature)


def test_tensorflow_reads_what_we_encode():
    serialized = example_proto.encode_example(FEATURES)
    assert parse(serialized) == {key: [value] for key, value in FEATURES.items()}
    assert example_proto.decode_example(serialized) == parse(serialized)


def test_the_bytes_depend_on_the_features_alone():
    reverse = dict(reversed(FEATURES.items()))
    assert example_proto.encode_example(reverse) == example_proto.encode_example(
        FEATURES
    )


def test_our_bytes_are_tensorflows_in_sorted_order():
    import tensorflow as tf

    example = tf.train.Example()
    for key, value in sorted(FEATURES.items()):
        feature = example.features.feature[key]
        if isinstance(value, bytes):
            feature.bytes_list.value.append(value)
        else:
            feature.int64_list.value.append(value)
    assert example_proto.encode_example(FEATURES) == example.SerializeToString(
        deterministic=True
    )


@pytest.mark.parametrize("value", [-1, -(1 << 63)])
def test_negative_numbers_are_encoded_as_tensorflow_does(value):
    import tensorflow as tf

    encoded = example_proto.encode_example({"a": value})
    assert tf.train.Example.FromString(encoded).features.feature[
        "a"
    ].int64_list.value == [value]
    assert example_proto.decode_example(encoded) == {"a": [value]}


def test_we_read_what_tensorflow_encodes():
    import tensorflow as tf

    generator = random.Random(0)
    for _ in range(300):
        message = tf.train.Example()
        for number in range(generator.randrange(8)):
            feature = message.features.feature[f"key-{number}"]
            count = generator.randrange(4)
            kind = generator.randrange(4)
            if kind == 0:
                feature.bytes_list.value.extend(
                    generator.randbytes(generator.randrange(300)) for _ in range(count)
                )
            elif kind == 1:
                feature.int64_list.value.extend(
                    generator.randrange(-(2**63), 2**63) >> generator.randrange(64)
                    for _ in range(count)
                )
            elif kind == 2:
                feature.float_list.value.extend(
                    generator.gauss(0, 1e9) for _ in range(count)
                )
            else:
                feature.bytes_list.SetInParent()
        serialized = message.SerializeToString()
        assert example_proto.decode_example(serialized) == parse(serialized)


def test_unpacked_numbers_are_read():
    numbers = example(entry(b"k", field(3, b"\x08\x05\x08\xac\x02")))
    assert example_proto.decode_example(numbers) == {"k": [5, 300]} == parse(numbers)
    mixed = example(entry(b"k", field(3, b"\x08\x05" + field(1, b"\x06\x07"))))
    assert example_proto.decode_example(mixed) == {"k": [5, 6, 7]} == parse(mixed)
    value = struct.pack("<f", 1.5)
    floats = example(entry(b"k", field(2, b"\x0d" + value)))
    assert example_proto.decode_example(floats) == {"k": [1.5]} == parse(floats)


def test_an_empty_example_is_read():
    assert example_proto.decode_example(b"") == {}
    assert example_proto.decode_example(field(1, b"")) == {}


INT64 = field(3, field(1, b"\x01"))


@pytest.mark.parametrize(
    ("serialized", "reason"),
    [
        (b"\x0a", "cut short"),
        (b"\x0a\x05abc", "cut short"),
        (b"\x0a" + b"\xff" * 9 + b"\x01", "cut short"),
        (b"\x0a" + b"\xff" * 9 + b"\x02", "larger than 64 bits"),
        (b"\x0a" + b"\xff" * 10 + b"\x01", "longer than ten bytes"),
        (b"\x08\x01", "unexpected field 1 of wire type 0"),
        (field(2, b""), "unexpected field 2"),
        (b"\x00", "unexpected field 0"),
        (field(1, b"") * 2, "two Features"),
        (example(field(1, b"k")), "not one key and one value"),
        (example(field(2, INT64)), "not one key and one value"),
        (example(field(1, b"k") * 2 + field(2, INT64)), "not one key and one value"),
        (example(field(1, b"k") + field(2, INT64) * 2), "not one key and one value"),
        (example(entry(b"\xff", INT64)), "not UTF-8"),
        (example(entry(b"k", INT64), entry(b"k", INT64)), "k comes twice"),
        (example(entry(b"k", INT64 + INT64)), "two kinds"),
        (example(entry(b"k", field(4, b""))), "unexpected field 4"),
        (example(entry(b"k", field(1, b"\x08\x01"))), "wire type 0"),
        (example(entry(b"k", field(3, field(1, b"\x80")))), "cut short"),
        (example(entry(b"k", field(3, b"\x0a\x05\x01"))), "cut short"),
        (example(entry(b"k", field(3, b"\x0d\x01\x01\x01\x01"))), "wire type 5"),
        (example(entry(b"k", field(2, field(1, b"abc")))), "cut short"),
        (example(entry(b"k", field(2, b"\x0dabc"))), "cut short"),
        (example(entry(b"k", field(1, b"") + b"\x0a")), "cut short"),
    ],
)
def test_malformed_bytes_are_refused(serialized, reason):
    with pytest.raises(errors.DataError, match=reason):
        example_proto.decode_example(serialized)


def test_no_truncation_or_flip_raises_anything_else():
    serialized = example_proto.encode_example(FEATURES)
    for length in range(1, len(serialized)):
        with pytest.raises(errors.DataError):
            example_proto.decode_example(serialized[:length])
    generator = random.Random(1)
    for _ in range(5000):
        damaged = bytearray(serialized)
        for _ in range(generator.randrange(1, 4)):
            damaged[generator.randrange(len(damaged))] = generator.randrange(256)
        try:
            found = example_proto.decode_example(bytes(damaged))
        except errors.DataError:
            continue
        # What is accepted means the same to TensorFlow.
        assert found == parse(bytes(damaged))


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
