import os
import signal
import sys

import pytest

from tests.tfrecords import drawn_source
from tfrecords import errors
from tfrecords.conversion import plan, workers

SIZES = {"train": 60, "validation": 20}
SETTINGS = plan.ConvertSettings(
    image_size=32, num_shards={"train": 3, "validation": 1}, apply_orientation=False
)


def run_all(source, directory, num_workers):
    """The results by shard name."""
    directory.mkdir()
    shards = plan.make_plan(source, SETTINGS).shards
    with workers.WorkerPool(source, SETTINGS, str(directory), num_workers) as pool:
        results = {s.name: result for s, result in pool.run(shards, lambda: None)}
        assert pool.num_done == sum(len(shard.rows) for shard in shards)
    assert len(results) == len(shards)
    return results


def test_a_worker_killed_once_costs_nothing(tmp_path):
    source = drawn_source.DrawnSource(SIZES, fault="kill", fault_dir=str(tmp_path))
    found = run_all(source, tmp_path / "a", 2)
    assert (tmp_path / "killed").exists()
    expected = run_all(drawn_source.DrawnSource(SIZES), tmp_path / "b", 1)
    assert {name: result.sha256 for name, result in found.items()} == {
        name: result.sha256 for name, result in expected.items()
    }


@pytest.mark.parametrize(
    "fault, reason",
    [
        ("always_kill", "twice (killed by SIGSEGV)"),
        ("spin", "processor time"),
        ("memory", "memory"),
    ],
)
def test_a_image_that_ends_its_worker_is_rejected(tmp_path, fault, reason):
    results = run_all(
        drawn_source.DrawnSource(SIZES, fault=fault), tmp_path / "data", 2
    )
    rejects = [reject for result in results.values() for reject in result.rejects]
    assert [filename for filename, _ in rejects] == ["train_00001.png"]
    assert reason in rejects[0][1]
    assert sum(len(result.lengths) for result in results.values()) == 79


def test_a_stopped_worker_is_replaced(tmp_path, monkeypatch):
    source = drawn_source.DrawnSource({"train": 40}, delay=0.05)
    shards = plan.make_plan(source, SETTINGS).shards
    pool = workers.WorkerPool(source, SETTINGS, str(tmp_path), 1)
    stopped = []

    def stop_once_at_work():
        if not stopped and pool.num_done > 2:
            stopped.append(pool._workers[0].process.pid)
            os.kill(stopped[0], signal.SIGSTOP)
            monkeypatch.setattr(workers, "_STALL_SECONDS", 1.0)
        elif stopped and pool._workers[0].process.pid != stopped[0]:
            # On a busy machine the replacement needs longer than that to start.
            monkeypatch.setattr(workers, "_STALL_SECONDS", 300.0)

    with pool:
        results = list(pool.run(shards, stop_once_at_work))
        assert pool.num_done == 40
    assert stopped and not os.path.exists(f"/proc/{stopped[0]}")
    assert sum(len(result.lengths) for _, result in results) == 40
    assert all(not result.rejects for _, result in results)


@pytest.mark.parametrize(
    "fault, error, message",
    [
        ("vanish", errors.DataError, r"train_00001.png.*No such file"),
        ("bug", RuntimeError, r"in a worker process(.|\n)*ZeroDivisionError"),
    ],
)
def test_what_a_worker_raises_is_raised_here(tmp_path, fault, error, message):
    source = drawn_source.DrawnSource({"train": 9}, fault=fault)
    shards = plan.make_plan(source, SETTINGS).shards
    with (
        workers.WorkerPool(source, SETTINGS, str(tmp_path), 2) as pool,
        pytest.raises(error, match=message),
    ):
        list(pool.run(shards, lambda: None))


class _Unreadable(drawn_source.DrawnSource):
    """Ends the process that unpickles it."""

    def __reduce__(self):
        return os._exit, (7,)


def test_a_worker_that_cannot_start_ends_the_run(tmp_path):
    source = _Unreadable({"train": 9})
    shards = plan.make_plan(source, SETTINGS).shards
    with (
        workers.WorkerPool(source, SETTINGS, str(tmp_path), 1) as pool,
        pytest.raises(errors.UserError, match="exit code 7"),
    ):
        list(pool.run(shards, lambda: None))


def test_workers_compute_with_one_thread_and_leave_the_variables_as_they_were(
    monkeypatch,
):
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    with workers._one_thread_each():
        assert os.environ["OMP_NUM_THREADS"] == "1"
        assert os.environ["OPENBLAS_NUM_THREADS"] == "1"
    assert os.environ["OMP_NUM_THREADS"] == "5"
    assert "OPENBLAS_NUM_THREADS" not in os.environ


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
