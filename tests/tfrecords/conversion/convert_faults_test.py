"""Conversions that are killed, and disks that are full or forbidden."""

import dataclasses
import glob
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests import processes
from tests.tfrecords import drawn_source
from tests.tfrecords.conversions import SETTINGS, SIZES, digest_directory, read_marks
from tfrecords import errors
from tfrecords.conversion import convert


@pytest.fixture(scope="module")
def golden(tmp_path_factory):
    data_dir = str(tmp_path_factory.mktemp("golden") / "data")
    convert.convert(drawn_source.DrawnSource(SIZES), data_dir, SETTINGS, num_workers=1)
    return data_dir


PROGRAM = (sys.executable, "-m", "tests.programs.convert_drawn")


def start_driver(data_dir, *arguments):
    return subprocess.Popen(
        [*PROGRAM, str(data_dir), *map(str, arguments)],
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=processes.make_environment(),
    )


def list_finished(data_dir):
    """The shards with a side file; none once the whole conversion is finished."""
    names = glob.glob(os.path.join(data_dir, ".progress", "[!.]*.npz"))
    return [os.path.basename(name).removesuffix(".npz") for name in names]


def kill_at_random_times_and_compare(data_dir, golden, seed, num_kills):
    print(f"seed {seed}")  # shown by pytest where the test fails
    generator = random.Random(seed)
    kept = {}
    for _ in range(num_kills):
        process = start_driver(data_dir, 0.02)
        time.sleep(generator.uniform(0.2, 2.0))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if not os.path.isdir(data_dir):
            continue
        marks = read_marks(data_dir)
        for name, mark in kept.items():
            assert marks[name] == mark, f"{name} was written again"
        kept |= {name: marks[name] for name in list_finished(data_dir)}
    process = start_driver(data_dir, 0.0)
    _, text = process.communicate(timeout=60)
    assert process.returncode == 0, text
    assert digest_directory(data_dir) == digest_directory(golden)
    marks = read_marks(data_dir)
    assert {name: marks[name] for name in kept} == kept


@pytest.mark.whole_run
def test_killed_twice_and_run_again_gives_the_same_bytes(golden, tmp_path):
    kill_at_random_times_and_compare(str(tmp_path / "data"), golden, 0, num_kills=2)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 9))
def test_killed_often_and_run_again_gives_the_same_bytes(golden, tmp_path, seed):
    kill_at_random_times_and_compare(str(tmp_path / "data"), golden, seed, num_kills=4)


def test_workers_end_when_the_parent_is_killed(tmp_path):
    process = start_driver(tmp_path / "data", 0.05)
    _wait_for(lambda: list((tmp_path / "data").glob(".train*.tmp-*")))
    names = [path.name for path in (tmp_path / "data").glob(".train*.tmp-*")]
    worker_ids = [int(name.rpartition("-")[2]) for name in names]
    process.kill()
    process.communicate()
    _wait_for(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in worker_ids))


def _wait_for(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.whole_run
@pytest.mark.parametrize(
    "number, code", [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)]
)
def test_a_signal_stops_with_a_sentence_and_the_run_goes_on(
    golden, tmp_path, number, code
):
    process = start_driver(tmp_path / "data", 0.05)
    _wait_for(lambda: list((tmp_path / "data").glob("train-*")))
    os.killpg(process.pid, number)
    _, text = process.communicate(timeout=10)
    assert process.returncode == code
    assert "run the same command again" in text and "Traceback" not in text
    assert not list((tmp_path / "data").glob(".*.tmp-*"))
    process = start_driver(tmp_path / "data", 0.0)
    process.communicate(timeout=60)
    assert digest_directory(tmp_path / "data") == digest_directory(golden)


@pytest.mark.whole_run
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_workers_that_start_leave_signals_to_the_parent(tmp_path, number):
    """What a group is sent reaches them too, here them alone: nothing happens."""
    process = start_driver(tmp_path / "data", 0.0)
    _wait_for(lambda: processes.list_spawned(process.pid))
    for worker in processes.list_spawned(process.pid):
        os.kill(worker, number)
    _, text = process.communicate(timeout=60)
    assert process.returncode == 0, text
    assert "Traceback" not in text


