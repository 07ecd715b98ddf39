"""Faults of commands that write what a run has learned: exports and features."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Sequence

from alexnet_tf.export import exported
from tests import data_directories, training_runs
from tests.faults import call_faults, shim
from tests.faults.engine import Case, Fault
from tests.faults.program import Program
from tfrecords.durable import checksums, files, locks, versions

_SECTION = "Exports and features"


def _make_run(shared: pathlib.Path) -> pathlib.Path:
    """A trained run of three steps, in `shared`."""
    if not (shared / "run").exists():
        data_directories.write_data_directory(shared / "data", num_classes=3)
        values = {"num_epochs": 1, "checkpoint_every_minutes": 30.0}
        training_runs.run(shared / "data", shared / "run", values)
    return shared / "run"


def make_export(shared: pathlib.Path) -> Program:
    """`alexnet-export` of a small run."""
    run = _make_run(shared)
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
    run = _make_run(shared)
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


def _of(
    make_program: Callable[[pathlib.Path], Program],
    make_cases: Callable[[Program, pathlib.Path, int], Sequence[Case]],
) -> Callable[[pathlib.Path, int], Sequence[Case]]:
    return lambda shared, seed: make_cases(make_program(shared), shared, seed)


_EXPORTED = (
    "Every numbered version is whole; the same command again writes the undisturbed "
    "export's weights"
)
_FEATURES = "The same command again ends with the undisturbed features' bytes"

FAULTS = (
    Fault(
        "export_kills",
        _SECTION,
        "SIGKILL before every call of an export that changes files",
        _EXPORTED,
        _of(make_export, call_faults.make_kills),
        num_quick=1,
        find_problem=shim.find_problem,
    ),
    Fault(
        "export_errors",
        _SECTION,
        f"{call_faults.ERRORS_TEXT}, of an export",
        f"Exit code 4 and one sentence. {_EXPORTED}",
        _of(make_export, call_faults.make_errors),
        num_quick=1,
        find_problem=shim.find_problem,
    ),
    Fault(
        "export_power_cuts",
        _SECTION,
        "A power cut after every call of an export, as above",
        _EXPORTED,
        _of(make_export, call_faults.make_power_cuts),
        num_quick=1,
        find_problem=shim.find_problem,
    ),
    Fault(
        "features_kills",
        _SECTION,
        "SIGKILL before every call that changes files while features are written",
        _FEATURES,
        _of(make_features, call_faults.make_kills),
        num_quick=1,
        find_problem=shim.find_problem,
    ),
    Fault(
        "features_errors",
        _SECTION,
        f"{call_faults.ERRORS_TEXT}, while features are written",
        f"Exit code 4 and one sentence. {_FEATURES}",
        _of(make_features, call_faults.make_errors),
        num_quick=1,
        find_problem=shim.find_problem,
    ),
    Fault(
        "features_power_cuts",
        _SECTION,
        "A power cut after every call while features are written, as above",
        _FEATURES,
        _of(make_features, call_faults.make_power_cuts),
        num_quick=1,
        find_problem=shim.find_problem,
    ),
)
