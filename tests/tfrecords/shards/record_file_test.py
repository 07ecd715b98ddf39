"""Every damaged byte of a shard is found; TensorFlow reads and writes the same."""

import os
import struct
import sys

import pytest

from tfrecords import errors
from tfrecords.shards import record_file

RECORDS = [b"", b"a", bytes(range(40)), b"last"]


def write(path, records=RECORDS):
    path.write_bytes(b"".join(map(record_file.frame, records)))
    return str(path)


def scan_data(path):
    return [data for _, data in record_file.scan(str(path))]


def frame_with_length(length, data=b"abcd"):
    """A record with a forged length whose checksum is right."""
    length_bytes = struct.pack("<Q", length)
    crc = struct.pack("<I", record_file.compute_masked_crc(length_bytes))
    return length_bytes + crc + data + bytes(4)


def test_masked_crc_of_known_bytes():
    # RFC 3720, appendix B.4: CRC-32C of 32 zero bytes is 0x8a9136aa.
    crc = 0x8A9136AA
    rotated = (crc >> 15 | crc << 17) & 0xFFFFFFFF
    assert record_file.compute_masked_crc(bytes(32)) == (rotated + 0xA282EAD8) % 2**32


def test_scan_returns_offsets_and_data(tmp_path):
    path = write(tmp_path / "shard")
    # 16 bytes of frame around 0, 1, 40 and 4 bytes of data.
    assert list(record_file.scan(path)) == list(
        zip([0, 16, 33, 89], RECORDS, strict=True)
    )
    assert scan_data(write(tmp_path / "empty", [])) == []


def test_read_record_goes_straight_to_each(tmp_path):
    path = write(tmp_path / "shard")
    descriptor = os.open(path, os.O_RDONLY)
    try:
        for offset, data in zip([0, 16, 33, 89], RECORDS, strict=True):
            found = record_file.read_record(descriptor, path, offset, len(data))
            assert found == data
        with pytest.raises(errors.DataError, match="the index says 39"):
            record_file.read_record(descriptor, path, 33, 39)
        with pytest.raises(errors.DataError, match="record 2 at byte 33"):
            record_file.read_record(descriptor, path, 33, 41, 2)
        for offset in (1, 17, 105, 10**6):
            with pytest.raises(errors.DataError, match=f"at byte {offset}"):
                record_file.read_record(descriptor, path, offset, 4)
    finally:
        os.close(descriptor)


def test_every_flipped_bit_is_found(tmp_path):
    path = tmp_path / "shard"
    whole = b"".join(map(record_file.frame, RECORDS))
    bounds = [0, 16, 33, 89, len(whole)]
    for position in range(len(whole)):
        number = max(i for i in range(4) if bounds[i] <= position)
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[position] ^= 1 << bit
            path.write_bytes(damaged)
            with pytest.raises(errors.DataError) as caught:
                scan_data(path)
            place = f"{path}: record {number} at byte {bounds[number]} "
            assert str(caught.value).startswith(place)


def test_read_record_finds_every_flipped_bit(tmp_path):
    whole = bytearray(record_file.frame(b"abcdefgh"))
    for position in range(len(whole)):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[position] ^= 1 << bit
            (tmp_path / "shard").write_bytes(damaged)
            descriptor = os.open(tmp_path / "shard", os.O_RDONLY)
            try:
                with pytest.raises(errors.DataError):
                    record_file.read_record(descriptor, "shard", 0, 8)
            finally:
                os.close(descriptor)


def test_every_truncation_inside_a_record_is_found(tmp_path):
    whole = b"".join(map(record_file.frame, RECORDS))
    boundaries = {0: 0, 16: 1, 33: 2, 89: 3}
    for length in range(len(whole)):
        (tmp_path / "shard").write_bytes(whole[:length])
        if length in boundaries:
            # A healthy, shorter file: the manifest's counts are for this.
            count = boundaries[length]
            assert scan_data(tmp_path / "shard") == RECORDS[:count]
            continue
        with pytest.raises(errors.DataError):
            scan_data(tmp_path / "shard")


@pytest.mark.parametrize(
    "length",
    [5, *(2**power + d for power in (31, 32, 33, 45, 63) for d in (-1, 0)), 2**64 - 1],
)
def test_a_forged_length_is_refused_before_anything_is_allocated(tmp_path, length):
    path = tmp_path / "shard"
    path.write_bytes(record_file.frame(b"good") + frame_with_length(length))
    with pytest.raises(errors.DataError, match=f"record 1 at byte 20 claims {length} "):
        scan_data(path)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with pytest.raises(errors.DataError, match=f"claims {length} "):
            record_file.read_record(descriptor, str(path), 20, 4)
    finally:
        os.close(descriptor)


def test_tensorflow_reads_what_we_write(tmp_path):
    import tensorflow as tf

    path = write(tmp_path / "shard")
    read = list(tf.data.TFRecordDataset(path).as_numpy_iterator())
    assert read == RECORDS


def test_we_read_what_tensorflow_writes(tmp_path):
    import tensorflow as tf

    path = str(tmp_path / "shard")
    with tf.io.TFRecordWriter(path) as writer:
        for record in RECORDS:
            writer.write(record)
    assert scan_data(path) == RECORDS
    with open(path, "rb") as file:
        assert file.read() == b"".join(map(record_file.frame, RECORDS))


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
