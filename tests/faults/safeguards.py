"""The safeguards, and how each is switched off, to see that a fault finds it missing.

A safeguard is switched off by replacing a function or value of the product. The
replacement reaches the processes that a fault starts through an environment variable
and `switched_off/sitecustomize.py`, which Python runs at its start.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib
import os
import pathlib
import stat
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

VARIABLE = "ALEXNET_SWITCHED_OFF"
# First in PYTHONPATH of the processes that are started.
SITE = str(pathlib.Path(__file__).with_name("switched_off"))


@dataclasses.dataclass(frozen=True)
class Safeguard:
    """Something that keeps a guarantee.

    Attributes:
      name: short, unique.
      title: what it does, for the page.
      target: what is replaced, "module:attribute" or "module:Class.attribute".
      replace: makes the replacement from the original.
      fault: the kind of fault that must break its guarantee without it.
      cases: a regular expression of the cases to inject, the most likely ones; "" for
        all.
    """

    name: str
    title: str
    target: str
    replace: Callable[[Any], Any]
    fault: str
    cases: str = ""


def _do_nothing(original: Any) -> Any:
    del original
    return lambda *arguments, **settings: None


def _end_at_once(original: Any) -> Any:
    del original
    return lambda self, signal_number, frame: os._exit(1)


def _skip_files(fsync: Any) -> Any:
    def flush_directory(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            fsync(descriptor)

    return flush_directory


def _write_in_place(original: Any) -> Any:
    del original
    return os.path.abspath


def _forget(*prefixes: str) -> Callable[[Any], Any]:
    """A `to_arrays` or `get_variables` without the names that begin so."""

    def replace(original: Any) -> Any:
        @functools.wraps(original)
        def without(self: Any) -> Any:
            found = original(self)
            return {k: v for k, v in found.items() if not k.startswith(prefixes)}

        return without

    return replace


def _accept_checksums(fail: Any) -> Any:
    def fail_unless_checksum(self: Any, offset: int, problem: str) -> None:
        if "does not match its checksum" not in problem:
            fail(self, offset, problem)

    return fail_unless_checksum


def _take_footer(place: str, data: Any, length: int, footer: bytes) -> int:
    del place, data, length
    return int.from_bytes(footer, "little")


def _accept_commit(make_commit: Any) -> Any:
    def read_commit(path: str, step: int) -> bytes:
        written = pathlib.Path(path, "COMMIT")
        # While a checkpoint is written there is none.
        found: bytes = (
            written.read_bytes() if written.exists() else make_commit(path, step)
        )
        return found

    return read_commit


SAFEGUARDS: dict[str, Safeguard] = {
    safeguard.name: safeguard
    for safeguard in (
        Safeguard(
            "temporary_names",
            "Files are written under another name and renamed when they are whole",
            "tfrecords.durable.files:make_temporary_name",
            _write_in_place,
            "conversion_kills",
            # Late, when the manifest is written.
            r"call 2\d\d$",
        ),
        Safeguard(
            "flushed_files",
            "A file is flushed to the disk before its rename",
            "os:fsync",
            _skip_files,
            "conversion_power_cuts",
            "(names|zeros)$",
        ),
        Safeguard(
            "flushed_directories",
            "A directory is flushed to the disk after a rename in it",
            "tfrecords.durable.files:fsync_directory",
            _do_nothing,
            "conversion_power_cuts",
            "after the end",
        ),
        Safeguard(
            "leftovers",
            "What killed writers left is removed",
            "tfrecords.durable.files:remove_temporary_files",
            lambda original: lambda directory: [],
            "conversion_kills",
        ),
        Safeguard(
            "errors_of_the_disk",
            "Errors of the disk become a sentence and an exit code",
            "tfrecords.durable.files:storage_errors",
            lambda original: lambda path: contextlib.nullcontext(),
            "conversion_errors",
        ),
        Safeguard(
            "conversion_signals",
            "A request to stop ends the workers, then the program",
            "tfrecords.console.stop_signals:StopRequest.receive",
            _end_at_once,
            "conversion_signals",
        ),
        Safeguard(
            "locks",
            "A directory has one writer at a time",
            "tfrecords.durable.locks:_take_lock",
            _do_nothing,
            "conversion_seconds",
        ),
        Safeguard(
            "seals",
            "A manifest holds the checksum of its own text",
            "tfrecords.durable.json_records:_check_seal",
            lambda original: lambda text, value: value.pop("sha256"),
            "data_flips",
            "manifest",
        ),
        Safeguard(
            "checksums_of_records",
            "A record's checksum is compared when it is read",
            "tfrecords.shards.record_file:_check_data",
            lambda original: _take_footer,
            "data_flips",
            "train",
        ),
        Safeguard(
            "checksums_of_headers",
            "A tar header's checksum is compared",
            "tfrecords.sources.archives.tar_headers:HeaderReader.fail",
            _accept_checksums,
            "tar_flips",
        ),
        Safeguard(
            "commits",
            "A checkpoint names the SHA-256 of its files",
            "alexnet_tf.runs.checkpoint_files:make_commit",
            _accept_commit,
            "checkpoint_flips",
        ),
        Safeguard(
            "directories_of_archives",
            "All arrays that an .npz lists are read",
            "tfrecords.durable.npz:check_directory",
            _do_nothing,
            "weights_flips",
        ),
        Safeguard(
            "training_signals",
            "A request to stop ends a run after its step, with the state saved",
            "tfrecords.console.stop_signals:StopRequest.receive",
            _end_at_once,
            "training_signals",
        ),
        Safeguard(
            "flushed_metrics",
            "Measurements are flushed before the checkpoint that counts them",
            "alexnet_tf.runs.metrics_file:MetricsFile.sync",
            lambda original: lambda self: self.num_lines,
            "training_power_cuts",
            "flushed$",
        ),
        Safeguard(
            "dropout_counters",
            "A checkpoint holds the counters from which dropout draws its numbers",
            "alexnet_tf.training.run_state:RunState.get_variables",
            _forget("dropout/"),
            "training_resumes",
        ),
        Safeguard(
            "velocities",
            "A checkpoint holds the velocities",
            "alexnet_tf.training.run_state:RunState.get_variables",
            _forget("velocity/"),
            "training_resumes",
        ),
    )
}


@contextlib.contextmanager
def switched_off(safeguard: Safeguard) -> Iterator[None]:
    """Switches a safeguard off, in this process and in those that faults start."""
    with mock.patch.dict(os.environ, {VARIABLE: safeguard.name}):
        owner, name = _find(safeguard)
        original = getattr(owner, name)
        setattr(owner, name, safeguard.replace(original))
        try:
            yield
        finally:
            setattr(owner, name, original)


def switch_off_here() -> None:
    """Switches off, for the life of this process, what the environment names."""
    if chosen := os.environ.get(VARIABLE):
        safeguard = SAFEGUARDS[chosen]
        owner, name = _find(safeguard)
        setattr(owner, name, safeguard.replace(getattr(owner, name)))


def _find(safeguard: Safeguard) -> tuple[Any, str]:
    module, _, path = safeguard.target.partition(":")
    *owners, name = path.split(".")
    owner: Any = importlib.import_module(module)
    for part in owners:
        owner = getattr(owner, part)
    return owner, name
