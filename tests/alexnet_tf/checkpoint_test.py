import builtins
import itertools
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from alexnet_tf import checkpoint
from tfrecords import durable, errors


def make_arrays(step, size=24):
    """Arrays of `step` alone, so that a mix of two checkpoints is seen."""
    rng = np.random.default_rng(step)
    return {
        "weights/conv1/kernel": rng.standard_normal((size, 3)).astype(np.float32),
        "velocity/conv1/kernel": rng.standard_normal((size, 3)),
        "seeds": rng.integers(0, 2**32, 2, dtype=np.uint32),
        "scalar": np.int64(step),
    }


def save(directory, step, keep=3, best_step=None, **kwargs):
    state = {"epoch": step / 10, "note": f"step {step}"}
    return checkpoint.save(
        str(directory),
        step,
        make_arrays(step, **kwargs),
        state,
        keep=keep,
        best_step=best_step,
    )


def assert_is(loaded, step):
    assert loaded.step == step
    assert loaded.state == {"epoch": step / 10, "note": f"step {step}"}
    expected = make_arrays(step)
    assert loaded.arrays.keys() == expected.keys()
    for name, array in expected.items():
        assert loaded.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(loaded.arrays[name], array)


def list_names(directory):
    return sorted(os.listdir(directory))


def list_steps(directory):
    return sorted(
        int(entry.name.removeprefix("ckpt-"))
        for entry in os.scandir(directory)
        if entry.is_dir() and re.fullmatch(r"ckpt-\d{8,}", entry.name)
    )


def test_everything_comes_back(tmp_path):
    directory = tmp_path / "run" / "checkpoints"
    path = save(directory, 7, best_step=7)
    assert list_names(path) == ["COMMIT", "arrays.npz", "state.json"]
    for loaded in (
        checkpoint.load_latest(str(directory)),
        checkpoint.load(str(directory), "last"),
        checkpoint.load(str(directory), "best"),
        checkpoint.load(str(directory), 7),
        checkpoint.load(str(directory), "7"),
    ):
        assert_is(loaded, 7)
        assert (loaded.best_step, loaded.path, loaded.warnings) == (7, path, ())


def test_its_bytes_depend_on_its_contents_alone(tmp_path):
    one, two = save(tmp_path / "a", 7), save(tmp_path / "b", 7)
    for name in list_names(one):
        assert pathlib.Path(one, name).read_bytes() == (
            pathlib.Path(two, name).read_bytes()
        )


def test_no_checkpoint_is_none(tmp_path):
    assert checkpoint.load_latest(str(tmp_path / "absent")) is None
    assert checkpoint.load_latest(str(tmp_path)) is None
    for directory in (tmp_path, tmp_path / "absent"):
        with pytest.raises(errors.UserError, match="holds no checkpoint"):
            checkpoint.load(str(directory), "last")


def test_the_newest_and_the_best_stay_among_decoys(tmp_path):
    decoys = ["ckpt-5", "ckpt-00000003.bad", "ckpt-", "ckpt-0000000x", "notes"]
    for name in decoys:
        (tmp_path / name).mkdir()
    (tmp_path / "ckpt-00000002").write_text("a file, not a checkpoint")
    decoys.append("ckpt-00000002")
    for step in (5, 9, 10, 1000):
        save(tmp_path, step, keep=2, best_step=5)
    kept = [checkpoint.make_name(step) for step in (5, 10, 1000)]
    assert list_names(tmp_path) == sorted(kept + decoys)
    assert list_steps(str(tmp_path)) == [5, 10, 1000]
    assert_is(checkpoint.load_latest(str(tmp_path)), 1000)
    assert_is(checkpoint.load(str(tmp_path), "best"), 5)
    # Steps of nine digits are newer, though their names sort first.
    save(tmp_path, 123456789, keep=1, best_step=1000)
    assert list_steps(str(tmp_path)) == [1000, 123456789]
    assert checkpoint.load(str(tmp_path), "last").step == 123456789


def test_what_was_just_saved_stays_though_higher_steps_are_there(tmp_path):
    save(tmp_path, 50, keep=1)
    save(tmp_path, 10, keep=1)
    assert list_steps(str(tmp_path)) == [10, 50]


def test_a_checkpoint_of_the_same_step_is_replaced(tmp_path):
    save(tmp_path, 7)
    save(tmp_path, 7, best_step=7)
    assert list_names(tmp_path) == ["ckpt-00000007"]
    assert checkpoint.load_latest(str(tmp_path)).best_step == 7


def test_a_wrong_choice_lists_the_steps(tmp_path):
    save(tmp_path, 5)
    save(tmp_path, 6)
    for which in (7, "newest", "-5", "5.0"):
        with pytest.raises(errors.UserError, match="5, 6"):
            checkpoint.load(str(tmp_path), which)
    with pytest.raises(errors.UserError, match="none is the best"):
        checkpoint.load(str(tmp_path), "best")


def test_foreign_dtypes_are_refused(tmp_path):
    with pytest.raises(ValueError, match="weights"):
        checkpoint.save(
            str(tmp_path), 1, {"weights": np.zeros(2, "V2")}, {}, keep=1
        )  # fmt: skip
    assert list_names(tmp_path) == []


