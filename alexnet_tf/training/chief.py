"""Only the chief writes: the other workers' directory, reporter and saver do nothing.

Each `make_...` or `open_...` gives worker 0 the real thing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from alexnet_tf.config.schema import Config
from alexnet_tf.devices.workers import Workers
from alexnet_tf.runs import run_record, workdir
from alexnet_tf.training import reporting, saver
from alexnet_tf.training.run_state import RunState


class _NoMetrics:
    def append(self, values: Mapping[str, Any]) -> None:
        """Writes nothing."""


class NoWorkdir:
    """`workdir.Workdir` of a worker that is not the chief; its directory may be absent.

    The chief's `saved_step` comes with the state.
    """

    def __init__(self, path: str):
        self.path = path
        self.saved_step: int | None = None
        self.warnings: list[str] = []
        self.metrics = _NoMetrics()

    def begin(self, *arguments: Any) -> None:
        """Writes nothing."""


class _NoSummaries:
    logdir = ""

    def write_settings(self, settings: Mapping[str, Any]) -> None:
        """Writes nothing."""

    def write_graph(self, graph: Any) -> None:
        """Writes nothing."""


class NoReporter:
    """`reporting.Reporter` of a worker that is not the chief."""

    def __init__(self) -> None:
        self.summaries = _NoSummaries()

    def time_input(self) -> contextlib.AbstractContextManager[None]:
        """Times nothing."""
        return contextlib.nullcontext()

    time_step = time_input

    def announce(self, *arguments: Any) -> None:
        """Prints and writes nothing, like the next."""

    log_step = log_epoch = log_evaluation = log_event = announce

    def close(self) -> None:
        """There is nothing to close."""


class NoSaver:
    """`saver.Saver` of a worker that is not the chief."""

    def is_due(self) -> bool:
        """Whether to save."""
        return False

    def save(self) -> None:
        """Writes nothing."""


@contextlib.contextmanager
def open_workdir(
    workers: Workers, path: str, config: Config, info: run_record.RunInfo
) -> Iterator[workdir.Workdir | NoWorkdir]:
    """The arguments after `workers`, and the errors, are `workdir.open_workdir`'s."""
    if not workers.is_chief:
        yield NoWorkdir(path)
        return
    with workdir.open_workdir(path, config, info) as run:
        yield run


def make_reporter(
    run: workdir.Workdir | NoWorkdir, *arguments: Any
) -> reporting.Reporter | NoReporter:
    """The arguments after `run` are those of `Reporter`."""
    if isinstance(run, NoWorkdir):
        return NoReporter()
    return reporting.Reporter(run, *arguments)


def make_saver(
    run: workdir.Workdir | NoWorkdir, config: Config, state: RunState
) -> saver.Saver | NoSaver:
    """The arguments are those of `Saver`."""
    if isinstance(run, NoWorkdir):
        return NoSaver()
    return saver.Saver(run, config, state)
