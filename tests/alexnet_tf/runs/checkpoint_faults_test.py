"""Checkpoints when saving is killed or the disk is full."""

import builtins
import itertools
import os
import pathlib
import resource
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from alexnet_tf.runs import checkpoint
from tests import disk_calls
from tests.alexnet_tf.saved_steps import (
    assert_is,
    list_names,
    list_steps,
    save,
)
from tfrecords import errors
from tfrecords.durable import files

CALLS = {
    os: ("mkdir", "rename", "replace", "fsync", "unlink", "rmdir"),
    builtins: ("open",),
}


def die_at_call(number, action):
    """Forks; the child runs `action`, killed before its number-th file system call.

    Returns whether the child lived to the end.
    """
    process = os.fork()
    if not process:
        counter = itertools.count(1)
        for module, names in CALLS.items():
            for name in names:
                original = getattr(module, name)

                def counted(*args, original=original, **kwargs):
                    if next(counter) == number:
                        os.kill(os.getpid(), signal.SIGKILL)
                    return original(*args, **kwargs)

                setattr(module, name, counted)
        try:
            action()
            os._exit(0)
        except BaseException:
            os._exit(1)
    _, status = os.waitpid(process, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return False
    assert os.WEXITSTATUS(status) == 0
    return True


@pytest.mark.parametrize("step", [30, 40])
def test_a_kill_at_every_file_system_call(tmp_path, step):
    """Saving step 40 beside 20 (the best) and 30; or 30 anew."""
    for number in itertools.count(1):
        directory = tmp_path / str(number)
        save(directory, 20, best_step=20)
        save(directory, 30, best_step=20)
        lived = die_at_call(
            number, lambda d=directory: save(d, step, keep=1, best_step=20)
        )
        reader = checkpoint.load(str(directory), "last")
        loaded = checkpoint.load_latest(str(directory))
        assert loaded.step == reader.step
        assert loaded.step in ((step,) if lived else (30, step))
        assert_is(loaded, loaded.step)
        assert_is(checkpoint.load(str(directory), "best"), 20)
        assert loaded.warnings == ()
        # Deletion also leaves complete checkpoints or none.
        for left in list_steps(str(directory)):
            assert_is(checkpoint.load(str(directory), left), left)
        # The next save leaves only the checkpoints to keep.
        save(directory, 50, keep=1, best_step=20)
        assert list_names(directory) == ["ckpt-00000020", "ckpt-00000050"]
        if lived:
            break
    assert number > 15


def test_files_are_flushed_before_the_rename_and_the_directory_after(
    tmp_path, monkeypatch
):
    save(tmp_path, 1)
    calls = []

    def record(name, argument_of):
        original = getattr(os, name)

        def recorded(*args, **kwargs):
            calls.append((name, argument_of(args)))
            return original(*args, **kwargs)

        monkeypatch.setattr(os, name, recorded)

    record(
        "fsync", lambda args: os.path.basename(os.readlink(f"/proc/self/fd/{args[0]}"))
    )
    record("rename", lambda args: os.path.basename(args[1]))
    save(tmp_path, 2)
    temporary = f".ckpt-00000002.tmp-{threading.get_native_id()}"
    assert calls[:6] == [
        ("fsync", "COMMIT"),
        ("fsync", "arrays.npz"),
        ("fsync", "state.json"),
        ("fsync", temporary),
        ("rename", "ckpt-00000002"),
        ("fsync", tmp_path.name),
    ]


def test_a_replaced_a_deleted_and_a_bad_checkpoint_are_renamed_durably(
    tmp_path, monkeypatch
):
    for step in (1, 2):
        save(tmp_path, step)
    disk = disk_calls.DiskCalls(monkeypatch)
    folder = f"fsync {tmp_path.name}/"
    save(tmp_path, 2, keep=1)
    assert disk.calls == [
        # The old one has another name before the new one takes its place.
        "rename ckpt-00000002.previous",
        "fsync COMMIT",
        "fsync arrays.npz",
        "fsync state.json",
        "fsync .ckpt-00000002.tmp/",
        "rename ckpt-00000002",
        folder,
        # Deleted is what has no name that could be read, and then the rest.
        "rename .ckpt-00000001.deleted.tmp",
        "remove .ckpt-00000001.deleted.tmp",
        "rename .ckpt-00000002.previous.deleted.tmp",
        "remove .ckpt-00000002.previous.deleted.tmp",
        folder,
    ]
    save(tmp_path, 3)
    os.truncate(tmp_path / "ckpt-00000003" / "arrays.npz", 10)
    disk.calls.clear()
    assert checkpoint.load_latest(str(tmp_path)).step == 2
    assert disk.calls == ["rename ckpt-00000003.bad", folder]


SAVER = """
import sys
sys.path.insert(0, {root!r})
from tests.alexnet_tf import saved_steps
for step in range(int(sys.argv[2]), 10**6):
    saved_steps.save(sys.argv[1], step, keep=2, best_step=step // 7 * 7)
    print(step, flush=True)
"""


def test_killed_at_random_times(tmp_path):
    seed = int(time.time())
    rng = np.random.default_rng(seed)
    root = pathlib.Path(__file__).resolve().parents[3]
    script = tmp_path / "saver.py"
    script.write_text(SAVER.format(root=str(root)))
    directory = tmp_path / "checkpoints"
    first_step = 0
    for _ in range(6):
        with subprocess.Popen(
            [sys.executable, str(script), str(directory), str(first_step)],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            process.stdout.readline()
            time.sleep(rng.uniform(0, 0.3))
            process.kill()
            said = [int(line) for line in process.stdout.read().split()]
        last_said = said[-1] if said else first_step
        loaded = checkpoint.load_latest(str(directory))
        assert_is(loaded, loaded.step)
        assert last_said <= loaded.step <= last_said + 1, f"seed {seed}"
        if loaded.best_step in list_steps(str(directory)):
            assert checkpoint.load(str(directory), "best").step == loaded.best_step
        assert not [n for n in list_names(directory) if files.TEMPORARY_MARK in n]
        first_step = loaded.step + 1


def test_a_file_size_limit_leaves_the_old_one(tmp_path):
    save(tmp_path, 1, best_step=1)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in (0, 10, 700, 1500, 3000, 100_000):
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
            with pytest.raises(errors.StorageError, match="ckpt-00000002 could not"):
                save(tmp_path, 2, best_step=1, size=20_000)
            # Saving the same step again must not lose the old one.
            with pytest.raises(errors.StorageError, match="ckpt-00000001 could not"):
                save(tmp_path, 1, best_step=1, size=20_000)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert list_names(tmp_path) == ["ckpt-00000001"]
        assert_is(checkpoint.load_latest(str(tmp_path)), 1)


def test_a_full_disk_leaves_the_old_one(tmp_path):
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(tmp_path)],
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        save(tmp_path, 1)
        for size in (3_000, 6_000, 20_000):
            with pytest.raises(errors.StorageError, match="the disk is full"):
                save(tmp_path, 2, size=size + 10_000)
            assert list_names(tmp_path) == ["ckpt-00000001"]
            assert_is(checkpoint.load_latest(str(tmp_path)), 1)
        save(tmp_path, 2)
        assert_is(checkpoint.load_latest(str(tmp_path)), 2)
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
