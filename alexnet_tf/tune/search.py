"""Hyperparameter search: KerasTuner chooses the trials, our training loop runs them.

The paper chose the response normalization's constants on a validation set (section
3.3) and the learning rate by hand (section 5). Here every trial is a complete run in
its own directory, judged by its smallest validation error. Measure the final result on
another split.

Several processes may share a search by KerasTuner's protocol: the environment variables
KERASTUNER_TUNER_ID (one process has "chief" in it and only chooses trials),
KERASTUNER_ORACLE_IP and KERASTUNER_ORACLE_PORT. All must see the same directory.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import io
import os
import shutil
import statistics
import time
from collections.abc import Sequence
from typing import Any

import grpc
import keras_tuner

from alexnet_tf.config import overrides
from alexnet_tf.runs import run_record
from alexnet_tf.stack import keras
from alexnet_tf.training import train
from alexnet_tf.tune import (
    directory,
    early_stopping,
    hparams,
    oracles,
    space,
    trial_results,
)
from alexnet_tf.tune.directory import Search
from alexnet_tf.tune.trial_results import TrialResult
from tfrecords import errors
from tfrecords.console import progress
from tfrecords.durable import files, locks
from tfrecords.plurals import counted
from tfrecords.shards import manifest

KERAS_TUNER_NAME = "keras_tuner"

_TUNER_ID = "KERASTUNER_TUNER_ID"
_ADDRESS = ("KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT")
# How often a worker that waits for others' trials asks again, seconds.
_POLL_SECONDS = 0.2


class _SearchEndedError(keras_tuner.errors.FatalError):
    """Carries an error through KerasTuner, which would treat it as a failed trial."""


def search(
    search: Search,
    data_dir: str,
    tune_dir: str,
    command: Sequence[str] = ("alexnet-tune",),
) -> list[TrialResult]:
    """Searches until `max_trials` have ended; resumes a search that stopped.

    The search needs a validation split. `command` is the command line, for the trials'
    records.

    Returns:
      The results of all trials so far, by trial.

    Raises:
      UserError: if data, settings and directory do not fit each other.
      DataError: if a record is damaged.
      StorageError: if the directory cannot be written.
      InUseError: if another process is searching there.
      Interrupted: after SIGTERM, SIGINT or SIGHUP, once the trial's state is saved.
    """
    is_distributed, is_chief = _read_role()
    data = manifest.read_manifest(data_dir)
    directory.check_trials(search, data, data_dir)
    files.make_directory(tune_dir)
    with contextlib.ExitStack() as stack:
        if is_chief or not is_distributed:
            stack.enter_context(locks.directory_lock(tune_dir, "alexnet-tune"))
        directory.begin(tune_dir, search, data_dir, data.fingerprint)
        if not is_distributed:
            files.remove_temporary_files(tune_dir)
            files.remove_temporary_files(_get_trials_dir(tune_dir))
        hparams.describe_search(tune_dir, search.space)
        oracle, planned = oracles.make_oracle(search)
        # KerasTuner prints on reloading.
        with contextlib.redirect_stdout(io.StringIO()):
            tuner = _Tuner(oracle, search, data, data_dir, tune_dir, command)
        tuner.planned = planned
        try:
            tuner.search()
        except _SearchEndedError as error:
            assert error.__cause__ is not None
            raise error.__cause__ from None
        except RuntimeError as error:
            # gRPC raises this if the port is taken; a chief trains nothing itself.
            if not is_chief:
                raise
            raise errors.UserError(
                f"the search's chief cannot listen at {_describe_address()} ({error}). "
                f"Give another {_ADDRESS[1]}."
            ) from error
        except grpc.RpcError as error:
            raise errors.UserError(
                f"the search's chief at {_describe_address()} does not answer "
                f"({error}). Start it, then run this command again to resume the trial."
            ) from error
    return trial_results.publish(tune_dir, search.config)


class _Tuner(keras_tuner.engine.base_tuner.BaseTuner):
    """Trains KerasTuner's trials with `train.train_and_evaluate`."""

    planned = 0

    def __init__(
        self,
        oracle: keras_tuner.Oracle,
        search: Search,
        data: manifest.Manifest,
        data_dir: str,
        tune_dir: str,
        command: Sequence[str],
    ):
        self._search, self._command = search, command
        self._data, self._data_dir, self._tune_dir = data, data_dir, tune_dir
        self._line = progress.LiveLine()
        self._histories: dict[str, early_stopping.History] = {}
        super().__init__(oracle, directory=tune_dir, project_name=KERAS_TUNER_NAME)

    # KerasTuner's tuner has no state besides its oracle's, but looks for its own file
    # before it reloads that.
    def _get_tuner_fname(self) -> str:
        return os.path.join(str(self.project_dir), "oracle.json")

    def save(self) -> None:
        if not self._is_worker():
            self.oracle.save()

    def reload(self) -> None:
        if not self._is_worker():
            self.oracle.reload()

    def pre_create_trial(self) -> None:
        if self._is_worker():
            time.sleep(_POLL_SECONDS)

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Trains a trial, unless it already has a result; returns its error."""
        try:
            result = trial_results.read(self._tune_dir, trial.trial_id)
            if result is None:
                result = self._train(trial.trial_id, trial.hyperparameters.values)
            path = trial_results.get_workdir(self._tune_dir, result.trial)
            hparams.write_trial(path, result)
            self._report(result)
        except Exception as error:
            raise _SearchEndedError from error
        return {oracles.OBJECTIVE: result.top1_error}

    def _train(self, name: str, chosen: dict[str, Any]) -> TrialResult:
        tried = space.make_values(self._search.space, chosen)
        config = overrides.override(self._search.config, tried)
        path = trial_results.get_workdir(self._tune_dir, name)
        if config.precision == "auto" and (precision := self._find_precision()):
            # All trials use the first one's precision, so that they are comparable.
            config = dataclasses.replace(config, precision=precision)
        if "tuner/epochs" in chosen:
            # Hyperband continues the best trials of a round as new trials.
            config = dataclasses.replace(config, num_epochs=chosen["tuner/epochs"])
            if chosen.get("tuner/trial_id") and not os.path.exists(path):
                _copy_run(self._tune_dir, chosen["tuner/trial_id"], path)
        listed = ", ".join(f"{key}={value}" for key, value in tried.items())
        number = len(trial_results.read_all(self._tune_dir)) + 1
        self._line.print_above(
            f"trial {name} ({number} of {self.planned}), "
            f"{counted(config.num_epochs, 'epoch')}: "
            f"{listed}"
        )
        begun = time.monotonic()

        def end(status: str, text: str = "") -> TrialResult:
            history = early_stopping.read_history(path)
            error, epoch = history.find_best()
            result = TrialResult(
                trial=name,
                status=status,
                settings=tried,
                epochs=max(history.top1_errors, default=0),
                # Tells the oracle the worst possible error.
                top1_error=error if status in trial_results.COUNTED else 1.0,
                best_epoch=epoch,
                seconds=time.monotonic() - begun,
                text=text,
            )
            trial_results.write(self._tune_dir, result)
            return result

        def watch(epoch: int, top1_error: float) -> str | None:
            # Writes the result before the run's checkpoint, so that the trial is not
            # resumed after a kill.
            status, text = self._judge(name, path, epoch)
            if text:
                end(status, text)
            return text

        try:
            train.train_and_evaluate(
                config, self._data_dir, path, self._command, watch=watch
            )
        except errors.NotFiniteError as error:
            return end(trial_results.NOT_FINITE, str(error))
        except errors.DeviceMemoryError as error:
            return end(trial_results.NO_MEMORY, str(error))
        finally:
            keras.backend.clear_session()
            gc.collect()
        return trial_results.read(self._tune_dir, name) or end(trial_results.FINISHED)

    def _find_precision(self) -> str | None:
        """The precision of the earlier trials; None before the first."""
        for name in sorted(os.listdir(_get_trials_dir(self._tune_dir))):
            path = os.path.join(_get_trials_dir(self._tune_dir), name)
            if precision := run_record.read_precision(path):
                return precision
        return None

    def _judge(self, name: str, path: str, epoch: int) -> tuple[str, str | None]:
        """The status for an early stop and its reason, None if the trial continues."""
        history, search = early_stopping.read_history(path), self._search
        text = early_stopping.explain_chance(
            history, self._data.num_classes, search.chance_epochs
        )
        if text:
            return trial_results.AT_CHANCE, text
        for result in trial_results.read_all(self._tune_dir):
            is_known = result.trial in self._histories
            if result.status in trial_results.COUNTED and not is_known:
                other = trial_results.get_workdir(self._tune_dir, result.trial)
                self._histories[result.trial] = early_stopping.read_history(other)
        return trial_results.BEHIND, early_stopping.explain_distance(
            history,
            list(self._histories.values()),
            epoch,
            self._data.get_split("validation").num_records,
            search.median_epochs,
        )

    def _report(self, result: TrialResult) -> None:
        """Updates the table and the best settings, and prints the progress."""
        results = trial_results.publish(self._tune_dir, self._search.config)
        text = f"trial {result.trial}: {result.status}, top-1 {result.top1_error:.2%}"
        best = trial_results.find_best(results)
        if best is not None:
            text += f"; best so far {best.top1_error:.2%} (trial {best.trial})"
        left = max(0, self.planned - len(results))
        seconds = left * statistics.mean(each.seconds for each in results)
        self._line.print_above(
            f"{text}; {len(results)} of {self.planned} trials, "
            f"about {progress.format_duration(seconds)} left"
        )


def list_training(tune_dir: str) -> list[str]:
    """The trials that have begun and have no result yet.

    After a search by several processes, these are the trials that other workers train.
    """
    project = os.path.join(tune_dir, KERAS_TUNER_NAME)
    begun = [
        name.removeprefix("trial_")
        for name in (os.listdir(project) if os.path.isdir(project) else ())
        if name.startswith("trial_")
    ]
    return sorted(n for n in begun if trial_results.read(tune_dir, n) is None)


def _copy_run(tune_dir: str, trial: str, path: str) -> None:
    """Copies a run's directory, atomically."""
    source = trial_results.get_workdir(tune_dir, trial)
    ignored = shutil.ignore_patterns(locks.LOCK_NAME, "*.hparams")
    with files.atomic_directory(path) as temporary:
        shutil.copytree(source, temporary, ignore=ignored, dirs_exist_ok=True)


def _get_trials_dir(tune_dir: str) -> str:
    return os.path.join(tune_dir, trial_results.TRIALS_NAME)


def _read_role() -> tuple[bool, bool]:
    """Whether several processes share the search, and whether this is the chief."""
    given = [name for name in _ADDRESS if os.environ.get(name)]
    if not given:
        return False, False
    missing = [name for name in (_TUNER_ID, *_ADDRESS) if not os.environ.get(name)]
    if missing:
        raise errors.UserError(
            f"{given[0]} is set, but {' and '.join(missing)} is not. For a search by "
            f"several processes set {_TUNER_ID} (chief, worker0, worker1, ...), "
            f"{_ADDRESS[0]} and {_ADDRESS[1]}; for one process set none of them."
        )
    return True, "chief" in os.environ[_TUNER_ID]


def _describe_address() -> str:
    return ":".join(os.environ[name] for name in _ADDRESS)
