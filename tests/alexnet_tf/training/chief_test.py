"""Training with several workers, each a process on this machine."""

from __future__ import annotations

import json
import os
import signal
import sys
import time

import numpy as np
import pytest

from alexnet_tf.training import setup, train
from tests import data_directories, forked_processes, processes, training_runs
from tfrecords import errors

pytestmark = pytest.mark.whole_run

# Twenty steps, with dropout, crops, mirrors and colour shifts; 26 images are evaluated,
# which no number of workers divides equally.
SETTINGS = {
    "batch_size": 8,
    "eval_batch_size": 4,
    "num_epochs": 10,
    "model.width": 0.05,
    "devices": "CPU:0,CPU:1",
}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    path = tmp_path_factory.mktemp("data")
    data_directories.write_data_directory(path, num_classes=2, per_class=8)
    return path


@pytest.fixture(scope="module")
def alone(data_dir, tmp_path_factory):
    """The run in a single process."""
    workdir = tmp_path_factory.mktemp("alone") / "run"
    start(data_dir, workdir, 1, SETTINGS)[0].wait(300)
    return workdir


def start(data_dir, workdir, count, settings):
    """The processes of all workers, under way."""
    ports = [processes.find_free_port() for _ in range(count)]
    addresses = ",".join(f"127.0.0.1:{port}" for port in ports)
    workers = f"--workers={addresses}" if count > 1 else "--workers="
    started = []
    for index in range(count):
        log = open(f"{workdir}.{index}.log", "w")  # noqa: SIM115
        command = [
            *("-m", "alexnet_tf.commands.train", workers),
            *(f"--data_dir={data_dir}", f"--workdir={workdir}"),
            *([f"--worker_index={index}"] if count > 1 else []),
            *training_runs.make_flags(settings),
        ]
        started.append(forked_processes.ForkedProcess(*command, stdout=log, stderr=log))
        log.close()
    return started


def read_log(workdir, index):
    with open(f"{workdir}.{index}.log") as file:
        return file.read()


def run(data_dir, workdir, count, settings=SETTINGS):
    """Trains to the end with so many workers."""
    codes = [process.wait(300) for process in start(data_dir, workdir, count, settings)]
    assert codes == [0] * count, read_log(workdir, 0) + read_log(workdir, count - 1)
    return workdir


def compare(first, second):
    """The largest difference between two runs' last weights, as a share of the layer's.

    Everything else that a checkpoint holds has to be equal.
    """
    one, two = (training_runs.load_checkpoint(path) for path in (first, second))
    assert one.step == two.step and one.arrays.keys() == two.arrays.keys()
    largest = 0.0
    for name, array in one.arrays.items():
        if not name.startswith(("weights/", "velocity/")):
            np.testing.assert_array_equal(array, two.arrays[name], err_msg=name)
            continue
        scale = np.abs(array).max() + 1e-12
        largest = max(largest, float(np.abs(array - two.arrays[name]).max() / scale))
    return largest


@pytest.fixture(scope="module")
def two(data_dir, tmp_path_factory):
    return run(data_dir, tmp_path_factory.mktemp("two") / "run", 2)


def test_two_workers_are_one_with_the_same_batch_to_rounding(alone, two):
    assert 0 < compare(alone, two) < 1e-5
    for kind in ("epoch", "validation"):
        for a, b in zip(
            training_runs.read_metrics(alone, kind),
            training_runs.read_metrics(two, kind),
            strict=True,
        ):
            counts = ("step", "num_seen", "top1_error")
            assert [a[name] for name in counts] == [b[name] for name in counts]
            assert a["loss"] == pytest.approx(b["loss"], rel=1e-5)


def test_only_the_chief_writes_and_prints(two):
    chief, other = (read_log(two, index) for index in (0, 1))
    assert "2 workers with 4 images each" in chief and "per worker)" in chief
    assert "step 20" in chief and "step" not in other
    assert "worker 0" in other.splitlines()[-1]
    with open(two / "run.json") as file:
        assert json.load(file)["starts"][0]["environment"]["workers"] == 2


def test_a_lost_worker_ends_the_others_and_the_run_resumes(alone, data_dir, tmp_path):
    """One process resumes what two have begun."""
    workdir = tmp_path / "run"
    started = start(data_dir, workdir, 2, {**SETTINGS, "num_epochs": 10_000})
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline and "step 6 " not in read_log(workdir, 0):
        time.sleep(0.1)
    started[1].send_signal(signal.SIGKILL)
    killed = time.monotonic()
    assert started[0].wait(60) == errors.PeerError.exit_code, read_log(workdir, 0)
    assert time.monotonic() - killed < 30
    assert "worker 1 (127.0.0.1:" in read_log(workdir, 0)
    checkpoint = training_runs.load_checkpoint(workdir)
    assert 0 < checkpoint.step < 20
    run(data_dir, workdir, 1)
    assert compare(alone, workdir) < 1e-5


def test_two_workers_give_equal_bits_every_time(two, data_dir, tmp_path):
    assert compare(two, run(data_dir, tmp_path / "again", 2)) == 0


@pytest.mark.slow
def test_four_workers_are_one_to_rounding(alone, data_dir, tmp_path):
    assert compare(alone, run(data_dir, tmp_path / "run", 4)) < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_learns_alike(data_dir, tmp_path, precision):
    settings = {**SETTINGS, "precision": precision, "num_epochs": 2}
    run(data_dir, tmp_path / "one", 1, settings)
    run(data_dir, tmp_path / "two", 2, settings)
    # Gradients of half as many images are rounded to 8 or 11 bits otherwise.
    one, two = (
        [line["loss"] for line in training_runs.read_metrics(tmp_path / name, "epoch")]
        for name in ("one", "two")
    )
    assert one == pytest.approx(two, rel=0.01)
    first, second = (
        training_runs.load_checkpoint(tmp_path / name).arrays["loss_scale/scale"]
        for name in ("one", "two")
    )
    assert first == second


def test_a_stop_request_to_any_worker_stops_all_with_the_state_saved(
    data_dir, tmp_path
):
    workdir = tmp_path / "run"
    started = start(data_dir, workdir, 2, {**SETTINGS, "num_epochs": 10_000})
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline and "step 6 " not in read_log(workdir, 0):
        time.sleep(0.1)
    started[1].send_signal(signal.SIGTERM)
    assert [process.wait(60) for process in started] == [143, 143]
    step = training_runs.load_checkpoint(workdir).step
    assert f"stopped at step {step:,}" in read_log(workdir, 0)


@pytest.mark.parametrize(
    "settings, facts",
    [
        (
            {"batch_size": 8, "model.normalization": "batch"},
            "batch normalization.*--workers",
        ),
        ({"batch_size": 9}, "9 images.*2 workers"),
    ],
)
def test_settings_that_workers_cannot_share_are_refused(
    data_dir, tmp_path, settings, facts
):
    workers = setup.Workers(("127.0.0.1:1", "127.0.0.1:2"))
    with pytest.raises(errors.UserError, match=facts):
        train.train_and_evaluate(
            training_runs.make_config(settings),
            os.fspath(data_dir),
            os.fspath(tmp_path / "run"),
            workers=workers,
        )
    assert not (tmp_path / "run").exists()


def test_a_dry_run_is_of_one_process(commands, data_dir, tmp_path):
    arguments = [f"--data_dir={data_dir}", f"--workdir={tmp_path / 'run'}"]
    flags = ["--workers=a:1,b:2", "--worker_index=0", "--dry_run"]
    done = commands.run("-m", "alexnet_tf.commands.train", *arguments, *flags)
    assert done.returncode == 2 and "--dry_run" in done.stderr


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
