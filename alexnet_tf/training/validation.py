"""The evaluation at the end of an epoch, and the decisions based on it."""

from __future__ import annotations

from collections.abc import Callable

from alexnet_tf.config.schema import Config
from alexnet_tf.data.directory import DataDirectory
from alexnet_tf.data.evaluation_views import compile_view_transform
from alexnet_tf.devices.collectives import Collectives
from alexnet_tf.evaluation import forward
from alexnet_tf.evaluation.evaluate import evaluate
from alexnet_tf.training import diagnostics
from alexnet_tf.training.chief import NoReporter
from alexnet_tf.training.reporting import Reporter
from alexnet_tf.training.run_state import RunState
from tfrecords.console.stop_signals import Stopped, StopRequest

# Takes the epoch and the validation top-1 error, 0..1; a returned reason ends the run.
Watch = Callable[[int, float], str | None]


class Validation:
    """Evaluates the validation split and passes the error to the schedule.

    A request to stop aborts an evaluation, unless several workers evaluate, which then
    finish it together. `device` is tower a's, or None; `watch` is
    called after every evaluation, and `is_given_up` once it has ended the run.
    """

    def __init__(
        self,
        state: RunState,
        data: DataDirectory,
        config: Config,
        reporter: Reporter | NoReporter,
        stop: StopRequest,
        device: str | None,
        watch: Watch | None,
        collectives: Collectives,
    ):
        self._state, self._data, self._config = state, data, config
        self._reporter, self._collectives, self._watch = reporter, collectives, watch
        self._check_stop = stop.check if collectives.workers.count == 1 else _go_on
        self._make_views = compile_view_transform(
            config.data, data.statistics, 1, device
        )
        self._eval_step = forward.make_eval_step(state.model, device)
        self._count_dead_units = diagnostics.make_dead_unit_counter(state.model, device)
        self.is_given_up = False

    @property
    def is_possible(self) -> bool:
        """Whether there is a validation split."""
        return "validation" in self._data.manifest.splits

    def run(self, epoch: int) -> bool:
        """Evaluates the centre view after an epoch; returns whether it is the best yet.

        A request to stop aborts the evaluation; a resumed run evaluates first.
        """
        state = self._state
        state.unevaluated_epoch = epoch
        with state.optimizer.evaluated_weights():
            try:
                result = evaluate(
                    self._eval_step,
                    self._data,
                    self._config,
                    "validation",
                    check_stop=self._check_stop,
                    make_views=self._make_views,
                    collectives=self._collectives,
                )
            except Stopped:
                return False
            state.unevaluated_epoch = None
            dead_units = self._count_dead_units(result.first_images)
            self._reporter.log_evaluation(
                epoch, result, {name: float(v) for name, v in dead_units.items()}
            )
        error = result.counts.top1_error
        if decision := state.schedule.record_validation(epoch, error):
            self._reporter.log_event(decision)
        if self._watch and (reason := self._watch(epoch, error)):
            self._reporter.log_event(reason)
            self.is_given_up = True
        return state.count_evaluation(error)


def _go_on() -> None:
    """Never stops an evaluation."""
