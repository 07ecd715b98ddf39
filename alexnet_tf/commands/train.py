"""alexnet-train: trains a network on shards, or resumes its training."""

from __future__ import annotations

import os
import sys

from absl import flags

from alexnet_tf.commands import setting_flags, shared_flags
from alexnet_tf.config.schema import Config
from alexnet_tf.devices.workers import find_workers
from alexnet_tf.training import checks
from tfrecords import errors
from tfrecords.console import command_line
from tfrecords.plurals import counted
from tfrecords.shards import manifest

SYNOPSIS = """\
alexnet-train --data_dir=D --workdir=W [--experiment=NAME] [--config.FIELD=VALUE ...]

Trains on the shards in D and keeps everything about the run in W: checkpoints, the
record of the run, metrics and TensorBoard files. Give the same command again to resume
a run that was stopped.

  alexnet-train --data_dir=data --workdir=runs/alexnet
  alexnet-train --data_dir=data --workdir=runs/alexnet --set_learning_rate=0.001

Exit codes: 0 success, 2 wrong usage or bad input, 3 loss not finite, 4 storage error, 5
workdir in use, 6 another worker lost; 129, 130 and 143 stopped by SIGHUP, SIGINT and
SIGTERM, state saved."""

_DATA_DIR = command_line.define_path(
    "data_dir", "the shards that alexnet-convert or alexnet-index made", required=True
)
_WORKDIR = shared_flags.define_workdir(
    "the run's directory: new, or that of a run to resume"
)
_EXPERIMENT = shared_flags.define_experiment()
_SET_LEARNING_RATE = flags.DEFINE_string(
    "set_learning_rate",
    "",
    "set the learning rate by hand when a run resumes, as the paper's authors did: "
    "0.001 for all layers, or conv1=0.001,fc8=0.01. The run keeps it. Leave the flag "
    "out the next time; otherwise it sets the rate again",
)
_WORKERS = flags.DEFINE_string(
    "workers",
    "",
    "train with several processes, on one machine or many: the address of each, "
    "'host:port,host:port'. Run the same command for every worker. Without the flag, "
    "the variable TF_CONFIG lists them, if it is set",
)
_WORKER_INDEX = flags.DEFINE_integer(
    "worker_index",
    None,
    "this worker's place in --workers, from 0; by default SLURM_PROCID or "
    "JOB_COMPLETION_INDEX",
)
_DRY_RUN = flags.DEFINE_bool(
    "dry_run",
    False,
    "make a few steps, estimate the time and size of the whole run, and write nothing",
)
setting_flags.define()


def main() -> None:
    """Reads the flags and trains."""
    config = setting_flags.read(_EXPERIMENT.value, _WORKDIR.value)
    workers = find_workers(_WORKERS.value, _WORKER_INDEX.value, os.environ)
    if _DRY_RUN.value and workers.count > 1:
        raise errors.UserError(
            "--dry_run measures one process. Leave out --workers, and TF_CONFIG."
        )
    # Report bad data before TensorFlow's import, which takes seconds.
    checks.check_settings(config)
    info = manifest.read_manifest(_DATA_DIR.value)
    checks.check_workers(config, workers)
    checks.check_data(config, info, _DATA_DIR.value)
    command_line.quiet_tensorflow()
    from alexnet_tf.runs import untrained
    from alexnet_tf.training import dry_run, train

    if _DRY_RUN.value:
        lines = dry_run.estimate(
            config, _DATA_DIR.value, _WORKDIR.value, _SET_LEARNING_RATE.value
        )
        print("\n".join(lines))
        return

    state = train.train_and_evaluate(
        config,
        _DATA_DIR.value,
        _WORKDIR.value,
        sys.argv,
        _SET_LEARNING_RATE.value,
        workers=workers,
    )
    if not workers.is_chief:
        print(f"done: {workers.describe(0)} has the results")
        return
    if warning := untrained.describe(state.untrained_layers):
        print(warning, file=sys.stderr)
    best = state.best_top1_error
    evaluated = f", best validation top-1 error {best:.2%}" if best is not None else ""
    print(f"done: {counted(state.step, 'step')}{evaluated}")
    print(f"  {_suggest_evaluation(config, info)}")
    print(f"  tensorboard --logdir={_WORKDIR.value}")


def _suggest_evaluation(config: Config, info: manifest.Manifest) -> str:
    """The command that evaluates the run, or how to get images for one."""
    test = info.splits.get("test")
    split = "validation" if "validation" in info.splits else None
    if not split and config.data.num_folds:
        split = "held_out"
    if not split and test and test.is_labelled:
        split = "test"
    if not split:
        return (
            "There is no validation split to evaluate on; alexnet-convert "
            "--validation_fraction=0.1 makes one."
        )
    flag = "" if split == "validation" else f" --split={split}"
    return f"alexnet-evaluate --workdir={_WORKDIR.value} --views=10{flag}"


def run() -> None:
    """The console script."""
    command_line.run(
        main,
        __name__,
        SYNOPSIS,
        prints_result=lambda: bool(_DRY_RUN.value),
        settings=setting_flags.HELP,
    )


if __name__ == "__main__":
    run()
