"""Writes a run's TensorBoard files, and rewinds them to a step on a restart.

`train` and `validation` are two directories under `tensorboard/`, so that TensorBoard
overlays their curves.
"""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from alexnet_tf.runs import event_file
from tfrecords import errors
from tfrecords.durable import files
from tfrecords.shards import record_file

SUMMARIES_NAME = "tensorboard"


class Summaries:
    """Writes a run's scalars, images, settings and graph.

    Every call passes its data to the operating system and raises `StorageError` if that
    fails. Events after `step`, where the run starts or resumes, are removed. `logdir`
    is what to give to `tensorboard --logdir`.
    """

    def __init__(self, workdir: str, step: int):
        self.logdir = get_logdir(workdir)
        rewind_event_files(self.logdir, step)
        self._files = {
            split: event_file.EventFile(os.path.join(self.logdir, split))
            for split in ("train", "validation")
        }

    def write_scalars(self, split: str, step: int, values: Mapping[str, float]) -> None:
        """Adds a point to each curve; `split` is "train" or "validation"."""
        points = [event_file.make_scalar(name, value) for name, value in values.items()]
        self._files[split].append_summary(step, points)

    def write_image(self, step: int, name: str, pixels: np.ndarray) -> None:
        """Adds an image, uint8 [height, width, 3]."""
        image = event_file.make_image(name, pixels)
        self._files["train"].append_summary(step, [image])

    def write_settings(self, settings: Mapping[str, Any]) -> None:
        """Adds the run's settings as text."""
        lines = "\n".join(f"    {k} = {json.dumps(v)}" for k, v in settings.items())
        text = event_file.make_text("settings", lines)
        self._files["train"].append_summary(0, [text])

    def write_graph(self, graph: tf.Graph) -> None:
        """Adds the training step's graph, devices included."""
        self._files["train"].append_graph(graph)


def get_logdir(workdir: str) -> str:
    """The TensorBoard directory of the run in `workdir`."""
    return os.path.join(workdir, SUMMARIES_NAME)


def rewind_event_files(logdir: str, step: int) -> None:
    """Removes the events of steps after `step`, which will be repeated.

    Event files, found at any depth in `logdir`, are TFRecord files of Event messages. A
    truncated file keeps its intact events. With step 0 the run starts over, and nothing
    is kept. Raises `StorageError` if a file cannot be written.
    """
    pattern = os.path.join(glob.escape(logdir), "**", "events.out.tfevents.*")
    for path in sorted(glob.glob(pattern, recursive=True)):
        if step == 0:
            files.remove(path)
            continue
        kept, is_changed = [], False
        try:
            for _, data in record_file.scan(path):
                event = tf.compat.v1.Event.FromString(data)
                if event.step <= step:
                    kept.append(data)
                else:
                    is_changed = True
        except errors.DataError:
            is_changed = True
        if is_changed:
            files.write_bytes(path, b"".join(map(record_file.frame, kept)))
