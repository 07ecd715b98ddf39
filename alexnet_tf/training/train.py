"""The story of a run, top to bottom.

Open the data, the directory and the network; take up what the newest checkpoint holds;
then, in `training_loop`, step by step: a batch, an update, and at the ends of epochs an
evaluation, the schedule's decision and a checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from alexnet_tf.config.schema import Config
from alexnet_tf.devices import placement
from alexnet_tf.optimization import schedule
from alexnet_tf.runs import checkpoint, data_summary, workdir
from alexnet_tf.training import (
    reporting,
    run_state,
    setup,
    training_loop,
    transfer,
)
from tfrecords import errors
from tfrecords.console import stop_signals


def train_and_evaluate(
    config: Config,
    data_dir: str,
    workdir_path: str,
    command: Sequence[str] = ("alexnet-train",),
    set_learning_rate: str = "",
    watch: Callable[[int, float], str | None] | None = None,
) -> run_state.RunState:
    """Trains until `num_epochs` or the schedule's end; goes on where it stopped.

    Args:
      config: the run's settings.
      data_dir: shards, from `alexnet-convert` or `alexnet-index`.
      workdir_path: the run's directory, new or begun with the same settings.
      command: the command line, for the record.
      set_learning_rate: rates set by hand, at every call, before going on: "0.001"
        for all layers' kernels, or "conv1=0.001,fc8=0.01"; "" for none.
      watch: called after every evaluation, before its checkpoint, with the epoch and
        the validation top-1 error (0..1); a sentence from it ends the run there.

    Returns:
      The run as it ended; its last checkpoint holds the same.

    Raises:
      UserError: for settings, data or a directory that do not fit.
      DataError: for a damaged record or checkpoint.
      NotFiniteError: where a loss or gradient is not finite; nothing was updated.
      StorageError: where the directory cannot be written.
      InUseError: where another process trains there.
      Interrupted: after SIGTERM, SIGINT or SIGHUP, once the state was saved.
    """
    opened = setup.open_run(config, data_dir, workdir_path, command)
    config, data, where = opened.config, opened.data, opened.where
    profile, counter, last_step = opened.profile, opened.counter, opened.last_step
    with (
        workdir.open_workdir(workdir_path, config, opened.info) as run,
        stop_signals.catch_stop_signals() as stop,
    ):
        state = run_state.build_run_state(config, data.manifest.num_classes, where)
        with placement.memory_errors("network"):
            restored = checkpoint.load_latest(run.checkpoints_dir, run.saved_step)
            if restored:
                state.restore(restored)
        beginning = transfer.begin(
            config, run.path, state.optimizer.parameters, data, bool(restored)
        )
        data = beginning.data
        by_hand = (
            schedule.parse_rate_assignments(
                set_learning_rate, state.schedule.layer_names
            )
            if set_learning_rate
            else []
        )
        metrics_lines = restored.state.get("metrics_lines") if restored else None
        run.begin(state.step, state.saved_step, metrics_lines)
        data_summary.save(run.path, data.statistics, data.manifest.classes)

        num_train = counter.num_train
        reporter = reporting.Reporter(run, config, state, last_step, num_train)
        if beginning.untrained_layers is not None:
            state.untrained_layers = beginning.untrained_layers
            state.optimizer.begin()
            reporter.log_event(beginning.text)
        for warning in [*run.warnings, *(restored.warnings if restored else ())]:
            reporter.announce(warning)
        reporter.announce(
            f"{'going on' if restored else 'starting'} at step {state.step:,} of "
            f"{last_step:,}: {num_train:,} images of {data.manifest.num_classes} "
            f"classes, batches of {config.batch_size}, {config.precision}, "
            f"{where.describe()}"
        )
        if reason := opened.chosen.describe():
            reporter.announce(reason)
        if absence := profile.explain_absence(state.step, last_step):
            reporter.announce(absence)
        loop = training_loop.TrainingLoop(
            config, data, run, state, where, reporter, profile, stop, last_step, watch
        )
        try:
            for layer, rate in by_hand:
                epoch = counter.compute_epoch(state.step)
                text = state.schedule.set_rate(rate, layer, epoch=epoch)
                reporter.log_event(text)
            if by_hand:
                loop.save()
            with placement.memory_errors("--config.batch_size"):
                loop.train()
        finally:
            reporter.close()
    if stop:
        but_once = ", without --set_learning_rate," if set_learning_rate else ""
        raise errors.Interrupted(
            f"stopped at step {state.step:,}; the state is saved. Run the same command "
            f"again{but_once} to go on.",
            stop.signal_number or 0,
        )
    return state
