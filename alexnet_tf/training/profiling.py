"""A trace of chosen steps for TensorBoard's profile page.

The page shows step time, the fraction of it spent waiting for input, and a table of
ops. Viewing it needs `tensorboard-plugin-profile` (extra `profile`); recording does
not.
"""

from __future__ import annotations

import contextlib
import glob
import os

import tensorflow as tf

from tfrecords import errors
from tfrecords.durable import files


class ProfileWindow:
    """Records the steps first..last, both counted from 0, once.

    `profile_steps` is () for none, or (first, last). The trace appears under
    `plugins/profile` in `logdir`, TensorBoard's directory. Raises `UserError` unless 0
    <= first <= last.
    """

    def __init__(self, profile_steps: tuple[int, ...], logdir: str):
        if profile_steps and (
            len(profile_steps) != 2 or not 0 <= profile_steps[0] <= profile_steps[1]
        ):
            raise errors.UserError(
                f"config.profile_steps is {profile_steps}; it must be FIRST,LAST with "
                "FIRST <= LAST, such as 20,30."
            )
        # No step has the number -1.
        self._first, self._last = profile_steps or (-1, -1)
        self._logdir = logdir
        self._is_recording = False

    def explain_absence(self, step: int, last_step: int) -> str | None:
        """Says why a run from `step` to `last_step` profiles nothing; else None."""
        if self._first >= max(step, last_step):
            reason = f"ends at step {last_step}. Give earlier steps."
        elif 0 <= self._first < step:
            reason = f"resumes at step {step}. Give later steps, or a new workdir."
        else:
            return None
        return (
            f"nothing will be profiled: config.profile_steps begins at step "
            f"{self._first}, but the run {reason}"
        )

    def trace_step(self, step: int) -> contextlib.AbstractContextManager:
        """Wraps step `step`, input included; starts recording at the first step."""
        if step == self._first:
            tf.profiler.experimental.start(self._logdir)
            self._is_recording = True
        if not self._is_recording:
            return contextlib.nullcontext()
        # `_r=1` marks the event as a step; the page groups all others by step.
        return tf.profiler.experimental.Trace("train", step_num=step, _r=1)

    def finish_step(self, step: int) -> bool:
        """Stops recording after the last step; returns whether it wrote a trace."""
        if not self._is_recording or step != self._last:
            return False
        self.close()
        return True

    def close(self) -> None:
        """Writes the trace if the run ends while recording.

        Raises `StorageError` if that fails; partial files are removed.
        """
        if not self._is_recording:
            return
        self._is_recording = False
        before = self._find_files()
        try:
            tf.profiler.experimental.stop()
        except (tf.errors.OpError, OSError) as error:
            for path in self._find_files() - before:
                files.remove(path)
            reason = (getattr(error, "message", "") or str(error)).splitlines()[0]
            raise errors.StorageError(
                f"the profile in {self._logdir} could not be written: {reason}. The "
                "checkpoints are intact. Free disk space or omit "
                "--config.profile_steps, then run the same command again."
            ) from error

    def _find_files(self) -> set[str]:
        pattern = os.path.join(glob.escape(self._logdir), "plugins", "**", "*.*")
        paths = glob.glob(pattern, recursive=True)
        return {path for path in paths if os.path.isfile(path)}