@pytest.mark.whole_run
@pytest.mark.parametrize("limit", [3_000, 12_000, 22_000])
def test_a_file_beyond_the_limit_exits_with_4_and_the_run_goes_on(
    golden, tmp_path, limit
):
    # A shard of 12 images has about 16 kB, one of 10 about 13 kB, an .npz 25 kB.
    process = start_driver(tmp_path / "data", 0.0, limit)
    _, text = process.communicate(timeout=60)
    assert process.returncode == 4, text
    assert "Traceback" not in text and "could not be written" in text
    names = set(os.listdir(tmp_path / "data"))
    assert not [name for name in names if ".tmp-" in name or name == "manifest.json"]
    finished = set(list_finished(tmp_path / "data"))
    assert all(name.startswith("validation") for name in finished)
    process = start_driver(tmp_path / "data", 0.0)
    _, text = process.communicate(timeout=60)
    assert process.returncode == 0, text
    assert digest_directory(tmp_path / "data") == digest_directory(golden)


@pytest.mark.whole_run
@pytest.mark.parametrize(
    "fault, reason",
    [
        ("always_kill", "twice (killed by SIGSEGV)"),
        ("spin", "processor time"),
        ("memory", "memory"),
    ],
)
def test_an_image_that_ends_its_worker_is_rejected(tmp_path, fault, reason):
    source = drawn_source.DrawnSource(SIZES, fault=fault)
    settings = dataclasses.replace(SETTINGS, max_rejects=1)
    result = convert.convert(source, str(tmp_path), settings, num_workers=2)
    (reject,) = result.rejects
    assert reject.filename == "train_00001.png" and reason in reject.reason
    assert sum(split.num_records for split in result.splits.values()) == 79


def test_a_worker_killed_once_costs_nothing(golden, tmp_path):
    source = drawn_source.DrawnSource(SIZES, fault="kill", fault_dir=str(tmp_path))
    convert.convert(source, str(tmp_path / "data"), SETTINGS, num_workers=2)
    assert (tmp_path / "killed").exists()
    assert digest_directory(tmp_path / "data") == digest_directory(golden)


def _can_mount():
    command = ["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return (
        shutil.which("unshare") is not None
        and subprocess.run(command, capture_output=True).returncode == 0
    )


@pytest.mark.parametrize("size", ["24k", "100k", "220k"])
def test_a_full_disk_exits_with_4_and_the_run_goes_on(golden, tmp_path, size):
    if not _can_mount():
        pytest.skip("mounting a small disk needs root and unshare")
    (tmp_path / "disk").mkdir()
    script = f"""
    cd {tmp_path} && mount -t tmpfs -o size={size} tmpfs disk || exit 99
    "$@" disk/data 0; code=$?
    ls -A disk/data/ > names
    mount -o remount,size=10m disk || exit 99
    "$@" disk/data 0 > /dev/null && cp -r disk/data data
    exit $code
    """
    result = subprocess.run(
        ["unshare", "-m", "bash", "-c", script, "bash", *PROGRAM],
        capture_output=True,
        text=True,
        env=processes.make_environment(),
    )
    assert result.returncode == 4, result.stderr
    # 24k is refused before the first shard; the others fill up on the way.
    assert ("is full" if size != "24k" else "Make room") in result.stderr
    assert "Traceback" not in result.stderr
    names = (tmp_path / "names").read_text().split()
    assert not [n for n in names if ".tmp-" in n or n == "manifest.json"]
    assert digest_directory(tmp_path / "data") == digest_directory(golden)


def test_a_read_only_disk_exits_with_4(tmp_path):
    if not _can_mount():
        pytest.skip("mounting a read-only disk needs root and unshare")
    script = f"""
    mount -t tmpfs -o ro tmpfs {tmp_path}/disk || exit 99
    exec "$@" {tmp_path}/disk/data 0
    """
    (tmp_path / "disk").mkdir()
    result = subprocess.run(
        ["unshare", "-m", "bash", "-c", script, "bash", *PROGRAM],
        capture_output=True,
        text=True,
        env=processes.make_environment(),
    )
    assert result.returncode == 4, result.stderr
    assert "read-only" in result.stderr and "Traceback" not in result.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_forbidden_directory_is_a_storage_error(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(errors.StorageError, match="permission"):
        convert.convert(drawn_source.DrawnSource(SIZES), str(tmp_path), SETTINGS, 1)


def test_a_file_in_place_of_the_directory_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.UserError, match="is a file"):
        convert.convert(
            drawn_source.DrawnSource(SIZES), str(tmp_path / "file"), SETTINGS, 1
        )


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
