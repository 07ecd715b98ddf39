"""Opcodes that arrays need pass; others, cut pickles and huge memos do not."""

import io
import pickle
import sys

import numpy as np
import pytest

from tfrecords.durable import pickle_opcodes

CONTENT = {"a": [np.ones((2, 3), np.float32), (1, -1, 1 << 40, None, True)], b"b": {}}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_in_every_protocol_pass_and_the_stream_is_back(protocol):
    stream = io.BytesIO(b"before" + pickle.dumps(CONTENT, protocol))
    stream.seek(6)
    pickle_opcodes.check(stream)
    assert stream.tell() == 6


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"Phello\n.", "PERSID"),
        (b"\x82\x01.", "EXT1"),
        (b"(ios\nsystem\n.", "INST"),
        (b"(cos\nsystem\no.", "OBJ"),
        (b"cos\nsystem\n)\x81.", "NEWOBJ"),
        (b"\x97.", "NEXT_BUFFER"),
        (b"K\x01r\x00\x00\x10\x00.", "1,048,576"),
        (b"K\x01p1048576\n.", "1,048,576"),
        # Eight exabytes, announced.
        (b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7fab.", "expected"),
        (b"\x96\xff\xff\xff\xff\xff\xff\xff\x7fab.", "expected"),
        (b"K\x01", "exhausted"),
        (b"", "exhausted"),
        (b"\xff", "unknown"),
    ],
)
def test_others_are_refused(data, words):
    with pytest.raises(ValueError, match=words):
        pickle_opcodes.check(io.BytesIO(data))


def test_the_last_memo_index_that_is_allowed():
    pickle_opcodes.check(io.BytesIO(b"K\x01r\xff\xff\x0f\x00."))


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
