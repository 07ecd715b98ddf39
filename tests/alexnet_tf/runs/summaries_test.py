"""Tests of `alexnet_tf.runs.summaries`, read back by TensorBoard's own reader."""

from __future__ import annotations

import glob
import os
import pathlib
import sys

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing import event_accumulator

from alexnet_tf.runs import summaries


def read(logdir, split):
    directory = os.path.join(logdir, split)
    reader = event_accumulator.EventAccumulator(directory, size_guidance={"tensors": 0})
    return reader.Reload()


def read_scalar(logdir, split, tag):
    return [
        (event.step, float(tf.make_ndarray(event.tensor_proto)))
        for event in read(logdir, split).Tensors(tag)
    ]


def write(workdir, start, steps):
    writer = summaries.Summaries(str(workdir), start)
    for step in steps:
        writer.write_scalars("train", step, {"loss": step / 4, "group/rate": 1.0})
        if step % 3 == 0:
            writer.write_scalars("validation", step, {"loss": step / 2})
    return writer


def list_files(logdir):
    pattern = os.path.join(logdir, "**", "events.out.tfevents.*")
    return sorted(glob.glob(pattern, recursive=True))


def test_what_is_written_is_what_tensorboard_reads(tmp_path):
    writer = write(tmp_path, 0, range(1, 7))
    pixels = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    writer.write_image(6, "conv1/kernels", pixels)
    writer.write_settings({"batch_size": 128, "model.activation": "relu"})
    with tf.Graph().as_default() as graph:
        tf.constant(1.0, name="somewhere")
    writer.write_graph(graph)
    assert writer.logdir == summaries.get_logdir(str(tmp_path))
    expected = [(step, step / 4) for step in range(1, 7)]
    assert read_scalar(writer.logdir, "train", "loss") == expected
    assert read_scalar(writer.logdir, "validation", "loss") == [(3, 1.5), (6, 3.0)]
    train = read(writer.logdir, "train")
    (image,) = train.Tensors("conv1/kernels")
    width, height, encoded = tf.make_ndarray(image.tensor_proto)
    assert (int(width), int(height)) == (5, 4)
    np.testing.assert_array_equal(tf.io.decode_png(encoded), pixels)
    text = tf.make_ndarray(train.Tensors("settings")[0].tensor_proto).item().decode()
    assert text.split("\n") == [
        "    batch_size = 128",
        '    model.activation = "relu"',
    ]
    assert "somewhere" in [node.name for node in train.Graph().node]


def test_going_on_replaces_what_came_after_the_checkpoint(tmp_path):
    write(tmp_path, 0, range(1, 9))
    writer = write(tmp_path, 5, range(6, 10))
    expected = [(step, step / 4) for step in range(1, 10)]
    assert sorted(read_scalar(writer.logdir, "train", "loss")) == expected
    validation = read_scalar(writer.logdir, "validation", "loss")
    assert sorted(validation) == [(3, 1.5), (6, 3.0), (9, 4.5)]


def test_rewinding_keeps_the_bytes_of_what_stays(tmp_path):
    logdir = write(tmp_path, 0, range(1, 9)).logdir
    before = {path: pathlib.Path(path).read_bytes() for path in list_files(logdir)}
    assert len(before) == 2
    summaries.rewind_event_files(logdir, 8)
    assert {
        path: pathlib.Path(path).read_bytes() for path in list_files(logdir)
    } == before
    summaries.rewind_event_files(logdir, 4)
    for path in list_files(logdir):
        shorter = pathlib.Path(path).read_bytes()
        assert before[path].startswith(shorter) and 0 < len(shorter) < len(before[path])


@pytest.mark.parametrize("lost", [1, 5, 13, 30])
def test_a_file_that_a_kill_cut_short_keeps_what_is_whole(tmp_path, lost):
    logdir = os.path.dirname(os.path.dirname(list_files(_write_all(tmp_path))[0]))
    path = next(p for p in list_files(logdir) if os.sep + "train" in p)
    os.truncate(path, os.path.getsize(path) - lost)
    summaries.rewind_event_files(logdir, 100)
    # The cut event is the last step's, with all its numbers.
    assert read_scalar(logdir, "train", "loss") == [(s, s / 4) for s in range(1, 8)]
    rates = [step for step, _ in read_scalar(logdir, "train", "group/rate")]
    assert rates == list(range(1, 8))


def _write_all(tmp_path):
    writer = write(tmp_path, 0, range(1, 9))
    return writer.logdir


def test_names_with_brackets_are_no_patterns(tmp_path):
    logdir = _write_all(tmp_path / "run[1]*")
    summaries.rewind_event_files(logdir, 2)
    assert [step for step, _ in read_scalar(logdir, "train", "loss")] == [1, 2]


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
