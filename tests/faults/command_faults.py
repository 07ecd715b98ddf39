"""Faults of the commands that leave a file or two, and of `alexnet-reproduce`."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable, Sequence

import numpy as np

from alexnet_tf.reproduce import run_records
from tests import data_directories, training_runs
from tests.alexnet_tf import foreign_weights
from tests.faults import call_faults, output_faults
from tests.faults.program import Program
from tfrecords import errors
from tfrecords.durable import files


def _make_writer(
    module: str, make_flags: Callable[[pathlib.Path, pathlib.Path], Sequence[str]]
) -> call_faults.MakeProgram:
    """A command that writes files with the same bytes every time.

    `make_flags` gets a directory with a run and an image, and the one to write to.
    """

    def make(shared: pathlib.Path) -> Program:
        output_faults.make_run(shared)
        image = data_directories.draw_image(0, 1, np.random.default_rng(0))
        encoded = data_directories.encode_jpeg(image)
        files.write_bytes(str(shared / "image.jpg"), encoded)
        return Program(
            lambda directory: [
                *("-m", f"alexnet_tf.commands.{module}"),
                *make_flags(shared, directory),
            ],
            _digest_files,
            _check_names,
        )

    return make


def _digest_files(directory: pathlib.Path) -> str:
    """Of all files but those that a kill has left under a temporary name."""
    return " ".join(
        f"{path.name} {files.compute_digest(str(path))}"
        for path in sorted(directory.iterdir())
        if files.TEMPORARY_MARK not in path.name
    )


def _check_names(left: pathlib.Path, whole: pathlib.Path) -> None:
    """A file with its final name has the undisturbed bytes."""
    for path in left.iterdir():
        if files.TEMPORARY_MARK not in path.name:
            assert path.read_bytes() == (whole / path.name).read_bytes(), path.name


_WRITERS = {
    "export-weights": _make_writer(
        "export_weights",
        lambda shared, target: [
            f"--workdir={shared / 'run'}",
            f"--output={target / 'weights.npz'}",
        ],
    ),
    "predict --plot": _make_writer(
        "predict",
        lambda shared, target: [
            *(f"--workdir={shared / 'run'}", str(shared / "image.jpg")),
            f"--plot={target / 'answers.png'}",
        ],
    ),
    "explain": _make_writer(
        "explain",
        lambda shared, target: [
            *(f"--workdir={shared / 'run'}", str(shared / "image.jpg")),
            *("--num_kernels=1", "--num_images=4", f"--output={target / 'page.html'}"),
        ],
    ),
}


def _make_reproduce(shared: pathlib.Path) -> Program:
    """A claim of two small runs."""
    data_root = shared / "data"
    data_directories.write_data_directory(data_root / "drawn", 3, per_class=4)
    return Program(
        lambda directory: [
            *("-m", "tests.programs.reproduce_small", str(data_root)),
            *(str(directory / "out"), str(directory / "records")),
        ],
        _digest_records,
        _check_records,
    )


# What no kill changes.
_RESULTS = ("name", "data_fingerprint", "settings", "epochs", "wrong", "probes")


def _read_results(records_dir: pathlib.Path) -> dict[str, list[object]]:
    records = run_records.read_all(str(records_dir))
    return {
        name: [getattr(record, field) for field in _RESULTS]
        for name, record in records.items()
    }


def _digest_records(directory: pathlib.Path) -> str:
    return json.dumps(_read_results(directory / "records"), sort_keys=True)


def _check_records(left: pathlib.Path, whole: pathlib.Path) -> None:
    """A run that has a record has the undisturbed run's."""
    expected = _read_results(whole / "records")
    for name, results in _read_results(left / "records").items():
        assert results == expected[name], name


def _make_import(shared: pathlib.Path) -> Program:
    """`alexnet-import-weights` of a narrow network."""
    weights = shared / "weights.npy"
    layers = foreign_weights.to_channels_last(foreign_weights.make_weights(), bgr=True)
    content = {layer: list(pair) for layer, pair in layers.items()}
    np.save(weights, np.array(content, dtype=object))
    return Program(
        lambda directory: [
            *("-m", "alexnet_tf.commands.import_weights", "--mean=120,110,100"),
            *(f"--input={weights}", f"--workdir={directory / 'run'}"),
        ],
        lambda directory: training_runs.compute_digest(directory / "run"),
        _check_imported,
        is_once=True,
    )


def _check_imported(left: pathlib.Path, whole: pathlib.Path) -> None:
    """What a reader finds is the whole network."""
    try:
        found = training_runs.compute_digest(left / "run")
    except errors.UserError:
        return
    assert found == training_runs.compute_digest(whole / "run")


_KINDS = ("kills", "errors", "signals")

FAULTS = (
    *call_faults.make_faults(
        "commands",
        "Other commands: export-weights, import-weights, predict --plot, explain",
        {**_WRITERS, "import-weights": _make_import},
        "The same command again writes the undisturbed bytes",
        "a file that has its final name is whole",
        _KINDS,
        quick=("errors",),
    ),
    *call_faults.make_faults(
        "reproduce",
        "alexnet-reproduce",
        _make_reproduce,
        "The same command again ends with the undisturbed runs' records: every answer, "
        "error and probability",
        "a record is that of the undisturbed run",
        _KINDS,
        quick=("kills",),
    ),
)
