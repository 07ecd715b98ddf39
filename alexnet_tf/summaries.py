"""TensorBoard's files of a run: written, and taken back to a step on a restart.

Two directories under `tensorboard/`, `train` and `validation`, so that the curves of
both lie over each other.
"""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfrecords import durable, errors, record_file

SUMMARIES_NAME = "tensorboard"


class Summaries:
    """Writes a run's scalars, pictures, settings and graph.

    Args:
      workdir: the run's directory.
      step: from which it goes on; what was written of later steps is removed.

    Attributes:
      logdir: what to give to `tensorboard --logdir`.
    """

    def __init__(self, workdir: str, step: int):
        self.logdir = get_logdir(workdir)
        rewind_event_files(self.logdir, step)
        self._writers = {
            split: tf.summary.create_file_writer(os.path.join(self.logdir, split))
            for split in ("train", "validation")
        }

    def write_scalars(self, split: str, step: int, values: Mapping[str, float]) -> None:
        """Adds a point to each curve; `split` is "train" or "validation"."""
        with self._writers[split].as_default(step=step):
            for name, value in values.items():
                tf.summary.scalar(name, value)

    def write_picture(self, step: int, name: str, picture: np.ndarray) -> None:
        """Adds a picture, uint8 [height, width, 3]."""
        with self._writers["train"].as_default(step=step):
            tf.summary.image(name, picture[np.newaxis])

    def write_settings(self, settings: Mapping[str, Any]) -> None:
        """Adds the run's settings as text."""
        lines = "\n".join(f"    {k} = {json.dumps(v)}" for k, v in settings.items())
        with self._writers["train"].as_default(step=0):
            tf.summary.text("settings", lines)

    def write_graph(self, graph: tf.Graph) -> None:
        """Adds the training step's graph, devices included."""
        with self._writers["train"].as_default(step=0):
            tf.summary.graph(graph)

    def flush(self) -> None:
        """Hands everything to the operating system."""
        for writer in self._writers.values():
            writer.flush()

    def close(self) -> None:
        """Flushes and closes the files."""
        for writer in self._writers.values():
            writer.close()


def get_logdir(workdir: str) -> str:
    """TensorBoard's directory of the run in `workdir`."""
    return os.path.join(workdir, SUMMARIES_NAME)


def rewind_event_files(logdir: str, step: int) -> None:
    """Removes the events of steps after `step`, which will be measured again.

    Event files are TFRecord files of Event messages. One that a kill cut short keeps
    what stands before the cut. With step 0 the run begins anew: nothing is kept.

    Args:
      logdir: searched with all directories below.
      step: the last one kept.

    Raises:
      StorageError: where a file cannot be written.
    """
    pattern = os.path.join(glob.escape(logdir), "**", "events.out.tfevents.*")
    for path in sorted(glob.glob(pattern, recursive=True)):
        if step == 0:
            durable.remove(path)
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
            durable.write_bytes(path, b"".join(map(record_file.frame, kept)))
