"""Step by step: a batch, an update, and what happens at the ends of epochs.

An evaluation, the schedule's decision, a checkpoint.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import tensorflow as tf

from alexnet_tf.config import overrides
from alexnet_tf.config.schema import Config
from alexnet_tf.data import augment, iteration, pipeline
from alexnet_tf.devices import placement
from alexnet_tf.evaluation import evaluate as evaluate_lib
from alexnet_tf.evaluation import forward
from alexnet_tf.runs import checkpoint, untrained, workdir
from alexnet_tf.training import (
    diagnostics,
    epochs,
    finite,
    profiling,
    reporting,
    run_state,
    steps,
)
from tfrecords.console import stop_signals


class TrainingLoop:
    """The loop and what happens at its seams; `train` says what its arguments are."""

    def __init__(
        self,
        config: Config,
        data: pipeline.DataSet,
        run: workdir.Workdir,
        state: run_state.RunState,
        where: placement.Placement,
        reporter: reporting.Reporter,
        profile: profiling.ProfileWindow,
        stop: stop_signals.StopRequest,
        last_step: int,
        watch: Callable[[int, float], str | None] | None,
    ):
        self._config, self._data, self._run = config, data, run
        self._state, self._reporter, self._last_step = state, reporter, last_step
        self._profile, self._stop = profile, stop
        self._num_train = data.manifest.get_split("train").num_records
        self._epochs = epochs.EpochCounter(self._num_train, config.batch_size)
        device = where.get_device(0)
        self._train_step = steps.make_train_step(
            state.model, state.optimizer, state.loss_scale, device
        )
        with placement.scope(device):
            self._finish = augment.make_finisher(config.data, data.statistics)
        self._device = device
        self._eval_step = forward.make_eval_step(state.model, device)
        self._count_dead_units = diagnostics.make_dead_unit_counter(state.model, device)
        self._last_save_time = time.monotonic()
        self._is_at_chance = self._is_given_up = False
        self._watch = watch

    def train(self) -> None:
        """Steps until the end, a stop request, or the schedule's decision."""
        config, state, reporter = self._config, self._state, self._reporter
        dataset = pipeline.make_training_dataset(
            self._data, config, state.step, max(0, self._last_step - state.step)
        )
        batches = iteration.iterate(self._data, dataset)
        try:
            if state.unevaluated_epoch is not None:
                self._evaluate(state.unevaluated_epoch)
                self.save()
            while not self._is_over():
                with self._profile.trace_step(state.step), reporter.time_step():
                    with reporter.time_input():
                        crops, labels = next(batches)
                    with placement.scope(self._device):
                        images = self._finish(crops)
                    rates = state.schedule.rates_at(
                        self._epochs.compute_epoch(state.step)
                    )
                    state.optimizer.rates.assign(rates.to_array())
                    result = self._train_step(images, labels)
                    loss = float(result.loss)
                finite.check_step(
                    result,
                    state.loss_scale,
                    state.optimizer.parameters,
                    state.step + 1,
                    pipeline.compute_record_ids(self._num_train, config, state.step),
                    state.saved_step,
                    self._run.append_metrics,
                )
                if state.untrained_layers and bool(result.is_finite):
                    state.untrained_layers = untrained.drop_trained(
                        state.untrained_layers, rates
                    )
                top1_errors, top5_errors = result.errors.numpy()
                for counts in (state.epoch_counts, state.log_counts):
                    counts.add(
                        config.batch_size,
                        top1_errors,
                        top5_errors,
                        loss * config.batch_size,
                    )
                state.step += 1
                if self._profile.finish_step(state.step - 1):
                    reporter.announce(f"profile written to {reporter.summaries.logdir}")
                if state.step == 1:
                    self._describe_run(images, labels)
                reporter.log_step(result, loss)

                epoch = self._epochs.find_ended(state.step)
                if epoch:
                    self._end_epoch(epoch)
                elif self._is_save_due():
                    self.save()
        finally:
            self._profile.close()
        if state.saved_step != state.step:
            self.save()

    def save(self) -> None:
        """Writes a checkpoint of the state as it is.

        Raises:
          NotFiniteError: where an update has left something that is not finite.
          StorageError: where it cannot be written.
        """
        state = self._state
        arrays = state.to_arrays()
        finite.check_arrays(arrays, state.step, state.saved_step)
        # What a checkpoint counts must be as durable as the checkpoint.
        metrics_lines = self._run.sync_metrics()
        checkpoint.save(
            self._run.checkpoints_dir,
            state.step,
            arrays,
            {**state.to_json(), "metrics_lines": metrics_lines},
            keep=self._config.keep_checkpoints,
            best_step=state.best_step,
        )
        self._run.record_checkpoint(state.step)
        state.saved_step = state.step
        self._last_save_time = time.monotonic()

    def _end_epoch(self, epoch: int) -> None:
        """What follows epoch `epoch` (from 1): errors, evaluation, rate, checkpoint."""
        config, state, reporter = self._config, self._state, self._reporter
        reporter.log_epoch(epoch)
        complaint = diagnostics.explain_chance(
            state.epoch_counts.loss,
            self._data.manifest.num_classes,
            config,
        )
        if complaint and not self._is_at_chance:
            reporter.log_event(complaint)
        self._is_at_chance = complaint is not None
        state.epoch_counts = type(state.epoch_counts)()
        is_last = state.step >= self._last_step
        is_best = False
        if self._has_validation and (
            is_last or self._epochs.is_due(state.step, config.eval_every_epochs)
        ):
            state.unevaluated_epoch = epoch
            is_best = self._evaluate(epoch)
        if (
            is_best
            or is_last
            or state.schedule.finished
            or self._epochs.is_due(state.step, config.checkpoint_every_epochs)
            or self._is_save_due()
        ):
            self.save()

    def _evaluate(self, epoch: int) -> bool:
        """Evaluates the centre view; returns whether it is the best so far.

        A stop request ends it early: the run begins with it when it goes on.
        """
        state = self._state
        with state.optimizer.evaluated_weights():
            try:
                result = evaluate_lib.evaluate(
                    self._eval_step,
                    self._data,
                    self._config,
                    "validation",
                    check_stop=self._stop.check,
                    device=self._device,
                )
            except stop_signals.Stopped:
                return False
            state.unevaluated_epoch = None
            dead_units = {
                name: float(share)
                for name, share in self._count_dead_units(result.first_images).items()
            }
            self._reporter.log_evaluation(epoch, result, dead_units)
        error = result.counts.top1_error
        decision = state.schedule.record_validation(epoch, error)
        if decision:
            self._reporter.log_event(decision)
        if self._watch and (reason := self._watch(epoch, error)):
            self._reporter.log_event(reason)
            self._is_given_up = True
        if state.best_top1_error is None or error < state.best_top1_error:
            state.best_top1_error, state.best_step = error, state.step
            return True
        return False

    def _is_over(self) -> bool:
        state = self._state
        is_done = state.step >= self._last_step or state.schedule.finished
        return is_done or self._is_given_up or bool(self._stop)

    @property
    def _has_validation(self) -> bool:
        return "validation" in self._data.manifest.splits

    def _describe_run(self, images: tf.Tensor, labels: tf.Tensor) -> None:
        """Settings and graph for TensorBoard, once the step has been traced."""
        self._reporter.summaries.write_settings(overrides.to_dict(self._config))
        graph = self._train_step.get_concrete_function(images, labels).graph
        self._reporter.summaries.write_graph(graph)

    def _is_save_due(self) -> bool:
        minutes = (time.monotonic() - self._last_save_time) / 60
        return minutes >= self._config.checkpoint_every_minutes
