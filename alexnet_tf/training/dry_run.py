"""Estimates a training run's duration, disk space and memory.

It times a few steps on the real data and saves nothing; the rest is arithmetic.
"""

from __future__ import annotations

import resource
import sys
import time

import tensorflow as tf

from alexnet_tf.config.schema import Config
from alexnet_tf.data import directory, iteration, pipeline, training_transform
from alexnet_tf.devices import placement
from alexnet_tf.runs import run_record, workdir
from alexnet_tf.training import run_state, setup, steps
from tfrecords.console import progress
from tfrecords.plurals import counted

# The first step traces the graph; the second still fills caches.
_STEPS_BEFORE, _STEPS_TIMED = 2, 5


def estimate(
    config: Config, data_dir: str, workdir_path: str, set_learning_rate: str = ""
) -> list[str]:
    """Lines for the user on the time and size of a training run that is not started.

    The arguments are those of `train.train_and_evaluate`; nothing is written. The time
    excludes evaluations and checkpoints. Raises `UserError`, `DataError`, `InUseError`,
    `StorageError` as `train.train_and_evaluate` before its first step.
    """
    opened = setup.open_run(config, data_dir, workdir_path, ("alexnet-train",))
    config, data, where = opened.config, opened.data, opened.where
    record = workdir.check_workdir(workdir_path, config, opened.info)
    saved_step = run_record.get_saved_step(workdir_path, record) if record else None
    start = setup.build_and_restore(
        opened, workdir_path, saved_step, set_learning_rate, read_only=True
    )
    state, restored = start.state, start.restored
    last_step = opened.last_step
    counts = [f"{data.count_images(split):,} {split}" for split in data.list_splits()]
    kind = "resuming the run in" if record else "new, in"
    warning = directory.explain_unseen(data, config.data)
    lines = [
        f"data: {data_dir}, {', '.join(counts)} images of "
        f"{counted(data.manifest.num_classes, 'class')}",
        f"network: {state.model.count_params():,} parameters, {config.precision}, "
        f"{where.describe()}",
        *([opened.chosen.describe()] if opened.chosen.reason else []),
        f"run: {counted(config.num_epochs, 'epoch')}, {counted(last_step, 'step')} of "
        f"{config.batch_size} images, {kind} {workdir_path}",
        *([warning] if warning else []),
        *(restored.warnings if restored else ()),
        *([start.text] if start.text else []),
    ]
    if absence := opened.profile.explain_absence(state.step, last_step):
        lines.append(absence)
    seconds = _time_step(config, data, state, where)
    rate = config.batch_size / seconds
    num_bytes = sum(array.nbytes for array in state.to_arrays().values())
    num_kept = config.keep_checkpoints + 1
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    memory *= 1 if sys.platform == "darwin" else 1024
    lines += [
        f"measured over {_STEPS_TIMED} steps: {rate:,.1f} images/s; all steps take "
        f"about {progress.format_duration(last_step * seconds)}",
        f"checkpoints: {num_bytes / 1e6:,.0f} MB each, {num_kept} with the best: "
        f"{num_kept * num_bytes / 1e6:,.0f} MB; memory of this process: "
        f"{memory / 1e6:,.0f} MB",
        "Nothing was written.",
    ]
    return lines


def _time_step(
    config: Config,
    data: directory.DataDirectory,
    state: run_state.RunState,
    where: placement.Placement,
) -> float:
    """The mean time of a step in seconds, input included."""
    device = where.get_shared_device()
    train_step = steps.make_train_step(
        state.model, state.optimizer, state.loss_scale, device
    )
    with placement.scope(device):
        finish = training_transform.make_device_part(config.data, data.statistics)
    dataset = pipeline.make_training_dataset(
        data, config, 0, _STEPS_BEFORE + _STEPS_TIMED
    )
    state.optimizer.rates.assign(tf.zeros_like(state.optimizer.rates))
    start = time.perf_counter()
    with placement.memory_errors("--config.batch_size"):
        for number, (crops, labels) in enumerate(iteration.iterate(data, dataset), 1):
            with placement.scope(device):
                images = finish(crops)
            train_step(images, labels).loss.numpy()
            if number == _STEPS_BEFORE:
                start = time.perf_counter()
    return (time.perf_counter() - start) / _STEPS_TIMED
