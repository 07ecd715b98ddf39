"""Faults of commands that write what a run has learned: exports and features."""

from __future__ import annotations

import os
import pathlib

from alexnet_tf.export import exported
from tests import data_directories, training_runs
from tests.faults import call_faults
from tests.faults.program import Program
from tfrecords.durable import checksums, files, locks, versions


def make_run(shared: pathlib.Path) -> pathlib.Path:
    """A trained run of three steps, in the directory `shared`."""
    if not (shared / "run").exists():
        data_directories.write_data_directory(shared / "data", num_classes=3)
        values = {"num_epochs": 1, "checkpoint_every_minutes": 30.0}
        training_runs.run(shared / "data", shared / "run", values)
    return shared / "run"


def make_export(shared: pathlib.Path) -> Program:
    """`alexnet-export` of a small run."""
    run = make_run(shared)
    return Program(
        lambda directory: [
            *("-m", "alexnet_tf.commands.export"),
            *(f"--workdir={run}", f"--export_dir={directory / 'exports'}"),
        ],
        _digest_export,
        _check_exports,
    )


def _digest_export(directory: pathlib.Path) -> str:
    """Of the newest version's weights, after a check of all its files."""
    version = exported.find_version(str(directory / "exports"))
    checksums.check(version, os.path.join(version, exported.CHECKSUMS_NAME))
    data = pathlib.Path(version, "variables", "variables.data-00000-of-00001")
    return files.compute_digest(str(data))


def _check_exports(left: pathlib.Path, whole: pathlib.Path) -> None:
    """Every version that has a number is whole."""
    del whole
    export_dir = left / "exports"
    for number in (
        versions.list_versions(str(export_dir)) if export_dir.exists() else []
    ):
        version = str(export_dir / str(number))
        checksums.check(version, os.path.join(version, exported.CHECKSUMS_NAME))


def make_features(shared: pathlib.Path) -> Program:
    """`alexnet-retrieve build` with a small run."""
    run = make_run(shared)
    return Program(
        lambda directory: [
            *("-m", "alexnet_tf.commands.retrieve", "build"),
            *(f"--workdir={run}", f"--index_dir={directory / 'index'}"),
        ],
        _digest_features,
    )


def _digest_features(directory: pathlib.Path) -> str:
    """Of all files but the lock, which names its process."""
    lines = checksums.make_list(str(directory / "index")).splitlines()
    kept = [line for line in lines if not line.endswith(f"  {locks.LOCK_NAME}")]
    assert kept
    return "\n".join(kept)


_KINDS = ("kills", "errors", "signals", "power_cuts")

FAULTS = (
    *call_faults.make_faults(
        "export",
        "Exports",
        make_export,
        "The same command again writes the undisturbed export's weights",
        "every numbered version is whole",
        _KINDS,
        quick=("errors", "power_cuts"),
    ),
    *call_faults.make_faults(
        "features",
        "Features of alexnet-retrieve",
        make_features,
        "The same command again ends with the undisturbed features' bytes",
        "an unfinished build is resumed",
        _KINDS,
        quick=("kills",),
    ),
)
