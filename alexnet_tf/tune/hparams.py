"""Writes a search for TensorBoard's HParams page: one row per trial."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from tensorboard.plugins.hparams import api

from alexnet_tf.runs import event_file, summaries
from alexnet_tf.tune.space import Range
from alexnet_tf.tune.trial_results import TrialResult

HPARAMS_NAME = "hparams"
# The error's smallest value; its curve is in the run's own files.
_ERROR = "best_top1_error"
_EPOCH = "best_epoch"
_SUFFIX = ".hparams"


def describe_search(tune_dir: str, space: Sequence[Range]) -> None:
    """Writes, once, the settings and metrics that the page shows."""
    path = os.path.join(tune_dir, HPARAMS_NAME)
    if _is_written(path):
        return
    metrics = [
        api.Metric(_ERROR, display_name="smallest validation top-1 error"),
        api.Metric(_EPOCH, display_name="its epoch"),
    ]
    # The page shows its columns in this order.
    ordered = sorted(space, key=lambda entry: entry.name != "optimizer.learning_rate")
    hparams = [api.HParam(entry.name, _make_domain(entry)) for entry in ordered]
    summary = api.hparams_config_pb(hparams=hparams, metrics=metrics)
    event_file.EventFile(path, _SUFFIX).append_summary(0, _read_values(summary))


def write_trial(workdir_path: str, result: TrialResult) -> None:
    """Writes a trial's row next to its run's curves, unless it exists."""
    path = summaries.get_logdir(workdir_path)
    if _is_written(path):
        return
    summary = api.hparams_pb(dict(result.settings), trial_id=result.trial)
    numbers = [
        event_file.make_scalar(_ERROR, result.top1_error),
        event_file.make_scalar(_EPOCH, result.best_epoch),
    ]
    # In a single write, as an existing file counts as complete.
    file = event_file.EventFile(path, _SUFFIX)
    file.append_summary(result.epochs, [*_read_values(summary), *numbers])


def _is_written(directory: str) -> bool:
    return bool(glob.glob(os.path.join(glob.escape(directory), f"*{_SUFFIX}")))


def _read_values(summary: Any) -> list[tf.compat.v1.Summary.Value]:
    # TensorBoard's messages equal TensorFlow's, but have other Python classes.
    return list(tf.compat.v1.Summary.FromString(summary.SerializeToString()).value)


def _make_domain(entry: Range) -> Any:
    if entry.values:
        return api.Discrete(list(entry.values))
    if entry.is_whole:
        return api.IntInterval(entry.low, entry.high)
    return api.RealInterval(entry.low, entry.high)
