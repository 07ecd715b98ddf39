"""Faults of one of several processes that train, or that search settings, together."""

from __future__ import annotations

import functools
import json
import pathlib
import random
import signal
import time
from collections.abc import Mapping, Sequence

from alexnet_tf.tune import trial_results
from tests import data_directories, forked_processes, processes, training_runs
from tests.faults.engine import Case, Fault
from tfrecords import errors

# The processes of a team by name: arguments and environment.
_Team = Mapping[str, tuple[Sequence[str], Mapping[str, str]]]
_SECONDS = 240.0


class _Running:
    """The processes of a team, each with its messages in a file of the directory."""

    def __init__(self, team: _Team, directory: pathlib.Path) -> None:
        self._team, self._directory = team, directory
        self.processes: dict[str, forked_processes.ForkedProcess] = {}
        for name in team:
            self.start(name)

    def start(self, name: str) -> None:
        """Starts one of them, or starts it again."""
        arguments, variables = self._team[name]
        with open(self._directory / f"{name}.log", "a", encoding="utf-8") as log:
            self.processes[name] = forked_processes.ForkedProcess(
                *arguments, stdout=log, stderr=log, **variables
            )

    def wait(self) -> dict[str, int]:
        """The exit codes of all, once all have ended."""
        end = time.monotonic() + _SECONDS
        return {
            name: process.wait(max(1.0, end - time.monotonic()))
            for name, process in self.processes.items()
        }

    def kill(self) -> None:
        """Kills those that have not ended."""
        for process in self.processes.values():
            process.kill()
            process.wait()

    def read_log(self) -> str:
        """What all of them have printed."""
        logs = sorted(self._directory.glob("*.log"))
        return "\n".join(path.read_text(encoding="utf-8")[-1000:] for path in logs)


def _measure(team: _Team, directory: pathlib.Path) -> float:
    """Seconds of an undisturbed team, which must end well."""
    start = time.monotonic()
    running = _Running(team, directory)
    codes = running.wait()
    assert not any(codes.values()), running.read_log()
    return time.monotonic() - start


def _draw_moments(
    names: Sequence[str], num_each: int, seed: int
) -> list[tuple[str, float]]:
    """Pairs of a process and a share of the undisturbed time, spread over it."""
    generator = random.Random(seed)
    return [
        (name, (row + generator.random()) / num_each)
        for row in range(num_each)
        for name in names
    ]


# ------------------------------------------------------------------ training

# Twenty steps of two workers, with a checkpoint after each.
_TRAINING = {"batch_size": 8, "eval_batch_size": 4, "num_epochs": 10}
# How long the others may take to notice; the heartbeat's limit and its grace.
_MAX_NOTICE_SECONDS = 60.0


def _make_workers(data_dir: pathlib.Path, directory: pathlib.Path) -> _Team:
    ports = [processes.find_free_port() for _ in range(2)]
    addresses = ",".join(f"127.0.0.1:{port}" for port in ports)
    flags = training_runs.make_flags(_TRAINING)
    return {
        f"worker {index}": (
            [
                *("-m", "alexnet_tf.commands.train", f"--workers={addresses}"),
                *(f"--data_dir={data_dir}", f"--workdir={directory / 'run'}"),
                *(f"--worker_index={index}", *flags),
            ],
            {},
        )
        for index in range(2)
    }


def make_lost_workers(shared: pathlib.Path, seed: int) -> Sequence[Case]:
    """A worker of two is killed, stopped or asked to stop; then both run again."""
    data_dir = shared / "data"
    data_directories.write_data_directory(data_dir, num_classes=2, per_class=8)
    whole = shared / "whole"
    whole.mkdir()
    seconds = _measure(_make_workers(data_dir, whole), whole)
    digest = training_runs.compute_digest(whole / "run")

    def check(name: str, share: float, number: int, directory: pathlib.Path) -> None:
        running = _Running(_make_workers(data_dir, directory), directory)
        time.sleep(share * seconds)
        running.processes[name].send_signal(number)
        sent = time.monotonic()
        try:
            for other, process in running.processes.items():
                if other != name:
                    code = process.wait(_MAX_NOTICE_SECONDS)
                    # 0: the run had ended.
                    expected = (0, errors.PeerError.exit_code, 128 + number)
                    assert code in expected, (code, running.read_log())
            assert time.monotonic() - sent < _MAX_NOTICE_SECONDS
        finally:
            running.kill()
        assert "Traceback" not in running.read_log(), running.read_log()
        again = _Running(_make_workers(data_dir, directory), directory)
        codes = again.wait()
        assert not any(codes.values()), again.read_log()
        assert training_runs.compute_digest(directory / "run") == digest

    return [
        Case(
            f"{number.name}, {name}, {share:.0%} of the time",
            functools.partial(check, name, share, int(number)),
        )
        for number, num_each in (
            (signal.SIGKILL, 15),
            (signal.SIGTERM, 5),
            (signal.SIGSTOP, 5),
        )
        for name, share in _draw_moments(("worker 0", "worker 1"), num_each, seed)
    ]


