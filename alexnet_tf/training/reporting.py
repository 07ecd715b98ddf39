"""Logs training to the console, `metrics.jsonl` and TensorBoard."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from alexnet_tf.config.schema import Config
from alexnet_tf.evaluation.evaluate import Evaluation
from alexnet_tf.evaluation.metrics import ErrorCounts, format_errors
from alexnet_tf.runs import summaries
from alexnet_tf.runs.workdir import Workdir
from alexnet_tf.training import diagnostics
from alexnet_tf.training.epochs import EpochCounter
from alexnet_tf.training.run_state import RunState
from alexnet_tf.training.steps import TrainResult
from tfrecords.console.progress import LiveLine, format_duration
from tfrecords.plurals import counted

# The curves that most people look for. TensorBoard sorts the groups by name, and so
# opens on these: summary, training, units, weights.
_SUMMARY = (
    *("loss", "top1_error", "top5_error"),
    *("learning_rate", "images_per_second"),
)


class Reporter:
    """Collects timings and errors between log entries, and writes the entries.

    It only reads the run's state, except that each entry resets `log_counts`.
    `num_workers` is that of the processes that train; `summaries` are the TensorBoard
    writers.
    """

    def __init__(
        self,
        run: Workdir,
        config: Config,
        state: RunState,
        last_step: int,
        epochs: EpochCounter,
        num_workers: int = 1,
    ):
        self._run, self._config, self._state = run, config, state
        self._last_step, self._epochs = last_step, epochs
        self._num_workers = num_workers
        self._line = LiveLine()
        self.summaries = summaries.Summaries(run.path, state.step)
        self._clear()
        self._seconds_per_step: float | None = None

    def _clear(self) -> None:
        self._num_steps = 0
        self._seconds = self._input_seconds = 0.0

    @contextlib.contextmanager
    def time_input(self) -> Iterator[None]:
        """Times the wait for a batch, which is part of the step's time."""
        start = time.perf_counter()
        yield
        self._input_seconds += time.perf_counter() - start

    @contextlib.contextmanager
    def time_step(self) -> Iterator[None]:
        """Times a step, input included."""
        start = time.perf_counter()
        yield
        self._seconds += time.perf_counter() - start

    def announce(self, text: str) -> None:
        """Prints a permanent line above the live one."""
        self._line.print_above(text)

    def log_step(self, result: TrainResult, loss: float) -> None:
        """Counts a step; writes an entry every `log_every_steps`."""
        state, config = self._state, self._config
        self._num_steps += 1
        is_log_step = state.step % config.log_every_steps == 0
        if is_log_step:
            self._write_entry(result)
        # A terminal gets a live line, a log file one line per entry.
        is_due = self._line.is_due() if self._line.is_terminal else is_log_step
        if is_due:
            self._line.show(self._describe(loss))

    def _write_entry(self, result: TrainResult) -> None:
        state, config = self._state, self._config
        names = [parameter.name for parameter in state.optimizer.parameters]
        norms = dict(zip(names, result.gradient_norms.numpy().tolist(), strict=True))
        images = self._num_steps * config.batch_size
        self._seconds_per_step = self._seconds / self._num_steps
        values = {
            "loss": state.log_counts.loss,
            "top1_error": state.epoch_counts.top1_error,
            "top5_error": state.epoch_counts.top5_error,
            "images_per_second": images / self._seconds,
            "input_wait_share": self._input_seconds / self._seconds,
            "epoch": self._epochs.compute_epoch(state.step),
        }
        rates = state.optimizer.rates.numpy()
        layer_names = state.schedule.layer_names
        learning_rates = {
            f"{layer}/{kind}": float(rates[row, column])
            for row, layer in enumerate(layer_names)
            for column, kind in enumerate(("kernel", "bias"))
        }
        loss_scale = float(state.loss_scale.scale)
        self._append(
            "train", **values, learning_rates=learning_rates, loss_scale=loss_scale
        )
        scalars = _group({**values, "learning_rate": float(rates[0, 0])})
        scalars |= _prefix("weights/learning_rate", learning_rates)
        scalars |= _prefix("weights/gradient_norm", norms)
        weight_norms = diagnostics.compute_weight_norms(state.optimizer)
        scalars |= _prefix("weights/norm", weight_norms)
        self.summaries.write_scalars("train", state.step, scalars)
        state.log_counts = ErrorCounts()
        self._clear()

    def log_epoch(self, epoch: int) -> None:
        """Writes the training errors of the completed epoch, each at its own step."""
        counts = self._state.epoch_counts
        self._append(
            "epoch", epoch=epoch, num_seen=counts.num_seen, **counts.describe()
        )
        self.announce(
            f"epoch {epoch}: training loss {counts.loss:.4f}, "
            f"{self._format_errors(counts)}"
        )

    def log_evaluation(
        self, epoch: int, result: Evaluation, dead_units: dict[str, float]
    ) -> None:
        """Writes an evaluation, the fraction of dead units and conv1's kernels."""
        state, counts = self._state, result.counts
        values = counts.describe()
        seen = {"epoch": epoch, "num_seen": counts.num_seen}
        self._append("validation", **seen, **values, dead_units=dead_units)
        scalars = {**_group(values), **_prefix("units/dead", dead_units)}
        self.summaries.write_scalars("validation", state.step, scalars)
        image = diagnostics.make_kernel_image(state.model)
        self.summaries.write_image(state.step, "weights/kernels/conv1", image)
        self.announce(
            f"epoch {epoch}: validation loss {counts.loss:.4f}, "
            f"{self._format_errors(counts)} ({counted(counts.num_seen, 'image')})"
        )

    def log_event(self, text: str) -> None:
        """Prints and records an event that changes the run, such as a rate drop."""
        self._append("event", text=text)
        self.announce(text)

    def close(self) -> None:
        """Ends the live line."""
        self._line.close()

    def _append(self, kind: str, **values: Any) -> None:
        """Adds a line to `metrics.jsonl`."""
        self._run.metrics.append({"step": self._state.step, "kind": kind, **values})

    def _format_errors(self, counts: ErrorCounts) -> str:
        num_classes = self._state.model.output_shape[-1]
        return format_errors(counts.top1_error, counts.top5_error, num_classes)

    def _describe(self, loss: float) -> str:
        step = self._state.step
        epoch = self._epochs.compute_epoch(step)
        text = f"step {step:,} of {self._last_step:,} (epoch {epoch:.2f})"
        text += f"  loss {loss:.4f}"
        seconds = self._seconds_per_step
        if self._num_steps:
            seconds = self._seconds / self._num_steps
        if seconds:
            left = format_duration((self._last_step - step) * seconds)
            rate = self._config.batch_size / seconds
            text += f"  {rate:,.1f} images/s"
            if self._num_workers > 1:
                text += f" ({rate / self._num_workers:,.1f} per worker)"
            text += f"  {left} left"
        return text


def _group(values: dict[str, float]) -> dict[str, float]:
    """The curves' names by their groups."""
    return {
        f"{'summary' if name in _SUMMARY else 'training'}/{name}": value
        for name, value in values.items()
    }


def _prefix(group: str, values: dict[str, Any]) -> dict[str, Any]:
    return {f"{group}/{name}": value for name, value in values.items()}