def damage_cases(content):
    """Every byte changed, and every length cut to (some, for long files)."""
    for index in range(len(content)):
        flipped = bytearray(content)
        flipped[index] ^= 1 << (index % 8)
        yield bytes(flipped)
    for length in range(0, len(content), 1 + len(content) // 200):
        yield content[:length]


@pytest.mark.parametrize("name", ["arrays.npz", "state.json", "COMMIT"])
def test_no_byte_changes_unseen(tmp_path, name):
    path = checkpoint.save(
        str(tmp_path), 3, {"w": np.arange(6, dtype=np.float32)}, {}, keep=1
    )
    file = pathlib.Path(path, name)
    content = file.read_bytes()
    num_cases = 0
    for damaged in damage_cases(content):
        file.write_bytes(damaged)
        with pytest.raises(errors.DataError, match="ckpt-00000003 is damaged"):
            checkpoint.load(str(tmp_path), "last")
        num_cases += 1
    assert num_cases > len(content)
    file.write_bytes(content + b"\n")
    with pytest.raises(errors.DataError):
        checkpoint.load(str(tmp_path), "last")
    file.write_bytes(content)
    checkpoint.load(str(tmp_path), "last")


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        lambda new, old: flip(new / "arrays.npz"),
        lambda new, old: flip(new / "state.json"),
        lambda new, old: (new / "COMMIT").unlink(),
        lambda new, old: (new / "arrays.npz").unlink(),
        lambda new, old: (new / "arrays.npz").write_bytes(b""),
        lambda new, old: shutil.copy(old / "arrays.npz", new / "arrays.npz"),
        lambda new, old: shutil.copy(old / "state.json", new / "state.json"),
        lambda new, old: shutil.copytree(old, new, dirs_exist_ok=True),
        lambda new, old: (shutil.rmtree(new), new.mkdir()),
        lambda new, old: ((new / "COMMIT").unlink(), (new / "COMMIT").mkdir()),
    ],
)
def test_the_one_before_is_used_and_said_so(tmp_path, damage):
    old, new = pathlib.Path(save(tmp_path, 4)), pathlib.Path(save(tmp_path, 8))
    damage(new, old)
    # Evaluation changes nothing and names what is wrong.
    with pytest.raises(errors.DataError, match="ckpt-00000008 is damaged"):
        checkpoint.load(str(tmp_path), "last")
    assert list_names(tmp_path) == ["ckpt-00000004", "ckpt-00000008"]
    loaded = checkpoint.load_latest(str(tmp_path))
    assert_is(loaded, 4)
    (warning,) = loaded.warnings
    assert "ckpt-00000008 is damaged" in warning and "ckpt-00000008.bad" in warning
    assert list_names(tmp_path) == ["ckpt-00000004", "ckpt-00000008.bad"]
    # The run goes on to the same step; a second damage finds another name.
    damage(pathlib.Path(save(tmp_path, 8)), old)
    assert_is(checkpoint.load_latest(str(tmp_path)), 4)
    assert "ckpt-00000008.bad-2" in list_names(tmp_path)


def test_all_damaged_is_refused_again_and_again(tmp_path):
    for step in (4, 8):
        flip(pathlib.Path(save(tmp_path, step), "arrays.npz"))
    for _ in range(2):
        with pytest.raises(errors.DataError, match="none of the checkpoints") as raised:
            checkpoint.load_latest(str(tmp_path))
        assert "ckpt-00000004.bad, ckpt-00000008.bad" in str(raised.value)
    (tmp_path / "ckpt-00000004.bad").rename(tmp_path / "mine")
    (tmp_path / "ckpt-00000008.bad").rename(tmp_path / "ckpt-00000009")
    with pytest.raises(errors.DataError):  # a renamed one is no other step's
        checkpoint.load_latest(str(tmp_path))


def test_running_out_of_files_damages_nothing(tmp_path):
    save(tmp_path, 4)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
        with pytest.raises(OSError):
            while True:
                held.append(os.open(os.devnull, os.O_RDONLY))
        for spare in range(4):
            if spare:
                os.close(held.pop())
            try:
                assert_is(checkpoint.load_latest(str(tmp_path)), 4)
                break
            except OSError:
                pass
        else:
            pytest.fail("three files were not enough")
    finally:
        for descriptor in held:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert list_names(tmp_path) == ["ckpt-00000004"]


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
        # Deletion, too, leaves whole ones or none.
        for left in list_steps(str(directory)):
            assert_is(checkpoint.load(str(directory), left), left)
        # The next save leaves only what is wanted.
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
    temporary = f".ckpt-00000002.tmp-{os.getpid()}"
    assert calls[:6] == [
        ("fsync", "COMMIT"),
        ("fsync", "arrays.npz"),
        ("fsync", "state.json"),
        ("fsync", temporary),
        ("rename", "ckpt-00000002"),
        ("fsync", tmp_path.name),
    ]


SAVER = """
import sys
sys.path[:0] = [{root!r}, {here!r}]
import checkpoint_test
for step in range(int(sys.argv[2]), 10**6):
    checkpoint_test.save(sys.argv[1], step, keep=2, best_step=step // 7 * 7)
    print(step, flush=True)
"""


def test_killed_at_random_times(tmp_path):
    seed = int(time.time())
    rng = np.random.default_rng(seed)
    here = pathlib.Path(__file__).resolve().parent
    script = tmp_path / "saver.py"
    script.write_text(SAVER.format(root=str(here.parents[1]), here=str(here)))
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
        assert not [n for n in list_names(directory) if durable.TEMPORARY_MARK in n]
        first_step = loaded.step + 1


def test_a_file_size_limit_leaves_the_old_one(tmp_path):
    save(tmp_path, 1, best_step=1)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in (0, 10, 700, 1500, 3000, 100_000):
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
            with pytest.raises(errors.StorageError, match="ckpt-00000002 could not"):
                save(tmp_path, 2, best_step=1, size=20_000)
            # The same step again: the old one must not be gone.
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