# ------------------------------------------------------------------ tuning

_NUM_TRIALS = 4
_SEARCH_FLAGS = (
    *("--epochs=4", f"--max_trials={_NUM_TRIALS}", "--space=learning_rate"),
    # With these rules a trial's length would depend on which others have ended.
    *("--chance_epochs=0", "--median_epochs=0"),
)


def _make_search(data_dir: pathlib.Path, directory: pathlib.Path) -> _Team:
    arguments = [
        *("-m", "alexnet_tf.commands.tune", f"--data_dir={data_dir}"),
        *(f"--tune_dir={directory / 'search'}", *_SEARCH_FLAGS),
        *(
            flag
            for flag in training_runs.make_flags({"log_every_steps": 1})
            if not flag.startswith("--config.num_epochs")
        ),
    ]
    address = {
        "KERASTUNER_ORACLE_IP": "127.0.0.1",
        "KERASTUNER_ORACLE_PORT": str(processes.find_free_port()),
    }
    return {
        name: (arguments, {**address, "KERASTUNER_TUNER_ID": name})
        for name in ("chief", "worker0", "worker1")
    }


def _digest_search(directory: pathlib.Path) -> str:
    """Of every trial's settings, errors, weights and state."""
    tune_dir = directory / "search"
    results = trial_results.read_all(str(tune_dir))
    return json.dumps(
        [
            [
                *(result.trial, result.status, dict(result.settings), result.epochs),
                *(result.top1_error, result.best_epoch),
                training_runs.compute_digest(tune_dir / "trials" / result.trial),
            ]
            for result in results
        ]
    )


def make_lost_tuners(shared: pathlib.Path, seed: int) -> Sequence[Case]:
    """A process of a search by a chief and two workers is killed and starts again."""
    data_dir = shared / "data"
    data_directories.write_data_directory(data_dir, num_classes=2, per_class=6)
    whole = shared / "whole"
    whole.mkdir()
    seconds = _measure(_make_search(data_dir, whole), whole)
    digest = _digest_search(whole)
    assert digest.count("finished") == _NUM_TRIALS

    def check(name: str, share: float, directory: pathlib.Path) -> None:
        running = _Running(_make_search(data_dir, directory), directory)
        try:
            time.sleep(share * seconds)
            running.processes[name].kill()
            running.processes[name].wait()
            _supervise(running)
        finally:
            running.kill()
        assert "Traceback" not in running.read_log(), running.read_log()
        assert _digest_search(directory) == digest

    return [
        Case(f"{name}, {share:.0%} of the time", functools.partial(check, name, share))
        for name, share in _draw_moments(("chief", "worker0", "worker1"), 8, seed)
    ]


def _supervise(running: _Running) -> None:
    """Starts again whatever ends early, until the search has ended."""
    end = time.monotonic() + _SECONDS
    while running.processes["chief"].poll() != 0:
        assert time.monotonic() < end, running.read_log()
        for name, process in running.processes.items():
            if code := process.poll():
                # A kill, or a worker's sentence that its chief is gone.
                allowed = (-signal.SIGKILL, errors.UserError.exit_code)
                assert code in allowed, running.read_log()
                running.start(name)
        time.sleep(0.1)


FAULTS = (
    Fault(
        "lost_workers",
        "Several processes",
        "One of two workers that train together is killed, asked to stop or held, at a "
        "random moment",
        "The other ends within a minute, with a sentence. The same commands again end "
        "with the undisturbed run's weights and state, bit for bit",
        make_lost_workers,
        num_quick=1,
    ),
    Fault(
        "lost_tuners",
        "Several processes",
        "A search's chief, or one of its two workers, is killed at a random moment and "
        "starts again",
        "The undisturbed search's trials: settings, errors and weights, bit for bit",
        make_lost_tuners,
        num_quick=0,
    ),
)
