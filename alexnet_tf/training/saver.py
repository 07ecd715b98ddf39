"""Writes a run's checkpoints, after checking that all arrays are finite."""

from __future__ import annotations

import time

from alexnet_tf.config.schema import Config
from alexnet_tf.runs import checkpoint
from alexnet_tf.runs.workdir import Workdir
from alexnet_tf.training import finite
from alexnet_tf.training.run_state import RunState


class Saver:
    """Saves the state of a run, as its settings say, and updates its `saved_step`."""

    def __init__(self, run: Workdir, config: Config, state: RunState):
        self._run, self._config, self._state = run, config, state
        self._last_time = time.monotonic()

    def is_due(self) -> bool:
        """Whether `checkpoint_every_minutes` have passed since the last one."""
        minutes = (time.monotonic() - self._last_time) / 60
        return minutes >= self._config.checkpoint_every_minutes

    def save(self) -> None:
        """Writes a checkpoint of the current state.

        Raises:
          NotFiniteError: if an update left an array that is not finite.
          StorageError: if the checkpoint cannot be written.
        """
        state = self._state
        arrays = state.to_arrays()
        finite.check_arrays(arrays, state.step, state.saved_step)
        # The metrics that a checkpoint counts must be as durable as the checkpoint.
        metrics_lines = self._run.metrics.sync()
        checkpoint.save(
            self._run.checkpoints_dir,
            state.step,
            arrays,
            {**state.to_json(), "metrics_lines": metrics_lines},
            keep=self._config.keep_checkpoints,
            best_step=state.best_step,
        )
        self._run.record_checkpoint(state.step)
        state.saved_step = state.step
        self._last_time = time.monotonic()
