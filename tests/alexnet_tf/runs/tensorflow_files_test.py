"""Tests of `runs.tensorflow_files`, with TensorFlow's own reading and writing."""

from __future__ import annotations

import os
import resource
import sys
import tempfile

import pytest
import tensorflow as tf

from alexnet_tf.runs import tensorflow_files
from tfrecords import errors


@pytest.mark.parametrize("name", ["plain", "lr[0.01]", "a*b", "a?b", "a\\b"])
def test_variables_are_found_whatever_the_directory_is_called(tmp_path, name):
    module = tf.Module()
    module.value = tf.Variable(3.0)
    tf.saved_model.save(module, str(tmp_path / name))
    with tensorflow_files.literal_path(str(tmp_path / name)) as path:
        loaded = tf.saved_model.load(path)
    assert loaded.value.numpy() == 3
    assert name == "plain" or not os.path.lexists(path)


def test_variables_are_found_if_the_temporary_directory_has_brackets(
    tmp_path, monkeypatch
):
    (tmp_path / "pbs.1234[3]").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "pbs.1234[3]"))
    test_variables_are_found_whatever_the_directory_is_called(tmp_path, "lr[0.01]")


def test_a_file_over_the_limit_is_a_storage_error(tmp_path):
    path = str(tmp_path / "file")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with (
            pytest.raises(errors.StorageError, match="file could not be written"),
            tensorflow_files.storage_errors(path),
        ):
            tf.io.write_file(path, b"x" * 10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def fail(error):
    with tensorflow_files.storage_errors("/data/new/export"):
        raise error


@pytest.mark.parametrize(
    "error",
    [
        tf.errors.ResourceExhaustedError(None, None, "a; No space left on device"),
        OSError("Can't write (errno = 28, error message = 'No space left on device')"),
        OSError(28, "No space left on device"),
        OSError(28, "No space left on device", "/data/new/variables/file"),
    ],
)
def test_a_full_disk_is_a_storage_error(error):
    with pytest.raises(errors.StorageError, match="the disk is full"):
        fail(error)


@pytest.mark.parametrize(
    "error",
    [
        tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor"),
        OSError("Unable to open file"),
        OSError(28, "No space left on device", "/elsewhere/file"),
    ],
)
def test_other_errors_pass_unchanged(error):
    with pytest.raises(type(error)) as caught:
        fail(error)
    assert caught.value is error


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
