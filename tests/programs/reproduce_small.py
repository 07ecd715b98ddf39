"""Runs one small claim on drawn images, as `alexnet-reproduce run` does.

python -m tests.programs.reproduce_small DATA_ROOT OUTPUT_DIR RECORDS_DIR
"""

from __future__ import annotations

import dataclasses
import sys

from alexnet_tf.experiments.claims.claim import Arm, Form
from alexnet_tf.experiments.claims.data_sets import DATA_SETS
from alexnet_tf.reproduce import plan, runner
from tests import training_runs
from tfrecords.console import command_line

FORM = Form(
    "drawn",
    settings={**training_runs.TINY, "num_epochs": 2, "keep_checkpoints": 1},
    num_folds=2,
    minutes=1,
    machine="any",
)


def main(data_root: str, output_dir: str, records_dir: str) -> None:
    """Trains the paper's arm for two folds of a data set of three classes."""
    few = dataclasses.replace(DATA_SETS["drawn"], class_counts=(3,))
    DATA_SETS["drawn"] = few
    arm = Arm("paper", probes=("probabilities",))
    runs = [plan.make_run(FORM, arm, fold, 0) for fold in range(2)]
    runner.run_queue(runs, data_root, output_dir, records_dir, ("reproduce_small",))


if __name__ == "__main__":
    ARGUMENTS = sys.argv[1:]
    del sys.argv[1:]
    command_line.run(lambda: main(*ARGUMENTS), __name__, "Runs a small claim.")
