"""A run from its first step to its last, top to bottom (paper, section 5)."""

from __future__ import annotations

import signal
from collections.abc import Sequence

from alexnet_tf.config import overrides
from alexnet_tf.config.schema import Config
from alexnet_tf.data import iteration, pipeline, training_transform
from alexnet_tf.devices import placement
from alexnet_tf.devices.workers import ALONE, Workers
from alexnet_tf.evaluation.metrics import ErrorCounts
from alexnet_tf.runs import data_summary
from alexnet_tf.training import (
    chief,
    diagnostics,
    finite,
    run_state,
    setup,
    steps,
    validation,
)
from tfrecords import errors
from tfrecords.console import stop_signals


def train_and_evaluate(
    config: Config,
    data_dir: str,
    workdir_path: str,
    command: Sequence[str] = ("alexnet-train",),
    set_learning_rate: str = "",
    watch: validation.Watch | None = None,
    workers: Workers = ALONE,
) -> run_state.RunState:
    """Trains until `num_epochs` or the schedule's end; resumes a run that stopped.

    Args:
      config: the run's settings.
      data_dir: shards, from `alexnet-convert` or `alexnet-index`.
      workdir_path: the run's directory, new or begun with the same settings.
      command: the command line, for the record.
      set_learning_rate: rates set by hand at this start: "0.001" for all layers'
        kernels, or "conv1=0.001,fc8=0.01"; "" for none.
      watch: called after every evaluation, before its checkpoint, with the epoch and
        the validation top-1 error (0..1). It returns the reason to end the run, or
        None.
      workers: the processes that train together, each of which calls this function
        with the same settings. Only the chief, worker 0, writes and prints.

    Returns:
      The final state of the run, equal to its last checkpoint.

    Raises:
      UserError: if settings, data and directory do not fit each other.
      DataError: if a record or checkpoint is damaged.
      NotFiniteError: if a loss or gradient is not finite; nothing was updated.
      StorageError: if the directory cannot be written.
      InUseError: if another process is training there.
      PeerError: if another worker is lost.
      Interrupted: after SIGTERM, SIGINT or SIGHUP, once the state is saved.
    """
    opened = setup.open_run(
        config, data_dir, workdir_path, command, workers, set_learning_rate
    )
    collectives = opened.collectives
    config, epochs, profile = opened.config, opened.epochs, opened.profile
    last_step, device = opened.last_step, opened.where.get_shared_device()
    with (
        chief.open_workdir(workers, workdir_path, config, opened.info) as run,
        stop_signals.catch_stop_signals() as stop,
        collectives,
        collectives.peer_errors(),
    ):
        # The network; its weights are new, from a checkpoint or from another run.
        start = setup.build_and_restore(
            opened, run.path, run.saved_step, set_learning_rate
        )
        state, data = start.state, start.data
        run.begin(state.step, state.saved_step, start.metrics_lines)
        if workers.is_chief:
            data_summary.save(run.path, data.statistics, data.manifest.classes)

        train_step = steps.make_train_step(
            state.model, state.optimizer, state.loss_scale, device, collectives
        )
        with placement.scope(device):
            finish = training_transform.make_device_part(config.data, data.statistics)
        dataset = pipeline.make_training_dataset(
            data, config, state.step, max(0, last_step - state.step), workers
        )
        batches = iteration.iterate(data, dataset)

        reporter = chief.make_reporter(
            run, config, state, last_step, epochs, workers.count
        )
        checkpoints = chief.make_saver(run, config, state)
        validate = validation.Validation(
            state, data, config, reporter, stop, device, watch, collectives
        )
        chance = diagnostics.ChanceDetector(data.manifest.num_classes, config)
        try:
            if start.text:
                reporter.log_event(start.text)
            for line in [*run.warnings, *setup.describe(opened, start)]:
                reporter.announce(line)
            for layer, rate in start.rates:
                text = state.schedule.set_rate(
                    rate, layer, epoch=epochs.compute_epoch(state.step)
                )
                reporter.log_event(text)
            if start.rates:
                checkpoints.save()

            with placement.memory_errors("--config.batch_size"):
                if state.unevaluated_epoch is not None:
                    validate.run(state.unevaluated_epoch)
                    checkpoints.save()
                while not (
                    state.step >= last_step
                    or state.schedule.finished
                    or validate.is_given_up
                    or collectives.agree(bool(stop))
                ):
                    with profile.trace_step(state.step), reporter.time_step():
                        with reporter.time_input():
                            crops, labels = next(batches)
                        with placement.scope(device):
                            images = finish(crops)
                        rates = state.schedule.rates_at(
                            epochs.compute_epoch(state.step)
                        )
                        state.optimizer.rates.assign(rates.to_array())
                        result = train_step(images, labels)
                        loss = float(result.loss)
                    finite.check_step(
                        result,
                        state.loss_scale,
                        state.optimizer.parameters,
                        state.step + 1,
                        pipeline.compute_record_ids(
                            epochs.num_train, config, state.step
                        ),
                        state.saved_step,
                        run.metrics.append,
                    )
                    state.count_step(result, loss, config.batch_size, rates)

                    if profile.finish_step(state.step - 1):
                        logdir = reporter.summaries.logdir
                        reporter.announce(f"profile written to {logdir}")
                    if state.step == 1:
                        # The first step has traced the graph.
                        graph = train_step.get_concrete_function(images, labels).graph
                        reporter.summaries.write_settings(overrides.to_dict(config))
                        reporter.summaries.write_graph(graph)
                    reporter.log_step(result, loss)

                    is_best = False
                    if epoch := epochs.find_ended(state.step):
                        reporter.log_epoch(epoch)
                        counts = state.epoch_counts
                        if hint := chance.explain(counts.loss, counts.top1_error):
                            reporter.log_event(hint)
                        state.epoch_counts = ErrorCounts()
                        if validate.is_possible and (
                            state.step >= last_step
                            or epochs.is_due(state.step, config.eval_every_epochs)
                        ):
                            is_best = validate.run(epoch)
                    if (
                        is_best
                        or epochs.is_due(state.step, config.checkpoint_every_epochs)
                        or checkpoints.is_due()
                    ):
                        checkpoints.save()
                if state.saved_step != state.step:
                    checkpoints.save()
                is_stopped = collectives.agree(bool(stop))
        finally:
            profile.close()
            reporter.close()
    if is_stopped:
        but_once = ", without --set_learning_rate," if set_learning_rate else ""
        raise errors.Interrupted(
            f"stopped at step {state.step:,}; the state is saved. Run the same command "
            f"again{but_once} to resume.",
            stop.signal_number or signal.SIGTERM,
        )
    return state
