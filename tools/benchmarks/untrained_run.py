"""A run's directory with the network's first weights, for what asks for no others.

    python -m tools.benchmarks.untrained_run DATA_DIR WORKDIR SETTINGS

SETTINGS is a JSON object of values by dotted names. `alexnet-train` makes no run that
trains nothing.
"""

from __future__ import annotations

import json
import sys

from alexnet_tf.config import overrides
from alexnet_tf.config.schema import Config
from alexnet_tf.data import directory
from alexnet_tf.devices import placement, precision
from alexnet_tf.runs import checkpoint, data_summary, environment, run_record, workdir
from alexnet_tf.training import run_state


def main(data_dir: str, workdir_path: str, text: str) -> None:
    """Makes the directory, with a checkpoint of step 0."""
    config = overrides.override(Config(), json.loads(text))
    where = placement.make_placement(config.devices)
    data = directory.open_data(data_dir, config)
    info = run_record.RunInfo(
        data_dir,
        data.manifest.fingerprint,
        ("untrained_run",),
        environment.describe(precision.list_gpus(), 0, 0),
    )
    state = run_state.build_run_state(config, data.manifest.num_classes, where)
    with workdir.open_workdir(workdir_path, config, info) as run:
        run.begin(0)
        data_summary.save(run.path, data.statistics, data.manifest.classes)
        checkpoint.save(
            run.checkpoints_dir, 0, state.to_arrays(), state.to_json(), keep=1
        )
        run.record_checkpoint(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
