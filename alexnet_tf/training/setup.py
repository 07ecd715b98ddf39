"""What a training asks of settings, devices and data; its rehearsal asks the same.

The run's directory and the network come next, see `train` and `rehearsal`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import tensorflow as tf

from alexnet_tf.config.schema import Config
from alexnet_tf.data import pipeline
from alexnet_tf.devices import placement, precision
from alexnet_tf.runs import environment, run_record, summaries
from alexnet_tf.training import checks, epochs, profiling


@dataclasses.dataclass(frozen=True)
class Opening:
    """Settings, devices and data that fit together.

    Attributes:
      config: the run's settings; its precision is resolved, not "auto".
      where: the towers' devices.
      data: an open data directory.
      counter: of its training split.
      last_step: the step that completes `config.num_epochs`.
      profile: the steps to be recorded.
      info: what the run's record says of this start.
      chosen: the arithmetic, and why where it was chosen here.
    """

    config: Config
    where: placement.Placement
    data: pipeline.DataSet
    counter: epochs.EpochCounter
    last_step: int
    profile: profiling.ProfileWindow
    info: run_record.RunInfo
    chosen: precision.Choice


def open_run(
    config: Config, data_dir: str, workdir_path: str, command: Sequence[str]
) -> Opening:
    """Opens what a run needs besides its directory, and checks that it fits.

    Args:
      config: the run's settings.
      data_dir: the shards.
      workdir_path: the run's directory.
      command: the command line, for the record.

    Raises:
      UserError: for settings, devices or data that do not fit.
      DataError: for damaged data.
    """
    checks.check_settings(config)
    where = placement.make_placement(config.devices)
    precision.make_reproducible()
    chosen = precision.choose_precision(
        config.precision, run_record.read_precision(workdir_path)
    )
    config = dataclasses.replace(config, precision=chosen.precision)
    data = pipeline.open_data(data_dir, config)
    checks.check_data(config, data.manifest, data_dir)
    pipeline.check_splits(config, data)
    counter = epochs.EpochCounter(
        data.manifest.get_split("train").num_records, config.batch_size
    )
    info = run_record.RunInfo(
        data_dir,
        data.manifest.fingerprint,
        command,
        environment.describe(
            precision.list_gpus(),
            tf.config.threading.get_intra_op_parallelism_threads(),
            tf.config.threading.get_inter_op_parallelism_threads(),
        ),
        chosen.to_json(),
    )
    return Opening(
        config,
        where,
        data,
        counter,
        counter.count_steps(config.num_epochs),
        profiling.ProfileWindow(
            config.profile_steps, summaries.get_logdir(workdir_path)
        ),
        info,
        chosen,
    )
