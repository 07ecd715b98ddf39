"""Tests of `alexnet_tf.commands.train`: the command, its signals and exit codes."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time

import pytest

from tests import data_directories, forked_processes, processes, training_runs

pytestmark = pytest.mark.whole_run

PROGRAM = """\
import sys
from alexnet_tf.commands import train
try:
    train.run()
finally:
    print("tensorflow" in sys.modules, file=sys.stderr)
"""
MODULE = ("-m", "alexnet_tf.commands.train")
# 12 images in batches of 5, so that 30 epochs are 72 steps, logged one by one; the
# rate falls in mid-epoch.
VALUES = {
    "num_epochs": 30,
    "log_every_steps": 1,
    "schedule.name": "fixed",
    "schedule.steps": "4.2:0.003 11:0.001",
}
LAST_STEP = 72


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    path = tmp_path_factory.mktemp("data")
    data_directories.write_data_directory(path, num_classes=2, per_class=6)
    return str(path)


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory, data_dir):
    path = tmp_path_factory.mktemp("whole") / "run"
    training_runs.run(data_dir, path, VALUES)
    return str(path)


def make_arguments(data_dir, workdir, values=VALUES):
    flags = [f"--data_dir={data_dir}", f"--workdir={workdir}"]
    return [*MODULE, *flags, *training_runs.make_flags(values)]


def start(*arguments):
    return forked_processes.ForkedProcess(*make_arguments(*arguments))


def wait_for_step(process, step):
    """Reads the process's lines until that of `step` or a later one."""
    for line in iter(process.stderr.readline, ""):
        found = re.match(r"step (\d+) of ", line)
        if found and int(found[1]) >= step:
            return True
    return False


def assert_same_run(workdir, whole_run):
    assert training_runs.compute_digest(workdir) == training_runs.compute_digest(
        whole_run
    )
    assert training_runs.read_metrics(workdir) == training_runs.read_metrics(whole_run)


@pytest.mark.parametrize("start_of_program", [MODULE, ("-c", PROGRAM)])
def test_help_shows_our_flags_first_without_tensorflow(start_of_program):
    result = processes.run_python(*start_of_program, "--help")
    assert result.returncode == 0, result.stderr
    own, absl = result.stdout.split("From absl:")
    assert own.index("alexnet-train --data_dir") < own.index("--workdir\n")
    assert own.index("--workdir\n") < own.index("--config.batch_size")
    assert "--verbosity" in absl and "--verbosity" not in own
    assert "True" not in result.stderr


@pytest.mark.parametrize(
    "flags, sentence",
    [
        (["--config.bach_size=64"], "config.batch_size"),
        (["--config.learning_rate=0.1"], "mean: config.optimizer.learning_rate ?"),
        (["--config.batch_size=many"], "a whole number; 'many' is not"),
        (["--config.batch_size=0"], "at least 1"),
        (["--config.data.mirror=perhaps"], "true or false"),
        (["--config.model.activation=relo"], "Did you mean 'relu'?"),
        (["--experiment=alexnet_sorce"], "Did you mean 'alexnet_source'?"),
        (["extra"], "'extra' is not a flag"),
    ],
)
def test_wrong_flags_exit_with_2_before_tensorflow(tmp_path, flags, sentence):
    required = [f"--data_dir={tmp_path}/data", f"--workdir={tmp_path}/run"]
    result = processes.run_python("-c", PROGRAM, *required, *flags)
    assert result.returncode == 2, result.stderr
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr and "True" not in result.stderr
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("missing", ["data_dir", "workdir"])
def test_missing_flag_exits_with_2(missing):
    given = {"data_dir": "--workdir=w", "workdir": "--data_dir=d"}[missing]
    result = processes.run_python("-c", PROGRAM, given)
    assert result.returncode == 2, result.stderr
    assert missing in result.stderr and "Traceback" not in result.stderr


