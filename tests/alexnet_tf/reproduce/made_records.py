"""Records of runs that never were, for the tests of what is computed from records."""

from __future__ import annotations

import numpy as np

from alexnet_tf.reproduce import plan, run_records
from alexnet_tf.reproduce.run_records import RunRecord

CPU = {"cpu": "a processor", "cores": 2, "git_revision": "abc"}


def make_wrong(num_images: int, num_wrong: int) -> np.ndarray:
    """Wrong answers first, bool [num_images]."""
    return np.arange(num_images) < num_wrong


def make_epochs(errors: dict[str, list[float]]) -> list[dict]:
    """Epochs 1, 2, ... with the top-1 errors of "training" and "validation"."""
    count = max(len(values) for values in errors.values())
    return [
        {"epoch": number + 1}
        | {
            kind: {"loss": 2.0 * values[number], "top1_error": values[number]}
            for kind, values in errors.items()
        }
        for number in range(count)
    ]


def make_record(
    run: plan.Run,
    ten: float = 0.2,
    centre: float = 0.3,
    train: float = 0.1,
    num_images: int = 100,
    num_classes: int = 10,
    epochs: list[dict] | None = None,
) -> RunRecord:
    """The record of `run` with these shares of wrong answers, in top-1 and top-5."""
    shares = {
        **{f"{run.split}/ten_views": ten, f"{run.split}/centre": centre},
        "train/centre": train,
    }
    return RunRecord(
        name=run.name,
        data=run.data,
        data_fingerprint="f",
        num_classes=num_classes,
        settings=run.settings,
        split=run.split,
        epochs=tuple(epochs or make_epochs({"training": [0.5, 0.1]})),
        num_images={run.split: num_images, "train": num_images},
        wrong={
            f"{place}/{kind}": run_records.pack(
                make_wrong(num_images, round(share * num_images))
            )
            for place, share in shares.items()
            for kind in ("top1", "top5")
        },
        probes={},
        images_per_second=10.0,
        seconds=3600.0,
        starts=1,
        git_revision="abc",
        environment=CPU,
        date="2026-01-02",
    )
