"""Trains a tiny network for a step and exports it.

python -m tests.programs.make_export FOLDER

FOLDER/exports/1 is the export.
"""

from __future__ import annotations

import pathlib
import sys

from alexnet_tf.export import saved_model
from alexnet_tf.runs import trained_network
from tests import data_directories, training_runs


def main(folder: str) -> None:
    """Writes the export, and the data and the run that it comes from."""
    root = pathlib.Path(folder)
    data_directories.write_data_directory(root / "data", num_classes=3, per_class=2)
    values = {"num_epochs": 1, "model.normalization": "banded"}
    training_runs.run(str(root / "data"), str(root / "run"), values)
    network = trained_network.load(str(root / "run"))
    saved_model.export(network, str(root / "exports"))


if __name__ == "__main__":
    main(*sys.argv[1:])
