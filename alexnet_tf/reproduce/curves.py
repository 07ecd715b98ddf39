"""What is read from a run's learning curves, the errors by epoch (ours)."""

from __future__ import annotations

import numpy as np

from alexnet_tf.reproduce.run_records import RunRecord


def compute_early_loss(record: RunRecord, num_epochs: int = 5) -> float:
    """Mean training loss of the first epochs, nats."""
    losses = [entry["training"]["loss"] for entry in record.epochs[:num_epochs]]
    return float(np.mean(losses))


def find_dead_units(record: RunRecord) -> float:
    """Share of units of fc6 and fc7 that are 0 on a whole batch, 0..1, at the end."""
    last = [entry["validation"] for entry in record.epochs if "validation" in entry][-1]
    dead = last["dead_units"]
    return float(np.mean([dead[name] for name in dead if name[:3] in ("fc6", "fc7")]))


def find_epochs_to(record: RunRecord, error: float, kind: str) -> float:
    """Epochs until a top-1 error falls to `error`, between epochs by interpolation.

    `kind` is "training", the error of the epoch's own steps, or "validation". A run
    that never gets there counts with its length, which is less than the truth.
    """
    before_epoch, before = 0.0, 1.0
    for entry in record.epochs:
        if kind not in entry:
            continue
        # The training error of an epoch is the mean over its steps: of its middle.
        epoch = entry["epoch"] - (0.5 if kind == "training" else 0.0)
        value = entry[kind]["top1_error"]
        if value <= error:
            share = (before - error) / (before - value)
            return float(before_epoch + share * (epoch - before_epoch))
        before_epoch, before = epoch, value
    return float(len(record.epochs))


def compare_at_equal_training(arm: RunRecord, control: RunRecord) -> float:
    """The arm's validation error minus the control's, -1..1, at equal training error.

    The training error is the lowest that both reach, so that the slower learner is
    compared at its end, and the faster one earlier.
    """
    target = max(
        min(entry["training"]["top1_error"] for entry in record.epochs)
        for record in (arm, control)
    )
    first, second = (_find_validation_at(r, target) for r in (arm, control))
    return first - second


def _find_validation_at(record: RunRecord, training_error: float) -> float:
    """The validation error when the training error falls to a value, interpolated."""
    evaluated = [entry for entry in record.epochs if "validation" in entry]
    epoch = find_epochs_to(record, training_error, "training")
    return float(
        np.interp(
            epoch,
            [0.0, *(entry["epoch"] for entry in evaluated)],
            [1.0, *(entry["validation"]["top1_error"] for entry in evaluated)],
        )
    )
