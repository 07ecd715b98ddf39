"""Replays the corpus through the fuzzer's functions, and breaks their guarantees."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from alexnet_tf.weights import numpy_files
from tests.faults import parsers
from tfrecords.images import decoder
from tfrecords.shards import example_proto, record_file, schema
from tfrecords.sources.archives import tar_walk

INPUTS = [
    (name, path) for name in parsers.PARSERS for path in parsers.list_corpus(name)
]


@pytest.mark.parametrize(
    ("name", "path"), INPUTS, ids=[f"{name}/{path.name}" for name, path in INPUTS]
)
def test_the_corpus_breaks_nothing(name, path):
    parsers.PARSERS[name](path.read_bytes())


@pytest.mark.parametrize("name", parsers.PARSERS)
@pytest.mark.parametrize("data", [b"", b"\0", b"x" * 600])
def test_neither_do_no_bytes_and_few(name, data):
    parsers.PARSERS[name](data)


def test_the_corpus_is_small_and_has_a_folder_for_each_parser():
    # Bazel gives a test the folder that it names.
    assert parsers.CORPUS.name == "corpus"
    folders = {path.name for path in parsers.CORPUS.iterdir()}
    assert folders == set(parsers.PARSERS)
    assert sum(path.stat().st_size for _, path in INPUTS) < 100_000


def crash(*arguments, **settings):
    raise IndexError("index out of range")


def lengthen(original):
    def walk(*arguments, **settings):
        for member in original(*arguments, **settings):
            yield member._replace(num_bytes=member.num_bytes + 10_000)

    return walk


def forget_the_last(original):
    return lambda path: list(original(path))[:-1]


def make_nan(original):
    return lambda path: {k: v * np.float32(np.nan) for k, v in original(path).items()}


def empty_the_lists(original):
    return lambda data: {key: [] for key in original(data)}


def change_the_label(original):
    def decode(data):
        pixels, label = original(data)
        return pixels, label + 1

    return decode


@pytest.mark.parametrize(
    ("name", "owner", "attribute", "replace"),
    [
        ("image", decoder, "_load", crash),
        ("image", decoder, "read_dimensions", crash),
        ("tar", tar_walk, "walk", lengthen),
        ("records", record_file, "scan", forget_the_last),
        ("npy_weights", numpy_files, "read_npy", make_nan),
        ("npz_weights", numpy_files, "read_npz", make_nan),
        ("example", example_proto, "decode_example", empty_the_lists),
        ("example", schema, "decode_pixels", change_the_label),
    ],
)
def test_a_broken_parser_is_found(monkeypatch, name, owner, attribute, replace):
    original = getattr(owner, attribute)
    broken = crash if replace is crash else replace(original)
    monkeypatch.setattr(owner, attribute, broken)
    found = 0
    for path in parsers.list_corpus(name):
        try:
            parsers.PARSERS[name](path.read_bytes())
        except (AssertionError, IndexError):
            found += 1
    # `_load` is inside what turns a decoder's errors into ours.
    assert bool(found) == (attribute != "_load")


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
