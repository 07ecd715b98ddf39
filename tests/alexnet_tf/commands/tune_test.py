"""Tests of `alexnet_tf.commands.tune`: real searches, killed and gone on with."""

from __future__ import annotations

import json
import os
import signal
import sys

import pytest

from alexnet_tf import experiments
from tests import data_directories, forked_processes, processes, training_runs

PROGRAM = """\
import sys
from alexnet_tf.commands import tune
try:
    tune.run()
finally:
    print("tensorflow" in sys.modules, file=sys.stderr)
"""
MODULE = ("-m", "alexnet_tf.commands.tune")
TRAIN = ("-m", "alexnet_tf.commands.train")
# 12 images in batches of 5: 4 epochs are 10 steps, each with a checkpoint and a line.
VALUES = {
    **{"log_every_steps": 1, "keep_checkpoints": 1000},
    "model.normalization": "banded",
}
FLAGS = [
    flag
    for flag in training_runs.make_flags(VALUES)
    if not flag.startswith("--config.num")
]
LAST_STEP = 10


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    path = tmp_path_factory.mktemp("data")
    data_directories.write_data_directory(path, num_classes=2, per_class=6)
    return str(path)


def start(data_dir, tune_dir):
    arguments = [f"--data_dir={data_dir}", f"--tune_dir={tune_dir}", *FLAGS]
    # So few images teach nothing in four epochs.
    arguments += ["--max_trials=3", "--epochs=4", "--chance_epochs=0"]
    arguments += ["--space=learning_rate,dropout_rate"]
    return forked_processes.ForkedProcess(*MODULE, *arguments)


def read_record(tune_dir, trial):
    with open(tune_dir / "trials" / trial / "run.json", encoding="utf-8") as file:
        return json.load(file)


@pytest.mark.whole_run
def test_a_killed_search_goes_on(tmp_path, data_dir):
    tune_dir = tmp_path / "T"
    process = start(data_dir, tune_dir)
    for line in iter(process.stderr.readline, ""):
        if "trial 1 (2 of 3)" in line:
            break
    for line in iter(process.stderr.readline, ""):
        if line.startswith("step 4 of 10"):
            process.send_signal(signal.SIGKILL)
            break
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    first = (tune_dir / "trials" / "0.json").read_bytes()
    assert not (tune_dir / "trials" / "1.json").exists()

    process = start(data_dir, tune_dir)
    output, messages = process.communicate()
    assert process.returncode == 0, messages
    assert "done: 3 trials, best validation top-1 error" in output
    assert "trial 0 (" not in messages and "resuming at step" in messages
    assert (tune_dir / "trials" / "0.json").read_bytes() == first
    starts = {
        trial: [each["from_step"] for each in read_record(tune_dir, trial)["starts"]]
        for trial in "012"
    }
    assert starts["0"] == starts["2"] == [0]
    assert starts["1"][0] == 0 and 3 <= starts["1"][1] < LAST_STEP

    # A trial is a run like any other, bit for bit, killed or not.
    config = read_record(tune_dir, "1")["config"]
    training_runs.run(data_dir, tmp_path / "alone", config)
    for path in (tmp_path / "alone", tune_dir / "trials" / "1"):
        assert training_runs.load_checkpoint(path).step == LAST_STEP
    assert training_runs.compute_digest(
        tune_dir / "trials" / "1"
    ) == training_runs.compute_digest(tmp_path / "alone")

    # And the best settings are an experiment of alexnet-train.
    best = tune_dir / "best.json"
    arguments = [f"--data_dir={data_dir}", f"--workdir={tmp_path / 'best'}"]
    arguments += [f"--experiment={best}", "--config.num_epochs=1"]
    process = forked_processes.ForkedProcess(
        *TRAIN, *arguments, "--config.devices=CPU:0"
    )
    _, messages = process.communicate()
    assert process.returncode == 0, messages
    with open(tmp_path / "best" / "run.json", encoding="utf-8") as file:
        config = json.load(file)["config"]
    assert config["experiment"] == "alexnet+best.json"
    trial = json.loads(best.read_text())["origin"]["trial"]
    tried = read_record(tune_dir, trial)["config"]
    names = ("optimizer.learning_rate", "model.dropout_rate", "model.width")
    assert [config[name] for name in names] == [tried[name] for name in names]
    assert experiments.get_config(str(best)).num_epochs == 90


@pytest.mark.parametrize("start_of_program", [MODULE, ("-c", PROGRAM)])
def test_help_comes_without_tensorflow(start_of_program):
    result = processes.run_python(*start_of_program, "--help")
    assert result.returncode == 0, result.stderr
    own, _ = result.stdout.split("From absl:")
    assert own.index("alexnet-tune --data_dir") < own.index("--config.optimizer.")
    assert "model.normalization_alpha=1e-05..0.01:log" in " ".join(own.split())
    assert "True" not in result.stderr


@pytest.mark.parametrize(
    "flags, sentence",
    [
        (["--search=grid"], "--search"),
        (["--max_trials=0"], "--max_trials"),
        (["--space="], "nothing to search"),
        (["--space=learning_rat"], "Did you mean 'optimizer.learning_rate'?"),
        (["--space=batch_size", "--config.batch_size=8"], "Leave one out"),
        (["--config.num_epochs=3"], "is --epochs, not --config.num_epochs"),
        (["--experiment=none.json"], "no settings file none.json"),
        ([], "none"),
    ],
)
def test_wrong_flags_are_sentences_before_tensorflow(tmp_path, flags, sentence):
    arguments = (f"--data_dir={tmp_path / 'none'}", f"--tune_dir={tmp_path / 'T'}")
    result = processes.run_python("-c", PROGRAM, *arguments, *flags)
    assert result.returncode == 2, result.stderr
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr and "True" not in result.stderr
    assert not os.path.exists(tmp_path / "T")


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
