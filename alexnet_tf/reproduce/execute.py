"""Trains and evaluates one run of a claim, and writes its record (ours)."""

from __future__ import annotations

import dataclasses
import datetime
import gc
import os
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from alexnet_tf.evaluation import evaluate, metrics
from alexnet_tf.reproduce import probes, run_records
from alexnet_tf.reproduce.plan import Run
from alexnet_tf.reproduce.run_records import RunRecord
from alexnet_tf.runs import metrics_file, run_record
from alexnet_tf.stack import keras
from alexnet_tf.training import train
from tfrecords.shards import manifest

# What is answered after training: the views, and of which kinds the bits are kept. The
# training images only tell how far a network overfits; ten views would take longer than
# everything else.
_CENTRE, _TEN = ("centre", 1), ("ten_views", 10)


def execute(
    run: Run,
    data_dir: str,
    workdir: str,
    records_dir: str,
    command: Sequence[str],
    notify: Callable[[int], None] = lambda epoch: None,
) -> RunRecord:
    """Trains, or resumes, and evaluates a run.

    A run that starts from another finds it beside `workdir`, by its name. `notify` is
    called with the epoch after every evaluation in training. Raises as
    `train.train_and_evaluate`.
    """
    config = run.config
    if run.origin:
        start = os.path.join(os.path.dirname(workdir), run.origin.name)
        config = dataclasses.replace(config, init_from=start)
    path = os.path.join(workdir, run_record.METRICS_NAME)

    def watch(epoch: int, top1_error: float) -> str | None:
        notify(epoch)
        error = _read_epochs(path)[-1]["training"]["top1_error"]
        if error <= run.until_training_error:
            return f"the training error has reached {error:.1%}"
        return None

    try:
        train.train_and_evaluate(config, data_dir, workdir, command, watch=watch)
        record = _measure(run, data_dir, workdir, path)
    finally:
        keras.backend.clear_session()
        gc.collect()
    run_records.write(records_dir, record)
    return record


def _measure(run: Run, data_dir: str, workdir: str, path: str) -> RunRecord:
    info = manifest.read_manifest(data_dir)
    splits = dict.fromkeys((run.split, *info.splits))
    wrong, num_images, answers = {}, {}, {}
    opened = evaluate.open_checkpoint(workdir, "last", data_dir)
    for split in splits:
        if split == "test" and run.split != "test":
            continue
        for views, num_views in (_CENTRE,) if split == "train" else (_CENTRE, _TEN):
            result = opened.evaluate(split, num_views, keeps_answers=True)
            assert result.answers is not None
            answers[split, views] = result.answers
            labels = result.answers["labels"]
            scores = result.answers["probabilities"]
            found = np.asarray(metrics.find_errors(scores, labels))
            num_images[split] = len(labels)
            for kind, column in zip(("top1", "top5"), found.T, strict=True):
                wrong[f"{split}/{views}/{kind}"] = run_records.pack(column)
    record = run_record.read_record(workdir)
    speeds = [
        line["images_per_second"]
        for line in metrics_file.read_lines(path)
        if line["kind"] == "train" and line["images_per_second"]
    ]
    epochs = _read_epochs(path)
    num_seen = sum(entry["training"]["num_seen"] for entry in epochs)
    speed = statistics.median(speeds) if speeds else 0.0
    environment = record["starts"][-1]["environment"]
    return RunRecord(
        name=run.name,
        data=run.data,
        data_fingerprint=info.images_fingerprint,
        num_classes=info.num_classes,
        settings=run.settings,
        split=run.split,
        epochs=tuple(epochs),
        num_images=num_images,
        wrong=wrong,
        probes=probes.measure(run.probes, workdir, data_dir, run.split, answers),
        images_per_second=round(speed, 1),
        seconds=round(num_seen / speed, 1) if speed else 0.0,
        starts=len(record["starts"]),
        git_revision=environment["git_revision"],
        environment=environment,
        date=datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
    )


def _read_epochs(path: str) -> list[dict[str, Any]]:
    """The epochs of a run's metrics, as `RunRecord.epochs`."""
    epochs: dict[int, dict[str, Any]] = {}
    for line in metrics_file.read_lines(path):
        if line["kind"] in ("epoch", "validation"):
            kind = "training" if line["kind"] == "epoch" else "validation"
            kept = ("num_seen", "loss", "top1_error", "top5_error", "dead_units")
            entry = epochs.setdefault(line["epoch"], {"epoch": line["epoch"]})
            entry[kind] = {name: line[name] for name in kept if name in line}
    return [entry for entry in epochs.values() if "training" in entry]
