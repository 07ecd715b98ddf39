"""Tests of `alexnet_tf.export.exported`, on a SavedModel of one variable."""

from __future__ import annotations

import json
import os
import shutil
import sys

import pytest
import tensorflow as tf

from alexnet_tf.export import exported
from tfrecords import errors
from tfrecords.durable import checksums

RECORD = {
    "classes": [{"synset": f"n{k}", "text": f"class {k}"} for k in range(3)],
    "image_size": 256,
}
FILES = (
    exported.SAVED_MODEL_NAME,
    "fingerprint.pb",
    exported.RECORD_NAME,
    "variables/variables.index",
    "variables/variables.data-00000-of-00001",
)


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    """A current export, `new/1`, and one without checksums, `old/1`."""
    root = tmp_path_factory.mktemp("exports")
    module = tf.Module()
    module.value = tf.Variable(tf.ones([1000, 3]))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "image_bytes")])
    def classify(image_bytes):
        size = tf.strings.length(image_bytes)[:, tf.newaxis]
        return {"probabilities": module.value[0] * tf.cast(size, tf.float32)}

    path = root / "new" / "1"
    tf.saved_model.save(module, str(path), {"serving_default": classify})
    (path / exported.EXTRA_NAME).mkdir()
    write_record(path, RECORD)
    shutil.copytree(root / "new", root / "old")
    write_record(path, {**RECORD, "checksums": checksums.NAME})
    (path / exported.CHECKSUMS_NAME).write_text(checksums.make_list(str(path)))
    return root


@pytest.fixture
def copies(tmp_path, exports):
    """The same, to be damaged."""
    shutil.copytree(exports, tmp_path, dirs_exist_ok=True)
    return tmp_path


def write_record(path, record):
    (path / exported.RECORD_NAME).write_text(json.dumps(record))


def open_export(path):
    return exported.open_version(exported.find_version(str(path)))


@pytest.mark.parametrize("name", ["new", "old"])
def test_exports_with_and_without_checksums_are_opened(exports, name):
    record, loaded = open_export(exports / name)
    assert [c.synset for c in record.classes] == ["n0", "n1", "n2"]
    assert record.image_size == 256
    found = loaded.signatures["serving_default"](image_bytes=tf.constant(["abc"]))
    assert found["probabilities"].numpy().tolist() == [[3, 3, 3]]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["missing", "empty", "short", "flipped", "pointer"])
def test_every_damage_to_every_file_names_the_file(copies, name, damage):
    path = copies / "new" / "1" / name
    data = path.read_bytes()
    middle = len(data) // 2
    damaged = {
        "empty": b"",
        "short": data[:-1],
        "flipped": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
        "pointer": b"version https://git-lfs.github.com/spec/v1\n",
    }
    path.unlink()
    if damage != "missing":
        path.write_bytes(damaged[damage])
    with pytest.raises(errors.DataError, match=f"^{path} is "):
        open_export(copies / "new")


def test_a_missing_list_is_missed(copies):
    path = copies / "new" / "1" / exported.CHECKSUMS_NAME
    path.unlink()
    with pytest.raises(errors.DataError, match=str(path)):
        open_export(copies / "new")


@pytest.mark.parametrize("size", [0, 43, 1000, -1])
def test_short_variables_without_checksums_are_reported(copies, size):
    path = copies / "old/1/variables/variables.data-00000-of-00001"
    os.truncate(path, size if size >= 0 else path.stat().st_size - 1)
    with pytest.raises(errors.DataError, match="old/1 is damaged"):
        open_export(copies / "old")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "[" * 100_000,
        json.dumps({"classes": [], "image_size": 256}),
        json.dumps({**RECORD, "image_size": 0}),
        json.dumps({**RECORD, "image_size": "x"}),
        json.dumps({"image_size": 256}),
    ],
)
def test_a_damaged_record_without_checksums_is_reported(copies, text):
    (copies / "old" / "1" / exported.RECORD_NAME).write_text(text)
    with pytest.raises(errors.DataError, match="is damaged"):
        open_export(copies / "old")


def test_an_older_version_does_not_answer_for_a_damaged_one(copies):
    shutil.copytree(copies / "new" / "1", copies / "new" / "2")
    path = copies / "new" / "2" / exported.SAVED_MODEL_NAME
    path.unlink()
    with pytest.raises(errors.DataError, match=f"^{path} is missing"):
        open_export(copies / "new")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(24, "Too many open files"),
        tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor"),
    ],
)
def test_a_sound_export_is_not_blamed_for_a_lack_of_memory(exports, monkeypatch, error):
    def fail(path):
        raise error

    monkeypatch.setattr(tf.saved_model, "load", fail)
    with pytest.raises(errors.UserError) as raised:
        open_export(exports / "new")
    assert not isinstance(raised.value, errors.DataError)


@pytest.mark.parametrize("name", ["lr[0.01]", "a*b", "a?b"])
def test_the_name_of_the_directory_does_not_matter(copies, name):
    os.rename(copies / "new", copies / name)
    record, _ = open_export(copies / name)
    assert len(record.classes) == 3


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
