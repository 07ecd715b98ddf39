"""KerasTuner's oracles, which choose the trials, with atomically written state.

KerasTuner writes its state in place; here it is written atomically. After a kill, the
interrupted trial comes next.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import keras_tuner

from alexnet_tf.tune.directory import Search
from alexnet_tf.tune.space import Range
from tfrecords.durable import files

OBJECTIVE = "top1_error"


class _DurableOracle(keras_tuner.Oracle):
    """Base class of the three oracles below."""

    trials: dict[str, Any]

    def save(self) -> None:
        """Writes the state, except that of the trials, atomically."""
        files.write_json(self._get_oracle_fname(), self.get_state())

    def _save_trial(self, trial: Any) -> None:
        path = os.path.join(self._get_trial_dir(trial.trial_id), "trial.json")
        files.write_json(path, trial.get_state())

    def reload(self) -> None:
        """Reads the state that `save` wrote, and puts unfinished trials first.

        `oracle.json` is authoritative. A trial missing from it was being created when
        the process died; it is drawn again, identically. An unfinished trial runs
        again, which takes no time if its result is already on disk.
        """
        super().reload()
        started = set(self.start_order)
        self.trials = {k: trial for k, trial in self.trials.items() if k in started}
        # Trials are taken from the end of the queue.
        unfinished = [k for k in self.start_order if k not in set(self.end_order)]
        self._retry_queue = unfinished[::-1]


class _RandomOracle(_DurableOracle, keras_tuner.oracles.RandomSearchOracle):
    pass


class _HyperbandOracle(_DurableOracle, keras_tuner.oracles.HyperbandOracle):
    def count_trials(self) -> int:
        """The number of trials in all brackets and rounds."""
        return sum(
            self._get_size(bracket, round_number)
            for bracket in range(self._get_num_brackets())
            for round_number in range(self._get_num_rounds(bracket))
        )


class _BayesianOracle(_DurableOracle, keras_tuner.oracles.BayesianOptimizationOracle):
    pass


def make_oracle(search: Search) -> tuple[keras_tuner.Oracle, int]:
    """Makes a search's oracle; also returns its maximum number of trials."""
    arguments: dict[str, Any] = {
        "objective": keras_tuner.Objective(OBJECTIVE, direction="min"),
        "hyperparameters": make_hyperparameters(search.space),
        # KerasTuner treats seed 0 as none and draws one.
        "seed": search.seed + 1,
    }
    oracle: Any
    if search.strategy == "hyperband":
        oracle = _HyperbandOracle(max_epochs=search.config.num_epochs, **arguments)
        planned = oracle.count_trials()
        if search.max_trials is not None:
            oracle.max_trials = search.max_trials
            planned = min(planned, search.max_trials)
    else:
        classes = {"random": _RandomOracle, "bayesian": _BayesianOracle}
        oracle = classes[search.strategy](max_trials=search.max_trials, **arguments)
        planned = search.max_trials
    # We report progress ourselves.
    oracle.verbose = 0
    return oracle, planned


def make_hyperparameters(space: Sequence[Range]) -> keras_tuner.HyperParameters:
    """Converts the space to KerasTuner's; listed values become their labels."""
    parameters = keras_tuner.HyperParameters()
    for entry in space:
        sampling = "log" if entry.is_log else "linear"
        if entry.values:
            parameters.Choice(entry.name, entry.labels)
        elif entry.is_whole:
            parameters.Int(entry.name, entry.low, entry.high, sampling=sampling)
        else:
            parameters.Float(entry.name, entry.low, entry.high, sampling=sampling)
    return parameters
