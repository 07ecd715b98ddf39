"""Tiny runs for tests: a few seconds each, mostly spent on tracing."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from alexnet_tf.config import overrides
from alexnet_tf.config.schema import Config
from alexnet_tf.runs import checkpoint
from alexnet_tf.training import reporting, train
from alexnet_tf.training.run_state import RunState

# Two towers of one to sixty units on crops of 67 pixels; a checkpoint after every step.
TINY = {
    "batch_size": 5,
    "eval_batch_size": 5,
    "num_epochs": 2,
    "log_every_steps": 2,
    "checkpoint_every_minutes": 0,
    "keep_checkpoints": 1000,
    "devices": "CPU:0",
    "data.crop_size": 67,
    "data.num_parallel_maps": 2,
    # "auto" would compile the transform, which takes longer than everything else.
    "data.finish_on": "host",
    "model.normalization": "reference",
    "model.width": 0.03,
    # Larger weights in networks as narrow as this make the loss jump.
    "model.initial_scaling": "none",
}

# What depends on the clock.
TIMINGS = ("images_per_second", "input_wait_share")


def make_config(values: dict[str, Any] | None = None) -> Config:
    """`TINY` and `values`, by dotted names, over the paper's settings."""
    return overrides.override(Config(), {**TINY, **(values or {})})


def make_flags(values: dict[str, Any] | None = None) -> list[str]:
    """The same for the command line."""
    return [f"--config.{k}={v}" for k, v in {**TINY, **(values or {})}.items()]


def run(
    data_dir: str | os.PathLike[str],
    workdir: str | os.PathLike[str],
    values: dict[str, Any] | None = None,
    **arguments: Any,
) -> RunState:
    """Trains `TINY` with `values` in this process."""
    return train.train_and_evaluate(
        make_config(values), os.fspath(data_dir), os.fspath(workdir), **arguments
    )


def read_metrics(
    workdir: str | os.PathLike[str], kind: str | None = None
) -> list[dict[str, Any]]:
    """The lines of `metrics.jsonl`, all or of one kind, without the timings."""
    with open(os.path.join(workdir, "metrics.jsonl"), encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    return [
        {key: value for key, value in line.items() if key not in TIMINGS}
        for line in lines
        if kind in (None, line["kind"])
    ]


def load_checkpoint(
    workdir: str | os.PathLike[str], which: str | int = "last"
) -> checkpoint.Checkpoint:
    """A checkpoint of the run."""
    return checkpoint.load(os.path.join(workdir, "checkpoints"), which)


def compute_digest(workdir: str | os.PathLike[str], which: str | int = "last") -> str:
    """SHA-256 of what a run's future depends on: arrays, state, steps.

    Excludes the number of metrics lines, as a hint is repeated after a restart.
    """
    loaded = load_checkpoint(workdir, which)
    digest = hashlib.sha256()
    for name, array in sorted(loaded.arrays.items()):
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    state = {k: v for k, v in loaded.state.items() if k != "metrics_lines"}
    rest = [loaded.step, loaded.best_step, state]
    digest.update(json.dumps(rest, sort_keys=True).encode())
    return digest.hexdigest()


def copy_as_killed(
    workdir: str | os.PathLike[str], step: int, target: str | os.PathLike[str]
) -> str:
    """The run as a kill would have left it before the checkpoint after `step`.

    Metrics and TensorBoard's files stay as they are: of later steps.
    """
    directory = os.path.join(target, "checkpoints")
    shutil.copytree(workdir, target)
    for name in os.listdir(directory):
        if int(name.removeprefix("ckpt-")) > step:
            shutil.rmtree(os.path.join(directory, name))
    return os.fspath(target)


def call_at_step(
    monkeypatch: pytest.MonkeyPatch, step: int, call: Callable[[], None]
) -> None:
    """Has `call` made once, when training step `step` has been logged."""
    log_step = reporting.Reporter.log_step

    def log_and_call(self, result, loss):
        log_step(self, result, loss)
        if self._state.step == step:
            call()

    monkeypatch.setattr(reporting.Reporter, "log_step", log_and_call)