def test_data_that_are_not_there_exit_with_2(commands, tmp_path):
    flags = [f"--data_dir={tmp_path}/data", f"--workdir={tmp_path}/run"]
    result = commands.run(*MODULE, *flags)
    assert result.returncode == 2, result.stderr
    assert f"{tmp_path}/data" in result.stderr and "Traceback" not in result.stderr
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("splits", "num_folds", "suggestion"),
    [
        (("train",), 0, "--validation_fraction=0.1"),
        (("train",), 2, "--views=10 --split=held_out"),
        (("train", "test"), 0, "--views=10 --split=test"),
        (("train", "validation", "test"), 2, "--views=10\n"),
    ],
)
def test_the_evaluation_that_it_suggests_is_possible(
    commands, tmp_path, splits, num_folds, suggestion
):
    data_directories.write_data_directory(
        tmp_path / "data", per_class=dict.fromkeys(splits, 5)
    )
    values = {**VALUES, "num_epochs": 1, "data.num_folds": num_folds}
    result = commands.run(*make_arguments(tmp_path / "data", tmp_path / "run", values))
    assert result.returncode == 0, result.stderr
    assert suggestion in result.stdout
    assert ("alexnet-evaluate" in result.stdout) == ("fraction" not in suggestion)


@pytest.mark.slow
@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_stopped_by_a_signal_the_same_command_goes_on(
    tmp_path, data_dir, whole_run, number, code
):
    workdir = tmp_path / "run"
    process = start(data_dir, workdir, {**VALUES, "checkpoint_every_minutes": 60})
    assert wait_for_step(process, 4)
    process.send_signal(number)
    _, messages = process.communicate(timeout=120)
    assert process.returncode == code, messages
    stopped = re.search(r"stopped at step (\d+); the state is saved", messages)
    assert "Traceback" not in messages
    assert training_runs.load_checkpoint(workdir).step == int(stopped[1]) >= 4
    result = forked_processes.run_python(*make_arguments(data_dir, workdir))
    assert result.returncode == 0, result.stderr
    assert f"resuming at step {stopped[1]}" in result.stderr
    assert f"done: {LAST_STEP} steps" in result.stdout
    assert "alexnet-evaluate --workdir" in result.stdout
    assert_same_run(workdir, whole_run)


@pytest.mark.slow
def test_killed_at_random_and_started_again_it_is_the_same_run(
    tmp_path, data_dir, whole_run
):
    generator = random.Random(1)
    workdir = tmp_path / "run"
    for number in range(4):
        process = start(data_dir, workdir)
        # Every third kill comes at any moment, before the first step too.
        if number % 3 == 2:
            time.sleep(generator.uniform(0, 8))
        else:
            done = wait_for_step(process, generator.randint(1, 6) + 8 * number)
            assert done, f"kill {number} came too late"
            time.sleep(generator.uniform(0, 0.2))
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    training_runs.run(data_dir, workdir, VALUES)
    assert_same_run(workdir, whole_run)


@pytest.mark.slow
def test_full_disk_exits_with_4_and_keeps_the_checkpoint(tmp_path, data_dir):
    workdir = tmp_path / "small"
    workdir.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(workdir)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        # In a process of its own: an open file of this one would hold space that it
        # frees too late, or too early.
        shorter = make_arguments(data_dir, workdir, {**VALUES, "num_epochs": 1})
        assert forked_processes.run_python(*shorter).returncode == 0
        before = training_runs.compute_digest(workdir)
        space = os.statvfs(workdir)
        with open(workdir / "ballast", "wb") as file:
            file.write(bytes(space.f_bavail * space.f_bsize - 64 * 1024))
        longer = make_arguments(data_dir, workdir, {**VALUES, "num_epochs": 5})
        result = forked_processes.run_python(*longer)
        assert result.returncode == 4, result.stderr
        assert "Traceback" not in result.stderr
        assert "full" in result.stderr or "No space left" in result.stderr
        assert training_runs.compute_digest(workdir, 3) == before
        assert training_runs.load_checkpoint(workdir).step == 3
    finally:
        subprocess.run(["umount", str(workdir)], check=True)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
