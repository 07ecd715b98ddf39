"""Runs of `alexnet-train` for measurements, each a process of its own."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from tools.benchmarks import processes
from tools.benchmarks.contest import Options

# The paper's watches the validation split, which the data may lack.
_FIXED = {"schedule.name": "fixed"}
# No epoch's end brings anything with it but a line.
_RARELY = 1_000_000


def make_command(
    data_dir: str, workdir: str, settings: Mapping[str, object]
) -> list[str]:
    """`alexnet-train` with `settings`, by dotted names, and a schedule by epochs."""
    return processes.make_command(
        "alexnet_tf.commands.train",
        f"--data_dir={data_dir}",
        f"--workdir={workdir}",
        *(
            f"--config.{key}={value}"
            for key, value in {
                "eval_every_epochs": _RARELY,
                "checkpoint_every_epochs": _RARELY,
                "checkpoint_every_minutes": _RARELY,
                **_FIXED,
                **settings,
            }.items()
        ),
    )


def make_untrained(options: Options, data_dir: str, workdir: str) -> str:
    """A run's directory with the network's first weights; returns it."""
    settings = {**options.network_settings, **_FIXED}
    processes.run(
        processes.make_command(
            "tools.benchmarks.untrained_run", data_dir, workdir, json.dumps(settings)
        )
    )
    return workdir


def make_export(workdir: str, export_dir: str) -> str:
    """A run's SavedModel; returns `export_dir`."""
    processes.run(
        processes.make_command(
            "alexnet_tf.commands.export",
            f"--workdir={workdir}",
            f"--export_dir={export_dir}",
        )
    )
    return export_dir


def read_entries(workdir: str) -> list[dict[str, Any]]:
    """The entries on training that the run has written so far, whole lines only."""
    path = os.path.join(workdir, "metrics.jsonl")
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file if line.endswith("\n")]
    return [line for line in lines if line["kind"] == "train"]
