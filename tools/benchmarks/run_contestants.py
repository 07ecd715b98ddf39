"""Whole runs and starts of `alexnet-train` as contestants, and a bare start.

A call answers with a dictionary of numbers.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from typing import Any

from tools.benchmarks import processes, trained_runs

Call = Callable[[], dict[str, float]]

# How often the files and output of a start are looked at.
_SECONDS_BETWEEN_LOOKS = 0.005
_SECONDS_BETWEEN_ENTRIES = 0.05


def trained(data_dir: str, settings: Mapping[str, object]) -> Call:
    """`alexnet-train` from beginning to end, in a new directory each time.

    The call returns `clock`: images a second from the first entry of metrics.jsonl to
    the last, as the clock on the wall says; `entries`: the same steps' own rate as the
    entries say; `waiting`: their share of waiting for input, 0..1.
    """
    batch_size = int(str(settings["batch_size"]))

    def call() -> dict[str, float]:
        seen: list[tuple[float, dict[str, Any]]] = []
        with tempfile.TemporaryDirectory(prefix="alexnet-benchmark-") as folder:
            workdir = os.path.join(folder, "run")

            def look(*_: Any) -> None:
                entries = trained_runs.read_entries(workdir)
                now = time.perf_counter()
                seen.extend((now, entry) for entry in entries[len(seen) :])

            command = trained_runs.make_command(data_dir, workdir, settings)
            processes.run(command, look, _SECONDS_BETWEEN_ENTRIES)
            look()
        return summarize_entries(seen, batch_size)

    return call


def summarize_entries(
    seen: list[tuple[float, dict[str, Any]]], batch_size: int
) -> dict[str, float]:
    """What `trained` answers.

    Args:
      seen: entries of metrics.jsonl, at least two, each with the second it was seen at.
      batch_size: images per step.
    """
    (start, first), (end, last) = seen[0], seen[-1]
    # The first entry's steps are those of the start.
    entries = [entry for _, entry in seen[1:]]
    steps = [
        entry["step"] - before["step"]
        for (_, before), entry in zip(seen[:-1], entries, strict=True)
    ]
    seconds = [
        count * batch_size / entry["images_per_second"]
        for count, entry in zip(steps, entries, strict=True)
    ]
    waited = sum(
        entry["input_wait_share"] * part
        for entry, part in zip(entries, seconds, strict=True)
    )
    images = (last["step"] - first["step"]) * batch_size
    return {
        "clock": images / (end - start),
        "entries": images / sum(seconds),
        "waiting": waited / sum(seconds),
    }


def started(data_dir: str, settings: Mapping[str, object]) -> Call:
    """`alexnet-train` for one epoch: one step where a batch holds all images.

    The call returns the seconds from the start of the process to the line that says
    that the network stands (`built`), to the first step's entry (`stepped`) and to the
    process's end, with its checkpoint (`ended`).
    """
    once = {**settings, "log_every_steps": 1, "num_epochs": 1}

    def call() -> dict[str, float]:
        with tempfile.TemporaryDirectory(prefix="alexnet-benchmark-") as folder:
            workdir = os.path.join(folder, "run")
            return time_marks(
                trained_runs.make_command(data_dir, workdir, once),
                {
                    "built": lambda text: "starting at step 0" in text,
                    "stepped": lambda _: bool(trained_runs.read_entries(workdir)),
                },
            )

    return call


def started_bare(settings: Mapping[str, object], num_classes: int) -> Call:
    """A script that imports TensorFlow and makes one step of the same network.

    The call returns the seconds to the end of TensorFlow's import (`imported`), of the
    step (`stepped`) and of the process (`ended`).
    """
    code = (
        "import json, sys, tensorflow\n"
        "print('imported', flush=True)\n"
        "from tools.benchmarks import step_contestants\n"
        "step_contestants.train_step(*json.loads(sys.argv[1]))\n"
        "print('stepped', flush=True)\n"
    )

    def call() -> dict[str, float]:
        return time_marks(
            [sys.executable, "-c", code, json.dumps([dict(settings), num_classes])],
            {
                "imported": lambda text: "imported" in text,
                "stepped": lambda text: "stepped" in text,
            },
        )

    return call


def helped(module: str) -> Call:
    """A command's `--help`; the call returns the seconds it takes (`ended`)."""
    return lambda: time_marks(processes.make_command(module, "--help"), {})


def time_marks(
    command: list[str], marks: Mapping[str, Callable[[str], bool]]
) -> dict[str, float]:
    """Runs a command and notes when what becomes true.

    Args:
      command: its arguments.
      marks: by name, functions of what the command has written so far.

    Returns:
      Seconds from the start of the process, by the marks' names and `ended`.

    Raises:
      UserError: where the command fails.
    """
    found: dict[str, float] = {}

    def look(_: int, text: str) -> None:
        for name, is_true in marks.items():
            if name not in found and is_true(text):
                found[name] = time.perf_counter() - start

    start = time.perf_counter()
    processes.run(command, look, _SECONDS_BETWEEN_LOOKS)
    found["ended"] = time.perf_counter() - start
    return found
